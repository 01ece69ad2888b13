package live

import (
	"context"
	"strconv"

	"vidq/core"
	"vidq/live/serve"
	"vidq/live/wire"
)

var _ serve.Nodes = (*manager)(nil)

func itoa(n int) string { return strconv.Itoa(n) }

// hear gives the query manager what a node tells, and waits for the answer.
func (m *manager) hear(ctx context.Context, from core.NodeID, msg core.Message) (core.Message, error) {
	r := m.alive()
	if r == nil {
		return nil, m.host.away(ctx)
	}
	return r.ask(ctx, core.Address{Node: from, Part: core.PartJobs}, msg)
}

// Join implements serve.Nodes.
func (m *manager) Join(ctx context.Context, c serve.Caller, j *core.Join, at serve.Reached) (*core.JoinAck, string, error) {
	addr, err := m.sys.book.join(j, c, at, m.up(ctx, j.Node))
	if err != nil {
		return nil, "", err
	}
	m.replaced(j.Node)
	a, err := m.hear(ctx, j.Node, j)
	if err != nil {
		return nil, "", err
	}
	return a.(*core.JoinAck), addr, nil
}

// up reports whether the query manager takes a node to be up.
func (m *manager) up(ctx context.Context, id core.NodeID) (up bool) {
	_ = m.read(ctx, func(r *reign) { // without the manager nobody is up
		for _, n := range r.core.Nodes() {
			if n.ID == id {
				up = n.Up
			}
		}
	})
	return up
}

// Heartbeat implements serve.Nodes.
func (m *manager) Heartbeat(ctx context.Context, _ serve.Caller, h *core.Heartbeat) (*core.HeartbeatAck, error) {
	a, err := m.hear(ctx, h.Node, h)
	if err != nil {
		return nil, err
	}
	return a.(*core.HeartbeatAck), nil
}

// Sync implements serve.Nodes.
func (m *manager) Sync(ctx context.Context, _ serve.Caller, s *core.SyncResults, counts []wire.Counts) (*core.SyncAck, error) {
	for i := range s.Results {
		m.counts.add(frameOf{s.Results[i].Obs.Query, s.Results[i].CameraFrame}, counts[i])
	}
	a, err := m.hear(ctx, s.Node, s)
	if err != nil {
		return nil, err
	}
	return a.(*core.SyncAck), nil
}
