package sched

import (
	"math"
	"slices"

	"vidq/core"
)

func init() {
	Register("pid", "a PID controller per query that holds delay or latency below its bound by climbing a ladder of configurations",
		pidConfig{
			Kp: 1, Ki: 0.1, Kd: 0.01, Setpoint: 0.9, DeadBand: 0.05, Dwell: 2, Measure: "p95", Knobs: []string{"fps", "resolution", "quality"}, Guard: true,
			Start: "believed", FPS: 10, Resolution: "720p", Place: "cloud", InFlight: 1, Buffer: 1,
		}, newPID)
}

// pidConfig's gains are the original's (video-dag-manager, lat_first_pid), here
// without dimension; the other defaults are chosen here unless said otherwise.
type pidConfig struct {
	Kp       float64  `toml:"kp" min:"0" max:"100" doc:"proportional gain on the relative error"`
	Ki       float64  `toml:"ki" min:"0" max:"100" doc:"integral gain, per second"`
	Kd       float64  `toml:"kd" min:"0" max:"100" doc:"derivative gain, seconds"`
	Setpoint float64  `toml:"setpoint" min:"0.1" max:"1" doc:"share of the bound that is aimed at"`
	DeadBand float64  `toml:"dead_band" min:"0" max:"10" doc:"outputs below this move nothing"`
	Dwell    int      `toml:"dwell" min:"0" max:"1000" doc:"periods from a step down to the next step up; twice as many each time that the step up was undone"`
	Measure  string   `toml:"measure" choices:"p95|ewma" doc:"p95: 95th percentile of the round's frames; ewma: mean over frames with weight 0.3"`
	Guard    bool     `toml:"guard" doc:"climb only as far as the measured share, scaled by what the ladder says, stays below the set-point"`
	Knobs    []string `toml:"knobs" search:"fps,resolution,quality|fps,resolution,quality,model|fps,resolution|resolution,quality|fps|resolution" doc:"what the ladder is made of: fps, resolution, quality, model"`
	Start    string   `toml:"start" choices:"believed|lowest|highest" doc:"first rung; believed: the highest that meets the set-point by the belief"`

	FPS        float64 `toml:"fps" knob:"fps" min:"0.01" max:"1000" doc:"analysed frames per second, if no knob"`
	Resolution string  `toml:"resolution" knob:"resolution" doc:"largest resolution, if no knob; a smaller camera's is used as it is"`
	Model      int     `toml:"model" knob:"model" min:"0" max:"255" doc:"index of the model of every stage, if no knob; 0 = the most accurate"`
	Place      string  `toml:"place" choices:"cloud|host" doc:"where all stages run; where that cannot be: another edge, or the host"`
	InFlight   int     `toml:"in_flight" min:"1" max:"64" doc:"frames of a query under way at once"`
	Buffer     int     `toml:"buffer" min:"1" max:"1000" doc:"frames that wait when the window is full; 1 = the newest only"`
}

// pid is delay feedback done well: it answers whether the original's results are
// due to feedback or to its code (latfirst[mode=peer] keeps that). One controller
// for each query lives as long as the query; the error is relative to the
// set-point, e = 1 - x / setpoint, where x is the measured share of the bound (the
// largest if there are two bounds). On a live camera, which drops frames that find
// the window full, the share of time for which the window is full counts as well.
// The output u = kp e + ki I + kd D moves the query ceil(3 |u|) rungs, at most 3.
//
// What makes it proper:
//   - anti-windup: I is clamped, does not grow while the ladder ends or the guard
//     forbids the way, and starts anew when e changes its sign, because the moves
//     themselves integrate: what was spared must not hide that it is late now;
//   - D is low-passed;
//   - a dead band, and a dwell time from a step down to the next step up, which
//     doubles each time that a step up is undone;
//   - a guard against limit cycles: rungs are coarse, so that the set-point usually
//     lies between two of them, and a controller that insists on it would be late
//     every few rounds.
//
// Placement is fixed. It does not know that queries share nodes and links, and sees
// lateness only when it is there.
type pid struct {
	pidConfig
	memory[pidState]
	moving [pidCount]bool
	limit  core.Resolution
	nodes  topology

	// Scratch.
	shares []float64
	stages []core.Assignment
}

