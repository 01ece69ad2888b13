package result

import "vidq/core"

// Series follows slo_time.joint second by second, over all queries that have a
// constraint: what tells where a run's warm-up ends. A live camera's frames count in
// the second in which they exist; a file camera's in the second in which the frame
// was read whose result serves them.
type Series struct {
	captured, met []int64 // camera frames, by second
	total         int64   // of met
}

// Shares returns the share of each second from 0 on. A second without camera frames has
// that of the second before, and what comes before the first camera frame has the
// first share.
func (s *Series) Shares() []float64 {
	out := make([]float64, len(s.captured))
	first := -1
	for i, n := range s.captured {
		switch {
		case n > 0:
			out[i] = float64(s.met[i]) / float64(n)
			if first < 0 {
				first = i
			}
		case first >= 0:
			out[i] = out[i-1]
		}
	}
	for i := range max(first, 0) {
		out[i] = out[first]
	}
	return out
}

// Met returns how many camera frames have met everything, as far as it is known: those
// of the result in force are not among them.
func (s *Series) Met() int64 { return s.total }

func (s *Series) add(at core.Time, captured, met int64) {
	i := int(max(at, 0) / core.Second)
	for len(s.captured) <= i {
		s.captured, s.met = append(s.captured, 0), append(s.met, 0)
	}
	s.captured[i] += captured
	s.met[i] += met
	s.total += met
}

// plot adds the result in force, which served [lo, hi) and is superseded at next.
func (q *query) plot(lo, hi, next int64) {
	if q.series == nil || q.want == 0 {
		return
	}
	met := int64(0)
	if q.force.met&q.want == q.want {
		met = 1
	}
	if q.live {
		if met > 0 {
			q.spread(lo, hi, func(at core.Time, n int64) { q.series.add(at, 0, n) })
		}
		return
	}
	n := min(next, q.limit) - max(q.force.first, q.base)
	q.series.add(q.force.captured, max(n, 0), met*max(hi-lo, 0))
}

// plotCaptured adds all camera frames of a live query, when it is known where they end.
func (q *query) plotCaptured() {
	if q.series != nil && q.want != 0 && q.live {
		q.spread(q.base, q.limit, func(at core.Time, n int64) { q.series.add(at, n, 0) })
	}
}

// spread tells how many of the live camera frames [lo, hi) exist in each second.
func (q *query) spread(lo, hi int64, tell func(at core.Time, n int64)) {
	for lo < hi {
		at := q.clock.at(lo)
		next := max(q.clock.index((at/core.Second+1)*core.Second), lo+1)
		tell(at, min(next, hi)-lo)
		lo = next
	}
}
