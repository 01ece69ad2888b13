package sched

import (
	"math"

	"vidq/core"
)

// latfirstFixed does what the original set out to do: delay before accuracy
// before cloud cost.
//
// Cold start takes the best of all resolutions, rates and placements by the
// belief. Feedback is a PID controller that lives as long as the query; its input
// is the 95th percentile of the constrained quantity as a share of its bound.
// When the controller wants a change, the plans are ranked again by a belief that
// is scaled by what the query's own calls took, stage by stage and place by
// place, so that one round of lateness suffices to leave a wrong belief. Where
// no plan is predicted to meet the bounds, it moves one knob at a time, the one
// that gains the most delay for the accuracy that it costs, as many as the
// controller's output says.
//
// Two things keep it from oscillating. A better plan is only taken when it is
// predicted to stay below Slack of the bound, which is less than the set-point;
// and a late plan makes it wait before it tries a better one, each time twice as
// long if the late plan was such a try.
type latfirstFixed struct {
	latfirstConfig
	memory[fixedState]
	sites  []site // scratch: of the query in hand, per stage
	models []int  // scratch: Model, once for each stage
}

// fixedState is what is remembered of a query.
type fixedState struct {
	table // predictions; see latfirst_table.go

	// The controller.
	integral, slope, last float64
	at                    core.Time // of its last update
	begun                 bool
	saturated             int // direction in which nothing is left to do: -1 late, 1 slack

	// What was measured under the present plan.
	revision uint64
	took     [core.MaxStages]float64 // mean round trip of each stage, seconds
	samples  int
	lift     float64   // 95th percentile of the constrained quantity over its prediction, at least 1
	heard    core.Time // of the last observation, or of the plan

	// Moves.
	poor    bool      // the present plan is not predicted to be accurate enough
	moved   core.Time // when the plan was last changed
	rose    bool      // that was a try for something better
	retry   core.Time // no such try before
	backoff core.Time // from a late plan to the next try
	idle    core.Time // from a look that found nothing better to the next
	looked  core.Time // when that was
	seen    float64   // share of the bound then
}

const (
	takeWeight  = 0.5 // of the newest round's mean in took
	minBackoff  = 2   // periods: between opposite moves
	maxBackoff  = 10 * core.Minute
	maxIdle     = 16          // periods
	sameShare   = 0.1         // a share that differs by less is still the same
	liftMax     = 4           // of what is remembered of it
	maxSteps    = 3           // knobs moved in one round
	integralMax = 5           // seconds of full error
	patience    = 3           // periods without an observation before silence counts as lateness
	silentShare = 2           // of the bound that silence counts as
	forgetting  = core.Minute // time constant with which what is not measured returns to its long-term mean
)

// Schedule implements core.Scheduler.
func (s *latfirstFixed) Schedule(v *core.View, d *core.Decision) {
	if v.Predictor == nil || len(v.Knobs.FPS) == 0 || len(v.Knobs.Resolutions) == 0 || len(v.Knobs.Encoders) == 0 {
		return
	}
	s.each(v, func(q *core.QueryView, st *fixedState) {
		host := v.Node(q.Query.Node)
		if q.Camera == nil || q.Camera.FPS <= 0 || host == nil || !host.Up && q.Plan.Revision > 0 {
			return // nothing to be learnt and nobody to be told
		}
		if p, ok := s.plan(v, q, st); ok {
			d.Set(q.Query.ID, p)
		}
	})
	clear(s.sites[:cap(s.sites)])
}

func (s *latfirstFixed) plan(v *core.View, q *core.QueryView, st *fixedState) (core.Plan, bool) {
	if !st.begun {
		*st = fixedState{
			begun: true, table: table{learnt: v.Now}, lift: 1, backoff: minBackoff * v.Period, heard: v.Now, moved: v.Now, at: v.Now - v.Period,
			looked: v.Now - minBackoff*v.Period, idle: minBackoff * v.Period,
		}
	}
	if st.revision != q.Plan.Revision {
		st.revision, st.samples, st.saturated, st.heard = q.Plan.Revision, 0, 0, v.Now
	}
	if !fits(v, q) {
		return s.replan(v, q, st)
	}
	x, ok := s.measure(v, q, st)
	if !ok {
		if s.silent(v, q, st) {
			st.heard = v.Now
			st.blame(q)
			return s.late(v, q, st, silentShare, -1)
		}
		return core.Plan{}, false
	}
	u := s.control(v, st, x)
	switch urgent := x > 1; {
	case u < -s.DeadBand && (urgent || !st.rose || v.Now-st.moved >= 2*v.Period):
		if st.saturated < 0 && v.Now < st.retry {
			return core.Plan{}, false
		}
		return s.late(v, q, st, x, u)
	case (u > s.DeadBand || st.poor && u > -s.DeadBand) && v.Now >= st.retry:
		return s.rise(v, q, st, x)
	}
	return core.Plan{}, false
}

