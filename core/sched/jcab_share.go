package sched

import "slices"

// share splits the rate of every link among the queries that use it.
func (s *jcab) share() {
	s.order = s.order[:0]
	for i := range s.queries {
		if x := &s.queries[i]; x.placed && x.use.link >= 0 && x.use.x > 0 && s.links[x.use.link].rate > 0 {
			s.order = append(s.order, i)
		}
	}
	slices.SortFunc(s.order, func(a, b int) int { // by link, who sends most first
		switch x, y := &s.queries[a].use, &s.queries[b].use; {
		case x.link != y.link:
			return x.link - y.link
		case x.x > y.x:
			return -1
		case x.x < y.x:
			return 1
		}
		return a - b
	})
	for rest := s.order; len(rest) > 0; {
		link, n := s.queries[rest[0]].use.link, 1
		for n < len(rest) && s.queries[rest[n]].use.link == link {
			n++
		}
		s.shareLink(rest[:n], s.links[link].rate)
		rest = rest[n:]
	}
}

// shareLink splits a rate by the closed form. Who would get less than it sends, though there is
// room, gets what it sends, and the others share what is left: it can only be who sends most.
func (s *jcab) shareLink(users []int, rate float64) {
	roots, demand := 0.0, 0.0
	for _, i := range users {
		roots, demand = roots+s.queries[i].use.s, demand+s.queries[i].use.x
	}
	room := demand < rate
	for _, i := range users {
		x := &s.queries[i]
		x.pace = rate * x.use.s / roots
		if room && x.pace < x.use.x {
			x.pace = x.use.x
			rate, roots = rate-x.pace, roots-x.use.s
		}
	}
}
