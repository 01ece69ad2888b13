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
	worthTime     = .02 // of a latency as long as the bound, up to five times that
	worthLoad     = .01 // of a whole station in use
	worthModel    = .10 // of each query that wants another model of a service that has no worker to spare
	worthReload   = .05 // of a service that has to load the model
)

// weigh works out the outlook of a trial, with the loads of the others.
func (s *vidq) weigh(v *core.View, q *core.QueryView, st *vidqQuery, t *trial) {
	var done [core.MaxStages]float64
	sys, x := &s.system, &st.settings[t.setting]
	pipe, points := q.Query.Pipeline, len(v.Knobs.Resolutions)
	host := st.host
	t.uses, t.cost = t.uses[:0], 0
	t.take(sys.first[host], x.fps*x.encode, 0)
	encode := x.encode * (1 + sys.stations[sys.first[host]].wait(x.fps*x.encode, 1))
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
	t.chance = chanceOf(q, st, x, latency, trips, math.Sqrt(variance))
	t.worth = t.chance + worthAccuracy*x.accuracy - t.cost
	if b := q.Query.Constraint.Latency.Seconds(); b > 0 {
		t.worth -= worthTime * min(latency/b, 5)
	}
	for _, u := range t.uses {
		c := &sys.stations[u.station]
		t.worth -= c.toll(u.amount)
		if c.capacity > 0 {
			t.worth -= worthLoad * u.amount / c.capacity
		}
	}
}

func (t *trial) take(station int, amount float64, model int) {
	for i := range t.uses {
		if t.uses[i].station == station {
			t.uses[i].amount += amount
			return
		}
	}
	t.uses = append(t.uses, use{station, amount, model})
}

// stage adds what stage i takes and returns its round trip and how much that
// varies.
func (s *vidq) stage(v *core.View, st *vidqQuery, t *trial, x *setting, i, host int, in, out float64) (trip, sd float64) {
	sys, at := &s.system, t.places[i]
	k := s.figures.at[st.stages[i].service][at]
	models := s.figures.nodes[at].services[k].models
	m := &models[min(x.model, len(models)-1)]
	f := &m.points[x.point]
	l := f.law(at == host)
	if !l.ok {
		return 1e6, 0
	}
	work := (l.a + l.b*st.content.Objects) * f.factor
	cpu, gpu, pool := sys.first[at], sys.first[at]+1, sys.first[at]+2+k
	slow := 0.
	if m.needs.GPU > 0 {
		slow = sys.stations[gpu].wait(x.fps*work*m.needs.GPU, m.needs.GPU)
		t.take(gpu, x.fps*work*m.needs.GPU, 0)
	}
	if m.needs.CPU > 0 {
		c := sys.stations[cpu].wait(x.fps*work*m.needs.CPU, m.needs.CPU)
		if m.needs.GPU > 0 { // the slot is the job's device; the cores are a load beside it
			c = 0
		}
		slow = max(slow, c)
		t.take(cpu, x.fps*work*m.needs.CPU, 0)
	}
	queue := sys.stations[pool].wait(x.fps*work, 1)
	model := min(x.model, len(models)-1)
	t.take(pool, x.fps*work, model)
	p := &sys.stations[pool]
	if others := p.users - p.models[model]; others > 0 && p.capacity < p.users+1 {
		t.cost += worthModel * others
	}
	if loaded := v.Nodes[at].Services[k].Model; loaded >= 0 && loaded != model {
		t.cost += worthReload
	}
	wait := work * max(slow, queue)
	trip = work + wait
	sd = math.Hypot(work*max(l.cv, .03), wait)
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
		w := sys.stations[c].wait(x.fps*base, 1)
		t.take(c, x.fps*base, 0)
		trip += base * (1 + w)
		sd = math.Hypot(sd, base*(varies(x, sys.varies[leg.link])*(1+w)+w))
	}
	return trip + sys.rtts[there], sd
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
// (one standard deviation) of what is predicted; what it loses by its age goes with the
// motion, which nobody sees either, and is off by the share ageingSpread.
const (
	accuracySpread = .01
	ageingSpread   = .5
)

