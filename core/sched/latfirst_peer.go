package sched

import (
	"math"
	"slices"

	"vidq/core"
)

// latfirstPeer is the original's lat_first_pid (video-dag-manager), mistake for
// mistake; where it would fail (an exception, which ends its round) nothing
// changes here. Known mistakes, all kept:
//   - its controller is made anew for every call and measures its time step from
//     the start of the process, so that its gain grows with uptime;
//   - it divides by the frames that a frame stands for plus one;
//   - the context of objects is that of the last frame alone, hence always stable;
//   - transfer costs nothing; accuracy is .9 whatever the plan, since what it
//     expects of a changing scene at a low rate, .6, needs a context of two frames;
//   - a gap of 0 counts as none, so that cold plans may miss what others meet;
//   - the first stage always starts on the host, and no stage comes back to it.
//
// A bound that is absent, which the original does not know, is the latency's
// instead, else none: then the cold plan stays.
type latfirstPeer struct {
	memory[peerState]
	delays []float64 // scratch: predicted seconds of (resolution, split), NaN = cannot run
	sites  []*core.NodeView
}

// peerState is the last frame's runtime context; the original keeps it until the
// next frame's.
type peerState struct {
	seen  bool
	delay float64 // seconds, as the original reckons it
	known bool    // objects were told
	size  float64 // mean box area, pixels
}

// The original's constants.
const (
	peerCameraFPS       = 30  // assumed of every camera
	peerAccuracy        = 0.9 // expected of every plan
	peerLargeObject     = 500 // pixels
	peerKp              = 1.0
	peerKi              = 0.1
	peerKd              = 0.01
	peerMaxLevel        = 3
	peerEncoder         = "jpeg"
	peerWindow          = 1
	peerBuffer          = 1
	peerModel       int = 0
)

// Schedule implements core.Scheduler.
func (s *latfirstPeer) Schedule(v *core.View, d *core.Decision) {
	s.each(v, func(q *core.QueryView, st *peerState) {
		if p, ok := s.plan(v, q, st); ok {
			d.Set(q.Query.ID, p)
		}
	})
	clear(s.sites[:cap(s.sites)])
}

func (s *latfirstPeer) plan(v *core.View, q *core.QueryView, st *peerState) (core.Plan, bool) {
	st.observe(q)
	bound, accuracy := q.Query.Constraint.Delay, q.Query.Constraint.Accuracy
	if bound <= 0 {
		bound = q.Query.Constraint.Latency
	}
	if !st.seen || bound <= 0 || q.Plan.Revision == 0 || q.Plan.Refused || len(q.Plan.Stages) != len(q.Query.Pipeline) {
		d := math.Inf(1)
		if bound > 0 {
			d = bound.Seconds()
		}
		return s.cold(v, q, d, accuracy)
	}
	uptime := (v.Now - v.Start).Seconds()
	if uptime <= 0 {
		return core.Plan{}, false // the original divides by it
	}
	level := peerLevel(bound.Seconds()-st.delay, uptime)
	p, ok := peerAdjust(v, q, st, level, accuracy)
	if !ok {
		return core.Plan{}, false
	}
	for i, a := range p.Stages {
		if !usable(v, q.Query.Node, v.Node(a.Node), q.Query.Pipeline[i].Service, a.Model) {
			return core.Plan{}, false
		}
	}
	return p, true
}

func (st *peerState) observe(q *core.QueryView) {
	if n := len(q.Observations); n > 0 {
		o := &q.Observations[n-1]
		*st = peerState{seen: true, delay: o.RoundTrip.Seconds() / float64(o.Gap+1), known: o.Known, size: o.Size}
	} else if r := &q.Runtime; !st.seen && r.Frames > 0 { // observed before this scheduler came
		*st = peerState{seen: true, delay: r.Delay.Seconds(), known: r.ObjKnown, size: r.ObjSize}
	}
}

// peerLevel is the original's controller: one update of a fresh PID with time
// step uptime (seconds), rounded half to even and clamped to -3..3.
func peerLevel(e, uptime float64) int {
	u := float64(peerKp*e) + float64(peerKi*float64(e*uptime))
	u += float64(peerKd * float64(e/uptime))
	return int(min(max(math.RoundToEven(u), -peerMaxLevel), peerMaxLevel))
}

// cold is the original's enumeration with its two minima, of which 0 counts as
// not set.
func (s *latfirstPeer) cold(v *core.View, q *core.QueryView, bound, accuracy float64) (core.Plan, bool) {
	name, quality, ok := encoder(&v.Knobs, peerEncoder)
	if !ok {
		name, quality, ok = encoder(&v.Knobs, "")
	}
	if !ok || v.Predictor == nil {
		return core.Plan{}, false
	}
	s.predict(v, q)
	n := len(q.Query.Pipeline)
	bestFPS, bestResolution, bestSplit := -1, 0, 0
	delayGap, accuracyGap := 0.0, 0.0
	for f, fps := range v.Knobs.FPS {
		for r := range v.Knobs.Resolutions {
			for split := range n {
				delay := float64(s.delays[r*n+split]*fps) / peerCameraFPS
				take := false
				switch {
				case math.IsNaN(delay):
				case delay < bound:
					delayGap = 0
					if g := math.Abs(accuracy - peerAccuracy); accuracyGap == 0 || accuracyGap > g {
						take, accuracyGap = true, g
					}
				default:
					if g := math.Abs(bound - delay); delayGap == 0 || delayGap > g {
						take, delayGap = true, g
					}
				}
				if take {
					bestFPS, bestResolution, bestSplit = f, r, split
				}
			}
		}
	}
	if bestFPS < 0 {
		return core.Plan{}, false
	}
	video := core.VideoConf{Resolution: v.Knobs.Resolutions[bestResolution], FPS: v.Knobs.FPS[bestFPS], Encoder: name, Quality: quality}
	return s.build(q, video, bestSplit)
}

