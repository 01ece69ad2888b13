package sched

import (
	"math"

	"vidq/core"
)

// station is whatever serves: the cores of a node, its gpu slots, the workers of a
// service there, one direction of a link.
type station struct {
	capacity float64            // cores, slots or workers; 1 for a link
	load     float64            // of it in use on average under the plans that are counted
	users    float64            // queries that use it
	closed   float64            // seconds of the jobs that closed loops always have there, one each
	models   [maxModels]float64 // of a service: those that use each of its models
	jobs     float64            // frames of open loops a second
	marginal float64            // of the time of a job alone, what one more in a batch takes; 0 = there are no batches
	cycle    int                // when open loops bring their work: index into the system's cycles and 1; 0 = no such loop
}

// use is what a plan takes of a station.
type use struct {
	station int
	amount  float64
	closed  float64 // seconds of a job that is there again as soon as it is done
	seconds float64 // of the station's capacity that one frame of an open loop takes
	jobs    float64 // frames of an open loop a second
	after   float64 // seconds after its capture
	held    float64 // by how much it is held up there, as a share of its work
	model   int     // of a service
}

// burst is half the sum of the squared variations of arrivals and of service, the
// factor of Kingman's formula. .5 are Poisson arrivals of constant work. Of those whose
// instants are known only the work varies, and by how much they are late.
const (
	burst      = .5
	burstKnown = .1
)

// most is how much the station can do in the largest batches.
func (s *station) most() float64 { return s.capacity * s.gain(batchMost) }

// gain is by how much more is done in batches of n.
func (s *station) gain(n float64) float64 {
	if s.marginal == 0 || n <= 1 {
		return 1
	}
	n = min(n, batchMost)
	return n / (1 + (n-1)*s.marginal)
}

// pace is how many seconds of work are done in a second where so many wait.
func (s *station) pace(backlog float64) float64 {
	if s.marginal == 0 || s.jobs <= 0 {
		return s.capacity
	}
	return s.capacity * s.gain(backlog*s.jobs/max(s.load, 1e-9)/s.capacity)
}

// batchMost is how many requests a worker that gains by batches may take at once.
const batchMost = 8

// unserved is the factor by which a station that is asked for more than it has
// holds work up: its queue grows without bound.
const unserved = 1e3

// wait is by how much of its work a job waits, where amount is what its query adds
// to the load and need is what one job takes at once. It is Sakasegawa's
// approximation for several servers (1977), for the load of the others: a query's
// own frames come one after the other.
func (s *station) wait(amount, need float64) float64 {
	if s.capacity <= 0 {
		return unserved
	}
	burst := burst
	if s.cycle > 0 {
		burst = burstKnown
	}
	total := (s.load + amount) / s.most()
	if total >= .995 {
		return unserved * max(total, 1)
	}
	others := s.load / s.most()
	if others <= 1e-6 {
		return 0
	}
	servers := 1.
	if need > 0 {
		servers = max(1, s.capacity/need)
	}
	if servers < 1.5 {
		return burst * others / (1 - total)
	}
	if others < .3 && servers > 4 {
		return 0
	}
	return burst * math.Pow(others, math.Sqrt(2*(servers+1))-1) / (servers * (1 - total))
}

// behind is how long a job waits for those of closed loops, in seconds: it finds
// some of them there.
func (s *station) behind(need float64) float64 {
	if s.closed == 0 || s.capacity <= 0 {
		return 0
	}
	servers := 1.
	if need > 0 {
		servers = max(1, s.capacity/need)
	}
	return closedShare * s.closed / servers
}

// closedShare is how much of a closed loop's job another job waits for in the mean.
const closedShare = .6

