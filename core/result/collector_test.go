package result

import (
	"math"
	"testing"

	"vidq/core"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const ms = core.Millisecond

// live is a query at a 10 fps camera of phase 0 whose frames are captured at
// 0, 100 ms, 200 ms...
func live(c core.Constraint) QueryInfo {
	return QueryInfo{Key: "q", Node: "edge1", Mode: core.ModeLive, CameraFPS: 10, Constraint: c}
}

// doneAt is a result of camera frame k of live, after latency.
func doneAt(k int64, latency core.Time, fresh, decay float64) *core.FrameRecord {
	at := FrameTime(k, 0, 10)
	return &core.FrameRecord{
		At: at + latency, Query: 1, CameraFrame: k, Captured: at, Gap: 1, Latency: latency,
		RoundTrip: latency, Fresh: fresh, Decay: decay,
	}
}

func lost(k int64, o core.Outcome, why core.Reason) *core.FrameRecord {
	at := FrameTime(k, 0, 10)
	return &core.FrameRecord{At: at, Query: 1, CameraFrame: k, Captured: at, Gap: 1, Outcome: o, Reason: why, Fresh: nan}
}

func collect(m Meta, info QueryInfo) *Collector {
	c := NewCollector(m)
	c.Query(1, info)
	return c
}

func TestLiveAccuracyBeforeTheFirstResultAndBeyondASecond(t *testing.T) {
	c := collect(Meta{}, live(core.Constraint{Latency: 300 * ms, Accuracy: .7}))
	// Camera frames 0..49 in 5 s. The result of frame 0 comes at 250 ms and serves
	// frames 3..10: those at 300 ms .. 1 s, of age up to 1 s. Frames 11..19 have nothing.
	c.Add(doneAt(0, 250*ms, .8, 0))
	// That of frame 19 comes at 2 s and serves frames 20 (at that instant) .. 22.
	c.Add(doneAt(19, 100*ms, .6, 0))
	// That of frame 20 comes at 2.3 s, serves 23..30.
	c.Add(doneAt(20, 300*ms, .9, 0))
	c.Add(lost(21, core.OutcomeDropped, core.ReasonOverrun))
	c.Add(lost(22, core.OutcomeFailed, core.ReasonTimeout))
	c.InFlight(1, 4900*ms)
	r := c.End(5 * core.Second)
	require.NoError(t, r.Check())

	assert.Equal(t, Frames[int64]{Captured: 50, Due: 6, Done: 3, Dropped: 1, Failed: 1, InFlight: 1}, r.Frames)
	assert.EqualValues(t, 1, r.DropReasons[core.ReasonOverrun])
	assert.EqualValues(t, 1, r.DropReasons[core.ReasonTimeout])
	assert.InDelta(t, (8*.8+3*.6+8*.9)/50, *r.Accuracy.Mean, 1e-12)
	assert.Equal(t, 0.0, *r.Accuracy.P5)

	// 5 due frames outside flight: all three meet the latency, two the accuracy.
	assert.InDelta(t, 3./5, *r.SLO.Latency, 1e-12)
	assert.InDelta(t, 2./5, *r.SLO.Accuracy, 1e-12)
	assert.InDelta(t, 2./5, *r.SLO.Joint, 1e-12)
	assert.Nil(t, r.SLO.Delay)
	assert.InDelta(t, 19./50, *r.SLOTime.Latency, 1e-12)
	assert.InDelta(t, 16./50, *r.SLOTime.Accuracy, 1e-12)
	assert.InDelta(t, 16./50, *r.SLOTime.Joint, 1e-12)
	assert.Nil(t, r.SLOTime.Delay)
	assert.InDelta(t, (.25+.1+.3)/3, *r.LatencyS.Mean, 1e-12)
	assert.InEpsilon(t, .25, *r.LatencyS.P50, .001)
	assert.Equal(t, .3, *r.LatencyS.Max)
	assert.Equal(t, r.Outcome, r.Queries[0].Outcome)
}

func TestLiveAgeing(t *testing.T) {
	c := collect(Meta{}, live(core.Constraint{Accuracy: .5}))
	c.Add(doneAt(0, 150*ms, 1, 1)) // serves frames 2, 3, 4 at ages .2, .3, .4
	c.Add(doneAt(4, 50*ms, 1, 0))  // comes at 450 ms, serves 5
	r := c.End(600 * ms)
	want := (math.Exp(-.2) + math.Exp(-.3) + math.Exp(-.4) + 1) / 6
	assert.InDelta(t, want, *r.Accuracy.Mean, 1e-12)
	assert.InDelta(t, 4./6, *r.SLOTime.Accuracy, 1e-12)
}

func TestMeanAccuracyDecides(t *testing.T) {
	mean := (math.Exp(-.2) + math.Exp(-.3) + math.Exp(-.4)) / 3
	for _, bound := range []float64{mean - 1e-9, mean + 1e-9} {
		c := collect(Meta{}, live(core.Constraint{Accuracy: bound}))
		c.Add(doneAt(0, 150*ms, 1, 1))
		r := c.End(500 * ms)
		want := 0.0
		if bound < mean {
			want = 1
		}
		assert.Equal(t, want, *r.SLO.Accuracy)
		assert.InDelta(t, want*3/5, *r.SLOTime.Accuracy, 1e-12)
	}
}

func TestResultThatServesNoCameraFrameHasItsAccuracyWhenItCame(t *testing.T) {
	sink := &frames{}
	c := collect(Meta{Frames: sink}, live(core.Constraint{Accuracy: .5}))
	c.Add(doneAt(0, 110*ms, 1, 1))
	c.Add(doneAt(1, 20*ms, .9, 0)) // at 120 ms, before frame 2
	c.Add(doneAt(2, 1500*ms, .9, 0))
	r := c.End(10 * core.Second)
	require.Len(t, sink.accuracy, 3)
	assert.InDelta(t, math.Exp(-.11), sink.accuracy[0], 1e-12)
	assert.InDelta(t, .9, sink.accuracy[1], 1e-12)
	assert.Zero(t, sink.accuracy[2], "older than a second when it came")
	assert.InDelta(t, 2./3, *r.SLO.Accuracy, 1e-12)
}

func TestWarmUp(t *testing.T) {
	c := collect(Meta{Warmup: 500 * ms, Nodes: []core.NodeID{"a"}}, live(core.Constraint{Latency: core.Second}))
	c.Add(doneAt(0, 100*ms, .5, 0))
	c.Add(lost(1, core.OutcomeDropped, core.ReasonOverrun))
	c.Add(doneAt(4, 50*ms, .5, 1))             // at 450 ms: serves 5, 6, of which both count
	c.Add(doneAt(5, 150*ms, 1, 0))             // at 650 ms: the first frame that counts
	c.Missed(1, core.ReasonNodeDown, 3, 10, 5) // of 4, 6, 8 two count
	c.InFlight(1, 400*ms)
	c.Add(&core.NodeSample{At: 500 * ms, Span: 500 * ms, Node: "a", Energy: 5, Queue: 9, Load: core.NodeLoad{CPU: 1}})
	c.Add(&core.NodeSample{At: 1000 * ms, Span: 500 * ms, Node: "a", Energy: 8, Queue: 2, Load: core.NodeLoad{CPU: .2, GPU: .6}})
	r := c.End(core.Second)
	require.NoError(t, r.Check())
	assert.Equal(t, Frames[int64]{Captured: 5, Due: 3, Done: 1, Dropped: 2}, r.Frames)
	v := .5 * math.Exp(-.1)
	assert.InDelta(t, (v+v*math.Exp(-.1)+3)/5, *r.Accuracy.Mean, 1e-12)
	assert.InDelta(t, 1./3, *r.SLO.Joint, 1e-12)
	assert.Equal(t, 1.0, *r.SLOTime.Joint)
	assert.Equal(t, 3.0, r.Nodes[0].EnergyJ)
	assert.Equal(t, 2, r.Nodes[0].QueueMax)
	assert.Equal(t, .6, *r.Nodes[0].Utilization)
	assert.Equal(t, .5, r.WarmupS)
}

// A sample counts for the time that it covers after the warm-up: one after an outage for more
// than the second that others do, the last one for less.
func TestSamplesWeighWhatTheyCover(t *testing.T) {
	c := NewCollector(Meta{Warmup: 500 * ms})
	second := core.Second
	for _, s := range []struct {
		at, span core.Time
		load     float64
	}{{second, second, 1}, {7 * second, 6 * second, .25}, {8 * second, second, 0}, {8*second + 500*ms, 500 * ms, 1}} {
		c.Add(&core.NodeSample{At: s.at, Span: s.span, Node: "a", Load: core.NodeLoad{CPU: s.load, GPU: s.load / 2}})
		c.Add(&core.LinkRecord{At: s.at, Span: s.span, Link: core.LinkSample{From: "a", To: "b", Utilization: s.load}})
	}
	c.Add(&core.NodeSample{At: second, Node: "b"}) // covers nothing
	r := c.End(9 * second)
	want := (.5*1 + 6*.25 + .5*1) / 8
	assert.InDelta(t, want, *r.Nodes[0].Utilization, 1e-12)
	assert.InDelta(t, want, *r.Nodes[0].CPUUtilization, 1e-12)
	assert.InDelta(t, want/2, *r.Nodes[0].GPUUtilization, 1e-12)
	assert.InDelta(t, want, *r.Links[0].Utilization, 1e-12)
	assert.Nil(t, r.Nodes[1].Utilization)
}

func TestStartAndEndBoundTheCameraFrames(t *testing.T) {
	info := live(core.Constraint{Latency: core.Second})
	info.Start = 200 * ms
	c := collect(Meta{}, info)
	c.Add(doneAt(2, 10*ms, 1, 0)) // serves 3..
	c.Ended(1, 500*ms)            // ..4
	r := c.End(10 * core.Second)
	assert.EqualValues(t, 3, r.Frames.Captured)
	assert.InDelta(t, 2./3, *r.Accuracy.Mean, 1e-12)
}

func TestFileMode(t *testing.T) {
	info := QueryInfo{Key: "q", Mode: core.ModeFile, CameraFPS: 10, Constraint: core.Constraint{Delay: 100 * ms, Accuracy: .6}}
	sink := &frames{}
	c := collect(Meta{Warmup: core.Second, Frames: sink}, info)
	add := func(k, gap int64, at, trip core.Time, fresh, decay float64) {
		c.Captured(1, at, k+1)
		c.Add(&core.FrameRecord{
			At: at + trip, Query: 1, CameraFrame: k, Captured: at, Gap: gap, Latency: trip,
			RoundTrip: trip, Fresh: fresh, Decay: decay,
		})
	}
	add(0, 1, 0, 500*ms, 1, 0)
	add(4, 4, 900*ms, 200*ms, 1, 0)           // warm-up; frames 5.. are read after it
	add(6, 2, 2*core.Second, 200*ms, 1, 1)    // delay 100 ms: met; serves 6, 7, 8
	add(9, 3, 3*core.Second, 330*ms, .5, 0)   // delay 110 ms: missed; serves 9..19 within a second of age
	add(25, 16, 4*core.Second, 160*ms, .9, 0) // delay 10 ms; serves 25..27
	c.Captured(1, 5*core.Second, 28)          // the video's end
	r := c.End(6 * core.Second)
	require.NoError(t, r.Check())
	assert.Equal(t, Frames[int64]{Captured: 23, Due: 3, Done: 3}, r.Frames, "camera frames 5..27")

	second := (1 + math.Exp(-.1) + math.Exp(-.2))
	assert.InDelta(t, (1+second+11*.5+3*.9)/23, *r.Accuracy.Mean, 1e-12)
	assert.InDeltaSlice(t, []float64{1, 1, second / 3, .5, .9}, sink.accuracy, 1e-12)
	assert.InDelta(t, 2./3, *r.SLO.Delay, 1e-12)
	assert.InDelta(t, 2./3, *r.SLO.Accuracy, 1e-12)
	assert.InDelta(t, 2./3, *r.SLO.Joint, 1e-12)
	assert.InDelta(t, (1.+3+3)/23, *r.SLOTime.Delay, 1e-12) // frame 5 is served by frame 4's result: 200/4
	assert.InDelta(t, (.1+.11+.01)/3, *r.DelayS.Mean, 1e-12)
}

func TestNothingDueIsNull(t *testing.T) {
	c := collect(Meta{}, live(core.Constraint{Latency: core.Second}))
	r := c.End(0)
	require.NoError(t, r.Check())
	assert.Nil(t, r.SLO.Joint)
	assert.Nil(t, r.SLOTime.Joint)
	assert.Nil(t, r.Accuracy.Mean)
	assert.Nil(t, r.LatencyS.Mean)
	assert.Nil(t, r.Fairness.JainSLO)
	r = NewCollector(Meta{}).End(core.Second)
	assert.Nil(t, r.Accuracy.Mean, "no query at all")

	c = collect(Meta{}, live(core.Constraint{}))
	c.Add(doneAt(0, 10*ms, 1, 0))
	r = c.End(core.Second)
	assert.Nil(t, r.SLO.Joint, "nothing was asked")
	assert.Nil(t, r.Fairness.WorstSLO)
	assert.InDelta(t, .9, *r.Accuracy.Mean, 1e-12)
}

func TestUnknownAccuracy(t *testing.T) {
	c := collect(Meta{}, live(core.Constraint{Accuracy: .1}))
	c.Query(2, live(core.Constraint{}))
	c.Add(doneAt(0, 10*ms, nan, 0))
	r := c.End(500 * ms)
	assert.Nil(t, r.Queries[0].Accuracy.Mean)
	assert.Equal(t, 0.0, *r.Queries[0].SLO.Accuracy, "not known is not met")
	assert.Equal(t, 0.0, *r.Accuracy.Mean, "that of the other query alone")

	c = collect(Meta{}, live(core.Constraint{}))
	c.Add(doneAt(0, 10*ms, nan, 0)) // serves 1
	c.Add(doneAt(1, 10*ms, .5, 0))  // serves 2, 3, 4; frame 0 has none
	r = c.End(500 * ms)
	assert.InDelta(t, 1.5/4, *r.Accuracy.Mean, 1e-12)
}

func TestSharesOfARunAreOverQueriesThatAsk(t *testing.T) {
	c := NewCollector(Meta{})
	c.Query(1, live(core.Constraint{Latency: 20 * ms}))
	c.Query(2, live(core.Constraint{Accuracy: .5}))
	c.Query(3, live(core.Constraint{}))
	for q := core.QueryID(1); q <= 3; q++ {
		for k := range int64(2) {
			d := doneAt(k, 30*ms-core.Time(k)*20*ms, 1, 0) // the second meets
			d.Query = q
			c.Add(d)
		}
	}
	r := c.End(200 * ms) // serves frame 1 and nothing
	assert.Equal(t, .5, *r.SLO.Latency)
	assert.Equal(t, 1.0, *r.SLO.Accuracy)
	assert.Equal(t, .75, *r.SLO.Joint)
	assert.Equal(t, .25, *r.SLOTime.Joint)
	assert.Equal(t, 0.0, *r.Fairness.WorstSLO)
	assert.Equal(t, .5, *r.Fairness.JainSLO)
}

func TestBreakdownSumsUpToLatency(t *testing.T) {
	c := collect(Meta{}, live(core.Constraint{}))
	d := doneAt(0, 21*ms, 1, 0)
	d.Breakdown = [core.NumParts]core.Time{1 * ms, 2 * ms, 3 * ms, 4 * ms, 5 * ms, 6 * ms}
	c.Add(d)
	b := c.End(core.Second).BreakdownS
	got := []float64{}
	for _, p := range b.all() {
		got = append(got, **p)
	}
	assert.InDeltaSlice(t, []float64{.001, .002, .003, .004, .005, .006}, got, 1e-15)
}

func TestUnknownQueryIsMisuse(t *testing.T) {
	c := NewCollector(Meta{})
	assert.PanicsWithValue(t, "result: query 1 was not made known", func() { c.Add(doneAt(0, 0, 1, 0)) })
}

func TestCheckSeesWhatIsNotConserved(t *testing.T) {
	c := collect(Meta{}, live(core.Constraint{}))
	c.Add(doneAt(0, 10*ms, 1, 0))
	r := c.End(core.Second)
	require.NoError(t, r.Check())
	r.Frames.Done++
	assert.ErrorContains(t, r.Check(), "not conserved")
	r.Frames.Due++
	assert.ErrorContains(t, r.Check(), "queries sum up to")
	r.Queries[0].Frames.Captured = 0
	assert.ErrorContains(t, r.Check(), "more frames due than captured")
}

// frames is a FrameSink that keeps everything.
type frames struct {
	records  []core.FrameRecord
	accuracy []float64
}

func (s *frames) Frame(r *core.FrameRecord, accuracy float64) {
	s.records = append(s.records, *r)
	s.accuracy = append(s.accuracy, accuracy)
}

func TestFrameSinkSeesEveryFrame(t *testing.T) {
	s := &frames{}
	c := collect(Meta{Frames: s, Warmup: 100 * ms}, live(core.Constraint{}))
	c.Add(doneAt(0, 10*ms, .7, 0))
	c.Add(lost(1, core.OutcomeDropped, core.ReasonOverrun))
	c.Missed(1, core.ReasonNodeDown, 2, 7, 5) // 2, 4, 6
	c.Add(doneAt(7, 10*ms, .6, 0))
	c.End(core.Second)
	var got []int64
	for _, r := range s.records {
		got = append(got, r.CameraFrame)
	}
	assert.Equal(t, []int64{1, 2, 4, 6, 0, 7}, got)
	assert.True(t, math.IsNaN(s.accuracy[0]))
	assert.Equal(t, core.ReasonNodeDown, s.records[2].Reason)
	assert.Equal(t, 400*ms, s.records[2].Captured)
	assert.InDelta(t, .7, s.accuracy[4], 1e-12)
	assert.InDelta(t, .6, s.accuracy[5], 1e-12)
}
