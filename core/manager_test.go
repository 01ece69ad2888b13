package core_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

const ms = core.Millisecond

func TestSubmitIsCheckedAndRefused(t *testing.T) {
	bad := map[string]struct {
		change func(q *core.Query)
		want   string
	}{
		"node":      {func(q *core.Query) { q.Node = "edge9" }, `unknown node "edge9"`},
		"camera":    {func(q *core.Query) { q.Camera = "nil" }, `node "edge1" has no camera "nil"`},
		"pipeline":  {func(q *core.Query) { q.Pipeline = nil }, "pipeline has no stage"},
		"delay":     {func(q *core.Query) { q.Constraint.Delay = -1 }, "the delay bound is negative"},
		"latency":   {func(q *core.Query) { q.Constraint.Latency = -1 }, "the latency bound is negative"},
		"accuracy":  {func(q *core.Query) { q.Constraint.Accuracy = 1.1 }, "the accuracy bound is not between 0 and 1"},
		"accuracy-": {func(q *core.Query) { q.Constraint.Accuracy = -.1 }, "the accuracy bound is not between 0 and 1"},
		"nan":       {func(q *core.Query) { q.Constraint.Accuracy = math.NaN() }, "the accuracy bound is not between 0 and 1"},
	}
	for name, c := range bad {
		t.Run(name, func(t *testing.T) {
			r := qmStart(t, qmConfig(nil), core.Snapshot{})
			q := qmQuery("k", "edge1")
			c.change(&q)
			r.submit(q)
			a := qmOne[*core.SubmitAnswer](r)
			assert.Equal(t, c.want, a.Err)
			assert.Equal(t, uint64(1), a.Request)
			assert.Zero(t, a.Query)
			assert.Empty(t, r.saves)
		})
	}
}

func TestQueryIsAcceptedWhenDurable(t *testing.T) {
	r := qmStart(t, qmConfig(nil), core.Snapshot{}).join(1, "edge1")
	r.submit(qmQuery("k", "edge1"))
	require.Empty(t, qmSent[*core.SubmitAnswer](r), "nothing is acknowledged before it is durable")
	require.Empty(t, qmSent[*core.SubmitJob](r))
	require.Empty(t, r.m.Queries())
	r.submit(qmQuery("k", "edge1")) // the same again meanwhile, by another request
	require.Len(t, r.saves, 1)
	r.saved("")
	answers := qmSent[*core.SubmitAnswer](r)
	require.Len(t, answers, 2)
	for i, a := range answers {
		assert.Equal(t, core.SubmitAnswer{Request: uint64(i + 1), Query: 1}, *a)
	}
	assert.Equal(t, core.QueryID(1), qmOne[*core.SubmitJob](r).Query.ID)
	rec := qmLast[*core.QueryRecord](r)
	assert.Equal(t, core.QueryRecord{Query: 1, Key: "k", Node: "edge1", State: core.StateUnscheduled}, *rec)

	r.submit(qmQuery("k", "edge1"))
	assert.Equal(t, core.QueryID(1), qmOne[*core.SubmitAnswer](r).Query, "the same key is the same query")
	other := qmQuery("k", "edge1")
	other.Constraint.Accuracy = .5
	r.submit(other)
	assert.Equal(t, `the key "k" belongs to another query`, qmOne[*core.SubmitAnswer](r).Err)
	assert.Empty(t, r.saves)
}

func TestQueryWithoutKeyIsOncePerRequest(t *testing.T) {
	r := qmStart(t, qmConfig(nil), core.Snapshot{})
	require.Equal(t, core.QueryID(1), r.accept(qmQuery("", "edge1")))
	r.user-- // the same request again
	r.submit(qmQuery("", "edge1"))
	assert.Equal(t, core.QueryID(1), qmOne[*core.SubmitAnswer](r).Query)
	assert.Equal(t, core.QueryID(2), r.accept(qmQuery("", "edge1")))
}

func TestFailedSaveIsUndoneAndItsIDBurnt(t *testing.T) {
	r := qmStart(t, qmConfig(nil), core.Snapshot{LastID: 6}).join(1, "edge1")
	r.submit(qmQuery("k", "edge1"))
	r.saved("disk full")
	a := qmOne[*core.SubmitAnswer](r)
	assert.Equal(t, "the query could not be stored: disk full", a.Err)
	assert.Empty(t, qmSent[*core.SubmitJob](r))
	assert.Empty(t, r.m.Queries())
	assert.Equal(t, core.QueryID(8), r.accept(qmQuery("k", "edge1")), "7 was the failed one's")
}

