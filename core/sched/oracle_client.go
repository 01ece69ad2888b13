package sched

import (
	"math"
	"slices"

	"vidq/core"
)

// client is a query with the plans that it may take in a slot.
type client struct {
	q        *core.QueryView
	host     int
	live     bool
	content  [oracleInstants]core.Content
	decay    instants // 1/s
	video    string   // content class that sizes go by
	settings []oracleSetting
	few      [][]int // of each stage: the nodes that are tried
	places   []int   // of all options, one after the other
	visits   []visit
	takes    []take
	options  []option // the first is to be refused
	present  int      // option in force; -1 = none
	chosen   int
	alone    float64 // the most that it is worth with nobody else there
}

// oracleSetting is all of a plan but where its stages run.
type oracleSetting struct {
	video    core.VideoConf
	model    int
	fps      float64
	encode   float64 // seconds
	bytes    float64 // of a frame
	accuracy instants
	mean     float64 // of the accuracy
}

// option is a plan that a query may take.
type option struct {
	setting        int
	place          int // of its first stage, in places
	visits, takes  [2]int
	cost, accuracy float64
	change         float64 // cost of changing over to it
}

// find looks at a query; false if nothing can be decided for it.
func (c *client) find(s *slot, q *core.QueryView) bool {
	c.q, c.host, c.present, c.chosen = q, nodeIndex(s.v, q.Query.Node), -1, 0
	c.settings, c.places, c.visits = c.settings[:0], c.places[:0], c.visits[:0]
	c.takes, c.options = c.takes[:0], append(c.options[:0], option{setting: -1})
	if q.Camera == nil || c.host < 0 || q.Query.Pipeline.Validate() != nil || !(q.Camera.FPS > 0) {
		return false
	}
	c.live = q.Camera.Mode == core.ModeLive
	for k := range c.content {
		c.content[k], c.decay[k], c.video = s.scene(q, k)
	}
	c.findSettings(s)
	return len(c.settings) > 0 && c.findPlaces(s)
}

// findSettings lists the settings of which no other one is better in everything.
func (c *client) findSettings(s *slot) {
	q, knobs := c.q, &s.v.Knobs
	limit, ok := within(knobs, q.Camera.Resolution)
	if !ok || len(knobs.FPS) == 0 {
		return
	}
	rates := knobs.FPS
	for i, f := range rates {
		if f >= q.Camera.FPS {
			rates = rates[:i+1]
			break
		}
	}
	models := 1
	for i := range q.Query.Pipeline {
		models = max(models, c.models(s, i))
	}
	for m := range models {
		for _, r := range knobs.Resolutions {
			if r.Width > limit.Width || r.Height > limit.Height {
				continue
			}
			for e := range knobs.Encoders {
				for k := range max(len(knobs.Encoders[e].Qualities), 1) {
					name, quality, _ := encoder(knobs, knobs.Encoders[e].Name)
					if len(knobs.Encoders[e].Qualities) > 0 {
						quality = knobs.Encoders[e].Qualities[k]
					}
					c.addRates(s, rates, oracleSetting{video: core.VideoConf{Resolution: r, Encoder: name, Quality: quality}, model: m})
				}
			}
		}
	}
	c.findDecay(rates)
	c.keepSettings()
}

// findDecay works out how fast accuracy falls with age, where the truth does not
// tell, from what a lower rate costs.
func (c *client) findDecay(rates []float64) {
	for k := range c.decay {
		if c.decay[k] >= 0 || len(c.settings) < len(rates) {
			continue
		}
		c.decay[k] = 0
		if low, high := &c.settings[0], &c.settings[len(rates)-1]; high.accuracy[k] > 0 {
			c.decay[k] = decayOf(low.accuracy[k]/high.accuracy[k], low.fps, c.q.Camera.FPS)
		}
	}
}

// models is how many models of stage i are considered.
func (c *client) models(s *slot, i int) int {
	for k := range s.v.Services {
		if s.v.Services[k].Name == c.q.Query.Pipeline[i].Service {
			return min(max(len(s.v.Services[k].Models), 1), maxModels)
		}
	}
	return 1
}

func (c *client) addRates(s *slot, rates []float64, x oracleSetting) {
	var ids [core.MaxStages]int
	for i := range c.q.Query.Pipeline {
		ids[i] = min(x.model, c.models(s, i)-1)
	}
	for _, f := range rates {
		x.video.FPS, x.fps, x.mean = f, min(f, c.q.Camera.FPS), 0
		for k := range c.content {
			x.accuracy[k] = s.by.Accuracy(c.q.Query, c.q.Camera.FPS, x.video, ids[:len(c.q.Query.Pipeline)], c.content[k])
			x.mean += x.accuracy[k] / oracleInstants
		}
		at := core.Target{Class: s.v.Nodes[c.host].Class, Role: core.RoleHost}
		x.encode = s.by.Encode(at, x.video).Seconds()
		x.bytes = s.by.FrameBytes(x.video, core.Content{Class: c.video})
		c.settings = append(c.settings, x)
	}
}

