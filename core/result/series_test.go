package result

import (
	"math/rand/v2"
	"testing"

	"vidq/core"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSeriesOfALiveCamera(t *testing.T) {
	var s Series
	c := NewCollector(Meta{Series: &s})
	c.Query(1, QueryInfo{CameraFPS: 10, Constraint: core.Constraint{Latency: 200 * ms}})
	c.Query(2, QueryInfo{CameraFPS: 10}) // asks for nothing and does not count
	at := func(captured, latency core.Time) {
		c.Add(&core.FrameRecord{
			At: captured + latency, Query: 1, CameraFrame: int64(captured / (100 * ms)), Captured: captured,
			Gap: 5, Latency: latency, RoundTrip: latency, Fresh: .9,
		})
	}
	at(1000*ms, 100*ms) // met, in force from 1.1 s to 1.5 s
	at(1200*ms, 300*ms) // not met, to 1.7 s
	at(1600*ms, 100*ms) // met, to its age of 1 s at 2.6 s, itself included
	run := c.End(4 * core.Second)
	assert.Equal(t, []float64{0, .7, .7, 0}, s.Shares())
	assert.InDelta(t, 14./40, *run.SLOTime.Joint, 1e-12)
}

func TestSeriesOfAFileCamera(t *testing.T) {
	var s Series
	c := NewCollector(Meta{Series: &s})
	c.Query(1, QueryInfo{Mode: core.ModeFile, CameraFPS: 10, Constraint: core.Constraint{Delay: 100 * ms}})
	for i, roundTrip := range []core.Time{100 * ms, 900 * ms} {
		k, captured := int64(5*i), core.Time(i)*2*core.Second
		c.Captured(1, captured, k+5)
		c.Add(&core.FrameRecord{At: captured + roundTrip, Query: 1, CameraFrame: k, Captured: captured, Gap: 5, RoundTrip: roundTrip, Fresh: .9})
	}
	run := c.End(4 * core.Second)
	assert.Equal(t, []float64{1, 1, 0}, s.Shares(), "the second without a frame goes on as the one before")
	assert.InDelta(t, .5, *run.SLOTime.Joint, 1e-12)
}

// TestSeriesSumsUpToTheRun compares with the figure that the collector makes without it.
func TestSeriesSumsUpToTheRun(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 7))
		var s Series
		c := NewCollector(Meta{Series: &s})
		info := QueryInfo{
			Mode: core.Mode(r.IntN(2)), CameraFPS: 1 + 40*r.Float64(), CameraPhase: core.Time(r.Int64N(int64(core.Second))),
			Constraint: core.Constraint{Latency: 300 * ms, Accuracy: .8}, Start: core.Time(r.Int64N(int64(core.Second))),
		}
		c.Query(1, info)
		k, now := int64(0), info.Start
		for range 200 {
			k += 1 + r.Int64N(5)
			captured := max(FrameTime(k, info.CameraPhase, info.CameraFPS), now)
			now = captured + core.Time(r.Int64N(int64(500*ms)))
			c.Captured(1, captured, k+1)
			c.Add(&core.FrameRecord{
				At: now, Query: 1, CameraFrame: k, Captured: captured, Gap: 1, Latency: now - captured, RoundTrip: now - captured,
				Fresh: .7 + .3*r.Float64(), Decay: .2 * r.Float64(),
			})
		}
		run := c.End(now + core.Second)
		var met, captured int64
		for i := range s.met {
			met += s.met[i]
			captured += s.captured[i]
		}
		require.NotNil(t, run.SLOTime.Joint)
		require.InDelta(t, *run.SLOTime.Joint, float64(met)/float64(run.Frames.Captured), 1e-12, "seed %d", seed)
		if info.Mode == core.ModeLive {
			require.Equal(t, run.Frames.Captured, captured, "seed %d", seed)
		}
	}
}

func TestSharesOfSecondsWithoutCameraFrames(t *testing.T) {
	var s Series
	assert.Empty(t, s.Shares())
	s.add(2*core.Second, 4, 1)
	s.add(4*core.Second, 4, 3)
	assert.Equal(t, []float64{.25, .25, .25, .25, .75}, s.Shares())
}
