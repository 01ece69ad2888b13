package sched

// place finds a machine for every stage that has none, and with look set a better
// one for those that have.
func (s *videostorm) place(look bool) {
	missing := false
	for i := range s.rows {
		missing = missing || s.rows[i].sites[0] < 0
	}
	if !look && !missing {
		return
	}
	copy(s.resources.left, s.resources.capacity)
	bearable := stormLags{nodes: append(s.tables.lags[:0], make([]stormLag, len(s.v.Nodes))...)}
	s.tables.lags = bearable.nodes
	for i := range s.rows {
		r := &s.rows[i]
		bearable.most = max(bearable.most, r.lag)
		for stage, at := range r.sites {
			if r.sites[0] >= 0 {
				s.occupy(r, stage, at, 1)
				bearable.add(at, r.lag, 1)
			}
		}
	}
	for i := range s.rows {
		r := &s.rows[i]
		if !look && r.sites[0] >= 0 {
			continue
		}
		for stage := range r.sites {
			now := r.sites[stage]
			if r.sites[0] < 0 && stage == 0 {
				for k := range r.sites {
					r.sites[k] = -1
				}
				now = -1
			}
			if now >= 0 {
				s.occupy(r, stage, now, -1)
				bearable.add(now, r.lag, -1)
			}
			at := s.machine(r, stage, now, &bearable)
			if at < 0 {
				r.sites[0] = -1 // and what other stages occupy is at most too cautious
				break
			}
			r.sites[stage] = at
			s.occupy(r, stage, at, 1)
			bearable.add(at, r.lag, 1)
		}
	}
}

// occupy takes what a stage needs under the query's present choice.
func (s *videostorm) occupy(r *stormRow, stage, at int, times float64) {
	s.resources.take(s.stageUses(r, stage, at), times)
}

// stageUses is what a stage needs at a node; it holds until the next call.
func (s *videostorm) stageUses(r *stormRow, stage, at int) []stormUse {
	s.uses = s.uses[:0]
	s.addStage(0, r, stage, at, &r.st.front[r.st.choice])
	return s.uses
}

// machine is the node with the highest score for a stage, now unless another one
// is better by enough.
func (s *videostorm) machine(r *stormRow, stage, now int, bearable *stormLags) int {
	best, most := -1, 0.0
	if now >= 0 {
		best, most = now, s.score(r, stage, now, bearable)*(1+s.Migrate)
	}
	for at := range s.v.Nodes {
		if at == now || !usable(s.v, r.q.Query.Node, &s.v.Nodes[at], r.q.Query.Pipeline[stage].Service, 0) {
			continue
		}
		if x := s.score(r, stage, at, bearable); best < 0 || x > most {
			best, most = at, x
		}
	}
	return best
}

// score is the mean of three marks between 0 and 1.
func (s *videostorm) score(r *stormRow, stage, at int, bearable *stormLags) float64 {
	uses := s.stageUses(r, stage, at)
	fit, sum, balance := 0.0, 0.0, 1.0
	for _, u := range uses {
		c := s.resources.capacity[u.resource]
		if c <= 0 {
			return 0
		}
		// Utilisation fits where what is left has the direction of what is needed.
		share, left := u.amount/c, s.resources.left[u.resource]/c
		fit += share * max(0, min(left, 1))
		sum += share
		balance = min(balance, max(0, left-share))
	}
	if sum > 0 {
		fit /= sum
	}
	return (fit + balance + bearable.with(at, r.lag)) / 3
}

// stormLags are the bounds of lag of the queries at each node.
type stormLags struct {
	nodes []stormLag
	most  float64
}

type stormLag struct{ sum, n float64 }

func (l *stormLags) add(at int, lag, times float64) {
	l.nodes[at].sum += lag * times
	l.nodes[at].n += times
}

// with is the mean of them at a node if one more came, by the largest of all.
func (l *stormLags) with(at int, lag float64) float64 {
	if l.most <= 0 {
		return 1
	}
	x := &l.nodes[at]
	return (x.sum + lag) / (x.n + 1) / l.most
}