func TestStopIsDurableThenAnswered(t *testing.T) {
	r := qmStart(t, qmConfig(nil), core.Snapshot{}).join(1, "edge1")
	id := r.accept(qmQuery("k", "edge1"))
	r.ack(core.JobStatus{Query: id})
	r.sends = nil
	stop := func(req uint64, q core.QueryID) {
		r.step(&core.Received{From: core.Address{Node: "user", Part: core.PartUser}, Msg: &core.StopQuery{Request: req, Query: q}})
	}
	stop(1, 99)
	assert.Equal(t, "unknown query 99", qmOne[*core.StopAnswer](r).Err)

	stop(2, id)
	stop(2, id)
	require.Len(t, r.saves, 1)
	assert.Empty(t, r.sends)
	r.saved("disk full")
	assert.Equal(t, core.StopAnswer{Request: 2, Query: id, Err: "the end of the query could not be stored: disk full"}, *qmOne[*core.StopAnswer](r))
	assert.Empty(t, r.sends, "the job goes on")

	stop(3, id)
	r.saved("")
	assert.Equal(t, core.StopAnswer{Request: 3, Query: id}, *qmOne[*core.StopAnswer](r))
	assert.Equal(t, id, qmOne[*core.StopJob](r).Query)
	assert.Equal(t, core.StateStopped, qmLast[*core.QueryRecord](r).State)

	r.advance(700 * ms)
	qmOne[*core.StopJob](r) // until the node says that the job is gone
	r.ack(core.JobStatus{Query: id, Gone: true})
	r.advance(2 * core.Second)
	assert.Empty(t, qmSent[*core.StopJob](r))
	stop(4, id)
	assert.Equal(t, core.StopAnswer{Request: 4, Query: id}, *qmOne[*core.StopAnswer](r), "stopped already")
}

func TestQueryEndsWhenItsJobDoes(t *testing.T) {
	for _, state := range []core.State{core.StateDone, core.StateFailed} {
		r := qmStart(t, qmConfig(nil), core.Snapshot{}).join(1, "edge1")
		id := r.accept(qmQuery("k", "edge1"))
		r.ack(core.JobStatus{Query: id, State: core.StateRunning, Next: 5})
		qmSent[*core.SubmitJob](r)
		r.ack(core.JobStatus{Query: id, State: state, Next: 9})
		r.saved("disk full")
		assert.Empty(t, qmSent[*core.StopJob](r), "not yet durable")
		r.beat("edge1", nil, core.JobStatus{Query: id, State: state, Next: 9})
		r.saved("")
		assert.Equal(t, id, qmOne[*core.StopJob](r).Query)
		assert.Equal(t, state, qmLast[*core.QueryRecord](r).State)
		s, ok := r.m.Query(id)
		require.True(t, ok)
		assert.Equal(t, state, s.State)
		assert.Equal(t, int64(9), s.Next)
	}
}

func TestSubmitJobIsResentWithBackoff(t *testing.T) {
	r := qmStart(t, qmConfig(nil), core.Snapshot{}).join(1, "edge1")
	id := r.accept(qmQuery("k", "edge1"))
	var at []core.Time
	qmOne[*core.SubmitJob](r)
	for range 20 {
		r.advance(100 * ms)
		if len(qmSent[*core.SubmitJob](r)) > 0 {
			at = append(at, r.now)
		}
	}
	require.GreaterOrEqual(t, len(at), 2)
	assert.GreaterOrEqual(t, at[0], 500*ms)
	assert.GreaterOrEqual(t, at[1]-at[0], 900*ms, "twice the first wait")
	r.ack(core.JobStatus{Query: id})
	r.sends = nil
	r.advance(400 * ms)
	assert.Empty(t, qmSent[*core.SubmitJob](r))
}

func TestHeartbeatMendsEveryDifference(t *testing.T) {
	plan := qmPlan("edge1", "cloud")
	r := qmStart(t, qmConfig(qmSched(func(v *core.View, d *core.Decision) { d.Set(1, plan) })), core.Snapshot{}).join(1, "edge1", "cloud")
	id := r.accept(qmQuery("k", "edge1"))
	qmOne[*core.SubmitJob](r)
	r.at(400*ms).beat("edge1", nil)
	assert.Equal(t, id, qmOne[*core.SubmitJob](r).Query.ID, "a missing job")
	r.at(500*ms).beat("edge1", nil)
	assert.Empty(t, qmSent[*core.SubmitJob](r), "the heartbeat may have left before the message came")
	r.ack(core.JobStatus{Query: id, Next: 40})

	r.advance(core.Second) // a round
	r.saved("")
	assert.Equal(t, uint64(1), qmOne[*core.UpdatePlan](r).Plan.Revision)
	r.at(2*core.Second).beat("edge1", nil, core.JobStatus{Query: id, Revision: 0})
	assert.Equal(t, uint64(1), qmOne[*core.UpdatePlan](r).Plan.Revision, "an older revision")
	r.beat("edge1", nil, core.JobStatus{Query: id, Revision: 1, State: core.StateRunning, Next: 50}, core.JobStatus{Query: 9})
	assert.Equal(t, core.QueryID(9), qmOne[*core.StopJob](r).Query, "a job that should not be there")

	r.at(3*core.Second).beat("edge1", nil) // it has lost its job
	j := qmOne[*core.SubmitJob](r)
	assert.Equal(t, int64(50), j.From)
	assert.Equal(t, uint64(1), j.Plan.Revision)
	assert.Equal(t, plan.Stages, j.Plan.Stages)
}

