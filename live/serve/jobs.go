package serve

import (
	"context"

	"vidq/core"
	"vidq/live/wire"
)

// Work returns the handlers of a job manager's port.
func Work(j Jobs, b wire.Book) Handlers {
	w := work{j, b}
	return Handlers{port: wire.PortJobs, calls: map[string]call{
		"POST /job/submit_job":      reading(w.submit),
		"POST /job/update_plan":     reading(w.update),
		"POST /job/stop_job":        reading(w.stop),
		"POST /job/charge_work":     reading(w.charge),
		"GET /job/get_runtime/{id}": asking(w.runtime),
		"GET /job/list":             asking(w.list),
	}}
}

// work is a job manager's port.
type work struct {
	jobs Jobs
	book wire.Book
}

func (w *work) submit(ctx context.Context, r *request, in *wire.SubmitJob) (*reply, error) {
	msg, vidq, err := in.Core(w.book)
	if err != nil {
		return nil, err
	}
	c := r.caller
	c.Plain = !vidq
	a, err := w.jobs.Submit(ctx, c, msg)
	if err != nil {
		return nil, err
	}
	return &reply{value: wire.AnswerSubmitJob(a), plain: c.Plain}, nil
}

func (w *work) update(ctx context.Context, r *request, in *wire.UpdatePlan) (*reply, error) {
	c := r.caller
	c.Plain = in.UpdateExtra == nil
	var q *core.Query
	if c.Plain {
		var err error
		if q, err = w.jobs.Query(ctx, core.QueryID(in.JobUID)); err != nil {
			return nil, err
		}
	}
	msg, _, err := in.Core(q, w.book)
	if err != nil {
		return nil, err
	}
	a, err := w.jobs.Update(ctx, c, msg)
	if err != nil {
		return nil, err
	}
	return &reply{value: wire.AnswerUpdatePlan(a), plain: c.Plain}, nil
}

func (w *work) stop(ctx context.Context, r *request, in *wire.StopJob) (*reply, error) {
	a, err := w.jobs.Stop(ctx, r.caller, in.Core())
	if err != nil {
		return nil, err
	}
	return &reply{value: wire.AnswerStopJob(a)}, nil
}

func (w *work) charge(ctx context.Context, r *request, in *wire.ChargeWork) (*reply, error) {
	return value(&wire.Answer{Msg: "the work will be done"}, w.jobs.Charge(ctx, r.caller, in.Core()))
}

func (w *work) runtime(ctx context.Context, r *request) (wire.Runtime, error) {
	info, err := of(ctx, r, w.jobs.Runtime)
	return wire.FromJobRuntime(info), err
}

func (w *work) list(ctx context.Context, r *request) (*wire.JobList, error) {
	p, err := r.page()
	if err != nil {
		return nil, err
	}
	return w.jobs.List(ctx, p)
}
