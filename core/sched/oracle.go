package sched

import (
	"math"
	"math/rand/v2"

	"vidq/core"
)

func init() {
	Register("oracle", "the plans of all queries together that are best by the truth of the next slot; an upper bound, no competitor",
		oracleConfig{Slot: core.Second, Joint: 4096, Starts: 8, Effort: 2000}, newOracle, NeedsTruth())
}

type oracleConfig struct {
	Slot   core.Time `toml:"slot" doc:"time that plans are made for, and to the next round (at most the period); 0s = the period"`
	Joint  int       `toml:"joint" min:"0" max:"1000000" doc:"joint plans up to which every one is tried"`
	Starts int       `toml:"starts" min:"1" max:"1000" doc:"starts of coordinate ascent where there are more"`
	Effort int       `toml:"effort" min:"1" max:"100000000" doc:"plans that coordinate ascent weighs in a round, about; each query's once at least"`
}

// oracle is what schedulers are measured by: it is told the truth, services' times,
// what the links carry, what the cameras show, the faults that begin, and takes for
// the next slot the joint plan that is best by its evaluation.
//
// A joint plan is worth, summed over the queries, the share of the slot in which a
// result is in force that meets all bounds (slo_time.joint), and, weighed so that
// they only choose among equals, accuracy and what is left free. Being refused is an
// option of each query. What waits in the services' queues, loading models and the
// change itself are counted. Where there are few joint plans it tries all of them;
// else it climbs from several starts, one query at a time, to where no single query
// can change and all together gain.
//
// It is the best for one slot by an analytical evaluation, not for a run by the
// simulator, and therefore not beyond being beaten. It approximates: the slot is its
// content, rates and faults at three instants; jobs wait as where many periodic
// streams of random phase meet (queue.wait), and the waits of a frame's stages are
// taken for independent and exponential together; a frame's work varies as a normal
// distribution; a stage sees the objects that the camera shows; transfers that are
// under way, lost messages, retries and timeouts are left out, and so are the cores that a
// gpu's worker takes beside it. Of a query it tries settings that none other beats,
// at most 24 (12 of a pipeline of several stages), at the nodes that are fastest for it alone.
type oracle struct {
	oracleConfig
	seed  uint64
	joint joint
}

func newOracle(c oracleConfig, d Deps) (core.Scheduler, error) {
	return &oracle{oracleConfig: c, seed: d.Seed}, nil
}

// Schedule implements core.Scheduler.
func (s *oracle) Schedule(v *core.View, d *core.Decision) {
	if v.Truth == nil || len(v.Nodes) == 0 {
		return
	}
	length := v.Period
	if s.Slot > 0 && s.Slot < length {
		length = s.Slot
		d.Next = v.Now.Add(max(length, core.Millisecond))
	}
	j := &s.joint
	j.lay(v, length)
	j.draw = rand.New(rand.NewPCG(s.seed, v.Round))
	j.effort = s.Effort
	j.solve(s.Joint, s.Starts)
	for i := range j.clients {
		j.clients[i].decide(&j.slot, d)
	}
	j.scale(d)
}

// lay lays a slot and its queries out.
func (j *joint) lay(v *core.View, length core.Time) {
	j.slot.lay(v, length)
	n := 0
	for i := range v.Queries {
		if n == len(j.memory) {
			j.memory = append(j.memory, client{})
		}
		c := &j.memory[n]
		if !c.find(&j.slot, &v.Queries[i]) {
			continue
		}
		if c.findOptions(&j.slot); len(c.options) > 1 {
			n++
		}
	}
	j.clients = j.memory[:n]
	j.marked = append(j.marked[:0], make([]bool, len(j.slot.queues))...)
	j.worths = append(j.worths[:0], make([]float64, n)...)
}

// solve chooses the joint plan.
func (j *joint) solve(all, starts int) float64 {
	if j.plans(all) <= all {
		return j.exhaust()
	}
	return j.ascend(starts)
}

// decide writes down what was chosen for a query, if it is not what is in force.
func (c *client) decide(s *slot, d *core.Decision) {
	q, o := c.q, &c.options[c.chosen]
	if o.setting < 0 {
		if !q.Plan.Refused {
			d.Refused = append(d.Refused, q.Query.ID)
		}
		return
	}
	window := c.window(s, o)
	if c.chosen == c.present && q.Plan.InFlight >= window && q.Plan.InFlight <= window+2 && (c.live || q.Plan.InFlight == 1) && q.Plan.Buffer == 1 {
		return
	}
	x := &c.settings[o.setting]
	p := core.Plan{Video: x.video, InFlight: window, Buffer: 1, Stages: make([]core.Assignment, len(q.Query.Pipeline))}
	for i, n := range c.at(o) {
		p.Stages[i] = core.Assignment{Node: s.v.Nodes[n].ID, Model: min(x.model, c.models(s, i)-1)}
	}
	if !same(&p, &q.Plan) {
		d.Set(q.Query.ID, p)
	}
}

// window is how many frames must be under way at once to keep up. A file's frames
// wait for each other: more than one would only make their round trips longer.
func (c *client) window(s *slot, o *option) int {
	const most = 8
	if !c.live {
		return 1
	}
	longest := 0.0
	for k := range oracleInstants {
		latency, _ := c.walk(s, o, k)
		longest = max(longest, min(latency.mean(), 2))
	}
	return min(1+int(math.Ceil(1.3*longest*c.settings[o.setting].fps)), most)
}

// scale gives services the workers that their node has room for, lets them take
// batches where that saves work, and has them load the model that most calls want.
func (j *joint) scale(d *core.Decision) {
	s := &j.slot
	for n := range s.v.Nodes {
		x := &s.v.Nodes[n]
		for k := range x.Services {
			sv, q := &x.Services[k], &s.queues[s.first[n]+2+k]
			if !x.Up || sv.Workers < 1 || q.users < .5 {
				continue
			}
			set := core.ServiceSetting{Node: x.ID, Service: sv.Name, Model: max(q.loaded, 0), Replicas: int(q.capacity), MaxBatch: s.batch(n, k)}
			for m := range q.models {
				if q.models[m] > q.models[set.Model] {
					set.Model = m
				}
			}
			if set.Replicas != sv.Workers || set.MaxBatch != sv.MaxBatch || sv.Model >= 0 && set.Model != sv.Model {
				d.Services = append(d.Services, set)
			}
		}
	}
}
