package sched

import "math"

// ratio learns by how much something is larger than was believed: the mean and
// the spread of the logarithm of observed over believed. The first observations
// weigh the same; later ones are forgotten, such that the last cap weigh most.
type ratio struct {
	n    float64 // observations that count
	mean float64 // of the logarithm
	dev  float64 // its mean absolute deviation
}

// outlier is how far from the mean, in mean absolute deviations, an observation
// may be; what is farther is cut to it (Huber's way).
const outlier = 3

// firstDev is the spread that is assumed after one observation.
const firstDev = .1

// add takes the logarithm x of observed over believed in.
func (r *ratio) add(x, limit float64) {
	if x != x {
		return
	}
	r.blend(min(max(x, -6), 6), limit)
}

// blend takes x in as it is, without bounds.
func (r *ratio) blend(x, limit float64) {
	if r.n == 0 {
		r.n, r.mean, r.dev = 1, x, firstDev
		return
	}
	d := x - r.mean
	if r.n >= 5 {
		bound := max(outlier*r.dev, .2)
		d = min(max(d, -bound), bound)
	}
	r.n = min(r.n+1, limit)
	g := 1 / r.n
	r.mean += g * d
	r.dev += g * (math.Abs(d) - r.dev)
}

// over returns the mean of r, shrunk to prior, which weighs like k observations.
func (r *ratio) over(prior, k float64) float64 { return (r.n*r.mean + k*prior) / (r.n + k) }