// pidState is what is remembered of a query.
type pidState struct {
	ladder pidLadder
	watch  watch

	begun                 bool
	at                    core.Time // of the last update
	integral, slope, last float64
	saturated             int // direction in which nothing is left to do
	smooth                float64
	moved                 core.Time // when it last moved
	rose                  bool      // that was a step up
	dwell                 core.Time // from a step down to the next step up
	retry                 core.Time // no step up before
}

const (
	pidSteps       = 3  // rungs moved in one round, at most
	pidIntegral    = 5. // seconds of full error
	pidSmoothing   = 0.3
	pidSilentShare = 2 // of the bound, that silence counts as: a frame's deadline
)

func newPID(c pidConfig, _ Deps) (core.Scheduler, error) {
	s := &pid{pidConfig: c}
	var err error
	if s.limit, err = core.ParseResolution(c.Resolution); err != nil {
		return nil, &Error{Key: "resolution", Msg: err.Error()}
	}
	for _, name := range c.Knobs {
		k := slices.Index(pidNames[:], name)
		if k < 0 {
			return nil, &Error{Key: "knobs", Msg: "want fps, resolution, quality or model, got " + quote(name), Hint: nearest(name, pidNames[:])}
		}
		s.moving[k] = true
	}
	return s, nil
}

// Schedule implements core.Scheduler.
func (s *pid) Schedule(v *core.View, d *core.Decision) {
	if v.Predictor == nil || len(v.Knobs.FPS) == 0 || len(v.Knobs.Resolutions) == 0 || len(v.Knobs.Encoders) == 0 {
		return
	}
	moved := s.nodes.changed(v)
	s.each(v, func(q *core.QueryView, st *pidState) {
		if q.Camera == nil || !(q.Camera.FPS > 0) {
			return
		}
		if p, ok := s.plan(v, q, st, moved); ok {
			d.Set(q.Query.ID, p)
		}
	})
}

func (s *pid) plan(v *core.View, q *core.QueryView, st *pidState, moved bool) (core.Plan, bool) {
	s.stages = append(s.stages[:0], q.Plan.Stages...)
	at := -1
	if fits(v, q) && len(st.ladder) > 0 {
		at = st.ladder.find(&q.Plan)
	}
	if at < 0 || moved {
		var ok bool
		if s.stages, ok = homes(v, q.Query, s.Model, s.Place, s.stages[:0]); !ok {
			return core.Plan{}, false
		}
	}
	if at < 0 { // cold, or somewhere else
		*st = pidState{ladder: s.values(v, q).build(v, q, s.stages)}
		if len(st.ladder) == 0 {
			return core.Plan{}, false
		}
		return s.take(q, st, s.first(st.ladder))
	}
	to := at
	if x, ok := s.measure(v, q, st, &st.ladder[at]); ok {
		to = s.step(v, st, at, x)
	}
	return s.take(q, st, to)
}

// values are what the ladder of a query is made of.
func (s *pid) values(v *core.View, q *core.QueryView) *pidValues {
	k := &pidValues{fps: []float64{s.FPS}, models: []int{s.Model}, inFlight: s.InFlight}
	if s.moving[pidFPS] {
		n := 1
		for n < len(v.Knobs.FPS) && v.Knobs.FPS[n-1] < q.Camera.FPS { // beyond the camera's all are alike
			n++
		}
		k.fps = slices.Clone(v.Knobs.FPS[:n])
	}
	largest, _ := within(&v.Knobs, q.Camera.Resolution)
	if !s.moving[pidResolution] {
		largest, _ = upTo(&v.Knobs, s.limit, q.Camera)
		k.resolutions = []core.Resolution{largest}
	} else {
		n := max(slices.Index(v.Knobs.Resolutions, largest), 0) + 1
		k.resolutions = slices.Clone(v.Knobs.Resolutions[:n])
	}
	name, quality, _ := encoder(&v.Knobs, "")
	k.encoder, k.qualities = name, []int{quality}
	if s.moving[pidQuality] && len(v.Knobs.Encoders[0].Qualities) > 0 {
		k.qualities = slices.Clone(v.Knobs.Encoders[0].Qualities)
	}
	for m := s.Model + 1; s.moving[pidModel] && m < pidModels(v, q.Query); m++ {
		k.models = append(k.models, m)
	}
	return k
}

// pidModels is how many models all of the query's services have.
func pidModels(v *core.View, q *core.Query) int {
	n := math.MaxInt
	for i := range q.Pipeline {
		for k := range v.Services {
			if v.Services[k].Name == q.Pipeline[i].Service {
				n = min(n, len(v.Services[k].Models))
			}
		}
	}
	if n == math.MaxInt {
		return 1
	}
	return n
}

