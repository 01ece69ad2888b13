package sched

import (
	"math"
	"slices"

	"vidq/core"
)

func init() {
	Register("fc", "feedback control of the resolution alone, by the errors of single frames against the deadline (Nigade et al., SenSys 2021)",
		fcConfig{
			Variant: "vsa-proto", Up: 5, Down: 2.5, EarlyExponent: 1, LateExponent: 1.25, Deadline: 33 * core.Millisecond,
			Theta: 0.5, FPS: 5, Place: "cloud", Interval: core.Second, InFlight: 5, Buffer: 1,
		}, newFC)
}

// fcConfig's defaults are vsa-proto's (src/common.h: CONTROL_WINDOW, UP_SUM,
// DOWN_SUM, ON_TIME_EXP, LATE_EXP, FRAME_DEADLINE), but for theta and fps (dayu's
// template) and for interval and buffer (chosen here).
type fcConfig struct {
	Variant       string    `toml:"variant" choices:"vsa-proto|dayu" doc:"vsa-proto: the authors' controller; dayu: its port in dayu-autostreamer/dayu, quirks included, of which only window and theta can be set"`
	Window        int       `toml:"window" min:"0" max:"1000" search:"5..200" doc:"frames whose errors count; 0 = 50 for vsa-proto, 20 for dayu"`
	Up            float64   `toml:"up" min:"0" max:"1e6" doc:"a step up when the errors' sum is at or below minus this times window, ms"`
	Down          float64   `toml:"down" min:"0" max:"1e6" doc:"a step down when it is at or above this times window, ms"`
	EarlyExponent float64   `toml:"early_exponent" min:"0" max:"4" doc:"a frame that is t ms early has the error minus t to this power"`
	LateExponent  float64   `toml:"late_exponent" min:"0" max:"4" doc:"a frame that is t ms late has the error t to this power"`
	Deadline      core.Time `toml:"deadline" min:"0" max:"3600" doc:"deadline for which the constants were chosen: times are scaled as if it were the query's bound; 0s = not scaled"`
	Theta         float64   `toml:"theta" min:"0" max:"1000" doc:"dayu: a step up when the mean error is at or below minus theta times window, ms"`

	FPS      float64   `toml:"fps" knob:"fps" min:"0.01" max:"1000" doc:"analysed frames per second"`
	Model    int       `toml:"model" knob:"model" min:"0" max:"255" doc:"index of the model of every stage, 0 = the most accurate"`
	Place    string    `toml:"place" choices:"cloud|host" doc:"where all stages run; where that cannot be: another edge, or the host"`
	Interval core.Time `toml:"interval" min:"0" max:"3600" doc:"how often new frames are looked at; 0s = the scenario's period"`
	InFlight int       `toml:"in_flight" min:"1" max:"64" doc:"frames of a query under way at once. Default: vsa-proto's, one second of frames"`
	Buffer   int       `toml:"buffer" min:"1" max:"1000" doc:"frames that wait when the window is full; 1 = the newest only"`
}

// fc is the basic controller of V. Nigade et al., "Better Never Than Late: Timely
// Edge Video Analytics Over the Air" (SenSys 2021), as in the authors' code (vuhpdc/vsa-proto, src/controller/basic_controller.h). The
// latencies of frames are smoothed by an adaptive filter (src/filters.h). Each gives
// an error, early ones negative, of which late ones weigh more; when the sum over the
// window passes a threshold, the resolution goes one step up or down and the window
// starts empty. As in the code, thresholds hold for a window that is not full as
// well, and frames of another resolution than the present one do not count. A step
// goes to the most accurate resolution that is not above it.
//
// Frame rate and placement are fixed, as published: where even the smallest
// resolution is late, nothing is left to do, and where the largest is early, the
// slack is wasted.
//
// Deviations: the published constants are for a bound of 33 ms and are scaled to
// the query's (deadline). A query's bound may be one of delay, or both; then the
// larger share of the two counts. The time of a frame begins with its capture, since
// that is what is bounded; the code's begins with sending. Frames that fail teach
// nothing here, while the authors' come in the end: a silence counts as frames at
// twice the bound, when a frame is given up. Without any bound the best resolution
// is used.
//
// The variant dayu counts in seconds with the exponents 1 and 2, so that lateness
// below a second shrinks; steps up when the mean over the window is at or below
// -theta*window/1000, halves the index of the resolution when it is not below 0, else
// holds; looks once a round, does not empty the window after a step, and starts at
// 720p.
type fc struct {
	fcConfig
	memory[fcState]
	nodes topology

	// Scratch.
	stages []core.Assignment
	models []int
}

