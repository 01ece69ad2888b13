package sched

import (
	"math"

	"vidq/core"
)

// table is what the belief says of a query, looked up once for each stage,
// resolution and place, and what the query's calls have taught about it.
type table struct {
	made        bool
	content     core.Content // that it was looked up for
	host        core.Target
	far         [core.MaxStages]core.NodeID // that stand behind the place "far", "" = none
	stages      int
	resolutions int
	fps         int

	// All in one piece of memory. Seconds; NaN where a stage cannot run.
	work   []float64 // of (stage, resolution, place)
	frame  []float64 // bytes of a frame, by resolution
	encode []float64 // of a frame, by resolution
	input  []float64 // bytes that a stage is fed with, of (stage, resolution)
	output []float64 // bytes of its answer, likewise
	value  []float64 // accuracy of (fps, resolution)
	gap    []float64 // camera frames that a frame stands for at least, by fps
	scale  []float64 // measured over predicted round trip, of (stage, place)
	usual  []float64 // its long-term mean; 0 = never measured

	expected float64   // seconds from call to result that the present plan is predicted to take
	learnt   core.Time // when scale was last brought up to date
}

// The two places of a stage.
const (
	placeHost = iota
	placeFar
	places
)

// site is the far place of a stage.
type site struct {
	node     *core.NodeView
	near     bool    // the host can run the stage
	rtt      float64 // seconds, to node and back
	up, down float64 // seconds per byte
}

// prepare brings the query's table up to date; false when a stage can run nowhere.
// A stage's far place is where it runs, or its usual one: with home set that one
// in any case.
func (s *latfirstFixed) prepare(v *core.View, q *core.QueryView, st *fixedState, home bool) bool {
	host := v.Node(q.Query.Node)
	if host == nil {
		return false
	}
	n := len(q.Query.Pipeline)
	s.sites, s.models = s.sites[:0], s.models[:0]
	fresh := !st.made || st.stages != n || st.resolutions != len(v.Knobs.Resolutions) || st.fps != len(v.Knobs.FPS) || st.host.Class != host.Class
	for i, stage := range q.Query.Pipeline {
		t := site{near: usable(v, q.Query.Node, host, stage.Service, s.Model)}
		if !home && i < len(q.Plan.Stages) && q.Plan.Stages[i].Node != q.Query.Node {
			t.node = v.Node(q.Plan.Stages[i].Node)
		}
		if t.node == nil || !usable(v, q.Query.Node, t.node, stage.Service, s.Model) {
			t.node = remote(v, q.Query, stage.Service, s.Model)
		}
		id := core.NodeID("")
		if t.node != nil {
			up, down := v.Link(q.Query.Node, t.node.ID), v.Link(t.node.ID, q.Query.Node)
			id, t.rtt, t.up, t.down = t.node.ID, max(up.RTT, down.RTT).Seconds(), 1/up.Rate, 1/down.Rate
		}
		if !t.near && t.node == nil {
			return false
		}
		fresh = fresh || st.far[i] != id
		s.sites, s.models = append(s.sites, t), append(s.models, s.Model)
	}
	c := contentOf(q)
	if fresh || changed(&st.content, &c) {
		st.lookUp(v, q, s, host, c)
	}
	s.correct(v, q, st)
	return true
}

// contentOf is the runtime context; too few frames to tell count as stable.
func contentOf(q *core.QueryView) core.Content {
	c := q.Content()
	c.Stable = c.Stable || q.Runtime.Frames < 5
	return c
}

// objects is how many a stage is expected to find in a frame.
func objects(q *core.QueryView) float64 {
	if !q.Runtime.ObjKnown {
		return core.TypicalObjects
	}
	return q.Runtime.ObjN
}

// changed reports whether the content differs enough to be looked up anew.
func changed(a, b *core.Content) bool {
	return a.Known != b.Known || a.Stable != b.Stable ||
		math.Abs(a.Objects-b.Objects) > 0.5+0.1*math.Abs(a.Objects) || math.Abs(a.Area-b.Area) > 0.2*math.Abs(a.Area)
}

