package result

import "slices"

// Paired sums up a[i] - b[i], of two schedulers on the same worlds: the mean
// difference with its own interval, narrower than those of a and b where the worlds move
// both. It is nil if there are none. The two must be of one length.
func Paired(a, b []float64) *Stat {
	d := make([]float64, len(a))
	for i := range a {
		d[i] = a[i] - b[i]
	}
	return NewStat(d)
}

// Above reports whether the whole interval lies above 0; false without one.
func (s *Stat) Above() bool {
	return s != nil && s.CI95 != nil && s.Mean-*s.CI95 > 0
}

// Precise reports whether the interval's half width is at most a share of the mean,
// or at most floor, below which nobody looks; false without an interval.
func (s *Stat) Precise(share, floor float64) bool {
	return s != nil && s.CI95 != nil && *s.CI95 <= max(share*max(s.Mean, -s.Mean), floor)
}

// Ranks returns each value's rank: 1 for the largest; equal ones share the mean of
// their ranks, so that the ranks always add up to the same.
func Ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case values[a] > values[b]:
			return -1
		case values[a] < values[b]:
			return 1
		}
		return 0
	})
	ranks := make([]float64, len(values))
	for i := 0; i < len(order); {
		j := i + 1
		for j < len(order) && values[order[j]] == values[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			ranks[k] = float64(i+1+j) / 2 // of ranks i+1..j
		}
		i = j
	}
	return ranks
}