func TestHeartbeatsAreInOrder(t *testing.T) {
	r := qmStart(t, qmConfig(nil), core.Snapshot{})
	r.from("edge1", &core.Heartbeat{Node: "edge1", Incarnation: 1, Number: 4})
	assert.False(t, qmOne[*core.HeartbeatAck](r).Known, "it has not joined")
	r.from("stranger", &core.Heartbeat{Node: "stranger", Incarnation: 1, Number: 4})
	assert.False(t, qmOne[*core.HeartbeatAck](r).Known)
	r.join(2, "edge1")
	assert.Equal(t, core.Incarnation(2), qmOne[*core.JoinAck](r).Incarnation)
	r.from("edge1", &core.Heartbeat{Node: "edge1", Incarnation: 2, Number: 4})
	assert.True(t, qmOne[*core.HeartbeatAck](r).Known)
	r.from("edge1", &core.Heartbeat{Node: "edge1", Incarnation: 2, Number: 3})
	r.from("edge1", &core.Heartbeat{Node: "edge1", Incarnation: 1, Number: 9})
	assert.Empty(t, qmSent[*core.HeartbeatAck](r), "older ones are ignored")
	r.from("edge1", &core.Heartbeat{Node: "edge1", Incarnation: 3, Number: 1})
	assert.False(t, qmOne[*core.HeartbeatAck](r).Known, "a newer incarnation has to join")
	r.join(1, "edge1")
	assert.Empty(t, qmSent[*core.JoinAck](r), "an older incarnation")
}

func TestRestartedNodeGetsItsJobsAgain(t *testing.T) {
	r := qmStart(t, qmConfig(nil), core.Snapshot{}).join(1, "edge1")
	id := r.accept(qmQuery("k", "edge1"))
	r.ack(core.JobStatus{Query: id, Next: 30})
	r.sends = nil
	r.join(1, "edge1") // repeated: nothing is lost
	qmOne[*core.JoinAck](r)
	assert.Empty(t, r.sends)
	r.join(2, "edge1")
	j := qmOne[*core.SubmitJob](r)
	assert.Equal(t, core.Incarnation(2), j.Incarnation)
	assert.Equal(t, int64(30), j.From)
	r.ack(core.JobStatus{Query: id}) // of incarnation 1
	r.advance(700 * ms)
	assert.Len(t, qmSent[*core.SubmitJob](r), 1, "the answer of an older incarnation says nothing")
}

func TestNodeGoesDownAndComesBack(t *testing.T) {
	var up []bool
	r := qmStart(t, qmConfig(qmSched(func(v *core.View, _ *core.Decision) { up = append(up, v.Node("edge1").Up) })), core.Snapshot{}).join(1, "edge1")
	r.at(500*ms).beat("edge1", nil)
	r.advance(2499 * ms)
	assert.Len(t, qmRecords[*core.NodeState](r), 1)
	r.advance(1 * ms)
	assert.Equal(t, core.NodeState{At: 3 * core.Second, Node: "edge1", Incarnation: 1}, *qmLast[*core.NodeState](r))
	r.advance(core.Second)
	assert.Equal(t, []bool{true, false}, up)
	id := r.accept(qmQuery("k", "edge1"))
	r.advance(core.Second)
	assert.Empty(t, qmSent[*core.SubmitJob](r), "nobody is there")
	r.beat("edge1", nil)
	assert.True(t, qmLast[*core.NodeState](r).Up)
	assert.Equal(t, id, qmOne[*core.SubmitJob](r).Query.ID)
	r.advance(2 * core.Second)
	assert.Equal(t, []bool{true, false, true}, up)
}

func TestManagerPanicsOnMisuseOnly(t *testing.T) {
	assert.Panics(t, func() { core.NewQueryManager(core.QueryManagerConfig{}, core.Snapshot{}) })
	r := qmStart(t, qmConfig(nil), core.Snapshot{})
	assert.Panics(t, func() { r.m.Step(0, &core.StageDone{}, &r.fx) })
	assert.NotPanics(t, func() {
		r.step(&core.Saved{ID: 99})
		r.from("edge1", &core.StopJob{})
		r.from("edge1", &core.Join{})
		r.from("edge1", &core.SyncResults{Node: "nobody"})
		r.from("edge1", &core.JobAck{Node: "nobody"})
	})
}
