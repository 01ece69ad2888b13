package core_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// qmBatch is results first..last of a query: frame numbers are the results'.
func qmBatch(q core.QueryID, first, last uint64) *core.SyncResults {
	b := &core.SyncResults{Node: "edge1", Incarnation: 1, First: first}
	for s := first; s <= last; s++ {
		b.Results = append(b.Results, core.Result{
			Seq: s, CameraFrame: int64(s) * 3,
			Obs: core.Observation{
				Query: q, Frame: int64(s), Latency: 10 * ms, Gap: 1, Objects: 4, Known: true,
				Calls: []core.Call{{Node: "edge1", Work: core.Time(s)}, {Node: "cloud"}},
			},
		})
	}
	return b
}

func qmRunning(t *testing.T, c core.QueryManagerConfig) (*qmRig, core.QueryID) {
	r := qmStart(t, c, core.Snapshot{}).join(1, "cloud", "edge1")
	id := r.accept(qmQuery("k", "edge1"))
	r.ack(core.JobStatus{Query: id, State: core.StateRunning})
	r.sends = nil
	return r, id
}

func TestResultsAreAcknowledgedWhenDurable(t *testing.T) {
	r, id := qmRunning(t, qmConfig(nil))
	r.from("edge1", qmBatch(id, 1, 3))
	assert.Empty(t, qmSent[*core.SyncAck](r))
	info, _ := r.m.Runtime(id)
	assert.Equal(t, 3, info.Frames, "a round in between is to know")
	r.from("edge1", qmBatch(id, 1, 5)) // sent again, with company, while the save is under way
	require.Len(t, r.saves, 1)
	require.Len(t, r.saves[0].Changes, 2)
	assert.Len(t, r.saves[0].Changes[0].Result.Results, 3)
	assert.Equal(t, core.SavedNode{Node: "edge1", Incarnation: 1, Seq: 3}, r.saves[0].Changes[1].Node)
	r.saved("")
	assert.Equal(t, core.SyncAck{Incarnation: 1, Seq: 3}, *qmOne[*core.SyncAck](r))

	r.from("edge1", qmBatch(id, 1, 2))
	assert.Equal(t, uint64(3), qmOne[*core.SyncAck](r).Seq, "a duplicate is acknowledged again")
	assert.Empty(t, r.saves)
	r.from("edge1", qmBatch(id, 2, 5))
	require.Len(t, r.saves[0].Changes[0].Result.Results, 2, "only what is new is stored")
	assert.Equal(t, uint64(4), r.saves[0].Changes[0].Result.Results[0].Seq)
	r.saved("")
	assert.Equal(t, uint64(5), qmOne[*core.SyncAck](r).Seq)
	r.from("edge1", qmBatch(id, 9, 9)) // 6 to 8 are lost
	r.saved("")
	assert.Equal(t, uint64(9), qmOne[*core.SyncAck](r).Seq)
	info, _ = r.m.Runtime(id)
	assert.Equal(t, 6, info.Frames, "no observation counts twice")
	assert.Equal(t, core.SavedNode{Node: "edge1", Incarnation: 1, Seq: 9}, r.m.Acknowledged("edge1"))
}

func TestResultsThatCannotBeStoredAreNotAcknowledged(t *testing.T) {
	r, id := qmRunning(t, qmConfig(nil))
	r.from("edge1", qmBatch(id, 1, 3))
	r.saved("disk full")
	assert.Empty(t, qmSent[*core.SyncAck](r))
	r.from("edge1", qmBatch(id, 1, 3))
	r.saved("")
	assert.Equal(t, uint64(3), qmOne[*core.SyncAck](r).Seq)
	info, _ := r.m.Runtime(id)
	assert.Equal(t, 3, info.Frames)
}

func TestResultsOfAnotherIncarnationAreIgnored(t *testing.T) {
	r, id := qmRunning(t, qmConfig(nil))
	r.from("edge1", qmBatch(id, 1, 3))
	r.join(2, "edge1")
	r.saved("")
	assert.Empty(t, qmSent[*core.SyncAck](r), "the node counts anew")
	r.from("edge1", qmBatch(id, 4, 5))
	assert.Empty(t, r.saves)
	b := qmBatch(id, 1, 2)
	b.Incarnation = 2
	r.from("edge1", b)
	r.saved("")
	assert.Equal(t, core.SyncAck{Incarnation: 2, Seq: 2}, *qmOne[*core.SyncAck](r))
	bad := qmBatch(id, 1, 1)
	bad.First, bad.Incarnation = 0, 2
	r.from("edge1", bad)
	r.from("edge1", &core.SyncResults{Node: "edge1", Incarnation: 2, First: 9})
	assert.Empty(t, r.saves, "nonsense")
}

