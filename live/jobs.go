package live

import (
	"context"
	"net/http"
	"slices"

	"vidq/core"
	"vidq/live/serve"
	"vidq/live/wire"
)

// jobs is the port of a node's job manager. It implements serve.Jobs.
type jobs struct{ h *host }

var _ serve.Jobs = jobs{}

// managerOf is where requests to a job manager come from.
func (j jobs) managerOf() core.Address {
	return core.Address{Node: j.h.sys.managerID(), Part: core.PartManager}
}

// order gives the job manager an order and waits for its acknowledgement.
func (j jobs) order(ctx context.Context, m core.Message) (*core.JobAck, error) {
	a := j.h.alive()
	if a == nil {
		return nil, j.h.away(ctx)
	}
	ack, err := a.ask(ctx, j.managerOf(), m)
	if err != nil {
		return nil, err
	}
	return ack.(*core.JobAck), nil
}

// Submit implements serve.Jobs.
func (j jobs) Submit(ctx context.Context, c serve.Caller, m *core.SubmitJob) (*core.JobAck, error) {
	if a := j.h.alive(); a != nil && c.Plain {
		m.Incarnation = a.inc
		// The original counts from 1 again when it restarts.
		known, err := j.Query(ctx, m.Query.ID)
		if err != nil {
			return nil, err
		}
		if known != nil && !sameJob(known, &m.Query) {
			return nil, wire.Errorf(http.StatusConflict, "job %s is here already and another; submit it with an id of its own", wire.FormatID(m.Query.ID))
		}
	}
	return j.order(ctx, m)
}

// sameJob reports whether two queries ask for the same at a node.
func sameJob(a, b *core.Query) bool {
	return a.Camera == b.Camera && a.Constraint == b.Constraint && slices.EqualFunc(a.Pipeline, b.Pipeline, func(s, t core.Stage) bool {
		return s.Service == t.Service && slices.Equal(s.Parents, t.Parents)
	})
}

// Update implements serve.Jobs.
func (j jobs) Update(ctx context.Context, c serve.Caller, m *core.UpdatePlan) (*core.JobAck, error) {
	if a := j.h.alive(); a != nil && c.Plain {
		m.Incarnation = a.inc
		s, err := j.statusOf(ctx, m.Query)
		if err != nil {
			return nil, err
		}
		m.Plan.Revision = s.Revision + 1
		m.Plan = m.Plan.Seal()
	}
	return j.order(ctx, m)
}

// Stop implements serve.Jobs.
func (j jobs) Stop(ctx context.Context, _ serve.Caller, m *core.StopJob) (*core.JobAck, error) {
	return j.order(ctx, m)
}

// Charge implements serve.Jobs.
func (j jobs) Charge(ctx context.Context, _ serve.Caller, m *core.ChargeWork) error {
	a := j.h.alive()
	if a == nil {
		return j.h.away(ctx)
	}
	_, err := a.ask(ctx, j.managerOf(), m)
	return err
}

// read calls f between two steps of the job manager.
func (j jobs) read(ctx context.Context, f func(a *agent)) error {
	a := j.h.alive()
	if a == nil {
		return j.h.away(ctx)
	}
	if err := a.loop.Ask(ctx, func() { f(a) }); err != nil {
		if ctx.Err() == nil {
			return a.gone(ctx)
		}
		return err
	}
	return nil
}

// Query implements serve.Jobs.
func (j jobs) Query(ctx context.Context, q core.QueryID) (found *core.Query, err error) {
	err = j.read(ctx, func(*agent) {
		if n := j.h.queries[q]; n != nil {
			spec := n.stream.Spec.Core()
			spec.ID = q
			found = &spec
		}
	})
	return found, err
}

// Runtime implements serve.Jobs.
func (j jobs) Runtime(ctx context.Context, q core.QueryID) (info core.RuntimeInfo, err error) {
	known := false
	if err = j.read(ctx, func(a *agent) { info, known = a.jobs.Runtime(q) }); err == nil && !known {
		err = noJob(q, j.h.id)
	}
	return info, err
}

func noJob(q core.QueryID, node core.NodeID) error {
	return wire.Errorf(http.StatusNotFound, "node %q has no job %s; GET /job/list tells all", node, wire.FormatID(q))
}

// statusOf returns a job's status.
func (j jobs) statusOf(ctx context.Context, q core.QueryID) (s core.JobStatus, err error) {
	all, err := j.all(ctx)
	for i := range all {
		if all[i].Query == q {
			return all[i], err
		}
	}
	if err == nil {
		err = noJob(q, j.h.id)
	}
	return s, err
}

func (j jobs) all(ctx context.Context) (all []core.JobStatus, err error) {
	err = j.read(ctx, func(a *agent) { all = a.jobs.Jobs() })
	return all, err
}

// List implements serve.Jobs.
func (j jobs) List(ctx context.Context, p wire.Page) (*wire.JobList, error) {
	all, err := j.all(ctx)
	if err != nil {
		return nil, err
	}
	out := &wire.JobList{Jobs: []wire.JobStatus{}}
	for i := range all {
		if all[i].Query <= p.After {
			continue
		}
		if len(out.Jobs) == p.Limit {
			out.Next = wire.ID(all[i-1].Query)
			break
		}
		out.Jobs = append(out.Jobs, wire.FromJobStatus(all[i]))
	}
	return out, nil
}
