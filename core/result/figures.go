package result

// The order of figures() and slots() is the same; a test compares them by key.

// slots returns where the figures of f are held.
func (f *Figures) slots() []**Stat {
	s := append(f.Frames.all(), &f.DropShare)
	s = append(s, f.LatencyS.all()...)
	s = append(s, f.DelayS.all()...)
	s = append(s, f.BreakdownS.all()...)
	s = append(s, &f.Accuracy.Mean, &f.Accuracy.P5)
	s = append(s, f.SLO.all()...)
	s = append(s, f.SLOTime.all()...)
	s = append(s, &f.PlanChanges)
	s = append(s, f.KnobChanges.all()...)
	s = append(s, &f.SwitchCostS, &f.Utilization, &f.EnergyJ, &f.LinkBytes)
	s = append(s, f.Fairness.all()...)
	return append(s, f.SchedulerOverhead.all()...)
}

// figures returns the values of r that a summary sums up, nil where there is none.
func (r *Run) figures() []*float64 {
	s := append(counts(r.Frames.all()...), dropShare(&r.Frames))
	s = append(s, values(r.LatencyS.all())...)
	s = append(s, values(r.DelayS.all())...)
	s = append(s, values(r.BreakdownS.all())...)
	s = append(s, r.Accuracy.Mean, r.Accuracy.P5)
	s = append(s, values(r.SLO.all())...)
	s = append(s, values(r.SLOTime.all())...)
	s = append(s, counts(&r.PlanChanges)...)
	s = append(s, counts(r.KnobChanges.all()...)...)
	energy, bytes := 0.0, 0.0
	for i := range r.Nodes {
		energy += r.Nodes[i].EnergyJ
	}
	for i := range r.Links {
		bytes += r.Links[i].Bytes
	}
	s = append(s, &r.SwitchCostS, r.Utilization(), &energy, &bytes)
	s = append(s, values(r.Fairness.all())...)
	return append(s, counts(r.SchedulerOverhead.all()...)...)
}

// dropShare returns the share of due frames, those in flight left out, that were
// dropped or failed; nil if there are none.
func dropShare(f *Frames[int64]) *float64 { return share(f.Dropped+f.Failed, f.Due-f.InFlight) }

// Utilization returns the mean over the nodes of their utilization; nil if no
// node was sampled.
func (r *Run) Utilization() *float64 {
	sum, n := 0.0, 0
	for i := range r.Nodes {
		if u := r.Nodes[i].Utilization; u != nil {
			sum += *u
			n++
		}
	}
	return mean(sum, int64(n))
}

func (f *Frames[T]) all() []*T {
	return []*T{&f.Captured, &f.Due, &f.Done, &f.Dropped, &f.Failed, &f.InFlight}
}

func (d *Dist[T]) all() []*T { return []*T{&d.Mean, &d.P50, &d.P95, &d.P99, &d.Max} }

func (b *Breakdown[T]) all() []*T {
	return []*T{&b.QueueCamera, &b.Encode, &b.Transfer, &b.QueueService, &b.Compute, &b.Return}
}

func (s *SLO[T]) all() []*T { return []*T{&s.Delay, &s.Latency, &s.Accuracy, &s.Joint} }

func (k *KnobChanges[T]) all() []*T {
	return []*T{
		&k.FPS, &k.Resolution, &k.Encoder, &k.Quality, &k.Placement, &k.Model,
		&k.InFlight, &k.Buffer, &k.Pace, &k.Refused,
	}
}

func (f *Fairness[T]) all() []*T { return []*T{&f.JainSLO, &f.WorstSLO} }

func (o *Overhead[T]) all() []*T { return []*T{&o.Rounds, &o.Invalid} }

func values(p []**float64) []*float64 {
	v := make([]*float64, len(p))
	for i := range p {
		v[i] = *p[i]
	}
	return v
}

func counts(n ...*int64) []*float64 {
	v := make([]*float64, len(n))
	for i := range n {
		x := float64(*n[i])
		v[i] = &x
	}
	return v
}

// share returns part/whole, nil if there is no whole.
func share(part, whole int64) *float64 { return mean(float64(part), whole) }

// mean returns sum/n, nil if n is not positive.
func mean(sum float64, n int64) *float64 {
	if n <= 0 {
		return nil
	}
	m := sum / float64(n)
	return &m
}
