package sched

import (
	"math"
	"slices"

	"vidq/core"
)

// setting is a way to cut a query's video down and to choose models: all of a plan
// but where its stages run.
type setting struct {
	video    core.VideoConf
	point    int // index of the resolution
	model    int // of each stage, or its service's last if it has fewer
	fps      float64
	encode   float64           // seconds
	bytes    float64           // of a frame
	accuracy float64           // without the age that the latency brings
	fresh    float64           // accuracy of a result of age 0
	fits     [agesKept]float64 // probability that it is accurate enough at an age of so many camera frames
	narrow   float64           // by how many of the camera's pixels it falls short, as a share
}

// vidqQuery is what the scheduler remembers of a query.
type vidqQuery struct {
	// content
	content  core.Content // that settings were made for
	objects  trend
	settings []setting // cheapest first
	out      []float64 // bytes that a stage puts out, by stage and resolution
	decay    float64   // 1/s at which accuracy falls with age
	shape    shape
	clock    clock // of its camera
	phase    float64
	beats    []beat

	// the plan in force
	setting  int // index into settings; -1 = not one of them
	places   []int
	uses     []use
	rate     float64 // of the plan whose uses these are, in frames a second
	current  outlook // of the plan in force, by the figures of this round
	saved    choice
	ran      []int // places of the plan that the query runs, and what it was expected to take
	expected float64
	believed float64 // the chance of the present choice by the model alone
	revision uint64
	before   [4]revision // the plans before, the newest first: calls of which it is still to be heard
	since    core.Time
	heard    core.Time // when a frame's result was last seen
	models   uint64    // of the plan in force, as a hash
	loaded   core.Time // when they should have been loaded
	late     ratio     // latency over what was predicted
	misses   float64   // share of this round's frames that missed, -1 = no frames
	blames   [4]blame
	host     int // index of its node; -1 = not served in this round
	stages   []vidqStage
	forks    bool // branches of a frame may meet
}

// vidqStage is what a round knows of a stage of a query.
type vidqStage struct {
	service int   // index into the figures' services
	crops   bool  // fed with its parents' outputs, not the frame
	options []int // nodes at which it may run
}

type revision struct {
	number uint64
	point  int
}

// shape is what settings depend on beside the content.
type shape struct {
	query      core.QueryID
	host       int
	pipeline   uint64
	constraint core.Constraint
	fps        float64
	largest    core.Resolution
	knobs      uint64
}

// blame remembers a plan that was left because it did not do what was predicted.
type blame struct {
	key   uint64
	until core.Time
	times int
	value float64 // what share of its frames were in time
}

// look brings the query's settings up to date with what its camera shows.
func (s *vidq) look(v *core.View, q *core.QueryView, st *vidqQuery) {
	c := q.Content()
	if st.objects.n > 0 {
		c.Known = true
		c.Objects = st.objects.expect((v.Period + s.lag).Seconds())
	} else if !c.Known {
		c.Objects = core.TypicalObjects
	}
	sh := shape{q.Query.ID, st.host, pipelineHash(q.Query.Pipeline), q.Query.Constraint, q.Camera.FPS, q.Camera.Resolution, s.knobs}
	if st.shape == sh && near(c.Objects, st.content.Objects) && near(c.Area, st.content.Area) && c.Known == st.content.Known && c.Class == st.content.Class {
		st.content.Objects = c.Objects
		return
	}
	st.shape, st.content = sh, c
	s.makeSettings(v, q, st)
}

func pipelineHash(p core.Pipeline) uint64 {
	x := uint64(len(p))
	for i := range p {
		for _, c := range []byte(p[i].Service) {
			x = x*1099511628211 ^ uint64(c)
		}
		for _, k := range p[i].Parents {
			x = mix(x, uint64(k))
		}
	}
	return x
}

// knobsHash tells the values of knobs apart.
func knobsHash(k *core.Knobs) uint64 {
	x := uint64(1)
	for _, f := range k.FPS {
		x = mix(x, math.Float64bits(f))
	}
	for _, r := range k.Resolutions {
		x = mix(x, uint64(r.Width)<<16|uint64(r.Height))
	}
	for i := range k.Encoders {
		for _, c := range []byte(k.Encoders[i].Name) {
			x = mix(x, uint64(c))
		}
		for _, q := range k.Encoders[i].Qualities {
			x = mix(x, uint64(q))
		}
	}
	return x
}

