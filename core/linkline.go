package core

import (
	"cmp"
	"math"
	"slices"
)

// What is asked of a line through a link's transfers.
const (
	linePoints = 256  // transfers kept
	lineEnough = 8    // differences that are to tell as much as so many equal ones
	lineError  = .05  // standard error of the rate up to which it is told
	lineChange = .2   // by what part the two halves of the transfers may differ in what they tell
	lineContra = 1.2  // by what factor a transfer has to beat an estimate to disprove it
	lineSigma  = 1.25 // standard deviation of normal errors by their mean absolute value
	lineLAD    = 1.25 // standard error of a least absolute deviations slope by that of least squares
)

// linkLine finds a link's rate from transfers that may say little each: their time grows with
// their size, and by how much is the rate, whatever latency and overhead they share.
// A line is put through the differences of successive transfers, so that a change of the
// rate or of the latency spoils one of them and not the rest, by least absolute deviations. It
// is told only when the scatter about it is so small that the rate is right within a few times
// lineError; otherwise the rate is not known from it.
type linkLine struct {
	points []linePoint // transfers that overlapped with no other, oldest first
	ratios []lineRatio // scratch
}

type linePoint struct {
	at    Time
	took  Time
	bytes float64
}

// lineRatio is the seconds per byte by which two successive transfers differ.
type lineRatio struct{ slope, weight float64 }

// add takes in a transfer that ended at an instant and shared the link with no other.
func (s *linkLine) add(at, took Time, bytes float64) {
	if len(s.points) == linePoints {
		s.points = s.points[:copy(s.points, s.points[linePoints/2:])]
	}
	s.points = append(s.points, linePoint{at, took, bytes})
}

// forget drops what is older than the window.
func (s *linkLine) forget(now Time) {
	old := 0
	for old < len(s.points) && s.points[old].at < now-linkWindow {
		old++
	}
	s.points = s.points[:copy(s.points, s.points[old:])]
}

// least is the highest rate that one of the transfers cannot have been without, bytes per second: that of all
// its bytes in all its time, latency and overhead included.
func (s *linkLine) least() (rate float64) {
	for i := range s.points {
		if p := &s.points[i]; p.took > 0 {
			rate = max(rate, p.bytes/p.took.Seconds())
		}
	}
	return rate
}

// rate is the link's rate, bytes per second, and by how many of the newest transfers: all, or
// fewer if the older ones do not fit in, since the rate has changed. 0 = not known well enough.
func (s *linkLine) rate() (rate float64, n int) {
	for p := s.points; len(p) > 2*lineEnough; p = p[len(p)/2:] {
		slope, half := s.slope(p), len(p)/2
		if !tells(p, slope) {
			continue
		}
		older, newer := s.slope(p[:half]), s.slope(p[half:])
		if math.Abs(older-slope) < lineChange*slope && math.Abs(newer-slope) < lineChange*slope {
			return 1 / slope, len(p)
		}
	}
	return 0, 0
}

// foot is the line's mean time of a transfer of no bytes, by the n newest and their rate.
func (s *linkLine) foot(rate float64, n int) Time {
	sum := 0.0
	for _, p := range s.points[len(s.points)-n:] {
		sum += p.took.Seconds() - p.bytes/rate
	}
	return FromSeconds(sum / float64(n))
}

// tells reports whether points are many and close enough to a line of that slope for it to be right.
func tells(p []linePoint, slope float64) bool {
	var sum, squares, scatter float64
	for i := 1; i < len(p); i++ {
		dx, dy := difference(&p[i-1], &p[i])
		sum += math.Abs(dx)
		squares += float64(dx * dx)
		scatter += math.Abs(dy - float64(slope*dx))
	}
	deviation := lineSigma * scatter / float64(len(p)-1)
	return slope > 0 && sum*sum >= lineEnough*squares && lineLAD*deviation <= lineError*slope*math.Sqrt(squares)
}

// slope is the line's through the origin of which the points' differences have the least sum of
// absolute deviations, seconds per byte: the median of their slopes, weighted by size. 0 = there
// are none.
func (s *linkLine) slope(p []linePoint) float64 {
	s.ratios = s.ratios[:0]
	half := 0.0
	for i := 1; i < len(p); i++ {
		if dx, dy := difference(&p[i-1], &p[i]); dx != 0 {
			s.ratios = append(s.ratios, lineRatio{dy / dx, math.Abs(dx)})
			half += math.Abs(dx) / 2
		}
	}
	slices.SortFunc(s.ratios, func(a, b lineRatio) int {
		return cmp.Or(cmp.Compare(a.slope, b.slope), cmp.Compare(a.weight, b.weight))
	})
	for _, r := range s.ratios {
		if half -= r.weight; half <= 0 {
			return r.slope
		}
	}
	return 0
}

// difference is by how many bytes and seconds b differs from a.
func difference(a, b *linePoint) (bytes, seconds float64) {
	return b.bytes - a.bytes, (b.took - a.took).Seconds()
}
