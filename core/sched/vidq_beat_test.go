package sched

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"vidq/core"
)

// A clock that has seen some frames of a camera tells when all others come, whatever the
// rate of the plan and wherever the camera's count began.
func TestClockKnowsWhenFramesCome(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		camera := []float64{10, 15, 25, 30}[r.IntN(4)]
		fps := []float64{1, 2, 5, 10}[r.IntN(4)]
		phase, from := r.Float64(), int64(r.IntN(40))
		at := func(k int64) core.Time { return core.FromSeconds(phase + float64(k)/camera) }
		var st vidqQuery
		k := from
		for range 50 {
			k = core.Selected(k+1, fps, camera)
			st.clock.saw(at(k), fps, camera)
		}
		st.tick(camera)
		b := st.beatOf(fps, camera)
		assert.Len(t, b.at, int(fps))
		for range 20 {
			k = core.Selected(k+1, fps, camera)
			x, nearest := (at(k) % core.Second).Seconds(), 1.
			for _, y := range b.at {
				d := math.Abs(x - y)
				nearest = min(nearest, d, 1-d)
			}
			assert.Less(t, nearest, 3e-3, "camera %v, plan %v, frame %d", camera, fps, k)
		}
	}
}

// The backlog that is read off a cycle is that of the queue itself: of jobs at instants of a
// second, one after the other.
func TestCycleIsTheQueue(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	worst, sum, n := 0., 0., 0.
	for range 300 {
		s := system{stations: []station{{capacity: 1}}}
		jobs, load := [][2]float64{}, .3+.6*r.Float64()
		for total := 0.; total < load; {
			at, work, fps := r.Float64(), .005+.03*r.Float64(), 1+r.IntN(5)
			b := beat{fps: float64(fps), weight: 1}
			for k := range fps {
				x := at + float64(k)/float64(fps)
				b.at = append(b.at, x-math.Floor(x))
				jobs = append(jobs, [2]float64{x - math.Floor(x), work})
			}
			s.count([]use{{amount: work * float64(fps), seconds: work, jobs: float64(fps)}}, &b, 1)
			total += work * float64(fps)
		}
		for range 20 {
			at := r.Float64()
			want := backlogAt(jobs, at)
			got := s.queue(&s.stations[0], at, .01, 1)
			worst = max(worst, math.Abs(got-want))
			sum += math.Abs(got - want)
			n++
		}
	}
	t.Logf("difference: mean %.4f s, worst %.4f s", sum/n, worst)
	assert.Less(t, sum/n, .5/cycleSlices, "half a slice")
	assert.Less(t, worst, .1)
}

// backlogAt is the work that waits at an instant of the second, of jobs that come again each second.
func backlogAt(jobs [][2]float64, at float64) float64 {
	slices.SortFunc(jobs, func(a, b [2]float64) int { return cmp.Compare(a[0], b[0]) })
	left, now := 0., 0.
	for second := range 4 {
		for _, j := range jobs {
			x := float64(second) + j[0]
			if x > 3+at {
				break
			}
			left, now = max(left-(x-now), 0)+j[1], x
		}
	}
	return max(left-(3+at-now), 0)
}

// Jobs that come at one instant and share a link are all done when the last is; what is
// taken in is taken out again.
func TestCycleShares(t *testing.T) {
	s := system{stations: []station{{capacity: 1}}}
	b := beat{fps: 1, at: []float64{.5}, weight: 1}
	uses := []use{{amount: .05, seconds: .05, jobs: 1}}
	for range 3 {
		s.count(uses, &b, 1)
	}
	c := &s.cycles[0]
	assert.InDelta(t, .2, c.shared(.5, .05, &s.stations[0]), .02)
	assert.InDelta(t, .05, c.shared(.8, .05, &s.stations[0]), 1e-9, "nobody else is there")
	for range 3 {
		s.count(uses, &b, -1)
	}
	assert.InDelta(t, 0, c.queued(.51, &s.stations[0]), 1e-12)
	assert.Zero(t, s.counted)
}

// In batches more is done of what waits; alone a job takes its time.
func TestStationBatches(t *testing.T) {
	s := station{capacity: 1, marginal: .2, load: .5, jobs: 10}
	assert.Equal(t, 1., s.gain(1))
	assert.InDelta(t, 4/(1+3*.2), s.gain(4), 1e-12)
	assert.Equal(t, s.gain(batchMost), s.gain(50))
	assert.Equal(t, 1., s.pace(.05), "one job is there")
	assert.Greater(t, s.pace(.2), 2.)
	s.marginal = 0
	assert.Equal(t, 1., s.pace(.2), "without batches")
}

// However seldom a camera takes its frames, its work is spread once over the cycle.
func TestCycleOfSlowCameras(t *testing.T) {
	for _, blurred := range []float64{.5, 1, 1e3, 1e300} {
		var c cycle
		c.add(.3, blurred, 2)
		sum := 0.
		for _, x := range c.brings {
			sum += x
		}
		assert.InDelta(t, 2, sum, 1e-6, "%v s", blurred)
	}
}
