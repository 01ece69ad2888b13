package sched

import (
	"math"
	"slices"

	"vidq/core"
)

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
	probe := s.probe(st, q.Query.Constraint.Accuracy)
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
			if i != probe && s.admits(&st.settings[i]) {
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
func (s *vidq) probe(st *vidqQuery, bound float64) int {
	if st.setting >= 0 && st.settings[st.setting].accuracy >= bound {
		return st.setting
	}
	best := -1
	for i := range st.settings {
		if !s.admits(&st.settings[i]) {
			continue
		}
		if st.settings[i].accuracy >= bound {
			return i
		}
		if best < 0 || st.settings[i].accuracy > st.settings[best].accuracy {
			best = i
		}
	}
	return max(best, 0)
}

// admits reports whether a setting is among those that are tried for all.
func (s *vidq) admits(x *setting) bool { return s.only < 0 || x.model == s.only }

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
	service := &s.figures.nodes[at].services[i]
	models := service.models
	m := &models[min(x.model, len(models)-1)]
	f := &m.points[x.point]
	l := f.law(at == st.host)
	if !l.ok {
		return math.Inf(1)
	}
	work := (l.a + l.b*st.content.Objects) * s.figures.factor(service, f)
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
