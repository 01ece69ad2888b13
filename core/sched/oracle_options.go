package sched

import (
	"math"
	"slices"

	"vidq/core"
)

// What counts beside the results that meet their bounds: enough to choose among
// plans that meet them alike, too little to give one up.
const (
	oracleAccuracy = .01  // of an accuracy of 1
	oracleCost     = .003 // of a whole queue in use
	oracleChange   = .001 // of another plan than the one in force
)

// lasting is for how many seconds a model that is loaded is reckoned to stay, which
// the time to load it is spread over.
const lasting = 10.

// findOptions lists what a query may take: each setting at each combination of
// places, and what is in force.
func (c *client) findOptions(s *slot) {
	n := len(c.q.Query.Pipeline)
	var at [core.MaxStages]int
	if combinations := c.combinations(); combinations > 0 {
		for k := range combinations {
			for i := range n {
				at[i] = c.few[i][k%len(c.few[i])]
				k /= len(c.few[i])
			}
			c.addPlace(s, at[:n])
		}
	} else {
		c.addSplits(s, at[:n])
	}
	c.findPresent(s)
	for i := range c.options {
		if c.q.Plan.Revision > 0 && i != c.present {
			c.options[i].change += oracleChange
		}
	}
}

// combinations is how many combinations of places there are; 0 = too many.
func (c *client) combinations() int {
	n := 1
	for i := range c.few {
		if n *= len(c.few[i]); n > placesTried {
			return 0
		}
	}
	return n
}

// addSplits adds for long pipelines those in which the first stages run at one node
// and the others at another, as far as these offer them.
func (c *client) addSplits(s *slot, at []int) {
	seen := 0
	for split := 0; split <= len(at); split += max(1, len(at)/4) {
		for _, first := range c.few[0] {
			for _, second := range c.few[len(at)-1] {
				for i := range at {
					p := first
					if i >= split {
						p = second
					}
					if !slices.Contains(c.few[i], p) {
						p = c.few[i][0]
					}
					at[i] = p
				}
				if c.addPlace(s, at); seen > placesTried {
					return
				}
				seen++
			}
		}
	}
}

// addPlace adds all settings at a combination of places.
func (c *client) addPlace(s *slot, at []int) {
	for x := range c.settings {
		c.addOption(s, x, at)
	}
}

// findPresent finds the plan that is in force among the options, or adds it.
func (c *client) findPresent(s *slot) {
	p, pipe := &c.q.Plan, c.q.Query.Pipeline
	if p.Revision == 0 || len(p.Stages) != len(pipe) {
		return
	}
	if p.Refused {
		c.present = 0
		return
	}
	var at [core.MaxStages]int
	model := 0
	for i, a := range p.Stages {
		if at[i] = nodeIndex(s.v, a.Node); at[i] < 0 || !usable(s.v, c.q.Query.Node, &s.v.Nodes[at[i]], pipe[i].Service, a.Model) {
			return
		}
		model = max(model, a.Model)
	}
	if model >= maxModels {
		return
	}
	setting := slices.IndexFunc(c.settings, func(x oracleSetting) bool { return x.video == p.Video && x.model == model })
	if setting < 0 {
		n := len(c.settings)
		c.addRates(s, []float64{p.Video.FPS}, oracleSetting{video: p.Video, model: model})
		setting = n
	}
	for i := 1; i < len(c.options); i++ {
		if o := &c.options[i]; o.setting == setting && slices.Equal(c.at(o), at[:len(pipe)]) {
			c.present = i
			return
		}
	}
	if c.addOption(s, setting, at[:len(pipe)]) {
		c.present = len(c.options) - 1
	}
}

// at is where an option's stages run.
func (c *client) at(o *option) []int { return c.places[o.place : o.place+len(c.q.Query.Pipeline)] }

// addOption adds a plan, if it can be carried out.
func (c *client) addOption(s *slot, setting int, at []int) bool {
	x := &c.settings[setting]
	o := option{setting: setting, place: len(c.places), accuracy: x.mean}
	o.visits[0], o.takes[0] = len(c.visits), len(c.takes)
	c.visit(visit{queue: int32(s.first[c.host]), stage: -1, need: 1, work: all(x.encode)}, &o, -1)
	ok := true
	var out [core.MaxStages]instants
	for i := range at {
		if !c.addStage(s, &o, x, i, at[i], &out) {
			ok = false
			break
		}
	}
	if !ok {
		c.visits, c.takes = c.visits[:o.visits[0]], c.takes[:o.takes[0]]
		return false
	}
	c.places = append(c.places, at...)
	o.visits[1], o.takes[1] = len(c.visits), len(c.takes)
	c.fillTakes(s, &o, x)
	c.options = append(c.options, o)
	return true
}

func all(x float64) (v instants) {
	for k := range v {
		v[k] = x
	}
	return v
}

