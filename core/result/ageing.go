package result

import (
	"math"

	"vidq/core"
)

// maxAge is the age beyond which a result says nothing about a camera frame.
const maxAge = core.Second

// clock tells when camera frames exist: frame k at phase + k/fps, rounded to the
// nearest nanosecond.
type clock struct {
	phase core.Time
	fps   float64
}

// FrameTime returns the instant of camera frame k of a live camera: phase + k/fps,
// rounded to the nearest nanosecond. Drivers use it, so that they and the
// collector agree on which side of an instant a frame lies.
func FrameTime(k int64, phase core.Time, fps float64) core.Time {
	return clock{phase, fps}.at(k)
}

// FrameIndex returns the first camera frame of a live camera at or after t.
func FrameIndex(t core.Time, phase core.Time, fps float64) int64 {
	return clock{phase, fps}.index(t)
}

func (c clock) at(k int64) core.Time {
	return c.phase.Add(core.FromSeconds(float64(k) / c.fps))
}

func (c clock) index(t core.Time) int64 {
	if t <= c.phase {
		return 0
	}
	x := (t - c.phase).Seconds() * c.fps
	if x >= 1<<62 {
		return 1 << 62
	}
	k := int64(math.Ceil(x))
	for k > 0 && c.at(k-1) >= t { // the product was rounded up
		k--
	}
	for c.at(k) < t { // or down
		k++
	}
	return k
}

// geometric returns 1 + r + ... + r^(n-1) for r = exp(-x), x >= 0: added up for few
// terms, else by the closed form, whose differences from one are taken without
// cancellation; for an x that vanishes in them it is n.
func geometric(x, r float64, n int64) float64 {
	if x < 1e-12 { // off by less than n*x/2 of it
		return float64(n)
	}
	if n <= groups {
		sum := 1.0
		for ; n > 1; n-- {
			sum = 1 + float64(sum*r)
		}
		return sum
	}
	return math.Expm1(-x*float64(n)) / math.Expm1(-x)
}

// aged returns the accuracy at an age of a result that had fresh at age 0 and
// decays at rate (1/s); 0 beyond maxAge.
func aged(fresh, rate float64, age core.Time) float64 {
	if age > maxAge {
		return 0
	}
	if rate == 0 || age == 0 {
		return fresh
	}
	return fresh * math.Exp(-rate*age.Seconds())
}

// groups is how many groups a result's camera frames are counted in, at most, for
// the quantile of accuracy.
const groups = 8

// spread counts n camera frames of accuracy v, v*r, v*r^2 ... with 0 <= r <= 1. More
// than groups frames are counted in groups of neighbours, each at the accuracy of
// its middle.
func (s *shares) spread(v, r float64, n int64) {
	if v*(1-r)*float64(n) < 5e-4 { // all fall into one bucket or two neighbours
		s.add(v, n)
		return
	}
	if n <= groups {
		for ; n > 0; n-- {
			s.add(v, 1)
			v *= r
		}
		return
	}
	step := (n + groups - 1) / groups
	v *= math.Pow(r, float64(step-1)/2)
	r = math.Pow(r, float64(step))
	for ; n > step; n -= step {
		s.add(v, step)
		v *= r
	}
	s.add(v, n)
}
