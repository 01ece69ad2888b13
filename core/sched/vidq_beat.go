package sched

import (
	"math"

	"vidq/core"
)

// Cameras take their frames at fixed instants. Which of them a plan takes is known
// (core.Selected), so that the frames of many cameras at one rate come together, or
// never do. What a frame waits for is therefore no matter of chance: it is read off
// the work that the others bring to a station at each instant of a second.

// clock tells when a camera takes its frames: frame number index, counted anew each
// second, is taken at the instant at.
type clock struct {
	at    core.Time
	index int
	known bool
}

// framesASecond is after how many camera frames the selected ones come again.
func framesASecond(fps float64) int { return max(int(math.Round(fps)), 1) }

// taken reports whether a plan at rate fps takes frame k of each second.
func taken(k int, fps, camera float64) bool {
	n := framesASecond(camera)
	k = ((k % n) + n) % n
	return core.Selected(int64(k+n), max(fps, 1), camera) == int64(k+n)
}

// saw takes in that a frame was taken at an instant under a plan of rate fps. Frames are
// counted from the beginning of a second until some frame tells otherwise.
func (c *clock) saw(at core.Time, fps, camera float64) {
	n := framesASecond(camera)
	c.index += int(math.Floor(float64((at-c.at).Seconds()*camera) + .5))
	if !c.known {
		c.index = int((at % core.Second).Seconds() * camera)
	}
	c.index, c.at, c.known = ((c.index%n)+n)%n, at, true
	for range n {
		if taken(c.index, fps, camera) {
			return
		}
		c.index = (c.index + n - 1) % n
	}
}

// tick brings the instants of the query's frames up to date with its camera's clock.
func (st *vidqQuery) tick(camera float64) {
	x := 0.
	if c := &st.clock; c.known {
		x = (c.at % core.Second).Seconds() - float64(c.index)/camera
		x -= math.Floor(x)
	}
	if math.Abs(x-st.phase) > 2e-3 || len(st.beats) > 0 && (st.beats[0].blurred > 0) == st.clock.known {
		st.phase, st.beats = x, st.beats[:0]
	}
}

// beat is when a query's frames at some rate come, as parts of a second.
type beat struct {
	fps     float64
	at      []float64
	weight  float64 // of each: below 1 where there is not one frame in each second
	blurred float64 // by how much they may come later
}

// beatOf works out when frames come at a rate.
func (st *vidqQuery) beatOf(fps, camera float64) *beat {
	for i := range st.beats {
		if b := &st.beats[i]; b.fps == fps {
			return b
		}
	}
	n := len(st.beats)
	if n < cap(st.beats) {
		st.beats = st.beats[:n+1]
	} else {
		st.beats = append(st.beats, beat{})
	}
	b := &st.beats[n]
	b.fps, b.at, b.weight, b.blurred = fps, b.at[:0], min(fps, 1), 0
	if !st.clock.known {
		b.blurred = 1 / camera
	}
	for k := range framesASecond(camera) {
		if taken(k, fps, camera) {
			x := st.phase + float64(k)/camera
			b.at = append(b.at, x-math.Floor(x))
		}
	}
	return b
}

// A cycle is what open loops bring to a station in a second, in slices.
const cycleSlices = 60

type cycle struct {
	brings  [cycleSlices]float64 // seconds of work
	backlog [cycleSlices]float64 // of work that is there when the slice begins
	settled bool
}

// add brings seconds of work at an instant that may be later by blurred: by more than a
// cycle, it may be any.
func (c *cycle) add(at, blurred, seconds float64) {
	c.settled = false
	x := (at - math.Floor(at)) * cycleSlices
	wide := min(max(blurred*cycleSlices, 1), cycleSlices)
	for first, left := int(x), 1.; left > 1e-9; first++ {
		part := min((float64(first+1)-x)/wide, left)
		c.brings[first%cycleSlices] += seconds * part
		left -= part
		x = float64(first + 1)
	}
}

// settle works out the backlog at a station.
func (c *cycle) settle(t *station) {
	if c.settled {
		return
	}
	c.settled = true
	left := 0.
	for range 2 { // the second time with what the first left over
		for i := range c.brings {
			c.backlog[i] = left
			left = max(left+c.brings[i]-t.pace(left)/cycleSlices, 0)
		}
	}
}

// queued is the work that a frame finds that comes at an instant.
func (c *cycle) queued(at float64, t *station) float64 {
	c.settle(t)
	x := (at - math.Floor(at)) * cycleSlices
	i := min(int(x), cycleSlices-1)
	return max(c.backlog[i]+(x-float64(i))*(c.brings[i]-t.pace(c.backlog[i])/cycleSlices), 0)
}

// shared is how long a transfer takes, which would take base seconds alone, where all that
// are under way share the rate: what is there takes its part from it, and what comes later the
// less the later it comes.
func (c *cycle) shared(at, base float64, t *station) float64 {
	took := base + c.queued(at, t)
	x := (at - math.Floor(at)) * cycleSlices
	from, over := int(x), took*cycleSlices
	more := 0.
	for i := 0; i < cycleSlices && float64(i) < over; i++ {
		k := (from + i) % cycleSlices
		brings := c.brings[k]
		if i == 0 {
			brings *= 1 - (x - float64(from))
		}
		more += brings * (1 - float64(i)/over)
	}
	return took + more
}
