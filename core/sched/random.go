package sched

import (
	"math/rand/v2"

	"vidq/core"
)

func init() {
	Register("random", "a plan drawn from all that can run, once for each query or every so many rounds",
		randomConfig{InFlight: 1, Buffer: 1}, newRandom, Fixed())
}

type randomConfig struct {
	Every    int `toml:"every" min:"0" max:"1000000000" doc:"rounds between draws; 0 = once for each query"`
	InFlight int `toml:"in_flight" min:"1" max:"64" doc:"frames of a query under way at once"`
	Buffer   int `toml:"buffer" min:"1" max:"1000" doc:"frames that wait when the window is full; 1 = the newest only"`
}

// random draws from a stream of its own for each query and draw, so that what a
// query gets depends on nothing but the seed, its id and what it can use.
type random struct {
	randomConfig
	seed uint64
	rng  rand.PCG
}

func newRandom(c randomConfig, d Deps) (core.Scheduler, error) {
	return core.PerQuery(&random{randomConfig: c, seed: d.Seed}), nil
}

// Plan implements core.QueryScheduler.
func (s *random) Plan(v *core.View, q *core.QueryView) (core.Plan, bool) {
	draw := uint64(0)
	if s.Every > 0 {
		draw = v.Round / uint64(s.Every)
	}
	due := s.Every > 0 && v.Round%uint64(s.Every) == 0
	if q.Camera == nil || q.Plan.Revision > 0 && !q.Plan.Refused && len(q.Plan.Stages) == len(q.Query.Pipeline) && !due {
		return core.Plan{}, false
	}
	s.rng.Seed(mix(s.seed, uint64(q.Query.ID)), mix(draw, 0x72616e64))
	r := rand.New(&s.rng)
	p := core.Plan{InFlight: s.InFlight, Buffer: s.Buffer}
	var ok bool
	if p.Video, ok = drawVideo(r, &v.Knobs, q.Camera); !ok {
		return core.Plan{}, false
	}
	p.Stages = make([]core.Assignment, len(q.Query.Pipeline))
	for i := range p.Stages {
		if p.Stages[i], ok = drawStage(r, v, q.Query, q.Query.Pipeline[i].Service); !ok {
			return core.Plan{}, false
		}
	}
	return p, !same(&p, &q.Plan)
}

func drawVideo(r *rand.Rand, k *core.Knobs, c *core.Camera) (video core.VideoConf, ok bool) {
	largest, ok := within(k, c.Resolution)
	if !ok || len(k.FPS) == 0 || len(k.Encoders) == 0 {
		return video, false
	}
	n := 1
	for n < len(k.Resolutions) && k.Resolutions[n-1] != largest {
		n++
	}
	video.Resolution = k.Resolutions[r.IntN(n)]
	n = 1
	for n < len(k.FPS) && k.FPS[n-1] < c.FPS { // beyond the camera's all are alike
		n++
	}
	video.FPS = k.FPS[r.IntN(n)]
	e := &k.Encoders[r.IntN(len(k.Encoders))]
	video.Encoder = e.Name
	if _, video.Quality, _ = encoder(k, e.Name); len(e.Qualities) > 0 {
		video.Quality = e.Qualities[r.IntN(len(e.Qualities))]
	}
	return video, true
}

// drawStage draws a model, then a node that can run it.
func drawStage(r *rand.Rand, v *core.View, q *core.Query, service string) (core.Assignment, bool) {
	models := 1
	for i := range v.Services {
		if v.Services[i].Name == service {
			models = max(1, len(v.Services[i].Models))
		}
	}
	model := r.IntN(models)
	n := 0
	for i := range v.Nodes {
		if usable(v, q.Node, &v.Nodes[i], service, model) {
			n++
		}
	}
	if n == 0 {
		return core.Assignment{}, false
	}
	k := r.IntN(n)
	for i := range v.Nodes {
		if !usable(v, q.Node, &v.Nodes[i], service, model) {
			continue
		}
		if k == 0 {
			return core.Assignment{Node: v.Nodes[i].ID, Model: model}, true
		}
		k--
	}
	return core.Assignment{}, false
}

// mix makes one well-mixed word of two (the finaliser of SplitMix64).
func mix(a, b uint64) uint64 {
	x := a*0x9e3779b97f4a7c15 + b
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
