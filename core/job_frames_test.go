package core_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// under returns the frames that were called for and have no record yet.
func (r *jmRig) under() int {
	seen := map[int64]bool{}
	for _, i := range r.invokes {
		seen[i.Ref.Frame] = true
	}
	for _, f := range r.frames {
		delete(seen, f.Frame)
	}
	return len(seen)
}

// outcomes lists the camera frames that have ended, with how.
func (r *jmRig) outcomes() (s []string) {
	for i := range r.frames {
		f := &r.frames[i]
		jmSum(r.t, f)
		s = append(s, string(rune('0'+f.CameraFrame))+" "+f.Outcome.String()+" "+f.Reason.String())
	}
	require.Len(r.t, r.releases, len(r.frames), "one release per frame")
	return s
}

func TestLiveCameraKeepsOneCapture(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", nil)
	require.Len(t, r.captures, 1)
	assert.Equal(t, core.CameraID("live"), r.captures[0].Camera)
	assert.Equal(t, core.StateReady, r.m.Jobs()[0].State)
	for i := range int64(5) {
		r.frame(1, 3*i)
		require.Len(t, r.captures, int(i)+2)
		assert.Equal(t, 3*i+1, r.captures[i+1].From)
	}
	assert.Equal(t, core.JobStatus{Query: 1, Revision: 1, State: core.StateRunning, Next: 13}, r.m.Jobs()[0])
}

func TestFileCameraGivesAFrameForAFreeSlot(t *testing.T) {
	r := jmStart(t, jmConfig()).job("file", func(_ *core.Query, p *core.Plan) { p.InFlight = 2 })
	require.Len(t, r.captures, 1)
	r.frame(1, 0)
	require.Len(t, r.captures, 2)
	r.frame(1, 1)
	require.Len(t, r.captures, 2, "the window is full")
	r.answer(r.call(0))
	require.Len(t, r.captures, 2)
	r.answer(r.call(2))
	require.Len(t, r.captures, 3)
	assert.Equal(t, int64(2), r.captures[2].From)
}

func TestBuffer(t *testing.T) {
	tests := map[string]struct {
		buffer int
		want   []string
	}{
		"newest only":  {1, []string{"1 dropped overrun", "2 dropped overrun", "3 dropped overrun"}},
		"default":      {0, []string{"1 dropped overrun", "2 dropped overrun", "3 dropped overrun"}},
		"two":          {2, []string{"1 dropped overrun", "2 dropped overrun"}},
		"unbounded":    {-1, []string{"1 dropped overrun"}},
		"out of range": {1 << 40, []string{"1 dropped overrun"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := jmConfig()
			c.Settings.MaxBuffer = 3
			r := jmStart(t, c).job("live", func(_ *core.Query, p *core.Plan) { p.Buffer = test.buffer })
			for i := range int64(5) {
				r.frame(1, i)
			}
			assert.Equal(t, test.want, r.outcomes())
			assert.Equal(t, 1, r.under())
			r.answer(r.call(0))
			r.answer(r.call(1))
			assert.Equal(t, 1, r.under(), "the oldest that waits is next")
			assert.Equal(t, int64(len(test.want)+1), r.call(2).CameraFrame)
		})
	}
}

func TestResultsLeaveInFrameOrder(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", func(_ *core.Query, p *core.Plan) { p.InFlight = 3 })
	for i := range int64(4) {
		r.frame(1, i)
	}
	require.Equal(t, 3, r.under())
	finish := func(frame int) {
		n := len(r.invokes)
		r.answer(r.call(frame))
		r.answer(r.call(n))
	}
	r.now = 10 * msec
	finish(2)
	finish(1)
	assert.Empty(t, r.outcomes(), "frame 0 is older")
	assert.Equal(t, 3, r.under(), "a frame is under way until its result has left")
	r.now = 30 * msec
	finish(0)
	assert.Equal(t, []string{"0 done ", "1 done ", "2 done "}, r.outcomes())
	assert.Equal(t, 30*msec, r.frames[2].Latency)
	assert.Equal(t, 20*msec, r.frames[2].Breakdown[core.PartReturn], "the wait for the older one")
	assert.Equal(t, 1, r.under())
}

