package core_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

func TestJoinIsRepeatedUntilAcknowledged(t *testing.T) {
	r := jmStart(t, jmConfig())
	first := jmTake[*core.Join](r)
	require.Len(t, first, 1)
	assert.Equal(t, core.Incarnation(7), first[0].Incarnation)
	assert.Len(t, first[0].Cameras, 2)
	assert.Equal(t, []core.ServiceView{{Name: "a", Workers: 1}}, first[0].Services)

	var at []core.Time
	for r.now < 60*core.Second {
		r.until(r.now + msec)
		if len(jmTake[*core.Join](r)) > 0 {
			at = append(at, r.now)
		}
	}
	pause := 500 * msec
	last := core.Time(0)
	for _, x := range at {
		assert.GreaterOrEqual(t, x-last, pause)
		assert.LessOrEqual(t, x-last, 3*pause/2+msec)
		last, pause = x, min(2*pause, core.Second) // never longer than a heartbeat, so that a lost join heals in two
	}
	assert.GreaterOrEqual(t, len(at), 8)
	assert.Empty(t, jmTake[*core.Heartbeat](r), "nobody knows the node yet")

	r.get(&core.JoinAck{Node: "edge1", Incarnation: 6})
	r.get(&core.JoinAck{Node: "edge2", Incarnation: 7})
	r.until(r.now + 13*core.Second)
	assert.NotEmpty(t, jmTake[*core.Join](r), "an acknowledgement of another life")
	r.get(&core.JoinAck{Node: "edge1", Incarnation: 7})
	r.until(r.now + 30*core.Second)
	assert.Empty(t, jmTake[*core.Join](r))
}

func TestJitterIsSeeded(t *testing.T) {
	second := func(seed uint64) core.Time {
		c := jmConfig()
		c.Seed = seed
		r := jmStart(t, c)
		return r.wakes[0]
	}
	assert.Equal(t, second(1), second(1))
	assert.NotEqual(t, second(1), second(2))
}

func TestHeartbeats(t *testing.T) {
	r := jmStart(t, jmConfig())
	r.get(&core.JoinAck{Node: "edge1", Incarnation: 7})
	r.get(&core.SubmitJob{Incarnation: 7, Query: core.Query{ID: 5, Camera: "live", Pipeline: core.Linear("a")}})
	r.job("live", nil)
	r.step(&core.Sampled{Load: core.NodeLoad{CPU: .5}, Services: []core.ServiceSample{{ServiceView: core.ServiceView{Name: "a", Queue: 3}, Calls: 9}}})
	r.sends = nil
	r.until(10*core.Second + 1)
	beats := jmTake[*core.Heartbeat](r)
	require.GreaterOrEqual(t, len(beats), 10)
	for i, b := range beats {
		assert.Equal(t, uint64(i+1), b.Number)
	}
	b := beats[0]
	assert.Equal(t, []core.JobStatus{
		{Query: 1, Revision: 1, State: core.StateReady}, {Query: 5, State: core.StateUnscheduled},
	}, b.Jobs)
	assert.Equal(t, .5, b.Load.CPU)
	assert.Equal(t, int64(9), b.Services[0].Calls)
	assert.Equal(t, []core.LinkView{{From: "edge1", To: "cloud"}}, b.Links)

	// The manager forgets the node.
	r.get(&core.HeartbeatAck{Node: "edge1", Incarnation: 6, Number: 10})
	assert.Empty(t, r.sends)
	r.get(&core.HeartbeatAck{Node: "edge1", Incarnation: 7, Number: 10, Known: true})
	assert.Empty(t, r.sends)
	r.get(&core.HeartbeatAck{Node: "edge1", Incarnation: 7, Number: 10})
	assert.Len(t, jmTake[*core.Join](r), 1)
	r.get(&core.HeartbeatAck{Node: "edge1", Incarnation: 7, Number: 10})
	assert.Empty(t, r.sends, "it is joining already")
	r.get(&core.JoinAck{Node: "edge1", Incarnation: 7})
	r.get(&core.HeartbeatAck{Node: "edge1", Incarnation: 7, Number: 10})
	assert.Empty(t, r.sends, "that was before it joined again")
}