// fcState is what is remembered of a query.
type fcState struct {
	errors []float64 // the last ones, a ring
	next   int
	filter errorFilter
	watch  watch
}

func newFC(c fcConfig, _ Deps) (core.Scheduler, error) {
	if c.Window == 0 {
		c.Window = 50
		if c.Variant == "dayu" {
			c.Window = 20
		}
	}
	return &fc{fcConfig: c}, nil
}

// Schedule implements core.Scheduler.
func (s *fc) Schedule(v *core.View, d *core.Decision) {
	if v.Predictor == nil || len(v.Knobs.Resolutions) == 0 || len(v.Knobs.Encoders) == 0 {
		return
	}
	moved := s.nodes.changed(v)
	s.each(v, func(q *core.QueryView, st *fcState) {
		if q.Camera == nil || !(q.Camera.FPS > 0) {
			return
		}
		if p, ok := s.plan(v, q, st, moved); ok {
			d.Set(q.Query.ID, p)
		}
	})
	if s.Interval > 0 && len(v.Queries) > 0 {
		d.Next = v.Now.Add(s.Interval)
	}
}

func (s *fc) plan(v *core.View, q *core.QueryView, st *fcState, moved bool) (core.Plan, bool) {
	s.stages = append(s.stages[:0], q.Plan.Stages...)
	at := -1
	if fits(v, q) {
		at = slices.Index(v.Knobs.Resolutions, q.Plan.Video.Resolution)
	}
	if at < 0 || moved {
		var ok bool
		if s.stages, ok = homes(v, q.Query, s.Model, s.Place, s.stages[:0]); !ok {
			return core.Plan{}, false
		}
	}
	largest, _ := within(&v.Knobs, q.Camera.Resolution)
	top := max(slices.Index(v.Knobs.Resolutions, largest), 0)
	bound := max(q.Query.Constraint.Latency, 0)
	if bound == 0 {
		bound = max(q.Query.Constraint.Delay, 0)
	}
	to := at
	switch {
	case bound == 0:
		to = s.best(v, q, top)
	case at < 0:
		st.reset()
		if to = s.best(v, q, 0); s.Variant == "dayu" {
			r, _ := upTo(&v.Knobs, core.Resolution{Width: 1280, Height: 720}, q.Camera)
			to = max(slices.Index(v.Knobs.Resolutions, r), 0)
		}
	case s.Variant == "dayu":
		to = s.halving(v, q, st, bound, at, top)
	default:
		switch s.move(v, q, st, bound) {
		case 1:
			to = s.best(v, q, min(at+1, top))
		case -1:
			to = s.best(v, q, max(at-1, 0))
		}
		if to != at {
			st.reset()
		}
	}
	return s.take(v, q, to)
}

// take makes the resolution the query's, with the stages in s.stages.
func (s *fc) take(v *core.View, q *core.QueryView, to int) (core.Plan, bool) {
	name, quality, _ := encoder(&v.Knobs, "")
	p := core.Plan{
		Video:  core.VideoConf{Resolution: v.Knobs.Resolutions[to], FPS: s.FPS, Encoder: name, Quality: quality},
		Stages: s.stages, InFlight: s.InFlight, Buffer: s.Buffer,
	}
	if same(&p, &q.Plan) {
		return core.Plan{}, false
	}
	p.Stages = slices.Clone(s.stages)
	return p, true
}

// best is the most accurate resolution that is not above limit, the larger one of
// equals.
func (s *fc) best(v *core.View, q *core.QueryView, limit int) int {
	s.models = s.models[:0]
	for range q.Query.Pipeline {
		s.models = append(s.models, s.Model)
	}
	name, quality, _ := encoder(&v.Knobs, "")
	best, most := limit, math.Inf(-1)
	for i := range limit + 1 {
		video := core.VideoConf{Resolution: v.Knobs.Resolutions[i], FPS: s.FPS, Encoder: name, Quality: quality}
		if a := v.Predictor.Accuracy(q.Query, q.Camera.FPS, video, s.models, q.Content()); a >= most {
			best, most = i, a
		}
	}
	return best
}