// toll is what it costs the others, in queries served, that one more query uses
// the station. A station costs nothing while it is mostly idle; from there on each of
// its users is at some risk, and beyond its capacity the risk goes on to grow, so that
// those who take most for what they are worth give way. A closed loop is a risk of
// its own to those who are there.
func (s *station) toll(u use) float64 {
	if s.capacity <= 0 {
		return 0
	}
	t := s.users * (risk((s.load+u.amount)/s.most()) - risk(s.load/s.most()))
	if u.closed > 0 {
		t += closedToll * s.users / max(s.capacity, 1)
	}
	return t
}

// closedToll is what a closed loop costs each of the others at a single server.
const closedToll = .05

// risk rises from 0 at a utilisation of safe to 1 at twice the distance from there to 1.
func risk(utilisation float64) float64 {
	const safe = .75
	if utilisation <= safe {
		return 0
	}
	x := (min(utilisation, 4) - safe) / (2 * (1 - safe))
	return x * x * 2
}

// system is a view in numbers: its nodes and links as stations.
type system struct {
	v        *core.View
	f        *figures
	stations []station
	first    []int // station of each node's cores; its gpu and its services follow
	links    int   // station of the first link, in the order of the view
	linkOf   []int32
	rates    []float64 // bytes per second of each link
	rtts     []float64 // seconds, with what calls take beside it
	jitters  []float64 // by how much that varies, seconds
	varies   []float64 // by how much transfers vary, as a share
	cycles   []cycle   // of the stations that open loops use
	counted  int       // plans that are counted
}

// index finds the links between nodes.
func (s *system) index(v *core.View) {
	s.v = v
	n := len(v.Nodes)
	if cap(s.linkOf) < n*n {
		s.linkOf = make([]int32, n*n)
	}
	s.linkOf = s.linkOf[:n*n]
	for i := range s.linkOf {
		s.linkOf[i] = -1
	}
	from, at := -1, core.NodeID("")
	for i := range v.Links {
		l := &v.Links[i]
		if from < 0 || l.From != at {
			from, at = nodeIndex(v, l.From), l.From
		}
		if to := nodeIndex(v, l.To); from >= 0 && to >= 0 {
			s.linkOf[from*n+to] = int32(i)
		}
	}
}

// link returns the index of the link from a to b, -1 if there is none.
func (s *system) link(a, b int) int { return int(s.linkOf[a*len(s.v.Nodes)+b]) }

// lay lays the stations of the indexed view out, without load.
func (s *system) lay(f *figures, links *linkMemory, lag core.Time) {
	v := s.v
	s.f = f
	s.stations, s.first, s.cycles = s.stations[:0], s.first[:0], s.cycles[:0]
	s.counted = 0
	for i := range v.Nodes {
		n := &v.Nodes[i]
		s.first = append(s.first, len(s.stations))
		s.stations = append(s.stations, station{capacity: n.Cores}, station{capacity: n.GPUs})
		gpu := len(s.stations) - 1
		for j := range n.Services {
			t := station{capacity: float64(s.workers(i, j))}
			if m := s.marginal(i, j); m < 1 {
				t.marginal = max(m, leastMarginal)
				s.stations[gpu].marginal = max(s.stations[gpu].marginal, t.marginal)
			}
			s.stations = append(s.stations, t)
		}
	}
	s.links = len(s.stations)
	s.rates, s.rtts, s.varies = s.rates[:0], s.rtts[:0], s.varies[:0]
	s.jitters = s.jitters[:0]
	for i := range v.Links {
		s.stations = append(s.stations, station{capacity: 1})
		rate, varies := links.rate(v.Now, lag, i, &v.Links[i])
		s.rates = append(s.rates, max(rate, 1))
		latency, jitters := links.rows[i].latency.known()
		s.rtts = append(s.rtts, v.Links[i].RTT.Seconds()+latency)
		s.jitters = append(s.jitters, jitters)
		s.varies = append(s.varies, varies)
	}
}

