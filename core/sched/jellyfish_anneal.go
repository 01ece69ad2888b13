package sched

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"vidq/core"
)

// recall makes s.now the models that the workers had in the last round; a worker that is new
// has its most accurate one.
func (s *jellyfish) recall(v *core.View) {
	s.now.model = s.now.model[:0]
	for w := range s.workers {
		x := &s.workers[w]
		key := jellyActive{app: s.apps[x.app].id, node: v.Nodes[x.node].ID}
		x.was, x.held, x.changed = 0, false, v.Now-s.Hold
		if i, found := slices.BinarySearchFunc(s.active, key, compareActive); found {
			old := &s.active[i]
			for x.was < len(x.ladder)-1 && x.ladder[x.was].accuracy > old.accuracy+1e-9 {
				x.was++
			}
			x.changed = old.changed
			x.held = v.Now-old.changed < s.Hold
		}
		s.now.model = append(s.now.model, x.was)
	}
}

func compareActive(a, b jellyActive) int {
	return cmp.Or(cmp.Compare(a.app, b.app), cmp.Compare(a.node, b.node))
}

func (s *jellyfish) remember(v *core.View) {
	s.active = s.active[:0]
	for w := range s.workers {
		x, m := &s.workers[w], s.model(&s.best, w)
		if m.model != x.ladder[x.was].model {
			x.changed = v.Now
		}
		s.active = append(s.active, jellyActive{s.apps[x.app].id, v.Nodes[x.node].ID, m.accuracy, x.changed})
	}
	slices.SortFunc(s.active, compareActive)
}

// anneal leaves the best choice of models in s.best.
func (s *jellyfish) anneal(v *core.View) {
	var pcg rand.PCG
	pcg.Seed(mix(s.seed, uint64(v.Now)), 0x6a656c6c)
	r := rand.New(&pcg)
	servable := 0.0
	for i := range s.clients {
		if s.clients[i].served {
			servable += s.clients[i].fps
		}
	}
	s.mapClients(&s.now)
	s.best.copy(&s.now)
	if servable == 0 {
		return
	}
	steps := int(max(8, jellyVisits/(float64(len(s.clients)+1)*float64(len(s.workers)+1))))
	s.walk(r, steps, true, func(t *jellyTry) float64 { return t.mapped / servable })
	s.now.copy(&s.best)
	least := s.best.mapped - 1e-9
	s.walk(r, steps, false, func(t *jellyTry) float64 {
		if t.mapped < least {
			return math.Inf(-1)
		}
		return t.value / servable
	})
}

// walk is a phase of the annealing: from s.now it moves models, down only or both ways, to raise
// the score, and leaves the best in s.best.
func (s *jellyfish) walk(r *rand.Rand, steps int, down bool, score func(*jellyTry) float64) {
	at, best := score(&s.now), score(&s.best)
	moving := min(1, jellyMoves/float64(len(s.workers)))
	for temperature := s.Start; temperature > s.End && steps > 0; temperature *= s.Cooling {
		if steps--; down && best >= 1-1e-12 {
			return
		}
		s.next.model = append(s.next.model[:0], s.now.model...)
		moved := false
		for w := range s.next.model {
			if !down && r.Float64() >= moving {
				continue
			}
			m := s.next.model[w] + 1 - r.IntN(2)
			if !down {
				m = s.next.model[w] + 1 - r.IntN(3)
			}
			x := &s.workers[w]
			m = min(max(m, 0), len(x.ladder)-1)
			barred := x.held && m < x.was && x.ladder[m].model != x.ladder[x.was].model
			if m != s.next.model[w] && !barred {
				s.next.model[w], moved = m, true
			}
		}
		if !moved {
			continue
		}
		s.mapClients(&s.next)
		x, accept := score(&s.next), r.Float64()
		if x >= at || accept < math.Exp((x-at)/temperature) {
			s.now, s.next, at = s.next, s.now, x
		}
		if at > best+1e-9 {
			best = at
			s.best.copy(&s.now)
		}
	}
}