func TestFailedFrameHoldsNobodyUp(t *testing.T) {
	c := jmConfig()
	c.Settings.Retries = -1
	r := jmStart(t, c).job("live", func(_ *core.Query, p *core.Plan) { p.InFlight = 3 })
	for i := range int64(3) {
		r.frame(1, i)
	}
	r.answer(r.call(1))
	r.answer(r.call(3))
	r.answer(r.call(2), jmError(core.CallRejected))
	assert.Equal(t, []string{"2 failed rejected"}, r.outcomes())
	r.answer(r.call(0), jmError(core.CallFailed))
	assert.Equal(t, []string{"2 failed rejected", "0 failed service", "1 done "}, r.outcomes())
}

func TestPlanIsPinnedWhenAFrameIsCaptured(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", nil)
	r.frame(1, 0)
	r.frame(1, 1)
	p := jmPlan(2, "cloud", "edge1")
	p.Video.Resolution.Height = 720
	r.get(&core.UpdatePlan{Incarnation: 7, Query: 1, Plan: p})
	require.Len(t, r.captures, 4, "another picture is asked for")
	assert.Equal(t, int64(2), r.captures[3].From)
	assert.Equal(t, uint64(2), r.captures[3].Plan.Revision)
	r.frame(1, 2)
	for i := range 4 {
		r.answer(r.call(i))
	}
	assert.Equal(t, core.NodeID("cloud"), r.call(1).Node)
	assert.Equal(t, core.NodeID("cloud"), r.call(2).Node)
	assert.Equal(t, core.NodeID("edge1"), r.call(3).Node)
	assert.Equal(t, p.Video, r.call(3).Video)
	assert.Equal(t, []string{"1 dropped overrun", "0 done ", "2 done "}, r.outcomes())
	assert.Equal(t, uint64(1), r.frames[1].Revision)
	assert.Equal(t, uint64(2), r.frames[2].Revision)
	require.Len(t, r.plans, 2)

	same := p
	same.Revision, same.InFlight = 3, 2
	n := len(r.captures)
	r.get(&core.UpdatePlan{Incarnation: 7, Query: 1, Plan: same.Seal()})
	assert.Len(t, r.captures, n, "the picture is the same")
}

func TestWindowThatShrinks(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", func(_ *core.Query, p *core.Plan) { p.InFlight, p.Buffer = 1000, 9 })
	for i := range int64(3) {
		r.frame(1, i)
	}
	p := jmPlan(2, "edge1", "cloud")
	r.get(&core.UpdatePlan{Incarnation: 7, Query: 1, Plan: p})
	r.frame(1, 3)
	assert.Equal(t, 3, r.under())
	for i := range 2 {
		n := len(r.invokes)
		r.answer(r.call(i))
		r.answer(r.call(n))
		assert.Equal(t, 2-i, r.under(), "nobody starts")
	}
	n := len(r.invokes)
	r.answer(r.call(2))
	r.answer(r.call(n))
	assert.Equal(t, 1, r.under())
	assert.Equal(t, int64(3), r.call(n+1).CameraFrame)
}

func TestRefusedQuery(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", nil)
	r.frame(1, 0)
	r.frame(1, 1)
	p := jmPlan(2, "edge1", "cloud")
	p.Refused = true
	r.get(&core.UpdatePlan{Incarnation: 7, Query: 1, Plan: p.Seal()})
	require.Len(t, r.plans, 2)
	assert.True(t, r.plans[1].Plan.Refused)
	r.frame(1, 2)
	assert.Len(t, r.captures, 3, "no further frame is asked for")
	r.answer(r.call(0))
	r.answer(r.call(1))
	assert.Equal(t, []string{"1 dropped refused", "2 dropped refused", "0 done "}, r.outcomes())
	r.get(&core.UpdatePlan{Incarnation: 7, Query: 1, Plan: jmPlan(3, "edge1", "cloud")})
	require.Len(t, r.captures, 4)
	assert.Equal(t, int64(3), r.captures[3].From)
}

