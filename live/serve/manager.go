package serve

import (
	"context"
	"net"
	"net/http"
	"net/netip"

	"vidq/core"
	"vidq/live/wire"
)

// Manager returns the handlers of the query manager's port.
func Manager(q Queries, n Nodes, b wire.Book) Handlers {
	m := manager{q, n, b}
	return Handlers{port: wire.PortManager, calls: map[string]call{
		"POST /query/submit_query":    reading(m.submit),
		"POST /query/stop_query/{id}": reading(m.stop),
		"GET /query/list":             asking(m.list),
		"GET /query/get_result/{id}":  asking(m.results),
		// The original answers both alike.
		"GET /query/get_agg_info/{id}": asking(m.results),
		"GET /query/get_plan/{id}":     asking(m.plan),
		"GET /query/get_runtime/{id}":  asking(m.runtime),
		"GET /node/get_video_info":     asking(m.videos),
		"POST /query/sync_result":      reading(m.syncOne),
		"POST /query/sync_results":     reading(m.sync),
		"POST /node/join":              reading(m.join),
		"POST /node/heartbeat":         reading(m.heartbeat),
	}}
}

// manager is the query manager's port.
type manager struct {
	queries Queries
	nodes   Nodes
	book    wire.Book
}

func (m *manager) submit(ctx context.Context, r *request, in *wire.SubmitQuery) (*reply, error) {
	c := r.caller
	c.Plain = in.SubmitExtra == nil
	msg, err := in.Core(m.book)
	if err != nil {
		return nil, err
	}
	a, side, err := m.queries.Submit(ctx, c, msg)
	if err != nil {
		return nil, err
	}
	if e := wire.Refusal(a.Err); e != nil {
		return nil, e
	}
	return &reply{value: wire.FromSubmitAnswer(a, side), plain: c.Plain}, nil
}

func (m *manager) stop(ctx context.Context, r *request, in *wire.StopQuery) (*reply, error) {
	msg, err := in.Core(r.id())
	if err != nil {
		return nil, err
	}
	a, err := m.queries.Stop(ctx, r.caller, msg)
	if err != nil {
		return nil, err
	}
	if e := wire.Refusal(a.Err); e != nil {
		return nil, e
	}
	return &reply{value: wire.FromStopAnswer(a)}, nil
}

func (m *manager) list(ctx context.Context, r *request) (*wire.QueryList, error) {
	p, err := r.page()
	if err != nil {
		return nil, err
	}
	return m.queries.List(ctx, p)
}

func (m *manager) results(ctx context.Context, r *request) (*wire.Results, error) {
	return of(ctx, r, m.queries.Results)
}

func (m *manager) plan(ctx context.Context, r *request) (wire.Plan, error) {
	return of(ctx, r, m.queries.Plan)
}

func (m *manager) runtime(ctx context.Context, r *request) (wire.Runtime, error) {
	info, err := of(ctx, r, m.queries.Runtime)
	return wire.FromRuntime(info), err
}

func (m *manager) videos(ctx context.Context, _ *request) (wire.VideoInfo, error) {
	v, err := m.queries.Videos(ctx)
	if v == nil {
		v = wire.VideoInfo{}
	}
	return v, err
}

// of asks for what is told of the query that the path names.
func of[T any](ctx context.Context, r *request, ask func(context.Context, core.QueryID) (T, error)) (v T, err error) {
	q, err := wire.ParseID(r.id())
	if err != nil {
		return v, err
	}
	return ask(ctx, q)
}

func (m *manager) join(ctx context.Context, r *request, in *wire.Join) (*reply, error) {
	c := r.caller
	at := Reached{Seen: netip.AddrPortFrom(c.Addr.Addr(), uint16(in.NodePort))}
	msg := in.Core()
	if msg == nil {
		c.Plain = true
		addr, err := m.nodes.JoinPlain(ctx, c, in, at)
		if err != nil {
			return nil, err
		}
		return &reply{value: wire.FromJoinAck(nil, addr), plain: true}, nil
	}
	if err := c.speaksFor(msg.Node); err != nil {
		return nil, err
	}
	if at.Told = in.NodeAddr; at.Told != "" {
		if _, port, err := net.SplitHostPort(at.Told); err != nil || port == "" {
			return nil, wire.Errorf(http.StatusUnprocessableEntity, "node_addr is no ip:port; leave it out to be reached at the caller's ip")
		}
	}
	a, addr, err := m.nodes.Join(ctx, c, msg, at)
	if err != nil {
		return nil, err
	}
	return &reply{value: wire.FromJoinAck(a, addr)}, nil
}

func (m *manager) heartbeat(ctx context.Context, r *request, in *wire.Heartbeat) (*reply, error) {
	msg := in.Core()
	if err := r.caller.speaksFor(msg.Node); err != nil {
		return nil, err
	}
	a, err := m.nodes.Heartbeat(ctx, r.caller, msg)
	if err != nil {
		return nil, err
	}
	return &reply{value: wire.FromHeartbeatAck(a)}, nil
}

func (m *manager) sync(ctx context.Context, r *request, in *wire.SyncResults) (*reply, error) {
	counts := make([]wire.Counts, len(in.Results))
	for i := range in.Results {
		counts[i] = in.Results[i].Counts
	}
	return m.take(ctx, r, in.Core(), counts)
}

// take hands over results of a node of vidq.
func (m *manager) take(ctx context.Context, r *request, msg *core.SyncResults, counts []wire.Counts) (*reply, error) {
	if err := r.caller.speaksFor(msg.Node); err != nil {
		return nil, err
	}
	a, err := m.nodes.Sync(ctx, r.caller, msg, counts)
	if err != nil {
		return nil, err
	}
	return &reply{value: wire.FromSyncAck(a)}, nil
}

func (m *manager) syncOne(ctx context.Context, r *request, in *wire.SyncResult) (*reply, error) {
	if msg := in.Core(); msg != nil {
		return m.take(ctx, r, msg, []wire.Counts{in.Result.Counts})
	}
	c := r.caller
	c.Plain = true
	if err := m.nodes.SyncPlain(ctx, c, in); err != nil {
		return nil, err
	}
	return &reply{value: &wire.SyncAnswer{}, plain: true}, nil
}