func near(a, b float64) bool { return math.Abs(a-b) <= .05*max(math.Abs(a), math.Abs(b)) }

// makeSettings lists the settings that may be worth taking. Of each choice of
// encoder, quality, resolution and model these are the rates that are accurate
// enough; where none is, the highest and the lowest. It uses that ageing does not
// depend on the rest.
func (s *vidq) makeSettings(v *core.View, q *core.QueryView, st *vidqQuery) {
	by, pipe := s.figures.by, q.Query.Pipeline
	largest, ok := within(&v.Knobs, q.Camera.Resolution)
	st.settings, st.out = st.settings[:0], st.out[:0]
	if !ok || len(v.Knobs.FPS) == 0 {
		return
	}
	at := core.Target{Class: v.Nodes[st.host].Class, Role: core.RoleHost}
	models := 1
	for i := range pipe {
		for k := range v.Services {
			if v.Services[k].Name == pipe[i].Service {
				models = max(models, min(len(v.Services[k].Models), maxModels))
			}
		}
		for _, r := range v.Knobs.Resolutions {
			st.out = append(st.out, by.OutputBytes(pipe[i].Service, r, st.content))
		}
	}
	rates := s.rates[:0]
	for _, f := range v.Knobs.FPS {
		rates = append(rates, f)
		if f >= q.Camera.FPS {
			break
		}
	}
	s.rates = rates
	var ids [core.MaxStages]int
	s.rateAges(v, q, st, largest)
	for m := range models {
		for i := range pipe {
			ids[i] = s.modelOf(v, pipe[i].Service, m)
		}
		for p, r := range v.Knobs.Resolutions {
			if r.Width > largest.Width || r.Height > largest.Height {
				continue
			}
			for e := range v.Knobs.Encoders {
				for _, video := range videos(s.videos[:0], &v.Knobs, e, r, rates[len(rates)-1]) {
					top := by.Accuracy(q.Query, q.Camera.FPS, video, ids[:len(pipe)], st.content)
					s.addSettings(q, st, setting{
						video: video, point: p, model: m, narrow: 1 - float64(r.Pixels())/float64(largest.Pixels()), accuracy: top,
						encode: by.Encode(at, video).Seconds(),
					})
				}
			}
		}
	}
	for i := range st.settings {
		x := &st.settings[i]
		x.bytes = by.FrameBytes(x.video, st.content)
		st.fit(q, x)
	}
	st.prune(q.Query.Constraint.Accuracy)
}

// rateAges works out what each rate leaves of the accuracy, and how fast it falls.
func (s *vidq) rateAges(v *core.View, q *core.QueryView, st *vidqQuery, largest core.Resolution) {
	var ids [core.MaxStages]int
	s.ageing, st.decay = s.ageing[:0], 0
	if len(v.Knobs.Encoders) == 0 {
		return
	}
	video := videos(s.videos[:0], &v.Knobs, 0, largest, 0)[0]
	worth := func(fps float64) float64 {
		video.FPS = fps
		return s.figures.by.Accuracy(q.Query, q.Camera.FPS, video, ids[:len(q.Query.Pipeline)], st.content)
	}
	top := worth(s.rates[len(s.rates)-1])
	for _, f := range s.rates {
		x := 1.
		if top > 0 {
			x = worth(f) / top
		}
		s.ageing = append(s.ageing, x)
	}
	st.decay = decayOf(s.ageing[0], s.rates[0], q.Camera.FPS)
}

// videos appends the qualities of an encoder at a resolution and rate.
func videos(dst []core.VideoConf, k *core.Knobs, e int, r core.Resolution, fps float64) []core.VideoConf {
	name, quality, _ := encoder(k, k.Encoders[e].Name)
	if len(k.Encoders[e].Qualities) == 0 {
		return append(dst, core.VideoConf{Resolution: r, FPS: fps, Encoder: name, Quality: quality})
	}
	for _, x := range k.Encoders[e].Qualities {
		dst = append(dst, core.VideoConf{Resolution: r, FPS: fps, Encoder: name, Quality: x})
	}
	return dst
}