func TestHeartbeatTellsLinks(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", func(_ *core.Query, p *core.Plan) { *p = jmPlan(1, "cloud", "cloud") })
	r.get(&core.JoinAck{Node: "edge1", Incarnation: 7})
	for i := range int64(20) { // 10 ms each way, the frame's 100,000 bytes in 40 ms
		start := core.Time(i) * 100 * msec
		r.until(start)
		r.frame(1, i)
		r.until(start + 65*msec)
		r.answer(r.call(len(r.invokes)-1), func(d *core.StageDone) { d.Sent, d.Encode, d.Return = 100_000, 5*msec, 10*msec })
		r.until(start + 85*msec)
		r.answer(r.call(len(r.invokes)-1), func(d *core.StageDone) { d.Sent, d.Got, d.Return = 0, 0, 10*msec })
	}
	r.frame(1, 99) // never answered: what overlaps with it is not known
	r.sends = nil
	r.until(r.now + core.Second)
	h := jmTake[*core.Heartbeat](r)
	require.Len(t, h, 1)
	require.Len(t, h[0].Links, 1)
	l := h[0].Links[0]
	assert.Equal(t, core.NodeID("edge1"), l.From)
	assert.Equal(t, core.NodeID("cloud"), l.To)
	assert.Equal(t, 40, l.Samples, "transfers one after the other")
	assert.InEpsilon(t, 2.5e6, l.Rate, 1e-9)
	assert.Equal(t, 20*msec, l.RTT)
	assert.Positive(t, l.Age)
}

// TestUntimedCallsTellNothingOfLinks: how much of their round trip was the service's nobody knows.
func TestUntimedCallsTellNothingOfLinks(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", func(_ *core.Query, p *core.Plan) { *p = jmPlan(1, "cloud", "cloud") })
	r.get(&core.JoinAck{Node: "edge1", Incarnation: 7})
	for i := range int64(20) {
		start := core.Time(i) * 100 * msec
		r.until(start)
		r.frame(1, i)
		for _, after := range []core.Time{65 * msec, 85 * msec} {
			r.until(start + after)
			r.answer(r.call(len(r.invokes)-1), func(d *core.StageDone) { d.Sent, d.Untimed = 100_000, true })
		}
	}
	r.sends = nil
	r.until(r.now + core.Second)
	h := jmTake[*core.Heartbeat](r)
	require.Len(t, h, 1)
	assert.Equal(t, []core.LinkView{{From: "edge1", To: "cloud"}}, h[0].Links)
	assert.Len(t, r.frames, 20)
}

func TestSamplesBecomeRecords(t *testing.T) {
	r := jmStart(t, jmConfig())
	r.now = 3 * core.Second
	r.step(&core.Sampled{
		Load: core.NodeLoad{CPU: .25}, Energy: 12, Span: core.Second,
		Services: []core.ServiceSample{{ServiceView: core.ServiceView{Name: "a", Queue: 3}}, {ServiceView: core.ServiceView{Name: "b", Queue: 4}}},
		Links:    []core.LinkSample{{From: "edge1", To: "cloud", Bytes: 5}},
	})
	require.Len(t, r.others, 4)
	assert.Equal(t, &core.NodeSample{At: 3 * core.Second, Span: core.Second, Node: "edge1", Load: core.NodeLoad{CPU: .25}, Energy: 12, Queue: 7}, r.others[0])
	assert.Equal(t, "b", r.others[2].(*core.ServiceRecord).Service.Name)
	assert.Equal(t, core.NodeID("cloud"), r.others[3].(*core.LinkRecord).Link.To)
	assert.Equal(t, core.Second, r.others[3].(*core.LinkRecord).Span)
}

// ackOf returns the one acknowledgement of a job that a message caused.
func ackOf(r *jmRig, m core.Message) core.JobStatus {
	r.sends = nil
	r.get(m)
	a := jmTake[*core.JobAck](r)
	require.Len(r.t, a, 1, "%#v", m)
	assert.Equal(r.t, core.Incarnation(7), a[0].Incarnation)
	return a[0].Job
}