// chanceOf is the probability that a result meets all bounds.
func chanceOf(q *core.QueryView, st *vidqQuery, x *setting, latency, trips, sd float64) float64 {
	c := &q.Query.Constraint
	chance := 1.
	sd = max(sd, 1e-4+.02*latency)
	if b := c.Latency.Seconds(); b > 0 {
		chance *= normal((b - latency) / sd)
	}
	if b := c.Delay.Seconds(); b > 0 {
		gap := max(q.Camera.FPS/x.fps, 1)
		chance *= normal((b - trips/gap) / (sd / gap))
	}
	accuracy := x.accuracy
	if q.Camera.Mode == core.ModeLive {
		accuracy *= math.Exp(-st.decay * min(latency, 10))
	}
	if c.Accuracy > 0 {
		chance *= normal((accuracy - c.Accuracy) / (accuracySpread + ageingSpread*max(x.fresh-accuracy, 0)))
	}
	return chance
}

// normal is the standard normal distribution.
func normal(z float64) float64 {
	if z > 6 {
		return 1
	}
	return .5 * math.Erfc(-z/math.Sqrt2)
}

// respond lets each query in turn take the plan that is worth most while the
// others stay, until none changes.
func (s *vidq) respond(v *core.View) {
	s.order = s.order[:0]
	for i := range s.states {
		s.order = append(s.order, i)
	}
	for i, st := range s.states {
		s.assess(v, &v.Queries[i], st)
	}
	slices.SortStableFunc(s.order, func(a, b int) int { // who fails most first
		switch x, y := s.states[a].current.chance, s.states[b].current.chance; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return a - b
	})
	for pass := range s.Passes {
		changed := 0
		for _, i := range s.order {
			if s.content(v, i, pass) {
				continue
			}
			if s.choose(v, &v.Queries[i], s.states[i]) {
				changed++
			}
		}
		if changed == 0 {
			break
		}
	}
	for i, st := range s.states { // the others have moved
		s.assess(v, &v.Queries[i], st)
	}
}

// content reports whether a query is served well and need not be looked at: where
// there are many, such a one is looked at in every eighth round.
func (s *vidq) content(v *core.View, i, pass int) bool {
	const few = 16
	st := s.states[i]
	if st.setting < 0 || st.current.chance < .97 {
		return false
	}
	return len(s.states) > few && (pass > 0 || (v.Round+uint64(i))%8 != 0)
}

// assess works out the outlook of a query's present choice.
func (s *vidq) assess(v *core.View, q *core.QueryView, st *vidqQuery) {
	st.current = outlook{}
	if st.setting < 0 {
		return
	}
	s.system.count(st.uses, -1)
	s.trial.setting = st.setting
	s.trial.places = append(s.trial.places[:0], st.places...)
	s.judge(v, q, st, &s.trial)
	st.current = s.trial.outlook
	st.uses = append(st.uses[:0], s.trial.uses...)
	s.system.count(st.uses, +1)
}

// judge weighs a trial and minds what was seen of it.
func (s *vidq) judge(v *core.View, q *core.QueryView, st *vidqQuery, t *trial) {
	s.weigh(v, q, st, t)
	if s.clear {
		return
	}
	chance := t.chance
	if t.setting == st.setting && st.inForce(v, q, t) {
		if st.misses >= 0 {
			chance = min(chance, (chance+1-st.misses)/2)
		}
		if st.silent(v, q, t) {
			chance = 0
		}
	}
	for i := range st.blames {
		if b := &st.blames[i]; b.until > v.Now && b.key == keyOf(st, t) {
			chance = min(chance, b.value)
		}
	}
	t.worth += chance - t.chance
	t.chance = chance
}

// inForce reports whether a trial is the plan that the query runs.
func (st *vidqQuery) inForce(v *core.View, q *core.QueryView, t *trial) bool {
	if len(q.Plan.Stages) != len(t.places) || q.Plan.Video != st.settings[t.setting].video {
		return false
	}
	for i, p := range t.places {
		if q.Plan.Stages[i].Node != v.Nodes[p].ID {
			return false
		}
	}
	return true
}