// maxModels bounds the models that are considered of each service.
const maxModels = 4

func (s *vidq) modelOf(v *core.View, service string, m int) int {
	for k := range v.Services {
		if v.Services[k].Name == service {
			return max(min(m, len(v.Services[k].Models)-1), 0)
		}
	}
	return 0
}

// addSettings adds the rates of a choice that may be worth taking.
func (s *vidq) addSettings(q *core.QueryView, st *vidqQuery, x setting) {
	bound, top := q.Query.Constraint.Accuracy, x.accuracy
	add := func(i int) {
		x.fps = min(s.rates[i], q.Camera.FPS)
		x.video.FPS = s.rates[i]
		x.accuracy, x.fresh = top*s.ageing[i], top
		st.settings = append(st.settings, x)
	}
	last := len(s.rates) - 1
	for i := range s.rates {
		if top*s.ageing[i] >= bound {
			for ; i <= last; i++ {
				add(i)
			}
			return
		}
	}
	add(last)
	if last > 0 {
		add(0)
	}
}

// Of the settings that are accurate enough so many are weighed, of the best models
// and of the lesser ones; of the others one of each resolution and model will do.
const (
	settingsBest   = 14
	settingsLesser = 5
)

// prune keeps those that no other one beats in all of accuracy, pixels a second and
// bytes a second, the cheapest first.
func (st *vidqQuery) prune(bound float64) {
	kept := st.settings[:0]
	all := slices.Clone(st.settings)
	cost := func(x *setting) float64 { return x.fps * (float64(x.video.Resolution.Pixels()) + 8*x.bytes) }
	for i := range all {
		x := &all[i]
		beaten := false
		for j := range all {
			y := &all[j]
			if i == j || y.model != x.model {
				continue
			}
			if y.accuracy >= x.accuracy && y.fps <= x.fps && y.video.Resolution.Pixels() <= x.video.Resolution.Pixels() && y.bytes <= x.bytes && y.encode <= x.encode &&
				(y.accuracy > x.accuracy || y.fps < x.fps || y.video.Resolution.Pixels() < x.video.Resolution.Pixels() || y.bytes < x.bytes || y.encode < x.encode || j < i) {
				beaten = true
				break
			}
		}
		if !beaten {
			kept = append(kept, *x)
		}
	}
	slices.SortStableFunc(kept, func(a, b setting) int {
		switch x, y := cost(&a), cost(&b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	st.settings = thin(kept, bound)
}

// thin keeps some of the settings, which stand with the cheapest first.
func thin(all []setting, bound float64) []setting {
	var enough, seen [maxModels]int
	for i := range all {
		if all[i].accuracy >= bound {
			enough[all[i].model]++
		}
	}
	kept, poor := all[:0], uint64(0)
	for i := range all {
		x := all[i]
		if x.accuracy < bound {
			bit := uint64(1) << ((x.point*maxModels + x.model) & 63)
			if poor&bit != 0 || enough[0] > 0 && len(kept) > 2 {
				continue
			}
			poor |= bit
			kept = append(kept, x)
			continue
		}
		most := settingsBest
		if x.model > 0 {
			most = settingsLesser
		}
		n, all := seen[x.model], enough[x.model]
		seen[x.model]++
		if all > most && n > 0 && n*(most-1)/(all-1) == (n-1)*(most-1)/(all-1) {
			continue // evenly, from the cheapest to the dearest
		}
		kept = append(kept, x)
	}
	return kept
}

// decayOf returns the rate at which accuracy falls with age, where frames at fps
// are worth the share x of those at the camera's rate. Over a gap of T seconds the
// mean of exp(-d t) is (1-exp(-d T))/(d T).
func decayOf(x, fps, camera float64) float64 {
	if !(x < 1) || !(x > 0) || fps >= camera {
		return 0
	}
	lo, hi := 0., 50.
	for range 30 {
		d := (lo + hi) / 2
		if mean(d/fps)/mean(d/camera) > x {
			lo = d
		} else {
			hi = d
		}
	}
	return lo
}

func mean(x float64) float64 {
	if x < 1e-9 {
		return 1
	}
	return -math.Expm1(-x) / x
}