func TestViewShowsTheNewestObservationsSinceTheLastRound(t *testing.T) {
	var rounds [][]int64
	var work core.Time
	r, id := qmRunning(t, qmConfig(qmSched(func(v *core.View, _ *core.Decision) {
		var frames []int64
		for i := range v.Queries[0].Observations {
			o := &v.Queries[0].Observations[i]
			frames = append(frames, o.Frame)
			work += o.Calls[0].Work - core.Time(o.Frame)
		}
		rounds = append(rounds, frames)
	})))
	b := qmBatch(id, 1, 2)
	b.Results[1].Outcome = core.OutcomeFailed
	r.from("edge1", b)
	r.saved("")
	r.advance(core.Second)
	for s := uint64(3); s <= 302; s++ {
		r.from("edge1", qmBatch(id, s, s))
		r.saved("")
	}
	r.advance(6 * core.Second)
	require.Len(t, rounds, 3)
	assert.Equal(t, []int64{1}, rounds[0], "only what was processed taught anything")
	require.Len(t, rounds[1], core.ObservationsKept)
	for i, f := range rounds[1] {
		assert.Equal(t, int64(302-core.ObservationsKept+1+i), f)
	}
	assert.Empty(t, rounds[2])
	assert.Zero(t, work, "calls belong to their observations")
}

func TestRestoreGoesOnWithWhatWasSaved(t *testing.T) {
	plan := qmPlan("edge1", "cloud")
	sched := qmSched(func(v *core.View, d *core.Decision) {
		plan.Video.FPS = []float64{1, 5, 10, 30}[v.Round%4]
		for i := range v.Queries {
			d.Set(v.Queries[i].Query.ID, plan)
		}
	})
	r, id := qmRunning(t, qmConfig(sched))
	stopped := r.accept(qmQuery("gone", "edge2"))
	r.step(&core.Received{Msg: &core.StopQuery{Query: stopped}})
	r.saved("")
	r.from("edge1", qmBatch(id, 1, 5))
	r.saved("")
	r.advance(core.Second)
	r.saved("")
	require.Equal(t, uint64(1), qmOne[*core.UpdatePlan](r).Plan.Revision)
	r.from("edge1", qmBatch(id, 6, 8)) // under way when it crashes
	before := r.m.Queries()
	require.Len(t, before, 2)

	n := qmStart(t, qmConfig(sched), r.store)
	assert.Equal(t, before[1], n.m.Queries()[1])
	before[0].Next, before[0].State = 0, core.StateUnscheduled // its progress was not saved yet
	got, _ := n.m.Query(id)
	got.Next, got.State = 0, core.StateUnscheduled
	assert.Equal(t, before[0], got)
	n.submit(qmQuery("k", "edge1"))
	assert.Equal(t, id, qmOne[*core.SubmitAnswer](n).Query, "adopted")

	n.from("edge1", qmBatch(id, 6, 8))
	assert.Empty(t, n.saves, "the node is not known yet")
	n.beat("edge1", nil)
	assert.False(t, qmOne[*core.HeartbeatAck](n).Known)
	n.join(1, "edge1")
	assert.Empty(t, qmSent[*core.SubmitJob](n), "it may have its jobs still")
	n.from("edge1", qmBatch(id, 4, 5))
	assert.Equal(t, uint64(5), qmOne[*core.SyncAck](n).Seq, "what was acknowledged is there")
	n.from("edge1", qmBatch(id, 4, 8))
	require.Len(t, n.saves[0].Changes[0].Result.Results, 3)
	n.saved("")
	n.beat("edge1", nil, core.JobStatus{Query: id, Revision: 1, State: core.StateRunning}, core.JobStatus{Query: stopped})
	assert.Empty(t, qmSent[*core.SubmitJob](n))
	assert.Equal(t, stopped, qmOne[*core.StopJob](n).Query)
	n.advance(5 * core.Second)
	n.saved("")
	got, _ = n.m.Query(id)
	assert.Equal(t, uint64(2), got.Plan.Revision, "revisions go on rising (the first round's plan is the same)")
	assert.Equal(t, core.QueryID(3), n.accept(qmQuery("new", "edge1")))
}

func TestRevisionGoesBeyondOneThatTheStoreForgot(t *testing.T) {
	plan := qmPlan("edge1", "cloud")
	r, id := qmRunning(t, qmConfig(qmSched(func(v *core.View, d *core.Decision) { d.Set(1, plan) })))
	r.advance(core.Second)
	r.saved("")
	qmOne[*core.UpdatePlan](r)
	r.at(2*core.Second).beat("edge1", nil, core.JobStatus{Query: id, Revision: 7, State: core.StateRunning})
	r.saved("")
	p := qmOne[*core.UpdatePlan](r).Plan
	assert.Equal(t, uint64(8), p.Revision)
	assert.Equal(t, plan.Stages, p.Stages)
}

func TestProgressIsSavedNowAndThen(t *testing.T) {
	r, id := qmRunning(t, qmConfig(nil))
	r.at(9*core.Second).from("edge1", qmBatch(id, 1, 1))
	require.Len(t, r.saves[0].Changes, 2)
	r.saved("")
	r.at(10*core.Second).from("edge1", qmBatch(id, 2, 3))
	require.Len(t, r.saves[0].Changes, 3)
	assert.Equal(t, int64(10), r.saves[0].Changes[2].Query.Next)
	r.saved("")
	r.at(30*core.Second).from("edge1", qmBatch(id, 1, 4))
	r.saved("")
	r.at(50*core.Second).from("edge1", qmBatch(id, 4, 5))
	require.Len(t, r.saves[0].Changes, 3)
}