// silent reports whether the query's plan has brought no result for longer than
// it should take.
func (st *vidqQuery) silent(v *core.View, q *core.QueryView, t *trial) bool {
	if q.Applied != q.Plan.Revision || t.latency <= 0 {
		return false
	}
	patience := 3/st.settings[t.setting].fps + 2*min(t.latency, 2) + 1.5
	return (v.Now - max(st.heard, st.since)).Seconds() > patience
}

// keyOf names a plan of a query.
func keyOf(st *vidqQuery, t *trial) uint64 {
	k := mix(uint64(st.settings[t.setting].point)<<8|uint64(st.settings[t.setting].model), math.Float64bits(st.settings[t.setting].fps))
	for _, p := range t.places {
		k = mix(k, uint64(p))
	}
	return k
}

// choose lets a query take the plan that is worth most, and reports whether that is
// another one.
func (s *vidq) choose(v *core.View, q *core.QueryView, st *vidqQuery) bool {
	if st.host < 0 || len(st.settings) == 0 {
		return false
	}
	s.system.count(st.uses, -1)
	found := false
	if st.setting >= 0 {
		s.best.setting = st.setting
		s.best.places = append(s.best.places[:0], st.places...)
		s.judge(v, q, st, &s.best)
		s.best.worth += s.Keep
		found = true
	}
	was, wasWorth := st.setting, s.best.worth
	if !found {
		wasWorth = math.Inf(-1)
	}
	moved := s.search(v, q, st, &wasWorth)
	if moved {
		if was >= 0 && st.current.chance < .8 && st.inForceNow(v, q) {
			st.accuse(v, s.Fresh, st.current.chance)
		}
		st.setting = s.best.setting
		st.places = append(st.places[:0], s.best.places...)
	}
	st.uses = append(st.uses[:0], s.best.uses...)
	st.current = s.best.outlook
	s.system.count(st.uses, +1)
	return moved
}

func (st *vidqQuery) inForceNow(v *core.View, q *core.QueryView) bool {
	t := trial{setting: st.setting, places: st.places}
	return st.inForce(v, q, &t)
}

// accuse remembers that the present plan did not do what was predicted.
func (st *vidqQuery) accuse(v *core.View, fresh core.Time, value float64) {
	key := keyOf(st, &trial{setting: st.setting, places: st.places})
	oldest := 0
	for i := range st.blames {
		if st.blames[i].key == key {
			oldest = i
			break
		}
		if st.blames[i].until < st.blames[oldest].until {
			oldest = i
		}
	}
	b := &st.blames[oldest]
	if b.key != key || v.Now > b.until.Add(fresh) {
		*b = blame{key: key}
	}
	b.times = min(b.times+1, 4)
	b.value = value
	b.until = v.Now.Add(fresh << (b.times - 1))
}

// How many places are tried of each stage, how many combinations of a pipeline's
// places with one setting, and how many of these with all settings.
const (
	fewPlaces  = 4
	allPlaces  = 64
	bestPlaces = 3
)

// search keeps in s.best what is worth more than worth, if anything is: it ranks
// the combinations of places by one setting and then tries all settings at the best
// ones.
func (s *vidq) search(v *core.View, q *core.QueryView, st *vidqQuery, worth *float64) (moved bool) {
	probe := st.probe(q.Query.Constraint.Accuracy)
	s.shortlist(st, probe)
	t := &s.trial
	t.places = t.places[:0]
	count := 1
	for k := range s.few {
		t.places = append(t.places, s.few[k][0])
		count = min(count*len(s.few[k]), allPlaces+1)
	}
	try := func(i int) float64 {
		t.setting = i
		s.judge(v, q, st, t)
		if t.worth > *worth+1e-9 {
			*worth = t.worth
			s.best.copy(t)
			moved = true
		}
		return t.worth
	}
	var top [bestPlaces]float64
	found := 0
	rank := func() {
		w := try(probe)
		k := found
		if found < bestPlaces {
			found++
		} else if k--; w <= top[k] {
			return
		}
		for ; k > 0 && top[k-1] < w; k-- {
			top[k] = top[k-1]
			s.at[k] = append(s.at[k][:0], s.at[k-1]...)
		}
		top[k] = w
		s.at[k] = append(s.at[k][:0], t.places...)
	}
	if count <= allPlaces {
		for n := range count {
			for k := range s.few {
				t.places[k] = s.few[k][n%len(s.few[k])]
				n /= len(s.few[k])
			}
			rank()
		}
	} else {
		s.climb(t, rank, func() float64 { return try(probe) })
	}
	for k := range found {
		t.places = append(t.places[:0], s.at[k]...)
		for i := range st.settings {
			if i != probe {
				try(i)
			}
		}
	}
	return moved
}

