package live

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"vidq/core"
	"vidq/live/serve"
	"vidq/live/wire"
)

// SyncPlain implements serve.Nodes: the result is numbered on arrival, one that was told before is not
// told again. It is answered when it is durable.
//
// A node that tells results is there, whether or not it has joined: the original joins once, and
// learns nothing of a query manager that restarts.
func (m *manager) SyncPlain(ctx context.Context, c serve.Caller, s *wire.SyncResult) error {
	q, _, err := m.query(ctx, core.QueryID(s.JobUID))
	if err != nil {
		return err
	}
	node := q.Query.Node
	if m.sys.book.ip(node) != c.Addr.Addr().String() {
		return wire.Errorf(http.StatusConflict, "query %s is at node %q, which is not at %s", wire.FormatID(q.Query.ID), node, c.Addr.Addr())
	}
	o, err := m.original(ctx, node)
	if err != nil {
		return err
	}
	if q.State.Ended() {
		return nil // the original cannot stop a job
	}
	o.mu.Lock()
	fresh := o.inc == 0
	if fresh {
		o.restart()
	}
	o.up, o.failed = true, 0
	o.mu.Unlock()
	seq := o.take(s, m.planTold(&q.Query, &s.JobResult.AppendedResult.ExtPlan)) // first, so that the job is not submitted again
	if fresh {
		err = o.introduce(ctx)
	}
	if seq == 0 || err != nil {
		return err
	}
	return o.hand(ctx, seq)
}

// planTold returns the revision of the plan that a frame says it ran under; 0 = of none that is remembered.
func (m *manager) planTold(q *core.Query, told *wire.Plan) uint64 {
	text, err := wire.EncodePlain(told)
	if err != nil {
		return 0 // it has been decoded: it is not a plan of ours
	}
	return m.plans.like(q.ID, func(p *core.Plan) bool {
		ours := wire.FromPlan(p, q, m.sys.book)
		b, err := wire.EncodePlain(&ours)
		return err == nil && bytes.Equal(b, text)
	})
}

// take numbers a result, of a plan's revision (0 = that of the plan last given), to be handed over; 0 = it is a
// repetition.
func (o *original) take(s *wire.SyncResult, revision uint64) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := core.QueryID(s.JobUID)
	f := &s.JobResult.AppendedResult
	j := o.jobs[id]
	if j == nil { // it has a job that nobody knew of
		j = &originalJob{JobStatus: core.JobStatus{Query: id, State: core.StateRunning, Revision: revision}, frame: -1}
		o.jobs[id] = j
	}
	if f.NLoop <= j.loop {
		return 0
	}
	if revision == 0 {
		revision = j.Revision
	}
	o.seq++
	gap := int64(1)
	if j.frame >= 0 {
		gap = f.Number() - j.frame
	}
	r := s.Observed(o.seq, o.m.sys.clock.Now(), gap, revision)
	j.loop, j.frame, j.Next = f.NLoop, r.CameraFrame, r.CameraFrame+1
	o.m.counts.add(frameOf{id, r.CameraFrame}, f.Counts)
	o.waiting = append(o.waiting, r)
	if n := len(o.waiting) - o.m.sys.o.Scenario.Settings.WithDefaults().ResultRing; n > 0 {
		o.waiting = slices.Delete(o.waiting, 0, n) // as a node of vidq: the oldest are lost
	}
	return o.seq
}

// hand hands the waiting results over, and returns when the one of that number is durable. One batch is under way
// at a time: the query manager hears no other of the node meanwhile.
func (o *original) hand(ctx context.Context, seq uint64) error {
	select {
	case o.turn <- struct{}{}:
		defer func() { <-o.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	again := time.Duration(o.m.sys.o.Scenario.Settings.WithDefaults().ResendAfter)
	for {
		batch := o.batch(seq)
		if batch == nil {
			return nil // it went along with another
		}
		once, cancel := context.WithTimeout(ctx, again)
		a, err := o.m.hear(once, o.id, batch)
		cancel()
		switch {
		case err == nil:
			o.durable(a.(*core.SyncAck))
		case ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded):
			return err
		}
	}
}

// batch returns the waiting results, nil if that of a number is not among them any more.
func (o *original) batch(seq uint64) *core.SyncResults {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) == 0 || o.waiting[0].Seq > seq {
		return nil
	}
	n := min(len(o.waiting), o.m.sys.o.Scenario.Settings.WithDefaults().BatchSize)
	return &core.SyncResults{Node: o.id, Incarnation: o.inc, First: o.waiting[0].Seq, Results: slices.Clone(o.waiting[:n])}
}

// durable lets go of results that are.
func (o *original) durable(a *core.SyncAck) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if a.Incarnation == o.inc {
		o.waiting = slices.DeleteFunc(o.waiting, func(r core.Result) bool { return r.Seq <= a.Seq })
	}
}
