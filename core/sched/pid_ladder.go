package sched

import (
	"cmp"
	"slices"

	"vidq/core"
)

// pidLadder is what a controller with one output climbs: configurations in the
// order of the share of the query's bounds that the belief says they take. Those
// for which another takes no more and is as accurate are left out, so that every
// step up is a gain.
type pidLadder []pidRung

// pidRung is a configuration with what the belief says of it, alone in the system.
type pidRung struct {
	video    core.VideoConf
	model    int
	latency  float64 // seconds
	share    float64 // of the bounds; see shareOf
	accuracy float64
}

// The knobs of a ladder.
const (
	pidFPS = iota
	pidResolution
	pidQuality
	pidModel
	pidCount
)

var pidNames = [pidCount]string{"fps", "resolution", "quality", "model"}

// pidValues are what the knobs may be, at least one value each.
type pidValues struct {
	fps         []float64
	resolutions []core.Resolution
	encoder     string
	qualities   []int
	models      []int
	inFlight    int
}

// build makes the ladder of a query whose stages run at the given nodes. It is
// empty when nothing can run there by the belief.
func (k *pidValues) build(v *core.View, q *core.QueryView, stages []core.Assignment) pidLadder {
	var all pidLadder
	var p core.Prediction
	plan := core.Plan{Stages: slices.Clone(stages)}
	for _, model := range k.models {
		for i := range plan.Stages {
			plan.Stages[i].Model = model
		}
		for _, r := range k.resolutions {
			for _, fps := range k.fps {
				for _, quality := range k.qualities {
					plan.Video = core.VideoConf{Resolution: r, FPS: fps, Encoder: k.encoder, Quality: quality}
					if p.Predict(v.Predictor, v, q, &plan) {
						x := shareOf(q, fps, k.inFlight, p.Delay.Seconds(), p.Latency.Seconds(), p.RoundTrip.Seconds())
						all = append(all, pidRung{plan.Video, model, p.Latency.Seconds(), x, p.Accuracy})
					}
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b pidRung) int {
		return cmp.Or(cmp.Compare(a.share, b.share), cmp.Compare(b.accuracy, a.accuracy))
	})
	l := all[:0]
	for _, r := range all {
		if len(l) == 0 || r.accuracy > l[len(l)-1].accuracy {
			l = append(l, r)
		}
	}
	return slices.Clip(l)
}

// find returns the rung of a plan, -1 when it is none.
func (l pidLadder) find(p *core.Plan) int {
	for i := range l {
		if l[i].video != p.Video {
			continue
		}
		all := true
		for k := range p.Stages {
			all = all && p.Stages[k].Model == l[i].model
		}
		if all {
			return i
		}
	}
	return -1
}

// shareOf is what a frame takes of the query's bounds, the largest of: its delay of
// the delay's, its latency of the latency's, and on a live camera, which drops
// frames that find the window full, its round trips of the window's time. A query
// without bounds on a camera that waits is held to a second's round trips. Times
// are in seconds.
func shareOf(q *core.QueryView, fps float64, inFlight int, delay, latency, trips float64) float64 {
	c := &q.Query.Constraint
	x := 0.0
	if c.Delay > 0 {
		x = delay / c.Delay.Seconds()
	}
	if c.Latency > 0 {
		x = max(x, latency/c.Latency.Seconds())
	}
	if q.Camera.Mode == core.ModeLive || c.Delay <= 0 && c.Latency <= 0 {
		x = max(x, float64(trips*min(fps, q.Camera.FPS))/float64(inFlight))
	}
	return x
}