// climb tries all stages at one place, for each place, and from the best of these
// moves one stage after the other.
func (s *vidq) climb(t *trial, rank func(), try func() float64) {
	best, at := math.Inf(-1), s.few[0][0]
	for _, p := range s.few[0] {
		for k := range t.places {
			if slices.Contains(s.few[k], p) {
				t.places[k] = p
			}
		}
		if w := try(); w > best {
			best, at = w, p
		}
	}
	for k := range t.places {
		if slices.Contains(s.few[k], at) {
			t.places[k] = at
		}
	}
	for k := range s.few {
		keep := t.places[k]
		for _, p := range s.few[k] {
			t.places[k] = p
			if w := try(); w > best {
				best, keep = w, p
			}
		}
		t.places[k] = keep
	}
	rank()
}

// probe is the setting that places are ranked by: the present one, else the
// cheapest that is accurate enough, else the most accurate.
func (st *vidqQuery) probe(bound float64) int {
	if st.setting >= 0 && st.settings[st.setting].accuracy >= bound {
		return st.setting
	}
	best := 0
	for i := range st.settings {
		if st.settings[i].accuracy >= bound {
			return i
		}
		if st.settings[i].accuracy > st.settings[best].accuracy {
			best = i
		}
	}
	return best
}

// shortlist keeps for each stage the few places at which a setting's stage alone
// would take the shortest time, with the host and the present place.
func (s *vidq) shortlist(st *vidqQuery, i int) {
	for len(s.few) < len(st.stages) {
		s.few = append(s.few, nil)
	}
	s.few = s.few[:len(st.stages)]
	x := &st.settings[i]
	for k := range st.stages {
		options := st.stages[k].options
		s.few[k] = s.few[k][:0]
		if len(options) <= fewPlaces {
			s.few[k] = append(s.few[k], options...)
			continue
		}
		var times [fewPlaces]float64
		for _, p := range options {
			w := s.alone(st, x, k, p)
			n := len(s.few[k])
			if n < fewPlaces {
				s.few[k] = append(s.few[k], p)
			} else if n--; w >= times[n] {
				continue
			}
			for ; n > 0 && times[n-1] > w; n-- {
				times[n] = times[n-1]
				s.few[k][n] = s.few[k][n-1]
			}
			times[n], s.few[k][n] = w, p
		}
		if len(st.places) > k && !slices.Contains(s.few[k], st.places[k]) {
			s.few[k][fewPlaces-1] = st.places[k]
		}
	}
}

// alone is roughly how long stage k takes at a node, in seconds.
func (s *vidq) alone(st *vidqQuery, x *setting, k, at int) float64 {
	sys := &s.system
	i := s.figures.at[st.stages[k].service][at]
	models := s.figures.nodes[at].services[i].models
	m := &models[min(x.model, len(models)-1)]
	f := &m.points[x.point]
	l := f.law(at == st.host)
	if !l.ok {
		return math.Inf(1)
	}
	work := (l.a + l.b*st.content.Objects) * f.factor
	busiest := 0.
	for j, need := range [3]float64{m.needs.CPU, m.needs.GPU, 1} {
		c := &sys.stations[sys.first[at]+j]
		if j == 2 {
			c = &sys.stations[sys.first[at]+2+i]
		}
		if need > 0 {
			busiest = max(busiest, (c.load+x.fps*work*need)/max(c.capacity, 1e-9))
		}
	}
	t := work * (1 + 1/max(1-busiest, .01))
	if at != st.host {
		there := sys.link(st.host, at)
		bytes := x.bytes
		if st.stages[k].crops {
			bytes = 20e3
		}
		u := sys.stations[sys.links+there].load + x.fps*bytes/sys.rates[there]
		t += sys.rtts[there] + bytes/sys.rates[there]*(1+1/max(1-u, .01))
	}
	return t
}