// predict fills in delays and sites: the seconds of every resolution and split,
// summed in the original's order.
func (s *latfirstPeer) predict(v *core.View, q *core.QueryView) {
	stages, n := len(q.Query.Pipeline), objects(q)
	s.delays, s.sites = s.delays[:0], s.sites[:0]
	host := v.Node(q.Query.Node)
	for _, st := range q.Query.Pipeline {
		s.sites = append(s.sites, remoteOf(v, q.Query, st.Service, peerModel, core.RoleCloud))
	}
	for _, r := range v.Knobs.Resolutions {
		first := len(s.delays)
		for range stages {
			s.delays = append(s.delays, 0)
		}
		sums := s.delays[first:]
		for i, st := range q.Query.Pipeline {
			near, far := math.NaN(), math.NaN()
			if usable(v, q.Query.Node, host, st.Service, peerModel) {
				near = seconds(v.Predictor.Work(st.Service, peerModel, target(host, q.Query.Node), r, n))
			}
			if cloud := s.sites[i]; cloud != nil {
				far = seconds(v.Predictor.Work(st.Service, peerModel, target(cloud, q.Query.Node), r, n))
			}
			for split := range sums {
				if i <= split {
					sums[split] += near
				} else {
					sums[split] += far
				}
			}
		}
	}
}

// seconds is a predicted mean, NaN for what cannot run.
func seconds(w core.Work, ok bool) float64 {
	if !ok {
		return math.NaN()
	}
	return w.Mean.Seconds()
}

// build makes a plan with the stages up to split on the host, unless it is what
// the query has.
func (s *latfirstPeer) build(q *core.QueryView, video core.VideoConf, split int) (core.Plan, bool) {
	site := func(i int) core.Assignment {
		if i <= split {
			return core.Assignment{Node: q.Query.Node, Model: peerModel}
		}
		return core.Assignment{Node: s.sites[i].ID, Model: peerModel}
	}
	p := &q.Plan
	equal := p.Revision > 0 && !p.Refused && p.Video == video && p.InFlight == peerWindow && p.Buffer == peerBuffer && len(p.Stages) == len(q.Query.Pipeline)
	for i := 0; equal && i < len(p.Stages); i++ {
		equal = p.Stages[i] == site(i)
	}
	if equal {
		return core.Plan{}, false
	}
	stages := make([]core.Assignment, len(q.Query.Pipeline))
	for i := range stages {
		stages[i] = site(i)
	}
	return core.Plan{Video: video, Stages: stages, InFlight: peerWindow, Buffer: peerBuffer}, true
}

// peerAdjust is the original's feedback: at most one knob, one step.
func peerAdjust(v *core.View, q *core.QueryView, st *peerState, level int, accuracy float64) (core.Plan, bool) {
	f, r := slices.Index(v.Knobs.FPS, q.Plan.Video.FPS), slices.Index(v.Knobs.Resolutions, q.Plan.Video.Resolution)
	if f < 0 || r < 0 {
		return core.Plan{}, false // the original's look-up fails
	}
	stable := st.known
	nf, nr, offload := f, r, -1
	switch {
	case level > 0 && peerAccuracy < accuracy:
		if level >= 2 && f+1 < len(v.Knobs.FPS) {
			nf++
		} else if r+1 < len(v.Knobs.Resolutions) {
			nr++
		}
	case level > 0 && stable:
		nf = max(f-1, 0)
	case level < 0:
		if stable {
			nf = max(f-1, 0)
		} else if st.known && st.size > peerLargeObject {
			nr = max(r-1, 0)
		}
		if nf == f && nr == r {
			offload = lastOnHost(v, q)
		}
		if nf == f && nr == r && offload < 0 { // all it could move is in the cloud
			if nf = max(f-1, 0); nf == f {
				nr = max(r-1, 0)
			}
		}
	}
	if nf == f && nr == r && offload < 0 {
		return core.Plan{}, false
	}
	p := q.Plan
	p.Revision, p.Hash, p.Stages = 0, 0, slices.Clone(p.Stages)
	p.Video.FPS, p.Video.Resolution = v.Knobs.FPS[nf], v.Knobs.Resolutions[nr]
	if offload >= 0 {
		cloud := remoteOf(v, q.Query, q.Query.Pipeline[offload].Service, peerModel, core.RoleCloud)
		p.Stages[offload] = core.Assignment{Node: cloud.ID, Model: peerModel}
	}
	return p, true
}

// lastOnHost is the last stage on the host, -1 when there is none that a cloud
// could take.
func lastOnHost(v *core.View, q *core.QueryView) int {
	for i := len(q.Plan.Stages) - 1; i >= 0; i-- {
		if q.Plan.Stages[i].Node != q.Query.Node {
			continue
		}
		if remoteOf(v, q.Query, q.Query.Pipeline[i].Service, peerModel, core.RoleCloud) == nil {
			return -1
		}
		return i
	}
	return -1
}