// first is the rung to begin with.
func (s *pid) first(l pidLadder) int {
	switch s.Start {
	case "lowest":
		return 0
	case "highest":
		return len(l) - 1
	}
	for i := len(l) - 1; i > 0; i-- {
		if l[i].share <= s.Setpoint {
			return i
		}
	}
	return 0
}

// measure returns the measured share of the bounds; false when there is nothing
// to go by.
func (s *pid) measure(v *core.View, q *core.QueryView, st *pidState, now *pidRung) (float64, bool) {
	s.shares = s.shares[:0]
	trips := 0.0
	for i := range q.Observations {
		o := &q.Observations[i]
		if o.Revision != q.Plan.Revision {
			continue
		}
		x := boundShare(q, o)
		s.shares = append(s.shares, x)
		trips += o.RoundTrip.Seconds()
		if st.smooth == 0 {
			st.smooth = x
		}
		st.smooth += (x - st.smooth) * pidSmoothing
	}
	n := len(s.shares)
	if st.watch.silent(v, q, n, core.FromSeconds(now.latency)) {
		return pidSilentShare, true
	}
	if n == 0 {
		return 0, false
	}
	x := st.smooth
	if s.Measure == "p95" {
		slices.Sort(s.shares)
		x = s.shares[int(math.Ceil(.95*float64(n)))-1]
	}
	return max(x, shareOf(q, now.video.FPS, s.InFlight, 0, 0, trips/float64(n))), true
}

// step is one update of the controller with the measured share x at rung at. It
// returns the rung to be on.
func (s *pid) step(v *core.View, st *pidState, at int, x float64) int {
	u := s.update(v, st, x)
	if math.Abs(u) < s.DeadBand {
		st.saturated = 0
		return at
	}
	base := core.Time(s.Dwell) * v.Period
	n := int(min(math.Ceil(pidSteps*math.Abs(u)), pidSteps))
	if u < 0 {
		to := max(at-n, 0)
		if to == at {
			st.saturated = -1
			return at
		}
		if st.rose {
			st.dwell = min(2*st.dwell, maxBackoff)
		}
		st.moved, st.rose, st.saturated, st.retry = v.Now, false, 0, v.Now.Add(max(st.dwell, base))
		return to
	}
	to := min(at+n, len(st.ladder)-1)
	for s.Guard && to > at && x*st.ladder[to].share > s.Setpoint*st.ladder[at].share {
		to--
	}
	if to == at || v.Now < st.retry {
		st.saturated = 1
		return at
	}
	if st.dwell < base || v.Now-st.moved > 10*st.dwell { // it has been quiet for long
		st.dwell = base
	}
	st.moved, st.rose, st.saturated = v.Now, true, 0
	return to
}

// update is the control law. dt is capped at the period: after a pause the error
// was not known for longer than that.
func (s *pid) update(v *core.View, st *pidState, x float64) float64 {
	e := 1 - x/s.Setpoint
	dt := v.Period.Seconds()
	if st.begun && v.Now > st.at {
		dt = min(dt, (v.Now - st.at).Seconds())
	} else {
		st.last = e
	}
	st.begun, st.at = true, v.Now
	if e*st.integral < 0 {
		st.integral = 0
	}
	if float64(st.saturated)*e <= 0 {
		st.integral = min(max(st.integral+float64(e*dt), -pidIntegral), pidIntegral)
	}
	if dt > 0 {
		st.slope = float64(st.slope/2) + float64((e-st.last)/dt/2)
	}
	st.last = e
	return float64(s.Kp*e) + float64(s.Ki*st.integral) + float64(s.Kd*st.slope)
}

// take makes rung at the query's plan, with the stages in s.stages.
func (s *pid) take(q *core.QueryView, st *pidState, at int) (core.Plan, bool) {
	r := &st.ladder[at]
	for i := range s.stages {
		s.stages[i].Model = r.model
	}
	p := core.Plan{Video: r.video, Stages: s.stages, InFlight: s.InFlight, Buffer: s.Buffer}
	if same(&p, &q.Plan) {
		return core.Plan{}, false
	}
	p.Stages = slices.Clone(s.stages)
	st.smooth = 0
	return p, true
}
