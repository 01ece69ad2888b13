package sched

import (
	"math"
	"slices"

	"vidq/core"
)

// outlook is what is expected of a plan.
type outlook struct {
	latency float64 // seconds, mean
	chance  float64 // that a result meets all bounds
	worth   float64
}

// trial is a plan that is weighed.
type trial struct {
	setting int
	places  []int
	uses    []use
	cost    float64 // beside what the uses cost
	rate    float64 // frames a second
	closed  bool    // the next frame is taken when one is done
	outlook
}

func (t *trial) copy(o *trial) {
	t.setting, t.outlook = o.setting, o.outlook
	t.places = append(t.places[:0], o.places...)
	t.uses = append(t.uses[:0], o.uses...)
}

// What counts beside the chance to meet all bounds.
const (
	worthAccuracy = .02 // of an accuracy of 1
	worthNarrow   = .03 // of the camera's pixels: what is lost without them is believed, not measured
	worthTime     = .02 // of a latency as long as the bound, up to five times that
	worthLoad     = .01 // of a whole station in use
	worthModel    = 1.0 // of each query that wants another model of a service that has no worker to spare
	worthReload   = .25 // of a service that has to load the model
)

// weigh works out the outlook of a trial, with the loads of the others.
func (s *vidq) weigh(v *core.View, q *core.QueryView, st *vidqQuery, t *trial) {
	var done [core.MaxStages]float64
	sys, x := &s.system, &st.settings[t.setting]
	pipe, points := q.Query.Pipeline, len(v.Knobs.Resolutions)
	host := st.host
	t.uses, t.cost, t.rate, t.closed = t.uses[:0], 0, x.fps, q.Camera.Mode == core.ModeFile
	encode := x.encode * (1 + sys.stations[sys.first[host]].wait(t.rate*x.encode, 1))
	t.take(sys.first[host], x.encode, 1, 0)
	latency, trips, variance := encode, encode, 0.
	for i := range pipe {
		begin, in := encode, x.bytes
		if parents := pipe[i].Parents; len(parents) > 0 {
			begin = 0
			crops := st.stages[i].crops
			if crops {
				in = 0
			}
			for _, p := range parents {
				begin = max(begin, done[p])
				if crops {
					in += st.out[p*points+x.point]
				}
			}
		}
		trip, sd := s.stage(v, st, t, x, i, host, in, st.out[i*points+x.point])
		variance += sd * sd
		done[i] = begin + trip
		latency = max(latency, done[i])
		trips += trip
	}
	if !s.clear {
		r := st.late.mean * st.late.n / (st.late.n + 8)
		if t.setting != st.setting || !slices.Equal(t.places, st.places) {
			r = max(r, 0) / 2
		}
		r = math.Exp(min(max(r, -1), 1.5))
		latency, trips = latency*r, trips*r
		spread := st.late.dev * 1.25 * st.late.n / (st.late.n + 8)
		variance += spread * spread * latency * latency
	}
	t.latency = latency
	t.chance = chanceOf(q, x, latency, trips, math.Sqrt(variance))
	t.worth = t.chance + worthAccuracy*x.accuracy - worthNarrow*x.narrow - t.cost
	if b := q.Query.Constraint.Latency.Seconds(); b > 0 {
		t.worth -= worthTime * min(latency/b, 5)
	}
	for _, u := range t.uses {
		c := &sys.stations[u.station]
		t.worth -= c.toll(u)
		if c.capacity > 0 {
			t.worth -= worthLoad * u.amount / c.capacity
		}
	}
}

// take adds to what the trial uses: seconds of work for each frame, times need. A
// closed loop has a job there or elsewhere all the time.
func (t *trial) take(station int, seconds, need float64, model int) {
	u := use{station: station, amount: t.rate * seconds * need, model: model}
	if t.closed {
		u.amount, u.closed = 0, seconds
	} else {
		u.seconds = seconds
	}
	for i := range t.uses {
		if o := &t.uses[i]; o.station == station {
			o.amount += u.amount
			o.closed = max(o.closed, u.closed)
			o.seconds += u.seconds
			return
		}
	}
	t.uses = append(t.uses, u)
}