// lookUp asks the belief everything about the query.
func (t *table) lookUp(v *core.View, q *core.QueryView, s *latfirstFixed, host *core.NodeView, c core.Content) {
	t.allocate(len(q.Query.Pipeline), len(v.Knobs.Resolutions), len(v.Knobs.FPS))
	t.content, t.host = c, target(host, q.Query.Node)
	n := objects(q)
	video := core.VideoConf{}
	video.Encoder, video.Quality, _ = encoder(&v.Knobs, "")
	for f, fps := range v.Knobs.FPS {
		t.gap[f] = frameGap(q.Camera.FPS, fps)
	}
	for r, resolution := range v.Knobs.Resolutions {
		video.Resolution = resolution
		for f, fps := range v.Knobs.FPS {
			video.FPS = fps
			t.value[f*t.resolutions+r] = v.Predictor.Accuracy(q.Query, q.Camera.FPS, video, s.models, c)
		}
		t.frame[r] = v.Predictor.FrameBytes(video, c)
		t.encode[r] = v.Predictor.Encode(t.host, video).Seconds()
		for i := range q.Query.Pipeline {
			stage := &q.Query.Pipeline[i]
			k := i*t.resolutions + r
			w := t.work[k*places:]
			w[placeHost], w[placeFar] = math.NaN(), math.NaN()
			if s.sites[i].near {
				w[placeHost] = seconds(v.Predictor.Work(stage.Service, s.Model, t.host, resolution, n))
			}
			if far := s.sites[i].node; far != nil {
				w[placeFar] = seconds(v.Predictor.Work(stage.Service, s.Model, target(far, q.Query.Node), resolution, n))
			}
			t.output[k] = v.Predictor.OutputBytes(stage.Service, resolution, c)
			t.input[k] = t.frame[r]
			if !fedWithFrame(v, stage) {
				t.input[k] = 0
				for _, p := range stage.Parents {
					t.input[k] += t.output[p*t.resolutions+r]
				}
			}
		}
	}
	for i := range s.sites {
		id := core.NodeID("")
		if far := s.sites[i].node; far != nil {
			id = far.ID
		}
		if t.far[i] != id { // what was learnt of another node is worth nothing here
			t.far[i], t.scale[i*places+placeFar], t.usual[i*places+placeFar] = id, 1, 0
		}
	}
	t.made = true
}

// fedWithFrame reports whether a stage is sent the encoded frame.
func fedWithFrame(v *core.View, stage *core.Stage) bool {
	if len(stage.Parents) == 0 {
		return true
	}
	for i := range v.Services {
		if v.Services[i].Name == stage.Service {
			return v.Services[i].Input == core.InputImage
		}
	}
	return true
}

// allocate makes room, keeping what is large enough and what was learnt.
func (t *table) allocate(stages, resolutions, fps int) {
	if t.made && t.stages == stages && t.resolutions == resolutions && t.fps == fps {
		return
	}
	t.stages, t.resolutions, t.fps = stages, resolutions, fps
	all := make([]float64, stages*resolutions*(places+2)+2*resolutions+fps*(resolutions+1)+2*stages*places)
	cut := func(n int) []float64 {
		p := all[:n:n]
		all = all[n:]
		return p
	}
	t.work, t.input, t.output = cut(stages*resolutions*places), cut(stages*resolutions), cut(stages*resolutions)
	t.frame, t.encode, t.value = cut(resolutions), cut(resolutions), cut(fps*resolutions)
	t.scale, t.usual, t.gap = cut(stages*places), cut(stages*places), cut(fps)
	for i := range t.scale {
		t.scale[i] = 1
	}
}

// believed is the round trip of a stage at a place, before any correction.
func (t *table) believed(at *site, stage, resolution, place int) float64 {
	k := stage*t.resolutions + resolution
	trip := t.work[k*places+place]
	if place == placeFar {
		trip += at.rtt + float64(t.input[k]*at.up) + float64(t.output[k]*at.down)
	}
	if stage == 0 {
		trip += t.encode[resolution] // made once, for the first that needs it
	}
	return trip
}

// correct brings scale up to date with what the present plan's calls took.
func (s *latfirstFixed) correct(v *core.View, q *core.QueryView, st *fixedState) {
	forget := min(1, (v.Now-st.learnt).Seconds()/forgetting.Seconds())
	st.learnt = v.Now
	now, known := s.position(v, q)
	for i := range s.sites {
		used := -1
		if known && st.samples > 0 {
			used = int(now.far >> i & 1)
		}
		for place := range places {
			k := i*places + place
			if place != used {
				if st.usual[k] > 0 {
					st.scale[k] += (st.usual[k] - st.scale[k]) * forget
				}
				continue
			}
			r := st.took[i] / st.believed(&s.sites[i], i, now.resolution, place)
			if !(r > 0.02) { // also NaN
				r = 0.02
			}
			st.scale[k] = min(r, 50)
			if st.usual[k] == 0 {
				st.usual[k] = st.scale[k]
			}
			st.usual[k] += (st.scale[k] - st.usual[k]) * 0.1
		}
	}
}

// blame makes the places that a silent plan uses look twice as slow: the far ones
// if there are any, else the host.
func (st *fixedState) blame(q *core.QueryView) {
	st.samples = 0 // what it took when it still answered says nothing now
	if !st.made {
		return
	}
	far := false
	for _, a := range q.Plan.Stages {
		far = far || a.Node != q.Query.Node
	}
	for i, a := range q.Plan.Stages {
		switch {
		case far && a.Node != q.Query.Node:
			st.scale[i*places+placeFar] = min(2*max(st.scale[i*places+placeFar], 1), 50)
		case !far:
			st.scale[i*places+placeHost] = min(2*max(st.scale[i*places+placeHost], 1), 50)
		}
	}
}
