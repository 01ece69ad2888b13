package core

import "strconv"

// Time is an instant since the start of the run, or a span, in integer
// nanoseconds. It is a type of its own, not time.Duration, so that core need
// not import a package that can read a clock; the units and the arithmetic are
// the same and time.Duration(t) converts.
type Time int64

// Units of Time.
const (
	Nanosecond  Time = 1
	Microsecond      = 1000 * Nanosecond
	Millisecond      = 1000 * Microsecond
	Second           = 1000 * Millisecond
	Minute           = 60 * Second
	Hour             = 60 * Minute
)

// Never is a time that no run reaches.
const Never Time = 1<<63 - 1

// Seconds returns t in seconds.
func (t Time) Seconds() float64 { return float64(t) / float64(Second) }

// FromSeconds rounds s seconds to the nearest nanosecond, halves away from
// zero. Values beyond the range of Time saturate; NaN gives 0.
func FromSeconds(s float64) Time {
	ns := s * float64(Second)
	switch {
	case ns != ns:
		return 0
	case ns >= float64(Never):
		return Never
	case ns <= -float64(Never):
		return -Never
	case ns < 0:
		return Time(ns - 0.5)
	}
	return Time(ns + 0.5)
}

// Add returns t+d, saturating at Never; d must not be negative.
func (t Time) Add(d Time) Time {
	if s := t + d; s >= t {
		return s
	}
	return Never
}

// String prints t in seconds with as many decimals as it needs: "1.25s".
func (t Time) String() string {
	if t == Never {
		return "never"
	}
	return strconv.FormatFloat(t.Seconds(), 'f', -1, 64) + "s"
}
