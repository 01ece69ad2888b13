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
	value   float64 // to the query itself
	worth   float64 // less what it costs the others
}

// beatsKept is how many of the frames of a second are followed through a plan, at most.
const beatsKept = 8

// moments is a time for each of the frames that are followed, in seconds.
type moments [beatsKept]float64

func (x *moments) mean(n int) float64 {
	sum := 0.
	for _, y := range x[:n] {
		sum += y
	}
	return sum / float64(n)
}

// trial is a plan that is weighed.
type trial struct {
	setting int
	places  []int
	uses    []use
	cost    float64 // beside what the uses cost
	rate    float64 // frames a second
	closed  bool    // the next frame is taken when one is done
	frames  int     // that are followed
	at      moments // of their capture, as parts of a second
	outlook
}

func (t *trial) copy(o *trial) {
	t.setting, t.outlook, t.rate = o.setting, o.outlook, o.rate
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
	done := &s.done
	sys, x := &s.system, &st.settings[t.setting]
	pipe, points := q.Query.Pipeline, len(v.Knobs.Resolutions)
	host := st.host
	t.uses, t.cost, t.rate, t.closed = t.uses[:0], 0, x.fps, q.Camera.Mode == core.ModeFile
	s.spans = s.spans[:0]
	s.follow(q, st, t)
	encode := x.encode * (1 + sys.stations[sys.first[host]].wait(t.rate*x.encode, 1))
	t.take(use{station: sys.first[host]}, x.encode, 1)
	var latency, trips, begin moments
	for k := range t.frames {
		latency[k], trips[k] = encode, encode
	}
	variance := 0.
	for i := range pipe {
		in := x.bytes
		if parents := pipe[i].Parents; len(parents) > 0 {
			begin = moments{}
			crops := st.stages[i].crops
			if crops {
				in = 0
			}
			for _, p := range parents {
				for k := range t.frames {
					begin[k] = max(begin[k], done[p][k])
				}
				if crops {
					in += st.out[p*points+x.point]
				}
			}
		} else {
			for k := range t.frames {
				begin[k] = encode
			}
		}
		done[i] = begin
		variance += s.stage(v, st, t, x, i, host, in, st.out[i*points+x.point], &done[i])
		for k := range t.frames {
			latency[k] = max(latency[k], done[i][k])
			trips[k] += done[i][k] - begin[k]
		}
	}
	t.latency = latency.mean(t.frames)
	late := 1.
	if !s.clear {
		factor, spread := st.lateness(t)
		late = factor
		t.latency *= late
		variance += spread * spread * t.latency * t.latency
	}
	sd := math.Sqrt(variance)
	t.chance = 0
	chance, last := 0., -1
	for k := range t.frames {
		if last < 0 || math.Abs(latency[k]-latency[last]) > .05*sd || math.Abs(trips[k]-trips[last]) > .05*sd {
			chance, last = chanceOf(q, x, latency[k]*late, trips[k]*late, sd), k
		}
		t.chance += chance / float64(t.frames)
	}
	s.price(q, x, t)
}

// follow chooses the frames that are followed: where nobody else is there, all are alike.
func (s *vidq) follow(q *core.QueryView, st *vidqQuery, t *trial) {
	t.frames, t.at[0] = 1, 0
	if t.closed || s.system.counted == 0 {
		return
	}
	b := st.beatOf(t.rate, q.Camera.FPS)
	t.frames = max(min(len(b.at), beatsKept), 1)
	for k := range min(len(b.at), beatsKept) {
		t.at[k] = b.at[k*len(b.at)/t.frames] + b.blurred/2
	}
}

// lateness is by what factor the query's frames take longer than is predicted, and by how
// much that varies. Of a plan that it does not run less is known.
func (st *vidqQuery) lateness(t *trial) (factor, spread float64) {
	known := st.late.n / (st.late.n + 8)
	r := st.late.mean * known
	if t.setting != st.setting || !slices.Equal(t.places, st.places) {
		r = max(r, 0) / 2
	}
	return math.Exp(min(max(r, -1), 1.5)), st.late.dev * 1.25 * known
}

// price makes of the chance what the plan is worth.
func (s *vidq) price(q *core.QueryView, x *setting, t *trial) {
	t.value = t.chance*max(1-t.cost, 0) + worthAccuracy*x.accuracy - worthNarrow*x.narrow
	if b := q.Query.Constraint.Latency.Seconds(); b > 0 {
		t.value -= worthTime * min(t.latency/b, 5)
	}
	t.worth = t.value - t.chance*max(1-t.cost, 0) + t.chance - t.cost
	for _, u := range t.uses {
		c := &s.system.stations[u.station]
		t.worth -= c.toll(u)
		if c.capacity > 0 {
			t.worth -= worthLoad * u.amount / c.capacity
		}
	}
}