func nodeIndex(v *core.View, id core.NodeID) int {
	lo, hi := 0, len(v.Nodes)
	for lo < hi {
		if m := (lo + hi) / 2; v.Nodes[m].ID < id {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo < len(v.Nodes) && v.Nodes[lo].ID == id {
		return lo
	}
	return -1
}

// workers is how many workers a service can have: those that it has, or as many as
// the node has cores and slots for where that is more and the memory is known to
// suffice.
func (s *system) workers(node, service int) int {
	n := &s.v.Nodes[node]
	have := n.Services[service].Workers
	if have < 1 || len(s.f.nodes[node].services[service].models) == 0 {
		return max(have, 0)
	}
	model := max(n.Services[service].Model, 0)
	models := s.f.nodes[node].services[service].models
	needs := models[min(model, len(models)-1)].needs
	if needs.GPU == 0 && n.GPUs > 0 { // it may well use a gpu that the belief knows nothing of
		return have
	}
	could := math.Inf(1)
	if needs.CPU > 0 {
		could = n.Cores / needs.CPU
	}
	if needs.GPU > 0 {
		could = min(could, n.GPUs/needs.GPU)
	}
	if needs.Memory > 0 && n.Memory > 0 {
		rest := n.Memory
		for i := range n.Services {
			if m := s.f.nodes[node].services[i].models; i != service && len(m) > 0 {
				rest -= float64(n.Services[i].Workers) * m[min(max(n.Services[i].Model, 0), len(m)-1)].needs.Memory
			}
		}
		could = min(could, rest/float64(len(n.Services))/needs.Memory)
	}
	if could > 1e4 || could != could {
		return have
	}
	return max(have, int(could))
}

// count adds a plan's uses to the load, or takes them away with sign -1. Frames come at
// the beat.
func (s *system) count(uses []use, b *beat, sign float64) {
	s.counted += int(sign)
	for i := range uses {
		u := &uses[i]
		t := &s.stations[u.station]
		t.load = max(t.load+sign*u.amount, 0)
		t.jobs = max(t.jobs+sign*u.jobs, 0)
		t.closed = max(t.closed+sign*u.closed, 0)
		t.users = max(t.users+sign, 0)
		t.models[u.model] = max(t.models[u.model]+sign, 0)
		if u.seconds <= 0 || t.capacity <= 0 {
			continue
		}
		c := s.cycle(t)
		for _, at := range b.at {
			c.add(at+u.after, b.blurred, sign*u.seconds*b.weight)
		}
	}
}

// queue is how long a job waits that comes to a station at an instant and takes need of it
// for work seconds.
func (s *system) queue(t *station, at, work, need float64) float64 {
	if t.cycle == 0 || t.capacity <= 0 {
		return 0
	}
	servers := max(t.capacity/need, 1)
	wait := max(s.cycles[t.cycle-1].queued(at, t)/t.capacity-work*(servers-1)/servers, 0)
	if t.marginal > 0 && t.jobs > 0 { // for what is under way, and with the rest in a batch
		one := t.load / t.jobs
		wait = min(wait, one) + t.marginal*max(wait-one, 0)
	}
	return wait
}

// leastMarginal is the least that a further request of a batch is taken to cost, since 0
// stands for no batches.
const leastMarginal = .01

// marginal is what one more request in a batch takes at a service of a node, by the belief,
// of the time of the first; 1 = batches gain nothing. On a cpu they share what one has.
func (s *system) marginal(node, service int) float64 {
	models := s.f.nodes[node].services[service].models
	if len(models) == 0 {
		return 1
	}
	m := &models[min(max(s.v.Nodes[node].Services[service].Model, 0), len(models)-1)]
	if m.needs.GPU == 0 {
		return 1
	}
	return m.marginal
}

// cycle returns the cycle of a station's open loops.
func (s *system) cycle(t *station) *cycle {
	if t.cycle == 0 {
		if n := len(s.cycles); n < cap(s.cycles) {
			s.cycles = s.cycles[:n+1]
			s.cycles[n] = cycle{}
		} else {
			s.cycles = append(s.cycles, cycle{})
		}
		t.cycle = len(s.cycles)
	}
	return &s.cycles[t.cycle-1]
}
