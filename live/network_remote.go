package live

import (
	"context"
	"errors"
	"sync/atomic"

	"vidq/core"
	"vidq/live/client"
	"vidq/live/wire"
)

// remote is how one node reaches others over HTTP.
type remote struct {
	s    *System
	h    *host
	c    *client.Client
	aged atomic.Bool // the query manager is the original's
	away atomic.Bool // it was, and did not answer: what it is when it is back is to be found out
}

var _ Network = (*remote)(nil)

func (n *remote) peer(to core.NodeID, p wire.Port) client.Peer {
	return n.c.Peer(n.s.book.at(to, p), false)
}

// Tell implements Network.
func (n *remote) Tell(ctx context.Context, to core.Address, l *Letter) (core.Message, error) {
	if o := n.s.originalAt(to); o != nil {
		return o.order(ctx, l)
	}
	if n.aged.Load() && to.Part == core.PartManager {
		return n.tellOriginal(ctx, l)
	}
	manager, work := n.peer(to.Node, wire.PortManager), n.peer(to.Node, wire.PortJobs)
	switch msg := l.Msg.(type) {
	case *core.Join:
		a, _, err := manager.Join(ctx, msg, n.s.book.Addr(msg.Node))
		if err == nil {
			n.away.Store(false)
		}
		if err == nil && a == nil {
			n.aged.Store(true)
			return n.tellOriginal(ctx, l)
		}
		return answer(a, err)
	case *core.Heartbeat:
		if n.away.Load() { // the original forgets its nodes
			return &core.HeartbeatAck{Node: msg.Node, Incarnation: msg.Incarnation, Number: msg.Number}, nil
		}
		return answer(manager.Heartbeat(ctx, msg))
	case *core.SyncResults:
		return answer(manager.Sync(ctx, msg, l.Counts))
	case *core.SubmitJob:
		return answer(work.SubmitJob(ctx, msg))
	case *core.UpdatePlan:
		return answer(work.UpdatePlan(ctx, msg, l.Query))
	case *core.StopJob:
		return answer(work.StopJob(ctx, msg))
	case *core.ChargeWork:
		return nil, work.Charge(ctx, msg)
	case *core.ConfigureServices:
		return nil, n.peer(to.Node, wire.PortServices).Configure(ctx, msg)
	}
	panic("live: a message that is not sent between nodes")
}

// tellOriginal tells a query manager of the original what it understands: videos one by
// one and results frame by frame. The rest is answered for it: it does not know what it has been told.
func (n *remote) tellOriginal(ctx context.Context, l *Letter) (core.Message, error) {
	manager := n.c.Peer(n.s.book.at(n.s.managerID(), wire.PortManager), true)
	switch m := l.Msg.(type) {
	case *core.Join:
		port := int(n.s.book.jobs(m.Node).Port())
		for i := range m.Cameras {
			if _, err := manager.JoinVideo(ctx, port, i, m.Cameras[i].Kind); err != nil {
				return nil, err
			}
		}
		return &core.JoinAck{Node: m.Node, Incarnation: m.Incarnation}, nil
	case *core.Heartbeat:
		return &core.HeartbeatAck{Node: m.Node, Incarnation: m.Incarnation, Number: m.Number, Known: true}, nil
	case *core.SyncResults:
		if l.Frame == nil {
			return nil, nil // it was on its way before the query manager was known, and is sent again
		}
		for i := range m.Results {
			r := &m.Results[i]
			if r.Outcome != core.OutcomeDone {
				continue
			}
			_, err := manager.SyncFrame(ctx, wire.FromSyncResult(m.Node, m.Incarnation, r, l.Frame(i)))
			if err == nil || refusal(err) {
				continue // an answer is an answer: of a job that it has forgotten it never takes more
			}
			var gone *client.Unreachable
			if errors.As(err, &gone) {
				n.away.Store(true)
				n.aged.Store(false)
			}
			if i > 0 { // the original counts twice what it is told twice
				return &core.SyncAck{Incarnation: m.Incarnation, Seq: m.First + uint64(i) - 1}, nil
			}
			return nil, err
		}
		return &core.SyncAck{Incarnation: m.Incarnation, Seq: m.First + uint64(len(m.Results)) - 1}, nil
	}
	return nil, nil
}

// Execute implements Network.
func (n *remote) Execute(ctx context.Context, to core.NodeID, service string, t *wire.Task, f *wire.FrameRef) (client.Executed, error) {
	peer := n.peer(to, wire.PortServices)
	// Where the query manager is the original's the other nodes are, too; those of vidq take literals as well.
	if to != n.h.id && (n.aged.Load() || n.away.Load()) || n.s.originalAt(core.Address{Node: to, Part: core.PartServices}) != nil {
		literal := *t
		literal.Encoding = wire.EncodingLiteral
		t, peer = &literal, n.c.Peer(peer.Addr(), true)
	}
	return peer.Execute(ctx, service, t, f)
}
