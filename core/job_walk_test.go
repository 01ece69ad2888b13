package core_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// jmDiamond is a fork and a join: detect -> left, right -> join.
func jmDiamond(q *core.Query, p *core.Plan) {
	q.Pipeline = core.Pipeline{
		{Name: "detect", Service: "d"},
		{Name: "left", Service: "l", Parents: []int{0}},
		{Name: "right", Service: "r", Parents: []int{0}},
		{Name: "join", Service: "j", Parents: []int{1, 2}},
	}
	*p = jmPlan(1, "edge1", "cloud", "edge1", "cloud")
}

func TestForkAndJoin(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", jmDiamond)
	r.frame(1, 0)
	require.Len(t, r.invokes, 1)
	assert.True(t, r.call(0).Source)
	r.now = 10 * msec
	r.answer(r.call(0), func(d *core.StageDone) { d.Counted, d.Objects, d.Got, d.Work = true, 4, 500, 10*msec })
	require.Len(t, r.invokes, 3, "both branches at once")
	assert.False(t, r.call(1).Source)
	assert.Equal(t, 500., r.call(1).Bytes)
	r.now = 25 * msec
	r.answer(r.call(2), func(d *core.StageDone) { d.Got, d.Work = 70, 15*msec })
	require.Len(t, r.invokes, 3, "the join waits for the other")
	r.now = 40 * msec
	r.answer(r.call(1), func(d *core.StageDone) { d.Got, d.Work = 30, 20*msec })
	require.Len(t, r.invokes, 4)
	assert.Equal(t, 100., r.call(3).Bytes)
	assert.Equal(t, 4., r.call(3).Objects)
	r.now = 42 * msec
	r.answer(r.call(3), func(d *core.StageDone) { d.Work = 2 * msec })
	assert.Equal(t, []string{"0 done "}, r.outcomes())
	f := r.frames[0]
	assert.Equal(t, 42*msec, f.Latency)
	assert.Equal(t, 57*msec, f.RoundTrip, "of all stages, 10+30+15+2")
	assert.Equal(t, 32*msec, f.Breakdown[core.PartCompute], "along the critical path: detect, left, join")
	assert.Equal(t, 10*msec, f.Breakdown[core.PartTransfer])
	assert.Equal(t, 4, f.Attempts)
	assert.Equal(t, 4., f.Objects)
	assert.Len(t, r.stages, 4)
}

func TestSeveralSources(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", func(q *core.Query, p *core.Plan) {
		q.Pipeline = core.Pipeline{{Name: "a", Service: "a"}, {Name: "b", Service: "b"}}
	})
	r.frame(1, 0)
	require.Len(t, r.invokes, 2)
	r.answer(r.call(1))
	r.answer(r.call(0))
	assert.Equal(t, []string{"0 done "}, r.outcomes())
}

func TestFirstStageThatFailsEndsTheFrame(t *testing.T) {
	c := jmConfig()
	c.Settings.Retries = -1
	r := jmStart(t, c).job("live", jmDiamond)
	r.frame(1, 0)
	r.answer(r.call(0))
	r.now = 5 * msec
	r.answer(r.call(1), jmError(core.CallUnreachable))
	assert.Equal(t, []string{"0 failed unreachable"}, r.outcomes())
	r.answer(r.call(2))
	r.frame(1, 1)
	require.Len(t, r.invokes, 4)
	assert.Equal(t, int64(1), r.call(3).CameraFrame)
	r.answer(r.call(2))
	r.answer(r.call(0))
	assert.Len(t, r.invokes, 4, "answers of the frame before")
}

func TestRetries(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", nil)
	r.frame(1, 0)
	r.now = 10 * msec
	r.answer(r.call(0), jmError(core.CallRejected))
	assert.Len(t, r.invokes, 1)
	r.until(59 * msec)
	assert.Len(t, r.invokes, 1)
	r.until(60 * msec)
	require.Len(t, r.invokes, 2, "after 50 ms")
	second := r.call(1)
	assert.Equal(t, core.CallRef{Query: 1, Incarnation: 7, Attempt: 1}, second.Ref)
	assert.Equal(t, core.NodeID("edge1"), second.Node)
	r.answer(r.call(0))
	assert.Len(t, r.invokes, 2, "an answer for the first attempt")
	r.until(5059 * msec)
	assert.Len(t, r.stages, 1)
	r.until(5060 * msec)
	require.Len(t, r.stages, 2, "it has timed out")
	assert.Equal(t, core.CallTimeout, r.stages[1].Err)
	assert.Equal(t, 1, r.stages[1].Ref.Attempt)
	r.answer(second)
	r.until(5160 * msec)
	require.Len(t, r.invokes, 3, "after 100 ms")
	assert.Equal(t, 10*core.Second-5160*msec, r.call(2).Timeout, "what is left to the deadline")
	r.now = 5200 * msec
	r.answer(r.call(2), func(d *core.StageDone) { d.Work = 30 * msec })
	r.answer(r.call(3))
	assert.Equal(t, []string{"0 done "}, r.outcomes())
	assert.Equal(t, 4, r.frames[0].Attempts)
	assert.Equal(t, 30*msec, r.frames[0].Breakdown[core.PartCompute])
	assert.Equal(t, 40*msec, r.frames[0].RoundTrip, "of the attempt that was answered")
	r.until(r.now + 250*msec)
	assert.Equal(t, 3, jmTake[*core.SyncResults](r)[0].Results[0].Obs.Calls[0].Attempts)
}

