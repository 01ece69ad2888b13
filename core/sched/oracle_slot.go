package sched

import (
	"math"
	"slices"

	"vidq/core"
)

// slot is what the next slot holds by the truth.
type slot struct {
	v      *core.View
	by     core.Predictor
	ahead  core.Oracle // nil = the truth cannot look ahead
	length core.Time
	at     [oracleInstants]core.Time
	after  instants // seconds from now to each instant
	queues []queue
	first  []int // queue of each node's cores; its gpu and its services follow
	links  int   // queue of the first link, in the order of the view
	net    system
}

// start is how long a decision takes to reach the nodes, about.
const start = 50 * core.Millisecond

// lay lays the queues of a view out, without load.
func (s *slot) lay(v *core.View, length core.Time) {
	s.v, s.by, s.length = v, v.Truth, length
	s.ahead, _ = v.Truth.(core.Oracle)
	for k := range s.at {
		s.after[k] = (start + length*core.Time(2*k+1)/(2*oracleInstants)).Seconds()
		s.at[k] = v.Now.Add(core.FromSeconds(s.after[k]))
	}
	s.net.index(v)
	s.queues, s.first = s.queues[:0], s.first[:0]
	for i := range v.Nodes {
		s.layNode(i)
	}
	s.layModels()
	s.links = len(s.queues)
	for range v.Links {
		s.queues = append(s.queues, queue{capacity: 1, shared: true, gain: 1})
	}
}

func (s *slot) layNode(i int) {
	n := &s.v.Nodes[i]
	s.first = append(s.first, len(s.queues))
	gpu := len(s.queues) + 1
	s.queues = append(s.queues, queue{capacity: n.Cores, shared: true, gain: 1}, queue{capacity: n.GPUs, shared: true, gain: math.Inf(1)})
	for k := range n.Services {
		sv := &n.Services[k]
		model := max(sv.Model, 0)
		at := core.Target{Class: n.Class, Role: n.Role}
		work, ok := s.by.Work(sv.Name, model, at, s.middle(), core.TypicalObjects)
		if !ok {
			work.Marginal = 1
		}
		q := queue{capacity: float64(s.workers(i, k)), gain: 1, marginal: work.Marginal, loaded: sv.Model, reload: s.load(sv.Name, model, n.Class).Seconds()}
		if b := s.batch(i, k); b > 1 {
			q.gain = float64(b) / work.Batch(b)
		}
		if q.capacity > 0 {
			q.backlog = float64(sv.Queue) * work.Mean.Seconds() / (q.capacity * q.gain)
		}
		if s.by.Needs(sv.Name, model, at).GPU > 0 {
			s.queues[gpu].gain = min(s.queues[gpu].gain, q.gain)
			s.queues[gpu].marginal = max(s.queues[gpu].marginal, work.Marginal)
		}
		s.queues = append(s.queues, q)
	}
	if math.IsInf(s.queues[gpu].gain, 1) {
		s.queues[gpu].gain = 1
	}
}

// layModels takes the model that most plans in force ask of a service for loaded:
// what a node tells is older.
func (s *slot) layModels() {
	for i := range s.v.Queries {
		q := &s.v.Queries[i]
		if q.Plan.Revision == 0 || q.Plan.Refused || len(q.Plan.Stages) != len(q.Query.Pipeline) {
			continue
		}
		for k, a := range q.Plan.Stages {
			n := nodeIndex(s.v, a.Node)
			if n < 0 || a.Model < 0 || a.Model >= maxModels {
				continue
			}
			if at := s.service(n, q.Query.Pipeline[k].Service); at >= 0 {
				s.queues[s.first[n]+2+at].models[a.Model]++
			}
		}
	}
	for i := range s.queues {
		q, most := &s.queues[i], 0.0
		for m, n := range q.models {
			if n > most {
				q.loaded, most = m, n
			}
		}
		q.models = [maxModels]float64{}
	}
}

// service returns the index of a service at a node, -1 if it has none of that name.
func (s *slot) service(node int, name string) int {
	return slices.IndexFunc(s.v.Nodes[node].Services, func(v core.ServiceView) bool { return v.Name == name })
}

