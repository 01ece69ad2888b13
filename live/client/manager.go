package client

import (
	"context"
	"net/url"
	"strconv"

	"vidq/core"
	"vidq/live/wire"
)

// Calls of nodes to the query manager's port. What the original does not answer is nil.

// Join introduces a node that is reached at nodeAddr, and also returns the address by which it is
// known from now on.
func (p Peer) Join(ctx context.Context, m *core.Join, nodeAddr string) (*core.JoinAck, string, error) {
	a, err := post[wire.JoinAnswer](ctx, p, "/node/join", wire.FromJoin(m, nodeAddr), false)
	if err != nil {
		return nil, "", err
	}
	return a.Core(), a.NodeAddr, nil
}

// JoinVideo introduces one video of a node to a manager of the original, and returns the address
// by which the node is known from now on.
func (p Peer) JoinVideo(ctx context.Context, nodePort, video int, kind string) (string, error) {
	a, err := post[wire.JoinAnswer](ctx, p, "/node/join", &wire.Join{NodePort: nodePort, VideoID: &video, VideoType: &kind}, false)
	return a.NodeAddr, err
}

// Heartbeat tells how a node is.
func (p Peer) Heartbeat(ctx context.Context, m *core.Heartbeat) (*core.HeartbeatAck, error) {
	a, err := post[wire.HeartbeatAnswer](ctx, p, "/node/heartbeat", wire.FromHeartbeat(m), false)
	if err != nil {
		return nil, err
	}
	return a.Core(), nil
}

// Sync hands over a batch of results; counts tells what the last stage counted for result i,
// and may be nil.
func (p Peer) Sync(ctx context.Context, m *core.SyncResults, counts func(i int) wire.Counts) (*core.SyncAck, error) {
	a, err := post[wire.SyncAnswer](ctx, p, "/query/sync_results", wire.FromSyncResults(m, counts), false)
	if err != nil {
		return nil, err
	}
	return a.Core(), nil
}

// SyncFrame hands over the result of one frame, as the original's managers want it. The original acknowledges
// nothing: nil.
func (p Peer) SyncFrame(ctx context.Context, r *wire.SyncResult) (*core.SyncAck, error) {
	a, err := post[wire.SyncAnswer](ctx, p, "/query/sync_result", r, false)
	if err != nil {
		return nil, err
	}
	return a.Core(), nil
}

// Calls of users to the query manager's port.

// SubmitQuery asks for a query. Without a key, a second call is a second query.
func (p Peer) SubmitQuery(ctx context.Context, q *wire.SubmitQuery) (*wire.SubmitAnswer, error) {
	once := q.SubmitExtra == nil || q.Key == ""
	a, err := post[wire.SubmitAnswer](ctx, p, "/query/submit_query", q, once)
	if err != nil {
		return nil, err
	}
	return &a, nil
}

// StopQuery ends a query for good.
func (p Peer) StopQuery(ctx context.Context, m *core.StopQuery) (*core.StopAnswer, error) {
	id, body := wire.FromStopQuery(m)
	a, err := post[wire.StopAnswer](ctx, p, "/query/stop_query/"+id, body, false)
	if err != nil {
		return nil, err
	}
	return a.Core(), nil
}

// Queries returns a page of the queries.
func (p Peer) Queries(ctx context.Context, page wire.Page) (wire.QueryList, error) {
	return get[wire.QueryList](ctx, p, "/query/list", pageOf(page))
}

// pageOf returns the query parameters of a page.
func pageOf(p wire.Page) url.Values {
	q := url.Values{}
	if p.After != 0 {
		q.Set("after", wire.FormatID(p.After))
	}
	if p.Limit != 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	return q
}

// Results returns a query's last results; nil = there are none yet.
func (p Peer) Results(ctx context.Context, q core.QueryID) (*wire.Results, error) {
	return get[*wire.Results](ctx, p, "/query/get_result/"+wire.FormatID(q), nil)
}

// Plan returns a query's plan.
func (p Peer) Plan(ctx context.Context, q core.QueryID) (wire.Plan, error) {
	return get[wire.Plan](ctx, p, "/query/get_plan/"+wire.FormatID(q), nil)
}

// Runtime returns a query's runtime context.
func (p Peer) Runtime(ctx context.Context, q core.QueryID) (core.RuntimeInfo, error) {
	a, err := get[wire.Runtime](ctx, p, "/query/get_runtime/"+wire.FormatID(q), nil)
	return a.Core(), err
}

// Videos returns the videos of all nodes.
func (p Peer) Videos(ctx context.Context) (wire.VideoInfo, error) {
	return get[wire.VideoInfo](ctx, p, "/node/get_video_info", nil)
}