// move takes the round's frames in and returns 1 for a step up, -1 for one down.
func (s *fc) move(v *core.View, q *core.QueryView, st *fcState, bound core.Time) int {
	n := 0
	for i := range q.Observations {
		o := &q.Observations[i]
		if o.Revision != q.Plan.Revision {
			continue
		}
		n++
		if m := s.add(st, boundShare(q, o)*bound.Seconds(), bound); m != 0 {
			return m
		}
	}
	for range s.lost(v, q, st, n, bound) {
		if m := s.add(st, 2*bound.Seconds(), bound); m != 0 {
			return m
		}
	}
	return 0
}

// lost is for how many frames a silence counts, where n are the frames of the
// round: those of the time, but no more than the window holds.
func (s *fc) lost(v *core.View, q *core.QueryView, st *fcState, n int, bound core.Time) int {
	since := st.watch.heard
	if !st.watch.silent(v, q, n, bound) {
		return 0
	}
	return int(min(max((v.Now-since).Seconds()*min(s.FPS, q.Camera.FPS), 1), float64(s.Window)))
}

// add takes in that a frame took so many seconds of the bound.
func (s *fc) add(st *fcState, seconds float64, bound core.Time) int {
	const ms = 1000
	deadline := bound.Seconds() * ms
	took := seconds * ms
	if s.Deadline > 0 {
		deadline = s.Deadline.Seconds() * ms
		took *= s.Deadline.Seconds() / bound.Seconds()
	}
	e := st.filter.smooth(took) - deadline
	if e <= 0 {
		e = -math.Pow(-e, s.EarlyExponent)
	} else {
		e = math.Pow(e, s.LateExponent)
	}
	st.push(e, s.Window)
	switch sum := st.sum(); {
	case sum <= -s.Up*float64(s.Window):
		return 1
	case sum >= s.Down*float64(s.Window):
		return -1
	}
	return 0
}

// halving is dayu's controller: it returns the resolution to use.
func (s *fc) halving(v *core.View, q *core.QueryView, st *fcState, bound core.Time, at, top int) int {
	add := func(share float64) {
		e := (share - 1) * bound.Seconds()
		if e > 0 {
			e *= e
		}
		st.push(e, s.Window)
	}
	for i := range q.Observations {
		add(boundShare(q, &q.Observations[i]))
	}
	for range s.lost(v, q, st, len(q.Observations), bound) {
		add(2)
	}
	if len(st.errors) < s.Window {
		return at
	}
	switch mean := st.sum() / float64(s.Window); {
	case mean <= -s.Theta/1000*float64(s.Window):
		return min(at+1, top)
	case mean >= 0:
		return at / 2
	}
	return at
}

// boundShare is a frame's time as a share of the query's bound, the larger one of
// two.
func boundShare(q *core.QueryView, o *core.Observation) float64 {
	c, x := &q.Query.Constraint, 0.0
	if c.Delay > 0 {
		x = float64(o.Delay()) / float64(c.Delay)
	}
	if c.Latency > 0 {
		x = max(x, float64(o.Latency)/float64(c.Latency))
	}
	return x
}

func (st *fcState) reset() { st.errors, st.next, st.filter = st.errors[:0], 0, errorFilter{} }

func (st *fcState) push(e float64, window int) {
	if len(st.errors) < window {
		st.errors = append(slices.Grow(st.errors, window-len(st.errors)), e)
		return
	}
	st.errors[st.next] = e
	st.next = (st.next + 1) % window
}

func (st *fcState) sum() (sum float64) {
	for _, e := range st.errors {
		sum += e
	}
	return sum
}

// errorFilter is the adaptive filter of M. Kim and B. Noble, "Mobile Network
// Estimation" (MobiCom 2001), with vsa-proto's constants: the more the last values
// were off, relative to how much they ever were of late, the more a new one weighs.
// Its zero value is ready.
type errorFilter struct {
	begun, off bool
	estimate   float64
	err        float64 // moving average of the error
	history    [10]float64
	n          int
}

// errorMemory is the weight of the past in the average error.
const errorMemory = 0.6

// smooth takes a value in and returns the estimate.
func (f *errorFilter) smooth(x float64) float64 {
	if !f.begun {
		f.begun, f.estimate = true, x
		return x
	}
	err := math.Abs(f.estimate - x)
	if f.off {
		err = float64(errorMemory*f.err) + float64((1-errorMemory)*err)
	}
	f.off, f.err = true, err
	f.history[f.n%len(f.history)] = err
	f.n++
	if largest := slices.Max(f.history[:]); largest > 0 { // else x is the estimate
		f.estimate += err / largest * (x - f.estimate)
	}
	return f.estimate
}