// control is one update of the controller with the measured share x of the bound.
func (s *latfirstFixed) control(v *core.View, st *fixedState, x float64) float64 {
	e := (s.Setpoint - x) / s.Setpoint
	dt := (v.Now - st.at).Seconds()
	if dt <= 0 {
		dt = v.Period.Seconds()
	}
	st.at = v.Now
	if e*st.integral < 0 {
		st.integral = 0 // what was spared must not hide that it is late now
	}
	if float64(st.saturated)*e <= 0 {
		st.integral = min(max(st.integral+float64(e*dt), -integralMax), integralMax)
	}
	if dt > 0 {
		st.slope = float64(st.slope/2) + float64((e-st.last)/dt/2)
	}
	st.last = e
	return float64(s.Kp*e) + float64(s.Ki*st.integral) + float64(s.Kd*st.slope)
}

// measure takes the round's observations of the present plan in. It returns the
// 95th percentile of the constrained quantity as a share of its bound, the larger
// share if two are constrained; ok is false when there is nothing to compare.
//
// A frame's delay is reckoned with the fewest camera frames that a frame of this
// rate stands for: at 20 of 30 fps every other frame stands for one, not 1.5.
func (s *latfirstFixed) measure(v *core.View, q *core.QueryView, st *fixedState) (x float64, ok bool) {
	delay, latency := s.bounds(q)
	var top [5]float64 // the largest, descending: up to the 95th percentile of ObservationsKept
	var sum, trips float64
	n := 0
	stages := len(q.Plan.Stages)
	var took [core.MaxStages]float64
	for i := range q.Observations {
		o := &q.Observations[i]
		if o.Revision != q.Plan.Revision || len(o.Calls) != stages {
			continue
		}
		n++
		for k := range o.Calls {
			took[k] += float64(o.Calls[k].RoundTrip)
		}
		trips += float64(o.RoundTrip)
		y := max(float64(o.RoundTrip)*delay, float64(o.Latency)*latency)
		sum += y
		for k := range top {
			if y > top[k] {
				top[k], y = y, top[k]
			}
		}
	}
	if n == 0 {
		return 0, false
	}
	st.heard = v.Now
	st.learn(took[:stages], n)
	if delay == 0 && latency == 0 {
		return 0, false
	}
	mean := sum / float64(n)
	x = mean
	if n >= len(top) {
		x = top[min(n-int(0.95*float64(n)), len(top)-1)]
	}
	if q.Camera.Mode == core.ModeLive { // a camera that does not wait loses frames
		x = max(x, trips/float64(n)/float64(core.Second)*min(q.Plan.Video.FPS, q.Camera.FPS)/float64(max(q.Plan.InFlight, 1)))
	}
	return x, true
}

// bounds returns what a frame's round trips and latency, in ns, are multiplied
// with to give their share of the bound; 0 without a bound.
func (s *latfirstFixed) bounds(q *core.QueryView) (delay, latency float64) {
	c := &q.Query.Constraint
	if c.Delay > 0 {
		delay = 1 / (float64(c.Delay) * frameGap(q.Camera.FPS, q.Plan.Video.FPS))
	}
	if c.Latency > 0 {
		latency = 1 / float64(c.Latency)
	}
	return delay, latency
}

// frameGap is the fewest camera frames that an analysed frame stands for.
func frameGap(camera, fps float64) float64 {
	return max(1, math.Floor(camera/fps+1e-9))
}

// learn takes the sums of n frames' round trips, in ns, of the present plan in.
func (st *fixedState) learn(took []float64, n int) {
	w := takeWeight
	if st.samples == 0 {
		w = 1
	}
	st.samples += n
	for k := range took {
		mean := took[k] / float64(n) / float64(core.Second)
		st.took[k] += (mean - st.took[k]) * w
	}
}