// visit adds a visit of a queue, and a take for it.
func (c *client) visit(v visit, o *option, model int) {
	for t := o.takes[0]; t < len(c.takes); t++ {
		if c.takes[t].queue == v.queue {
			v.own = int8(t - o.takes[0])
			c.visits = append(c.visits, v)
			return
		}
	}
	v.own = int8(len(c.takes) - o.takes[0])
	c.takes = append(c.takes, take{queue: v.queue, model: int8(model)})
	c.visits = append(c.visits, v)
}

// addStage adds what stage i takes at a node: the call's overhead at the host, the
// way there, the work, the way back.
func (c *client) addStage(s *slot, o *option, x *oracleSetting, i, at int, out *[core.MaxStages]instants) bool {
	name, stage := c.q.Query.Pipeline[i].Service, int8(i)
	number := s.service(at, name)
	if number < 0 {
		return false
	}
	model := min(x.model, c.models(s, i)-1)
	var work, in instants
	sd := 0.0
	for k := range work {
		w, ok := s.by.Work(name, model, c.target(s, at), x.video.Resolution, c.content[k].Objects)
		if !ok {
			return false
		}
		out[i][k] = s.by.OutputBytes(name, x.video.Resolution, c.content[k])
		in[k] = c.input(s, i, x, k, out)
		slow := s.slow(at, name, k)
		work[k] = w.Mean.Seconds() * slow
		if slow <= 0 {
			work[k] = overloaded
		}
		sd = w.SD.Seconds() / max(w.Mean.Seconds(), 1e-9)
	}
	if v := s.overhead(c.host); v > 0 {
		c.visit(visit{queue: int32(s.first[c.host]), stage: stage, need: 1, work: all(v)}, o, -1)
	}
	if at != c.host && !c.addWay(s, o, x, stage, s.net.link(c.host, at), &in) {
		return false
	}
	c.visit(visit{queue: int32(s.first[at] + 2 + number), stage: stage, need: 1, work: work, sd: sd}, o, model)
	needs := s.by.Needs(name, model, c.target(s, at))
	if needs.GPU > 0 {
		c.visit(visit{queue: int32(s.first[at] + 1), stage: stage, aside: true, need: needs.GPU, work: work}, o, -1)
	} else if needs.CPU > 0 {
		c.visit(visit{queue: int32(s.first[at]), stage: stage, aside: true, need: needs.CPU, work: work}, o, -1)
	}
	if loaded := s.queues[s.first[at]+2+number].loaded; loaded >= 0 && loaded != model {
		o.change += min(s.load(name, model, s.v.Nodes[at].Class).Seconds()/lasting, 1)
	}
	return at == c.host || c.addWay(s, o, x, stage, s.net.link(at, c.host), &out[i])
}

// input is what stage i is fed with, bytes.
func (c *client) input(s *slot, i int, x *oracleSetting, k int, out *[core.MaxStages]instants) float64 {
	parents := c.q.Query.Pipeline[i].Parents
	crops := false
	for j := range s.v.Services {
		if s.v.Services[j].Name == c.q.Query.Pipeline[i].Service {
			crops = s.v.Services[j].Input == core.InputCrops
		}
	}
	if len(parents) == 0 || !crops {
		return x.bytes
	}
	sum := 0.0
	for _, p := range parents {
		sum += out[p][k]
	}
	return sum
}

// addWay adds a transfer.
func (c *client) addWay(s *slot, o *option, x *oracleSetting, stage int8, link int, bytes *instants) bool {
	if link < 0 {
		return false
	}
	send := visit{queue: int32(s.links + link), stage: stage, need: 1, sd: .05}
	travel := visit{queue: -1, stage: stage}
	if x.video.Encoder == "h264" {
		send.sd = .15
	}
	for k := range send.work {
		send.work[k], travel.work[k] = s.transfer(link, k, bytes[k])
	}
	c.visit(send, o, -1)
	c.visits = append(c.visits, travel)
	return true
}

// fillTakes works out what the visits take of the queues altogether. A video file
// takes no part of a queue for good: with one frame under way it waits itself when
// the queue is long.
func (c *client) fillTakes(s *slot, o *option, x *oracleSetting) {
	takes, visits := c.takes[o.takes[0]:], c.visits[o.visits[0]:]
	var cycle instants
	for i := range visits {
		if v := &visits[i]; !v.aside {
			for k := range cycle {
				cycle[k] += v.work[k]
			}
		}
	}
	for i := range visits {
		v := &visits[i]
		if v.queue < 0 {
			continue
		}
		t := &takes[v.own]
		for k := range v.work {
			if c.live {
				t.load[k] += x.fps * v.work[k] * v.need
			} else {
				t.closed[k] += .5 * v.work[k] * min(v.work[k]/max(cycle[k], 1e-9), 1)
			}
		}
		t.calls += 1 / max(cycle[0], 1e-3)
		if c.live {
			t.jobs += x.fps
			t.calls += x.fps - 1/max(cycle[0], 1e-3)
		}
	}
	for i := range takes {
		if q := &s.queues[takes[i].queue]; q.capacity > 0 {
			o.cost += oracleCost * min(takes[i].load[0]/q.capacity, 1)
		} else {
			o.cost += oracleCost
		}
	}
	if math.IsNaN(o.cost) {
		o.cost = oracleCost
	}
}