// stage adds what stage i takes and returns its round trip and how much that
// varies.
func (s *vidq) stage(v *core.View, st *vidqQuery, t *trial, x *setting, i, host int, in, out float64) (trip, sd float64) {
	sys, at := &s.system, t.places[i]
	k := s.figures.at[st.stages[i].service][at]
	service := &s.figures.nodes[at].services[k]
	models := service.models
	m := &models[min(x.model, len(models)-1)]
	f := &m.points[x.point]
	l := f.law(at == host)
	if !l.ok {
		return 1e6, 0
	}
	work := (l.a + l.b*st.content.Objects) * s.figures.factor(service, f)
	cpu, gpu, pool := sys.first[at], sys.first[at]+1, sys.first[at]+2+k
	slow, held := 0., 0.
	if m.needs.GPU > 0 {
		slow = sys.stations[gpu].wait(t.rate*work*m.needs.GPU, m.needs.GPU)
		held = sys.stations[gpu].behind(m.needs.GPU)
		t.take(gpu, work, m.needs.GPU, 0)
	}
	if m.needs.CPU > 0 {
		if m.needs.GPU == 0 { // beside a slot the cores are a load, not the job's device
			slow = sys.stations[cpu].wait(t.rate*work*m.needs.CPU, m.needs.CPU)
			held = sys.stations[cpu].behind(m.needs.CPU)
		}
		t.take(cpu, work, m.needs.CPU, 0)
	}
	queue := sys.stations[pool].wait(t.rate*work, 1)
	wait := work*max(slow, queue) + max(held, sys.stations[pool].behind(1))
	if !t.closed {
		wait = max(wait, s.figures.nodes[at].step.mean*sys.stations[pool].meets(t.rate)/max(sys.stations[pool].capacity, 1))
	}
	model := min(x.model, len(models)-1)
	t.take(pool, work, 1, model)
	p := &sys.stations[pool]
	if others := p.users - p.models[model]; others > 0 && p.capacity < p.users+1 {
		t.cost += worthModel * others
	}
	if loaded := v.Nodes[at].Services[k].Model; loaded >= 0 && loaded != model && !st.has(i, at, x.model) {
		t.cost += worthReload
	}
	trip = work + wait
	sd = math.Hypot(work*max(l.cv, .03), .6*wait)
	if at == host {
		return trip + s.figures.nodes[host].overhead.mean, sd
	}
	there, back := sys.link(host, at), sys.link(at, host)
	for _, leg := range [2]struct {
		link  int
		bytes float64
	}{{there, in}, {back, out}} {
		base := leg.bytes / sys.rates[leg.link]
		c := sys.links + leg.link
		w := sys.stations[c].wait(t.rate*base, 1)
		if base > 0 {
			w += sys.stations[c].behind(1) / base
		}
		if base > 0 && !t.closed {
			w = max(w, s.figures.nodes[at].step.mean*sys.stations[c].meets(t.rate)/base)
		}
		t.take(c, base, 1, 0)
		trip += base * (1 + w)
		sd = math.Hypot(sd, base*(varies(x, sys.varies[leg.link])*(1+w)+.6*w))
	}
	return trip + sys.rtts[there], sd
}

// has reports whether the query's present choice has stage i at the node with the
// model already.
func (st *vidqQuery) has(i, at, model int) bool {
	return st.setting >= 0 && i < len(st.places) && st.places[i] == at && st.settings[st.setting].model == model
}

// varies is by how much a transfer varies: as the link does, and in a stream with key
// frames as these do.
func varies(x *setting, link float64) float64 {
	if x.video.Encoder == "h264" {
		return max(link, .4)
	}
	return link
}

// Nobody measures accuracy. A fresh result's is taken to be within accuracySpread
// (one standard deviation, as a share) of what is predicted; what it loses by its age
// goes with the motion, which nobody sees either, and is off by the share ageingSpread.
const (
	accuracySpread = .01
	ageingSpread   = .5
)

// agesKept is up to how many camera frames of age a setting's probability to be accurate
// enough is kept; what is older counts as old as that.
const agesKept = 12

// fit works out how likely a setting is to be accurate enough at each age. A live result
// ages up to the first camera frame after it came.
func (st *vidqQuery) fit(q *core.QueryView, x *setting) {
	bound := q.Query.Constraint.Accuracy
	over, lost := math.Log(max(x.fresh, 1e-9)/bound), -math.Log(max(x.accuracy, 1e-9)/max(x.fresh, 1e-9))
	for age := range x.fits {
		if x.fits[age] = 1; bound > 0 {
			loss := lost + st.decay*float64(age)/q.Camera.FPS
			x.fits[age] = normal((over - loss) / math.Hypot(accuracySpread, ageingSpread*loss))
		}
	}
}

// inForce is the longest that a result is in force.
const inForce = 1. // seconds

// chanceOf is the share of time in which a result is in force that meets all bounds.
func chanceOf(q *core.QueryView, x *setting, latency, trips, sd float64) float64 {
	c := &q.Query.Constraint
	sd = max(sd, 1e-4+.02*latency)
	bound := math.Inf(1)
	if c.Latency > 0 {
		bound = c.Latency.Seconds()
	}
	chance := 1.
	if q.Camera.Mode == core.ModeLive {
		chance = x.inTime(bound, latency, sd, q.Camera.FPS) * min(max(inForce-latency, 0)*x.fps, 1)
	} else {
		chance = x.fits[0] * normal((bound-latency)/sd)
	}
	if b := c.Delay.Seconds(); b > 0 {
		gap := max(q.Camera.FPS/x.fps, 1)
		chance *= normal((b - trips/gap) / (sd / gap))
	}
	return chance
}

// inTime is the probability that a live result comes within the bound and is then
// accurate enough until the next one.
func (x *setting) inTime(bound, latency, sd, fps float64) (chance float64) {
	before := 0.
	age := min(max(int(math.Ceil((latency-2.5*sd)*fps)), 0), agesKept-1)
	for ; age < agesKept; age++ {
		until := bound
		if age < agesKept-1 {
			until = min(bound, float64(age)/fps)
		}
		within := normal((until - latency) / sd)
		chance += x.fits[age] * max(within-before, 0)
		if before = within; until >= bound || within > .999 {
			break
		}
	}
	return chance
}

// normal is the standard normal distribution.
func normal(z float64) float64 {
	switch {
	case z > 6:
		return 1
	case z < -6:
		return 0
	}
	return .5 * math.Erfc(-z/math.Sqrt2)
}
