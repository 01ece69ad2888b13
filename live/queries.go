package live

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"vidq/core"
	"vidq/live/serve"
	"vidq/live/wire"
)

var _ serve.Queries = (*manager)(nil)

// request begins to ask the query manager for a user, see life.begin.
func (m *manager) request(ctx context.Context, msg func(number uint64) core.Message) (answer func() (core.Message, error)) {
	r := m.alive()
	if r == nil {
		return func() (core.Message, error) { return nil, m.host.away(ctx) }
	}
	m.mu.Lock()
	m.asked++
	number := m.asked // users may count alike
	m.mu.Unlock()
	return r.begin(ctx, core.Address{Node: userNode, Part: core.PartUser}, msg(number))
}

// submit begins to submit a query.
func (m *manager) submit(ctx context.Context, q *core.SubmitQuery) (answer func() (*core.SubmitAnswer, error)) {
	wait := m.request(ctx, func(number uint64) core.Message { return &core.SubmitQuery{Request: number, Query: q.Query} })
	return func() (*core.SubmitAnswer, error) {
		a, err := wait()
		if err != nil {
			return nil, err
		}
		told := *a.(*core.SubmitAnswer)
		told.Request = q.Request
		return &told, nil
	}
}

// Submit implements serve.Queries.
func (m *manager) Submit(ctx context.Context, _ serve.Caller, q *core.SubmitQuery) (*core.SubmitAnswer, string, error) {
	if err := m.sys.offered(q.Query.Pipeline); err != nil {
		return nil, "", err
	}
	a, err := m.submit(ctx, q)()
	return a, m.sys.book.at(q.Query.Node, wire.PortSideEdge), err
}

// offered refuses a pipeline with a service that no node has: no scheduler could ever place it.
func (s *System) offered(p core.Pipeline) error {
	var known []string
	for i := range s.bed.Nodes {
		for j := range s.bed.Nodes[i].Services {
			known = append(known, s.bed.Nodes[i].Services[j].Name)
		}
	}
	slices.Sort(known)
	for i := range p {
		if _, ok := slices.BinarySearch(known, p[i].Service); !ok {
			return wire.Errorf(http.StatusNotFound, "unknown service %q; the nodes have %s", p[i].Service, strings.Join(slices.Compact(known), ", "))
		}
	}
	return nil
}

// Stop implements serve.Queries.
func (m *manager) Stop(ctx context.Context, _ serve.Caller, q *core.StopQuery) (*core.StopAnswer, error) {
	a, err := m.request(ctx, func(number uint64) core.Message { return &core.StopQuery{Request: number, Query: q.Query} })()
	if err != nil {
		return nil, err
	}
	told := *a.(*core.StopAnswer)
	told.Request = q.Request
	return &told, nil
}

// read calls f between two steps of the query manager.
func (m *manager) read(ctx context.Context, f func(r *reign)) error {
	r := m.alive()
	if r == nil {
		return m.host.away(ctx)
	}
	if err := r.loop.Ask(ctx, func() { f(r) }); err != nil {
		if ctx.Err() == nil {
			return r.gone(ctx)
		}
		return err
	}
	return nil
}

// query returns what the query manager has of a query.
func (m *manager) query(ctx context.Context, id core.QueryID) (q core.SavedQuery, info core.RuntimeInfo, err error) {
	known := false
	err = m.read(ctx, func(r *reign) {
		if q, known = r.core.Query(id); known {
			info, _ = r.core.Runtime(id)
		}
	})
	if err == nil && !known {
		err = wire.Errorf(http.StatusNotFound, "there is no query %s; GET /query/list tells all", wire.FormatID(id))
	}
	return q, info, err
}

// List implements serve.Queries.
func (m *manager) List(ctx context.Context, p wire.Page) (*wire.QueryList, error) {
	var all []core.SavedQuery
	if err := m.read(ctx, func(r *reign) { all = r.core.Queries() }); err != nil {
		return nil, err
	}
	out := &wire.QueryList{Queries: []wire.QueryRow{}}
	at, _ := slices.BinarySearchFunc(all, p.After+1, func(q core.SavedQuery, id core.QueryID) int {
		return int(min(max(int64(q.Query.ID)-int64(id), -1), 1))
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := at; i < len(all); i++ {
		q := &all[i]
		if len(out.Queries) == p.Limit {
			out.Next = wire.ID(all[i-1].Query.ID)
			break
		}
		submitted := float64(m.sys.clock.Wall(q.Since).UnixMilli()) / 1000
		out.Queries = append(out.Queries, wire.FromQuery(&q.Query, q.State, m.sys.book, m.done[q.Query.ID], submitted))
	}
	return out, nil
}

// Results implements serve.Queries.
func (m *manager) Results(ctx context.Context, id core.QueryID) (*wire.Results, error) {
	q, info, err := m.query(ctx, id)
	if err != nil {
		return nil, err
	}
	latest, err := m.sys.o.Store.Latest(ctx, id, wire.MaxAppended)
	if err != nil {
		return nil, wire.Errorf(http.StatusServiceUnavailable, "the store cannot be read: %v; try again", err)
	}
	var frames []wire.Frame
	var last *core.Result
	for i := range latest {
		r := &latest[i].Result
		plan := m.plans.get(id, r.Obs.Revision, q.Plan)
		counts := m.counts.get(frameOf{id, r.CameraFrame})
		frames = append(frames, wire.FromFrame(r, wire.FromPlan(&plan, &q.Query, m.sys.book), counts, info.ObjStable))
		last = r
	}
	return wire.FromFrames(frames, last, &q.Query), nil
}

// Plan implements serve.Queries.
func (m *manager) Plan(ctx context.Context, id core.QueryID) (wire.Plan, error) {
	q, _, err := m.query(ctx, id)
	if err != nil {
		return wire.Plan{}, err
	}
	return wire.FromPlan(&q.Plan, &q.Query, m.sys.book), nil
}

// Runtime implements serve.Queries.
func (m *manager) Runtime(ctx context.Context, id core.QueryID) (core.RuntimeInfo, error) {
	_, info, err := m.query(ctx, id)
	return info, err
}

// Videos implements serve.Queries.
func (m *manager) Videos(ctx context.Context) (wire.VideoInfo, error) {
	var nodes []core.NodeView
	if err := m.read(ctx, func(r *reign) { nodes = r.core.Nodes() }); err != nil {
		return nil, err
	}
	all := wire.VideoInfo{}
	for i := range nodes {
		n := &nodes[i]
		has := m.originalOf(n.ID).has
		for number, cam := range m.sys.book.cameras(n.ID) {
			if !has(number) {
				continue
			}
			addr := m.sys.book.Addr(n.ID)
			if all[addr] == nil {
				all[addr] = map[string]wire.Video{}
			}
			all[addr][itoa(number)] = wire.FromVideo(cam, n.Up)
		}
	}
	return all, nil
}