// take adds to what the trial uses: seconds of work for each frame, times need. A
// closed loop has a job there or elsewhere all the time.
func (t *trial) take(u use, seconds, need float64) {
	u.amount = t.rate * seconds * need
	if t.closed {
		u.amount, u.closed = 0, seconds
	} else {
		u.seconds, u.jobs = seconds*need, t.rate
	}
	for i := range t.uses {
		if o := &t.uses[i]; o.station == u.station {
			o.amount += u.amount
			o.closed = max(o.closed, u.closed)
			o.seconds += u.seconds
			o.jobs += u.jobs
			return
		}
	}
	t.uses = append(t.uses, u)
}

// stage adds what stage i takes, brings the frames' moments forward to when its answers are
// back, and returns the variance of that.
func (s *vidq) stage(v *core.View, st *vidqQuery, t *trial, x *setting, i, host int, in, out float64, now *moments) (variance float64) {
	sys, at := &s.system, t.places[i]
	k := s.figures.at[st.stages[i].service][at]
	service := &s.figures.nodes[at].services[k]
	model := min(x.model, len(service.models)-1)
	m := &service.models[model]
	f := &m.points[x.point]
	l := f.law(at == host)
	if !l.ok {
		for j := range t.frames {
			now[j] += 1e6
		}
		return 0
	}
	own := span{link: -1}
	if at != host {
		there := sys.link(host, at)
		own.link, own.travel = sys.links+there, sys.rtts[there]/2
		if len(s.spans) > 0 {
			s.queueUp(t, own.link, now)
		}
		variance = s.transfer(t, x, there, in, own.travel, now) + float64(square(sys.jitters[there]))
		own.sent = *now
	}
	work := (l.a + l.b*st.content.Objects) * s.figures.factor(service, f)
	own.pool, own.device, own.need = sys.first[at]+2+k, sys.first[at], m.needs.CPU
	after := now.mean(t.frames)
	if m.needs.GPU > 0 { // beside a slot the cores are a load, not the job's device
		t.take(use{station: own.device, after: after}, work, own.need)
		own.device, own.need = own.device+1, m.needs.GPU
	}
	if own.need > 0 {
		t.take(use{station: own.device, after: after}, work, own.need)
	}
	t.take(use{station: own.pool, after: after, model: model}, work, 1)
	pool, device, need := &sys.stations[own.pool], &sys.stations[own.device], own.need
	chance, behind := pool.wait(t.rate*work, 1), pool.behind(1)
	if need > 0 {
		chance, behind = max(chance, device.wait(t.rate*work*need, need)), max(behind, device.behind(need))
	}
	held := 0.
	for j := range t.frames {
		queue := sys.queue(pool, t.at[j]+now[j], work, 1)
		if need > 0 {
			queue = max(queue, sys.queue(device, t.at[j]+now[j], work, need))
		}
		held += queue / float64(t.frames)
		if len(s.spans) > 0 {
			queue = max(queue, s.own(own.pool, j, now[j], 1), s.own(own.device, j, now[j], need))
		}
		now[j] += work*(1+chance) + behind + queue
	}
	if st.forks {
		own.left = *now
		s.spans = append(s.spans, own)
	}
	t.cost += pool.contested(model)
	if loaded := v.Nodes[at].Services[k].Model; loaded >= 0 && loaded != model && !st.has(i, at, x.model) {
		t.cost += worthReload
	}
	variance += square(work*max(l.cv, .03)) + square(.6*(work*chance+behind)+queueVaries*held)
	if at == host {
		for j := range t.frames {
			now[j] += s.figures.nodes[host].overhead.mean
		}
		return variance
	}
	return variance + s.transfer(t, x, sys.link(at, host), out, own.travel, now)
}

// contested is what it costs that others want another model of a service that has no worker to spare.
func (s *station) contested(model int) float64 {
	if others := s.users - s.models[model]; others > 0 && s.capacity < s.users+1 {
		return worthModel * others
	}
	return 0
}

func square(x float64) float64 { return x * x }

// queueVaries is by how much what a frame waits for others, whose moments are known, varies.
const queueVaries = .2

// transfer brings the frames' moments forward by a transfer of so many bytes and by what it
// travels, and returns the variance of that.
func (s *vidq) transfer(t *trial, x *setting, link int, bytes, travel float64, now *moments) (variance float64) {
	sys := &s.system
	base := bytes / sys.rates[link]
	if base <= 0 {
		for j := range t.frames {
			now[j] += travel
		}
		return 0
	}
	c := &sys.stations[sys.links+link]
	u := use{station: sys.links + link, after: now.mean(t.frames)}
	chance, behind := c.wait(t.rate*base, 1), c.behind(1)
	for j := range t.frames {
		took := base
		if c.cycle > 0 {
			took = min(sys.cycles[c.cycle-1].shared(t.at[j]+now[j], base, c), base*(c.users+1))
		}
		u.held += (took/base - 1) / float64(t.frames)
		now[j] += took + base*chance + behind + travel
	}
	t.take(u, base, 1)
	return square(base*varies(x, sys.varies[link])*(1+u.held) + .6*(base*chance+behind))
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
	var chance float64
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