func TestAttemptsEnd(t *testing.T) {
	tests := map[string]struct {
		err     core.CallError
		want    core.Reason
		retries int
		calls   int
	}{
		"timeout":     {core.CallTimeout, core.ReasonTimeout, 1, 2},
		"unreachable": {core.CallUnreachable, core.ReasonUnreachable, 0, 3},
		"rejected":    {core.CallRejected, core.ReasonRejected, -1, 1},
		"unknown":     {core.CallUnknown, core.ReasonService, 2, 3},
		"failed":      {core.CallFailed, core.ReasonService, 4, 5},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := jmConfig()
			c.Settings.Retries = test.retries
			r := jmStart(t, c).job("live", nil)
			r.frame(1, 0)
			for i := 0; i < len(r.invokes); i++ {
				r.answer(r.call(i), jmError(test.err))
				r.until(r.now + 900*msec)
			}
			assert.Len(t, r.invokes, test.calls)
			assert.Len(t, r.stages, test.calls)
			require.Len(t, r.outcomes(), 1)
			assert.Equal(t, test.want, r.frames[0].Reason)
		})
	}
}

func TestNoRetryWithoutTime(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", func(q *core.Query, _ *core.Plan) { q.Constraint.Latency = 50 * msec })
	r.frame(1, 0)
	r.now = 40 * msec
	r.answer(r.call(0), jmError(core.CallFailed))
	assert.Empty(t, r.frames)
	r.until(90 * msec)
	r.answer(r.call(1), jmError(core.CallFailed))
	assert.Equal(t, []string{"0 failed service"}, r.outcomes())
}

func TestAnswersOfOthersAreIgnored(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", nil)
	r.frame(1, 0)
	good := r.call(0).Ref
	for _, change := range []func(*core.CallRef){
		func(c *core.CallRef) { c.Query = 2 },
		func(c *core.CallRef) { c.Incarnation = 6 },
		func(c *core.CallRef) { c.Frame = 1 },
		func(c *core.CallRef) { c.Frame = -1 },
		func(c *core.CallRef) { c.Stage = 1 },
		func(c *core.CallRef) { c.Stage = 2 },
		func(c *core.CallRef) { c.Stage = -1 },
		func(c *core.CallRef) { c.Attempt = 1 },
	} {
		ref := good
		change(&ref)
		r.step(&core.StageDone{Ref: ref})
	}
	assert.Len(t, r.invokes, 1)
	assert.Empty(t, r.stages)
	r.step(&core.StageDone{Ref: good})
	r.step(&core.StageDone{Ref: good})
	assert.Len(t, r.invokes, 2)
	assert.Len(t, r.stages, 1)
}

func TestStageRecordsNeverExceedTheRoundTrip(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", nil)
	r.frame(1, 0)
	r.now = 10 * msec
	r.answer(r.call(0), func(d *core.StageDone) { d.Work, d.Wait, d.Encode, d.Return = 8*msec, 5*msec, -msec, core.Second })
	s := r.stages[0]
	assert.Equal(t, [5]core.Time{0, 0, 2 * msec, 8 * msec, 0}, [5]core.Time{s.Encode, s.Transfer, s.Wait, s.Work, s.Return})
	assert.Equal(t, core.NodeID("edge1"), s.On)
	assert.Equal(t, "a", s.Service)
}

func TestPacing(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", func(_ *core.Query, p *core.Plan) {
		*p = jmPlan(1, "cloud", "edge1")
		p.Pace, p.InFlight, p.Buffer = 300_000, 4, 4
	})
	for i := range int64(3) {
		r.frame(1, i) // of 30,000 bytes: 100 ms each
	}
	require.Len(t, r.invokes, 1)
	r.until(99 * msec)
	require.Len(t, r.invokes, 1)
	r.until(100 * msec)
	require.Len(t, r.invokes, 2)
	r.until(200 * msec)
	require.Len(t, r.invokes, 3)
	r.answer(r.call(1))
	require.Len(t, r.invokes, 4, "a call at the host is not held")
	r.answer(r.call(3))
	r.answer(r.call(0))
	r.answer(r.call(4))
	require.Len(t, r.frames, 2)
	assert.Equal(t, 100*msec, r.frames[1].Breakdown[core.PartQueueCamera])
	jmSum(t, &r.frames[1])
	r.now = 300 * msec
	r.step(&core.FrameCaptured{Query: 1, CameraFrame: 3, At: r.now}) // its size shows when it is encoded
	require.Len(t, r.invokes, 6)
	r.answer(r.call(5), func(d *core.StageDone) { d.Sent = 60_000 })
	r.frame(1, 4)
	require.Len(t, r.invokes, 7)
	r.until(500 * msec)
	require.Len(t, r.invokes, 8)
	assert.Equal(t, int64(4), r.call(7).CameraFrame)
}

func TestPacingBeyondTheDeadline(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", func(q *core.Query, p *core.Plan) {
		*p = jmPlan(1, "cloud", "cloud")
		p.Pace, p.InFlight = 10, 2
		q.Constraint.Latency = 100 * msec
	})
	r.frame(1, 0)
	r.frame(1, 1)
	r.until(core.Second)
	assert.Equal(t, []string{"0 failed deadline", "1 failed deadline"}, r.outcomes())
	assert.Len(t, r.invokes, 1)
	assert.Equal(t, 200*msec, r.frames[1].Breakdown[core.PartQueueCamera])
	p := jmPlan(2, "cloud", "cloud")
	p.Pace = 1_000_000
	r.get(&core.UpdatePlan{Incarnation: 7, Query: 1, Plan: p.Seal()})
	r.frame(1, 2)
	r.until(r.now + 29*msec)
	require.Len(t, r.invokes, 1, "what is booked takes 30 ms at the new pace")
	r.until(r.now + 2*msec)
	require.Len(t, r.invokes, 2)
}