func TestDeadlines(t *testing.T) {
	tests := map[string]struct {
		latency, want core.Time
	}{
		"twice the bound": {300 * msec, 600 * msec},
		"the setting":     {0, 10 * core.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := jmStart(t, jmConfig()).job("live", func(q *core.Query, _ *core.Plan) { q.Constraint.Latency = test.latency })
			r.frame(1, 0)
			r.frame(1, 1)
			// Frame 0 is kept busy by its second stage, which never answers.
			r.until(test.want - 10*msec)
			for len(r.frames) == 0 && r.now < 20*core.Second {
				i := r.call(len(r.invokes) - 1)
				assert.LessOrEqual(t, i.Timeout, 5*core.Second)
				assert.LessOrEqual(t, r.now+i.Timeout, test.want+5*core.Second)
				r.until(r.now + msec)
			}
			require.Len(t, r.frames, 2, "they were captured at the same time")
			for _, f := range r.frames {
				assert.Equal(t, core.ReasonDeadline, f.Reason)
				assert.Equal(t, test.want, f.At)
			}
			assert.Equal(t, []string{"0 failed deadline", "1 dropped deadline"}, r.outcomes())
			assert.Equal(t, test.want, r.frames[1].Breakdown[core.PartQueueCamera])
		})
	}
}

func TestFrameThatComesTooLate(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", func(q *core.Query, _ *core.Plan) { q.Constraint.Latency = 10 * msec })
	r.now = core.Second
	r.step(&core.FrameCaptured{Query: 1, CameraFrame: 0, At: 980 * msec})
	assert.Equal(t, []string{"0 dropped deadline"}, r.outcomes())
	r.step(&core.FrameCaptured{Query: 1, CameraFrame: 1, At: r.now})
	r.now = 1020 * msec // the answer overtakes the timer
	r.answer(r.call(0))
	assert.Equal(t, []string{"0 dropped deadline", "1 failed deadline"}, r.outcomes())
	assert.Len(t, r.invokes, 1)
}

func TestVideoEnds(t *testing.T) {
	r := jmStart(t, jmConfig()).job("file", func(_ *core.Query, p *core.Plan) { p.InFlight = 2 })
	r.frame(1, 0)
	r.step(&core.VideoEnded{Query: 1})
	assert.Equal(t, core.StateRunning, r.m.Jobs()[0].State, "a frame is under way")
	r.answer(r.call(0))
	r.answer(r.call(1))
	assert.Equal(t, core.StateDone, r.m.Jobs()[0].State)
	assert.Len(t, r.captures, 2)
	r.get(&core.UpdatePlan{Incarnation: 7, Query: 1, Plan: jmPlan(2, "edge1", "cloud")})
	assert.Len(t, r.captures, 2)
	r.step(&core.VideoEnded{Query: 1})
	r.step(&core.VideoEnded{Query: 77})
}

func TestStopInFlight(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", func(_ *core.Query, p *core.Plan) { p.InFlight, p.Buffer = 2, 2 })
	for i := range int64(4) {
		r.frame(1, i)
	}
	r.answer(r.call(1))
	r.now = 7 * msec
	r.answer(r.call(2)) // frame 1 is done and waits for frame 0
	r.get(&core.StopJob{Incarnation: 7, Query: 1})
	assert.Equal(t, []string{"0 dropped stopped", "1 done ", "2 dropped stopped", "3 dropped stopped"}, r.outcomes())
	n := len(r.releases)
	r.answer(r.call(0))
	r.frame(1, 4)
	assert.Equal(t, []core.Release{{Query: 1, CameraFrame: 4}}, r.releases[n:], "what nobody wants is given back")
	assert.Len(t, r.frames, 4)
	r.until(20 * core.Second)
	assert.Len(t, r.frames, 4)
}

func TestFrameTwice(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", nil)
	r.frame(1, 5)
	r.frame(1, 5)
	r.frame(1, 4)
	assert.Len(t, r.releases, 2)
	assert.Empty(t, r.frames)
	assert.Len(t, r.captures, 2)
}

func TestDeadlineOutlivesTheFrameBeforeInItsPlace(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", func(q *core.Query, _ *core.Plan) { q.Constraint.Latency = 300 * msec })
	finish := func() {
		r.answer(r.call(len(r.invokes) - 1))
		r.answer(r.call(len(r.invokes) - 1))
	}
	r.frame(1, 0)
	finish()
	r.until(500 * msec)
	r.frame(1, 1)
	r.frame(1, 2)
	finish()
	finish()
	r.until(550 * msec)
	r.frame(1, 3)
	r.step(&core.FrameCaptured{Query: 1, CameraFrame: 4, At: 500 * msec})
	r.until(5 * core.Second)
	assert.Equal(t, []string{"0 done ", "1 done ", "2 done ", "4 dropped deadline", "3 failed deadline"}, r.outcomes())
	assert.Equal(t, 1100*msec, r.frames[3].At)
	assert.Equal(t, 1150*msec, r.frames[4].At)
}
