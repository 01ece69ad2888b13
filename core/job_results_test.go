package core_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// one takes a frame through both stages at once.
func (r *jmRig) one(camera int64) {
	r.frame(1, camera)
	n := len(r.invokes)
	r.answer(r.call(n - 1))
	r.answer(r.call(n))
}

func TestResultsAreSentUntilAcknowledged(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", nil)
	r.get(&core.JoinAck{Node: "edge1", Incarnation: 7})
	r.now = core.Second
	r.one(0)
	r.one(1)
	r.sends = nil
	r.until(r.now + 249*msec)
	require.Empty(t, jmTake[*core.SyncResults](r), "they wait for company")
	r.until(r.now + msec)
	sent := jmTake[*core.SyncResults](r)
	require.Len(t, sent, 1)
	b := sent[0]
	assert.Equal(t, uint64(1), b.First)
	require.Len(t, b.Results, 2)
	assert.Equal(t, uint64(2), b.Results[1].Seq)
	assert.Len(t, b.Results[0].Obs.Calls, 2)

	r.one(2)
	var at []core.Time
	start := r.now
	for r.now < start+30*core.Second {
		r.until(r.now + msec)
		for _, again := range jmTake[*core.SyncResults](r) {
			assert.Same(t, b, again)
			at = append(at, r.now)
		}
	}
	pause, last := 500*msec, start
	for _, x := range at {
		assert.GreaterOrEqual(t, x-last, pause)
		assert.LessOrEqual(t, x-last, 3*pause/2+msec)
		last, pause = x, min(2*pause, 8*core.Second)
	}
	assert.GreaterOrEqual(t, len(at), 5)

	r.get(&core.SyncAck{Incarnation: 6, Seq: 2})
	r.get(&core.SyncAck{Incarnation: 7, Seq: 77})
	assert.Empty(t, jmTake[*core.SyncResults](r), "not acknowledged")
	r.get(&core.SyncAck{Incarnation: 7, Seq: 2})
	next := jmTake[*core.SyncResults](r)
	require.Len(t, next, 1, "what waited meanwhile goes at once")
	assert.Equal(t, uint64(3), next[0].First)
	r.get(&core.SyncAck{Incarnation: 7, Seq: 2})
	r.get(&core.SyncAck{Incarnation: 7, Seq: 3})
	r.until(r.now + 20*core.Second)
	assert.Empty(t, jmTake[*core.SyncResults](r))
}

func TestPartOfABatchAcknowledged(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", nil)
	for i := range int64(5) {
		r.one(i)
	}
	r.until(250 * msec)
	require.Len(t, jmTake[*core.SyncResults](r), 1)
	r.get(&core.SyncAck{Incarnation: 7, Seq: 3})
	r.until(r.now + core.Second)
	again := jmTake[*core.SyncResults](r)
	require.Len(t, again, 1)
	assert.Equal(t, uint64(4), again[0].First)
	require.Len(t, again[0].Results, 2)
	assert.Equal(t, uint64(4), again[0].Results[0].Seq)
}

func TestFullBatchesGoAtOnceAndOverflowIsCounted(t *testing.T) {
	c := jmConfig()
	c.Settings = core.Settings{ResultRing: 10, BatchSize: 4}
	r := jmStart(t, c).job("live", nil)
	r.sends = nil
	for i := range int64(3) {
		r.one(i)
	}
	assert.Empty(t, jmTake[*core.SyncResults](r))
	r.one(3)
	first := jmTake[*core.SyncResults](r)
	require.Len(t, first, 1)
	require.Len(t, first[0].Results, 4)
	for i := range int64(9) { // 4 under way and 6 that wait are as many as may be
		r.one(4 + i)
	}
	r.step(&core.Sampled{})
	assert.Equal(t, int64(3), r.others[0].(*core.NodeSample).Lost)
	assert.Len(t, first[0].Results[0].Obs.Calls, 2, "the message keeps what it said")
	r.sends = nil
	r.get(&core.SyncAck{Incarnation: 7, Seq: 4})
	next := jmTake[*core.SyncResults](r)
	require.Len(t, next, 1)
	assert.Equal(t, uint64(8), next[0].First, "5 to 7 are lost")
	assert.Equal(t, int64(7), next[0].Results[0].CameraFrame)
}

func TestManagerThatComesBackGetsResultsAtOnce(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", nil)
	r.get(&core.JoinAck{Node: "edge1", Incarnation: 7})
	r.one(0)
	r.until(60 * core.Second)
	n := jmTake[*core.Heartbeat](r)[0].Number + 58
	r.get(&core.HeartbeatAck{Node: "edge1", Incarnation: 7, Number: n})
	require.Len(t, jmTake[*core.Join](r), 1)
	r.get(&core.JoinAck{Node: "edge1", Incarnation: 7})
	assert.Len(t, jmTake[*core.SyncResults](r), 1)
}

func TestObservation(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", func(_ *core.Query, p *core.Plan) { p.Stages[1].Model = 1 })
	r.one(4)
	r.now = 100 * msec
	r.step(&core.FrameCaptured{Query: 1, CameraFrame: 7, At: 95 * msec})
	r.now = 130 * msec
	r.answer(r.call(2), func(d *core.StageDone) {
		d.Counted, d.Objects, d.Area = true, 6, 3072
		d.Work, d.Wait, d.Encode = 10*msec, 3*msec, 2*msec
	})
	assert.Equal(t, 6., r.call(3).Objects)
	assert.Equal(t, 2000., r.call(3).Bytes)
	r.now = 180 * msec
	r.answer(r.call(3), func(d *core.StageDone) { d.Work, d.Wait, d.Return = 20*msec, 5*msec, 4*msec })
	r.until(500 * msec)
	b := jmTake[*core.SyncResults](r)
	require.Len(t, b, 1)
	assert.Equal(t, core.Result{Seq: 2, CameraFrame: 7, Captured: 95 * msec, Obs: core.Observation{
		Query: 1, Frame: 1, Revision: 1, At: 180 * msec, Latency: 85 * msec, RoundTrip: 80 * msec, Gap: 3, Encode: 2 * msec,
		Objects: 6, Size: 3072, Area: .01, Known: true,
		Calls: []core.Call{
			{Node: "edge1", RoundTrip: 30 * msec, Work: 10 * msec, Wait: 3 * msec, Transfer: 15 * msec, Bytes: 32_000, Attempts: 1},
			{Node: "cloud", Model: 1, RoundTrip: 50 * msec, Work: 20 * msec, Wait: 5 * msec, Transfer: 25 * msec, Bytes: 32_000, Attempts: 1},
		},
	}}, b[0].Results[1])
	f := r.frames[1]
	assert.Equal(t, [core.NumParts]core.Time{
		core.PartQueueCamera: 5 * msec, core.PartEncode: 2 * msec, core.PartTransfer: 36 * msec,
		core.PartQueueService: 8 * msec, core.PartCompute: 30 * msec, core.PartReturn: 4 * msec,
	}, f.Breakdown)
	jmSum(t, &f)
	assert.Equal(t, 80*msec, f.RoundTrip)
	assert.Equal(t, .01, f.Area)
	info, ok := r.m.Runtime(1)
	assert.True(t, ok)
	assert.Equal(t, 2, info.Frames)
	_, ok = r.m.Runtime(9)
	assert.False(t, ok)
}