// middle is a resolution of the middle, for what has none.
func (s *slot) middle() core.Resolution {
	if r := s.v.Knobs.Resolutions; len(r) > 0 {
		return r[len(r)/2]
	}
	return core.Resolution{}
}

func (s *slot) load(service string, model int, class string) core.Time {
	if s.ahead == nil {
		return core.Second
	}
	return s.ahead.Load(service, model, class)
}

// largest is the largest batch that a service is let take.
const largest = 8

// batch is how many requests a service's workers are to take at once: many where
// that saves work.
func (s *slot) batch(node, service int) int {
	n := &s.v.Nodes[node]
	sv := &n.Services[service]
	w, ok := s.by.Work(sv.Name, max(sv.Model, 0), core.Target{Class: n.Class, Role: n.Role}, s.middle(), core.TypicalObjects)
	if ok && w.Marginal < 1 {
		return max(largest, sv.MaxBatch)
	}
	return max(sv.MaxBatch, 1)
}

// workers is how many workers a service is to have: those that it has, or as many
// as the node has cores and slots for where that is more and the memory suffices
// for all of the node's services.
func (s *slot) workers(node, service int) int {
	n := &s.v.Nodes[node]
	have := n.Services[service].Workers
	if have < 1 {
		return 0
	}
	could, used, mine := have, 0.0, 0.0
	for k := range n.Services {
		sv := &n.Services[k]
		needs := s.by.Needs(sv.Name, max(sv.Model, 0), core.Target{Class: n.Class, Role: n.Role})
		used += float64(sv.Workers) * needs.Memory
		if k != service {
			continue
		}
		mine = needs.Memory
		x := math.Inf(1)
		if needs.CPU > 0 {
			x = n.Cores / needs.CPU
		}
		if needs.GPU > 0 {
			x = min(x, n.GPUs/needs.GPU)
		}
		if x < 1e4 {
			could = max(have, int(x))
		}
	}
	if n.Memory > 0 && mine > 0 {
		could = min(could, have+int(max(n.Memory-used, 0)/(mine*float64(len(n.Services)))))
	}
	return could
}

// slow is by what factor a service is stretched at instant k; 0 = it is down.
func (s *slot) slow(node int, service string, k int) float64 {
	n := &s.v.Nodes[node]
	if s.ahead == nil {
		return 1
	}
	return s.ahead.Slow(n.ID, service, s.at[k])
}

// scene is what a query's camera shows at instant k. A decay below 0 is not known.
func (s *slot) scene(q *core.QueryView, k int) (c core.Content, decay float64, video string) {
	if s.ahead != nil {
		if x, ok := s.ahead.Scene(q.Query.ID, s.at[k]); ok {
			return x.Content, x.Decay, x.Video
		}
	}
	c = q.Content()
	return c, -1, c.Class
}

// overhead is the host's time for a call, in seconds.
func (s *slot) overhead(host int) float64 {
	if s.ahead == nil {
		return 0
	}
	return s.ahead.Overhead(s.v.Nodes[host].Class).Seconds()
}

// farthest is when a transfer is given up, in seconds: no bound is as far.
const farthest = 10.

// transfer is how long a link takes to send bytes from instant k on, in seconds,
// and to carry them.
func (s *slot) transfer(link, k int, bytes float64) (send, delay float64) {
	l := &s.v.Links[link]
	if s.ahead == nil {
		if !(l.Rate > 0) {
			return farthest, 0
		}
		return min(max(bytes, 0)/l.Rate, farthest), l.RTT.Seconds() / 2
	}
	t := s.at[k]
	end := t.Add(core.FromSeconds(farthest))
	for t < end {
		rate, until := s.ahead.Rate(l.From, l.To, t)
		if span := (min(until, end) - t).Seconds(); bytes <= rate*span {
			if rate > 0 {
				t = t.Add(core.FromSeconds(max(bytes, 0) / rate))
			}
			break
		} else {
			bytes -= rate * span
		}
		t = max(min(until, end), t+1)
	}
	return (t - s.at[k]).Seconds(), s.ahead.Delay(l.From, l.To, s.at[k]).Seconds()
}
