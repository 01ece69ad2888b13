package sched

import (
	"cmp"
	"math"
	"slices"

	"vidq/core"
)

// respond improves the choices of all queries together and then decides whether that pays.
// It lets each query in turn take the plan that is worth most while the others stay, until
// none changes. Where many then are not served it begins anew, with nothing in use. What it
// comes to is carried out only if all together gain by it: moves that only pass a
// shortage on are not worth their while.
func (s *vidq) respond(v *core.View) {
	s.order = s.order[:0]
	for i := range s.states {
		s.order = append(s.order, i)
	}
	s.assessAll(v)
	s.save()
	before := s.total()
	s.rank()
	if s.passes(v) {
		if after := s.total(); after >= before+s.Keep*float64(s.changed()) {
			before = after
			s.save()
		} else {
			s.restore(v)
		}
	}
	s.anew(v, before)
}

// rank has those choose first who fail most.
func (s *vidq) rank() {
	slices.SortStableFunc(s.order, func(a, b int) int {
		return cmp.Or(cmp.Compare(s.states[a].current.chance, s.states[b].current.chance), a-b)
	})
}

// passes lets queries respond to each other until none changes, and reports whether any did.
func (s *vidq) passes(v *core.View) (moved bool) {
	visits := max(visitsLeast, len(s.order)/3)
	for pass := range s.Passes {
		changed := 0
		for k := range s.order {
			// Where there are too many for one round, each round begins with others.
			i := s.order[(k+int(v.Round%8)*len(s.order)/8)%len(s.order)]
			if st := s.states[i]; st.setting >= 0 && (visits <= 0 || s.content(v, i, pass)) {
				continue
			}
			visits--
			if s.choose(v, i) {
				changed++
			}
		}
		if changed == 0 {
			break
		}
		moved = true
		s.assessAll(v) // who was content may be so no more, now that others have moved
	}
	return moved
}

// visitsLeast is how many queries a round may look at however few there are; of many
// it looks at a third.
const visitsLeast = 200

// content reports whether a query is served well and need not be looked at: in one
// round of some it is.
func (s *vidq) content(v *core.View, i, pass int) bool {
	st := s.states[i]
	if st.setting < 0 || st.current.chance < .97 {
		return false
	}
	every := uint64(8)
	if len(s.states) <= 16 {
		every = 2
	}
	return pass > 0 || (v.Round+uint64(i))%every != 0
}

// assess works out the outlook of a query's present choice.
func (s *vidq) assess(v *core.View, i int) {
	q, st := &v.Queries[i], s.states[i]
	st.current = outlook{}
	if st.setting < 0 {
		return
	}
	s.count(v, i, -1)
	s.trial.setting = st.setting
	s.trial.places = append(s.trial.places[:0], st.places...)
	s.judge(v, q, st, &s.trial)
	st.current = s.trial.outlook
	st.takes(&s.trial)
	s.count(v, i, +1)
}

// takes notes what a trial uses as the query's own.
func (st *vidqQuery) takes(t *trial) { st.uses, st.rate = append(st.uses[:0], t.uses...), t.rate }

// count adds what a query uses to the load, or takes it away with sign -1.
func (s *vidq) count(v *core.View, i int, sign float64) {
	if st := s.states[i]; len(st.uses) > 0 {
		s.system.count(st.uses, st.beatOf(st.rate, v.Queries[i].Camera.FPS), sign)
	}
}

// judge weighs a trial and minds what was seen of it.
func (s *vidq) judge(v *core.View, q *core.QueryView, st *vidqQuery, t *trial) {
	s.weigh(v, q, st, t)
	if s.clear {
		return
	}
	if t.setting == st.setting && slices.Equal(t.places, st.places) {
		st.believed = t.chance
	}
	chance := t.chance
	if slices.Equal(t.places, st.ran) && t.latency > .8*st.expected {
		// The plan in force, or one that would hardly be faster.
		if st.misses >= 0 && v.Now-s.lag-st.since > settled && v.Now-s.lag >= st.loaded {
			chance = min(chance, (chance+1-st.misses)/2)
		}
		if s.silent(v, q, st, t) {
			chance = 0
		}
	}
	for i := range st.blames {
		if b := &st.blames[i]; b.until > v.Now && b.key == keyOf(st, t) {
			chance = min(chance, b.value)
		}
	}
	t.worth += chance - t.chance
	t.value += (chance - t.chance) * max(1-t.cost, 0)
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
func (s *vidq) silent(v *core.View, q *core.QueryView, st *vidqQuery, t *trial) bool {
	if q.Applied != q.Plan.Revision || t.latency <= 0 {
		return false
	}
	if v.Now-s.lag < st.loaded { // a service that loads its model answers nobody
		return false
	}
	patience := 3/st.settings[t.setting].fps + 2*min(t.latency, 2) + 1.5
	return (v.Now - s.lag - max(st.heard, st.since)).Seconds() > patience
}

// keyOf names a plan of a query.
func keyOf(st *vidqQuery, t *trial) uint64 {
	k := mix(uint64(st.settings[t.setting].point)<<8|uint64(st.settings[t.setting].model), math.Float64bits(st.settings[t.setting].fps))
	for _, p := range t.places {
		k = mix(k, uint64(p))
	}
	return k
}

// settled is how old a plan must be for its misses to be its own: before that, they
// are of what was under way when it came.
const settled = 1500 * core.Millisecond

// loading is how long a service may take to load a model.
const loading = 6 * core.Second

// hopeless is the gain below which a plan is kept that fails.
const hopeless = .07

// choose lets a query take the plan that is worth most, and reports whether that is
// another one.
func (s *vidq) choose(v *core.View, i int) bool {
	q, st := &v.Queries[i], s.states[i]
	if st.host < 0 || len(st.settings) == 0 {
		return false
	}
	s.count(v, i, -1)
	found := false
	if st.setting >= 0 {
		s.best.setting = st.setting
		s.best.places = append(s.best.places[:0], st.places...)
		s.judge(v, q, st, &s.best)
		s.best.worth += s.Keep
		if s.best.chance < .5 { // what is hopeless is not mended by moving about
			s.best.worth += hopeless
		}
		found = true
	}
	was, wasWorth := st.setting, s.best.worth
	if !found {
		wasWorth = math.Inf(-1)
	}
	moved := s.search(v, q, st, &wasWorth)
	if moved {
		if was >= 0 && st.believed > .8 && st.current.chance < .8 && st.inForceNow(v, q) {
			st.accuse(v, s.Fresh, st.current.chance)
		}
		st.setting = s.best.setting
		st.places = append(st.places[:0], s.best.places...)
	}
	st.takes(&s.best)
	st.current = s.best.outlook
	s.count(v, i, +1)
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
	b.times = min(b.times+1, 2)
	b.value = value
	b.until = v.Now.Add(fresh << (b.times - 1))
}