func TestRequestsAreIdempotent(t *testing.T) {
	r := jmStart(t, jmConfig())
	q := core.Query{ID: 3, Camera: "live", Pipeline: core.Linear("a", "b")}
	submit := &core.SubmitJob{Incarnation: 7, Query: q, From: 12}
	assert.Equal(t, core.JobStatus{Query: 3, Next: 12}, ackOf(r, submit))
	assert.Empty(t, r.captures, "no plan, no frame")

	plan := func(rev uint64) *core.UpdatePlan {
		return &core.UpdatePlan{Incarnation: 7, Query: 3, Plan: jmPlan(rev, "edge1", "cloud")}
	}
	ready := core.JobStatus{Query: 3, Revision: 4, State: core.StateReady, Next: 12}
	assert.Equal(t, ready, ackOf(r, plan(4)))
	require.Len(t, r.captures, 1)
	assert.Equal(t, int64(12), r.captures[0].From)
	assert.Equal(t, uint64(4), r.captures[0].Plan.Revision)

	assert.Equal(t, ready, ackOf(r, plan(4)), "a duplicate")
	assert.Equal(t, ready, ackOf(r, plan(3)), "an older one")
	assert.Equal(t, ready, ackOf(r, submit), "the submission again")
	assert.Equal(t, ready, ackOf(r, &core.UpdatePlan{Incarnation: 7, Query: 3, Plan: jmPlan(9, "edge1")}), "a plan of another pipeline")
	assert.Len(t, r.captures, 1)
	assert.Len(t, r.plans, 1)

	r.sends = nil
	r.get(&core.UpdatePlan{Incarnation: 8, Query: 3, Plan: jmPlan(9, "edge1", "cloud")})
	r.get(&core.SubmitJob{Incarnation: 6, Query: q})
	r.get(&core.StopJob{Incarnation: 6, Query: 3})
	assert.Empty(t, r.sends, "meant for another life of the node")

	assert.Equal(t, core.JobStatus{Query: 99, Gone: true}, ackOf(r, &core.UpdatePlan{Incarnation: 7, Query: 99}))
	stop := &core.StopJob{Incarnation: 7, Query: 3}
	assert.True(t, ackOf(r, stop).Gone)
	assert.True(t, ackOf(r, stop).Gone)
	assert.True(t, ackOf(r, submit).Gone, "a late submission brings nothing back")
	assert.Empty(t, r.m.Jobs())

	late := core.Query{ID: 8, Camera: "live", Pipeline: core.Linear("a")}
	assert.True(t, ackOf(r, &core.StopJob{Incarnation: 7, Query: 8}).Gone)
	assert.True(t, ackOf(r, &core.SubmitJob{Incarnation: 7, Query: late}).Gone, "the stop overtook the submission")
}

func TestJobThatCannotRunHasFailed(t *testing.T) {
	r := jmStart(t, jmConfig())
	plan := jmPlan(1, "edge1")
	unknown := core.Query{ID: 1, Camera: "elsewhere", Pipeline: core.Linear("a")}
	assert.Equal(t, core.StateFailed, ackOf(r, &core.SubmitJob{Incarnation: 7, Query: unknown, Plan: plan}).State)
	broken := core.Query{ID: 2, Camera: "live"}
	assert.Equal(t, core.StateFailed, ackOf(r, &core.SubmitJob{Incarnation: 7, Query: broken, Plan: plan}).State)
	assert.Empty(t, r.captures)
}

func TestChargedWork(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", nil)
	r.get(&core.JoinAck{Node: "edge1", Incarnation: 7})
	charge := func(number uint64, calls int) *core.ChargeWork {
		return &core.ChargeWork{Incarnation: 7, Number: number, Charge: core.Charge{
			Query: 1, Node: "edge1", Service: "a", Model: 2, Resolution: core.Resolution{Width: 480, Height: 360}, Calls: calls,
		}}
	}
	r.get(charge(2, 1))
	assert.Empty(t, r.invokes, "number 1 is still to come")
	r.get(charge(1, 3))
	r.get(charge(1, 3))
	require.Len(t, r.invokes, 1, "one call after the other")
	i := r.call(0)
	assert.Equal(t, core.CallRef{Query: 1, Incarnation: 7, Frame: -1}, i.Ref)
	assert.True(t, i.Charged)
	assert.Equal(t, "a", i.Service)
	assert.Equal(t, core.NodeID("edge1"), i.Node)
	r.get(charge(2, 1))
	r.answer(i)
	r.answer(i)
	require.Len(t, r.invokes, 2)
	r.until(r.now + 5*core.Second)
	require.Len(t, r.invokes, 3, "a lost call ends by its timeout")
	r.answer(r.call(2), jmError(core.CallFailed))
	require.Len(t, r.invokes, 4)
	assert.Equal(t, core.CallRef{Query: 1, Incarnation: 7, Frame: -2}, r.call(3).Ref)
	r.answer(r.call(3))
	r.get(charge(3, 0))
	assert.Len(t, r.invokes, 4)
	assert.Empty(t, r.frames)
	r.sends = nil
	r.until(r.now + core.Second)
	assert.Equal(t, uint64(3), jmTake[*core.Heartbeat](r)[0].Charges)
	r.get(charge(4, 1))
	require.Len(t, r.invokes, 5)
	r.answer(r.call(4))
}

func TestMessagesOfOthersAreIgnored(t *testing.T) {
	r := jmStart(t, jmConfig())
	r.sends = nil
	r.get(&core.ConfigureServices{Incarnation: 7, Revision: 1})
	r.get(&core.SubmitQuery{})
	assert.Empty(t, r.sends)
	assert.Panics(t, func() { r.step(&core.Saved{}) })
}
