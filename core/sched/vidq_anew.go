package sched

import (
	"slices"

	"vidq/core"
)

// Where so many queries, and this share of them, are not served, all choices are made anew,
// if there are few enough; if that is no good, after a while, and then after twice as long, to
// a limit.
const (
	anewQueries = 1.
	anewShare   = .05
	anewMost    = 64
	anewFirst   = 2 * core.Second
	anewLast    = 16 * core.Second
)

// anewGain is what must be gained of each query by new choices for all, since many plans
// change, and anewReload what more of each that takes another model: while it is loaded,
// nobody is served.
const (
	anewGain   = .06
	anewReload = .2
)

// anew makes all choices anew, once for each model that everybody could use, and takes the
// best if it is better than what there is.
func (s *vidq) anew(v *core.View, best float64) {
	n := float64(len(s.states))
	short := n - s.served()
	if s.clear || len(s.states) > anewMost || short < max(anewQueries, anewShare*n) {
		s.wait = anewFirst
		return
	}
	if v.Now < s.again {
		return
	}
	found := false
	best += anewGain * n
	s.rank()
	for s.only = 0; s.only < s.models(); s.only++ {
		for i, st := range s.states {
			s.count(v, i, -1)
			st.forget()
		}
		s.passes(v)
		if total := s.total() - anewReload*s.reloads(); total > best {
			best, found = total, true
			s.save()
		}
		s.restore(v)
	}
	s.only = -1
	if s.again = v.Now.Add(s.wait); found {
		s.wait = anewFirst
	} else {
		s.wait = min(2*s.wait, anewLast)
	}
}

// choice is a plan that is kept while others are tried.
type choice struct {
	setting int
	places  []int
	uses    []use
	rate    float64
	current outlook
}

func (s *vidq) assessAll(v *core.View) {
	for i := range s.states {
		s.assess(v, i)
	}
}

// total is what all choices are worth together; to have none is worse than any.
func (s *vidq) total() (sum float64) {
	for _, st := range s.states {
		if sum += st.current.value; st.setting < 0 {
			sum--
		}
	}
	return sum
}

// reloads is how many queries have another model than they had.
func (s *vidq) reloads() (n float64) {
	for _, st := range s.states {
		if x := &st.saved; x.setting >= 0 && st.setting >= 0 && st.settings[x.setting].model != st.settings[st.setting].model {
			n++
		}
	}
	return n
}

// served is how many queries are expected to be served.
func (s *vidq) served() (sum float64) {
	for _, st := range s.states {
		sum += st.current.chance
	}
	return sum
}

// changed is how many queries have another choice than the one that was saved.
func (s *vidq) changed() (n int) {
	for _, st := range s.states {
		if x := &st.saved; x.setting >= 0 && (x.setting != st.setting || !slices.Equal(x.places, st.places)) {
			n++
		}
	}
	return n
}

func (s *vidq) save() {
	for _, st := range s.states {
		x := &st.saved
		x.setting, x.rate, x.current = st.setting, st.rate, st.current
		x.places, x.uses = append(x.places[:0], st.places...), append(x.uses[:0], st.uses...)
	}
}

func (s *vidq) restore(v *core.View) {
	for i, st := range s.states {
		s.count(v, i, -1)
		x := &st.saved
		st.setting, st.rate, st.current = x.setting, x.rate, x.current
		st.places, st.uses = append(st.places[:0], x.places...), append(st.uses[:0], x.uses...)
		s.count(v, i, +1)
	}
}

// forget leaves the query without a choice.
func (st *vidqQuery) forget() {
	st.setting, st.places, st.uses, st.current = -1, st.places[:0], st.uses[:0], outlook{}
}

// models is how many models some service has to choose from.
func (s *vidq) models() (n int) {
	for _, st := range s.states {
		for i := range st.settings {
			n = max(n, st.settings[i].model+1)
		}
	}
	return n
}
