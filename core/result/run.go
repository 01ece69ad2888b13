package result

import (
	"errors"
	"fmt"

	"vidq/core"
)

// End closes the run at now, which is outside it, and returns its outcome. The
// driver adds Events, TraceSHA256, Interrupted and Wall. The collector is of no
// further use.
func (c *Collector) End(now core.Time) *Run {
	r := &Run{
		Scheduler: c.meta.Scheduler, Truth: c.meta.Truth, Seed: c.meta.Seed, DurationS: now.Seconds(), WarmupS: c.meta.Warmup.Seconds(),
		Queries: make([]QueryRun, 0, len(c.queries)), Nodes: nodeRuns(&c.nodes), Links: linkRuns(&c.links), SchedulerOverhead: c.rounds,
	}
	var all tally
	var wants wants
	all.switchS = c.switchS
	for id, q := range c.queries {
		if q == nil {
			continue
		}
		q.finish(now, c.meta.Frames)
		w := wantsOf(q)
		qr := QueryRun{ID: core.QueryID(id), Key: q.info.Key, Node: q.info.Node, Constraint: constraintOf(q.info.Constraint)}
		q.outcome(&qr.Outcome, w)
		qr.PlanChanges, qr.KnobChanges = q.plans.changes, q.plans.knobs
		r.Queries = append(r.Queries, qr)

		all.merge(&q.tally)
		wants.merge(w)
		r.PlanChanges += q.plans.changes
		own := q.plans.knobs.all()
		for i, n := range r.KnobChanges.all() {
			*n += *own[i]
		}
	}
	all.outcome(&r.Outcome, wants)
	r.Fairness = fairness(r.Queries)
	return r
}

// wants is how many due frames and camera frames belong to queries that ask for
// each constraint, and for any.
type wants struct{ due, captured verdicts }

func wantsOf(q *query) wants {
	var w wants
	due := q.done + q.dropped + q.failed
	for i := range 3 {
		w.due[i] = due * int64(q.want>>i&1)
		w.captured[i] = q.captured * int64(q.want>>i&1)
	}
	if q.want != 0 {
		w.due[3], w.captured[3] = due, q.captured
	}
	return w
}

func (w *wants) merge(o wants) {
	for i := range w.due {
		w.due[i] += o.due[i]
		w.captured[i] += o.captured[i]
	}
}

func (t *tally) merge(o *tally) {
	t.done += o.done
	t.dropped += o.dropped
	t.failed += o.failed
	t.inFlight += o.inFlight
	for i, n := range o.reasons {
		t.reasons[i] += n
	}
	t.latency.Merge(&o.latency)
	t.delay.Merge(&o.delay)
	for i, p := range o.parts {
		t.parts[i] += p
	}
	t.captured += o.captured
	t.sum += o.sum
	t.unknown += o.unknown
	t.accuracy.merge(&o.accuracy)
	t.switchS += o.switchS
	for i := range t.met {
		t.met[i] += o.met[i]
		t.timeMet[i] += o.timeMet[i]
	}
}

func (t *tally) outcome(o *Outcome, w wants) {
	o.Frames = Frames[int64]{
		Captured: t.captured, Due: t.done + t.dropped + t.failed + t.inFlight,
		Done: t.done, Dropped: t.dropped, Failed: t.failed, InFlight: t.inFlight,
	}
	o.DropReasons = t.reasons
	o.LatencyS, o.DelayS = dist(&t.latency), dist(&t.delay)
	for i, p := range o.BreakdownS.all() {
		*p = mean(t.parts[i]/float64(core.Second), t.done)
	}
	o.Accuracy = t.accuracies()
	for i, p := range o.SLO.all() {
		*p = share(t.met[i], w.due[i])
	}
	for i, p := range o.SLOTime.all() {
		*p = share(t.timeMet[i], w.captured[i])
	}
	o.SwitchCostS = t.switchS
}

func (t *tally) accuracies() Accuracy[*float64] {
	n := t.captured - t.unknown
	if n <= 0 {
		return Accuracy[*float64]{}
	}
	p5 := t.accuracy.quantile(.05, n-t.accuracy.n) // the camera frames without a result have 0
	return Accuracy[*float64]{Mean: mean(t.sum, n), P5: &p5}
}

func dist(h *Histogram) Dist[*float64] {
	if h.Count() == 0 {
		return Dist[*float64]{}
	}
	d := DistOf(h)
	return Dist[*float64]{&d.Mean, &d.P50, &d.P95, &d.P99, &d.Max}
}

func constraintOf(c core.Constraint) Constraint {
	seconds := func(t core.Time) *float64 {
		if t <= 0 {
			return nil
		}
		s := t.Seconds()
		return &s
	}
	out := Constraint{DelayS: seconds(c.Delay), LatencyS: seconds(c.Latency)}
	if c.Accuracy > 0 {
		out.Accuracy = &c.Accuracy
	}
	return out
}

// fairness is Jain's index (R. Jain, D. Chiu, W. Hawe: A Quantitative Measure of
// Fairness and Discrimination, DEC-TR-301, 1984) over the queries' slo_time.joint, and the
// worst of them. The index is nil when all are zero.
func fairness(queries []QueryRun) Fairness[*float64] {
	var sum, squares float64
	var n int64
	var f Fairness[*float64]
	for i := range queries {
		p := queries[i].SLOTime.Joint
		if p == nil {
			continue
		}
		n++
		sum += *p
		squares += float64(*p * *p)
		if f.WorstSLO == nil || *p < *f.WorstSLO {
			worst := *p
			f.WorstSLO = &worst
		}
	}
	if squares > 0 {
		jain := sum * sum / (float64(n) * squares)
		f.JainSLO = &jain
	}
	return f
}

// Check reports what is not conserved: captured >= due = done + dropped + failed +
// in_flight, for the run and each query, and the queries summing up to the run.
func (r *Run) Check() error {
	var sum Frames[int64]
	var errs []error
	for i := range r.Queries {
		q := &r.Queries[i]
		if err := conserved(&q.Frames); err != nil {
			errs = append(errs, fmt.Errorf("query %s: %w", q.Key, err))
		}
		own := q.Frames.all()
		for j, n := range sum.all() {
			*n += *own[j]
		}
	}
	if err := conserved(&r.Frames); err != nil {
		errs = append(errs, err)
	}
	if sum != r.Frames {
		errs = append(errs, fmt.Errorf("queries sum up to %+v, the run has %+v", sum, r.Frames))
	}
	return errors.Join(errs...)
}

func conserved(f *Frames[int64]) error {
	if f.Due != f.Done+f.Dropped+f.Failed+f.InFlight {
		return fmt.Errorf("frames are not conserved: %+v", *f)
	}
	if f.Captured < f.Due {
		return fmt.Errorf("more frames due than captured: %+v", *f)
	}
	return nil
}