// settingsTried bounds the settings that are tried of a query, settingsLong those of
// one of several stages, which have many combinations of places.
const (
	settingsTried = 24
	settingsLong  = 12
)

// keepSettings drops the settings that miss the bound at every instant if others do
// not, and those that another one beats.
func (c *client) keepSettings() {
	bound := c.q.Query.Constraint.Accuracy
	reaches := func(x *oracleSetting) bool { return slices.Max(x.accuracy[:]) >= bound }
	some := slices.ContainsFunc(c.settings, func(x oracleSetting) bool { return reaches(&x) })
	all := c.settings[:0]
	for i := range c.settings {
		if x := &c.settings[i]; !some || reaches(x) {
			all = append(all, *x)
		}
	}
	beaten := make([]bool, len(all))
	for i := range all {
		for j := range all {
			if i != j && !beaten[j] && all[j].beats(&all[i]) {
				beaten[i] = true
				break
			}
		}
	}
	kept := all[:0]
	for i := range all {
		if !beaten[i] {
			kept = append(kept, all[i])
		}
	}
	slices.SortStableFunc(kept, func(a, b oracleSetting) int {
		switch x, y := a.burden(), b.burden(); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	most := settingsTried
	if len(c.q.Query.Pipeline) > 1 {
		most = settingsLong
	}
	if n := len(kept); n > most {
		for i := range most {
			kept[i] = kept[i*(n-1)/(most-1)]
		}
		kept = kept[:most]
	}
	c.settings = kept
}

// burden is about what a setting asks of machines and links.
func (x *oracleSetting) burden() float64 {
	return x.fps * (float64(x.video.Resolution.Pixels()) + 8*x.bytes)
}

// beats reports whether x is at least as good as y in everything. Below slowest
// frames a second results are missing for a part of the time, and a higher rate is
// better.
func (x *oracleSetting) beats(y *oracleSetting) bool {
	const slowest = 2
	if x.model != y.model || x.video.Resolution.Pixels() > y.video.Resolution.Pixels() || x.fps > y.fps || x.fps < slowest && x.fps < y.fps {
		return false
	}
	for k := range x.accuracy {
		if x.accuracy[k] < y.accuracy[k] {
			return false
		}
	}
	return x.bytes <= y.bytes && x.encode <= y.encode
}

// How many combinations of places are tried with each setting.
const placesTried = 36

// findPlaces lists the nodes that are tried for each stage, the fastest first;
// false if a stage cannot run anywhere.
func (c *client) findPlaces(s *slot) bool {
	pipe := c.q.Query.Pipeline
	for len(c.few) < len(pipe) {
		c.few = append(c.few, nil)
	}
	c.few = c.few[:len(pipe)]
	most := 6
	for most > 2 && math.Pow(float64(most), float64(len(pipe))) > placesTried {
		most--
	}
	x := &c.settings[len(c.settings)/2]
	for i := range pipe {
		c.few[i] = c.few[i][:0]
		var times []float64
		for n := range s.v.Nodes {
			if !usable(s.v, c.q.Query.Node, &s.v.Nodes[n], pipe[i].Service, 0) {
				continue
			}
			t := c.roughly(s, x, i, n)
			at, _ := slices.BinarySearch(times, t)
			times = slices.Insert(times, at, t)
			c.few[i] = slices.Insert(c.few[i], at, n)
		}
		if len(c.few[i]) == 0 || math.IsInf(times[0], 1) {
			return false
		}
		c.few[i] = c.few[i][:min(len(c.few[i]), most)]
		for math.IsInf(times[len(c.few[i])-1], 1) {
			c.few[i] = c.few[i][:len(c.few[i])-1]
		}
	}
	return true
}

// roughly is how long stage i takes at a node with nobody else there, in seconds.
func (c *client) roughly(s *slot, x *oracleSetting, i, n int) float64 {
	w, ok := s.by.Work(c.q.Query.Pipeline[i].Service, min(x.model, c.models(s, i)-1), c.target(s, n), x.video.Resolution, c.content[0].Objects)
	if !ok {
		return math.Inf(1)
	}
	t := w.Mean.Seconds()
	if n != c.host {
		for _, l := range [2]int{s.net.link(c.host, n), s.net.link(n, c.host)} {
			if l < 0 {
				return math.Inf(1)
			}
			send, delay := s.transfer(l, 0, x.bytes)
			t += send + delay
		}
	}
	return t
}

func (c *client) target(s *slot, n int) core.Target {
	if n == c.host {
		return core.Target{Class: s.v.Nodes[n].Class, Role: core.RoleHost}
	}
	return core.Target{Class: s.v.Nodes[n].Class, Role: s.v.Nodes[n].Role}
}