// silent reports whether the present plan should have given results by now.
func (s *latfirstFixed) silent(v *core.View, q *core.QueryView, st *fixedState) bool {
	if q.State != core.StateRunning || q.Applied != q.Plan.Revision {
		return false
	}
	wait := core.FromSeconds(2/q.Plan.Video.FPS + 4*min(st.expected, 60))
	return v.Now-st.heard > max(patience*v.Period, wait)
}

// replan decides as in a cold start, with all that was learnt.
func (s *latfirstFixed) replan(v *core.View, q *core.QueryView, st *fixedState) (core.Plan, bool) {
	if !s.prepare(v, q, st, true) {
		return core.Plan{}, false
	}
	l := s.search(v, q, st, 0)
	c, ok := l.choose()
	if !ok {
		return core.Plan{}, false
	}
	return s.take(v, q, st, &c, false)
}

// late looks for a plan that meets the bounds, else for knobs that help; x is the
// measured share of the bound, u the controller's output.
func (s *latfirstFixed) late(v *core.View, q *core.QueryView, st *fixedState, x, u float64) (core.Plan, bool) {
	if !s.prepare(v, q, st, true) {
		return core.Plan{}, false
	}
	l := s.search(v, q, st, x)
	c, ok := l.choose()
	if ok && l.known && c.late > 0 {
		c = l.descend(min(maxSteps, int(math.Ceil(maxSteps*min(-u, 1)))))
	}
	if !ok || l.known && c.equal(&l.now) {
		st.saturated = -1
		st.retry = max(st.retry, v.Now+minBackoff*v.Period)
		return core.Plan{}, false
	}
	if st.rose {
		st.backoff = min(2*st.backoff, maxBackoff)
	}
	st.retry = max(st.retry, v.Now+st.backoff)
	return s.take(v, q, st, &c, false)
}

// rise looks for a plan that is better than the present one and safe.
func (s *latfirstFixed) rise(v *core.View, q *core.QueryView, st *fixedState, x float64) (core.Plan, bool) {
	same := math.Abs(x-st.seen) < sameShare
	if since := v.Now - st.looked; since < minBackoff*v.Period || since < st.idle && same {
		return core.Plan{}, false
	}
	if st.idle = min(2*st.idle, maxIdle*v.Period); !same {
		st.idle = minBackoff * v.Period
	}
	st.looked, st.seen = v.Now, x
	if !s.prepare(v, q, st, false) {
		return core.Plan{}, false
	}
	l := s.search(v, q, st, x)
	if !l.known {
		return core.Plan{}, false
	}
	var c candidate
	if st.poor = l.now.poor; st.poor { // a bound that is missed is worth a margin
		c, _ = l.choose()
	} else {
		c, _ = l.best(s.Slack)
	}
	if c.late > 0 || c.equal(&l.now) || !c.worth(&l.now) {
		st.saturated = 1
		return core.Plan{}, false
	}
	if v.Now-st.moved > 10*st.backoff { // it has been quiet for long
		st.backoff = minBackoff * v.Period
	}
	return s.take(v, q, st, &c, true)
}

// take makes the candidate the query's plan.
func (s *latfirstFixed) take(v *core.View, q *core.QueryView, st *fixedState, c *candidate, rose bool) (core.Plan, bool) {
	name, quality, _ := encoder(&v.Knobs, "")
	p := core.Plan{
		Video:    core.VideoConf{Resolution: v.Knobs.Resolutions[c.resolution], FPS: v.Knobs.FPS[c.fps], Encoder: name, Quality: quality},
		InFlight: s.InFlight, Buffer: s.Buffer,
		Stages: make([]core.Assignment, len(q.Query.Pipeline)),
	}
	for i := range p.Stages {
		p.Stages[i] = core.Assignment{Node: q.Query.Node, Model: s.Model}
		if c.far>>i&1 == 1 {
			p.Stages[i].Node = s.sites[i].node.ID
		}
	}
	st.poor, st.expected, st.saturated = c.poor, c.seconds, 0
	st.moved, st.rose, st.heard, st.idle = v.Now, rose, v.Now, minBackoff*v.Period
	return p, !same(&p, &q.Plan)
}
