package sched

import "math"

// stormPoint is an option of a query as the shares see it.
type stormPoint struct {
	need      float64 // dominant share of what there is that keeps up with the video
	first, to int     // its uses
}

// share gives out all that there is and sets every query's choice.
func (s *videostorm) share() {
	s.uses, s.points = s.uses[:0], s.points[:0]
	copy(s.resources.left, s.resources.capacity)
	for i := range s.rows {
		s.measure(&s.rows[i])
	}
	for i, first := 0, 0; i < len(s.rows); i++ {
		r := &s.rows[i]
		n := 0
		if r.sites[0] >= 0 {
			n = len(r.st.front)
			r.st.choice = 0
		}
		r.points = s.points[first : first+n]
		first += n
		r.delta = s.Delta / float64(max(1, s.users(r)))
	}
	s.distribute()
}

// distribute gives shares to the rows until nobody gains by what is left.
func (s *videostorm) distribute() {
	s.heap = s.heap[:0]
	for i := range s.rows {
		if len(s.rows[i].points) > 0 {
			s.heap.push(stormClaim{s.claim(&s.rows[i]), i})
		}
	}
	for len(s.heap) > 0 {
		top := s.heap.pop()
		r := &s.rows[top.row]
		if now := s.claim(r); now < top.key { // what it was after is gone
			s.heap.push(stormClaim{now, top.row})
			continue
		}
		if k, share, _ := s.jump(r); k >= 0 {
			s.give(r, k, share)
			s.heap.push(stormClaim{s.claim(r), top.row})
		}
	}
}

// measure works out what each of the query's options needs where its stages are.
func (s *videostorm) measure(r *stormRow) {
	if r.sites[0] < 0 {
		return
	}
	for k := range r.st.front {
		o := &r.st.front[k]
		p := stormPoint{first: len(s.uses)}
		for i, at := range r.sites {
			s.addStage(p.first, r, i, at, o)
		}
		p.to = len(s.uses)
		p.need = dominant(s.uses[p.first:], s.resources.capacity)
		s.points = append(s.points, p)
		if k == 0 {
			for _, u := range s.uses[p.first:] {
				s.resources.users[u.resource]++
			}
		}
	}
}

// users is how many queries use the most used of the resources that r does.
func (s *videostorm) users(r *stormRow) (most int) {
	if len(r.points) > 0 {
		for _, u := range s.uses[r.points[0].first:r.points[0].to] {
			most = max(most, s.resources.users[u.resource])
		}
	}
	return most
}

// claim is how urgently a query is to be given something; the query with the
// highest is next.
func (s *videostorm) claim(r *stormRow) float64 {
	if s.Goal == "maxmin" {
		return -s.utility(r, r.st.choice, r.share)
	}
	_, _, gain := s.jump(r)
	return gain
}

// utility is that of an option for a share.
func (s *videostorm) utility(r *stormRow, k int, share float64) float64 {
	horizon := s.Horizon.Seconds()
	lag := 0.0
	if need := r.points[k].need; need > 0 {
		lag = max(0, r.st.lag+horizon-horizon*share/need)
	}
	return float64(s.QualityWeight*max(0, r.st.front[k].accuracy-r.quality)) - float64(s.LagWeight*max(0, lag-r.lag))
}

// jump finds the share, a whole number of deltas, by which the query gains most
// utility per share, and the option that it then has; -1 when nothing that is left
// makes it gain.
func (s *videostorm) jump(r *stormRow) (option int, share, gain float64) {
	option, gain = -1, 0
	horizon := s.Horizon.Seconds()
	now := s.utility(r, r.st.choice, r.share)
	for k := range r.points {
		p := &r.points[k]
		enough := p.need * max(0, horizon+r.st.lag-r.lag) / horizon
		to := max(math.Ceil(enough/r.delta-1e-9), math.Round(r.share/r.delta)) * r.delta
		more := to - r.share
		if k == r.st.choice && more < r.delta/2 {
			continue
		}
		// A better option for the same share is worth any other's gain.
		g := (s.utility(r, k, to) - now) / max(more, r.delta*1e-3)
		if g > gain+1e-9 && s.fits(r, p, to) {
			option, share, gain = k, to, g
		}
	}
	return option, share, gain
}

// fits reports whether there is enough left for the query to have an option at a
// share in place of what it has.
func (s *videostorm) fits(r *stormRow, p *stormPoint, share float64) bool {
	s.swap(r, -1)
	ok := true
	for _, u := range s.uses[p.first:p.to] {
		if u.amount*ratioOf(share, p.need) > s.resources.left[u.resource]+1e-9*s.resources.capacity[u.resource] {
			ok = false
			break
		}
	}
	s.swap(r, 1)
	return ok
}

// swap takes what the query has, or with -1 gives it back.
func (s *videostorm) swap(r *stormRow, times float64) {
	if r.share > 0 {
		p := &r.points[r.st.choice]
		s.resources.take(s.uses[p.first:p.to], times*ratioOf(r.share, p.need))
	}
}

// ratioOf is the part of a need that a share is.
func ratioOf(share, need float64) float64 {
	if need <= 0 {
		return 1
	}
	return share / need
}

func (s *videostorm) give(r *stormRow, k int, share float64) {
	s.swap(r, -1)
	r.st.choice, r.share = k, share
	s.swap(r, 1)
}

// stormClaim is a row with how urgent it is.
type stormClaim struct {
	key float64
	row int
}

// stormHeap has the most urgent claim on top, the first row of equals.
type stormHeap []stormClaim

func (h stormHeap) before(i, j int) bool {
	return h[i].key > h[j].key || h[i].key == h[j].key && h[i].row < h[j].row
}

func (h *stormHeap) push(c stormClaim) {
	*h = append(*h, c)
	a := *h
	for i := len(a) - 1; i > 0 && a.before(i, (i-1)/2); i = (i - 1) / 2 {
		a[i], a[(i-1)/2] = a[(i-1)/2], a[i]
	}
}

func (h *stormHeap) pop() stormClaim {
	a := *h
	top, n := a[0], len(a)-1
	a[0] = a[n]
	a = a[:n]
	for i := 0; ; {
		c := 2*i + 1
		if c >= n {
			break
		}
		if c+1 < n && a.before(c+1, c) {
			c++
		}
		if !a.before(c, i) {
			break
		}
		a[i], a[c] = a[c], a[i]
		i = c
	}
	*h = a
	return top
}
