package core_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

func TestRoundsKeepTheirPeriodUnlessTheDecisionSaysNext(t *testing.T) {
	var at []core.Time
	next := core.Time(0)
	r := qmStart(t, qmConfig(qmSched(func(v *core.View, d *core.Decision) {
		at = append(at, v.Now)
		assert.Equal(t, uint64(len(at)), v.Round)
		d.Next = next
	})), core.Snapshot{})
	r.advance(8 * core.Second)
	assert.Equal(t, []core.Time{1 * core.Second, 4 * core.Second, 7 * core.Second}, at)
	next = 18 * core.Second
	r.advance(10 * core.Second)
	next = 1 // long past: 1 ms is the least
	r.advance(core.Millisecond)
	assert.Equal(t, []core.Time{10 * core.Second, 18 * core.Second, 18*core.Second + ms}, at[3:])
	assert.Equal(t, uint64(6), r.m.Rounds())
}

func TestDecisionComesIntoForceAfterItsTime(t *testing.T) {
	c := qmConfig(nil)
	stages := []core.Assignment{{Node: "edge1"}, {Node: "cloud"}}
	rounds := 0
	c.Scheduler = qmSched(func(v *core.View, d *core.Decision) {
		rounds++
		p := qmPlan()
		p.Stages = stages
		d.Set(1, p)
	})
	c.DecisionTime = core.DecisionTime{Constant: 4 * core.Second, PerQuery: 100 * ms}
	r, id := qmRunning(t, c)
	r.advance(core.Second)
	require.Equal(t, 1, rounds)
	stages[1].Node = "edge9" // a scheduler may use its memory again
	stopped := r.accept(qmQuery("k2", "edge1"))
	r.advance(4*core.Second + 99*ms)
	assert.Equal(t, 1, rounds, "it decides one round at a time")
	assert.Empty(t, r.saves)
	assert.Empty(t, qmRecords[*core.RoundRecord](r))
	r.advance(1 * ms)
	assert.Equal(t, 2, rounds)
	require.Len(t, r.saves, 1)
	r.saved("")
	q, _ := r.m.Query(id)
	assert.Equal(t, core.NodeID("cloud"), q.Plan.Stages[1].Node)
	assert.Equal(t, core.RoundRecord{At: 5*core.Second + 100*ms, Round: 1, Queries: 1, Changed: 1}, *qmLast[*core.RoundRecord](r))
	_ = stopped
}

func TestDecisionForAQueryThatEndedMeanwhile(t *testing.T) {
	c := qmConfig(qmSched(func(_ *core.View, d *core.Decision) { d.Set(1, qmPlan("edge1", "cloud")) }))
	c.DecisionTime.Constant = core.Second
	r, id := qmRunning(t, c)
	r.advance(core.Second)
	r.step(&core.Received{Msg: &core.StopQuery{Query: id}})
	r.saved("")
	r.advance(core.Second)
	assert.Equal(t, core.RoundRecord{At: 2 * core.Second, Round: 1, Queries: 1}, *qmLast[*core.RoundRecord](r))
	assert.Empty(t, r.saves)
}

func TestViewIsWhole(t *testing.T) {
	c := qmConfig(nil)
	c.Predictor = qmPredictor{}
	seen := 0
	var last *core.View
	c.Scheduler = qmSched(func(v *core.View, _ *core.Decision) { seen++; last = v })
	r, id := qmRunning(t, c)
	r.accept(qmQuery("k2", "edge2"))
	r.at(900*ms).beat("edge1", func(h *core.Heartbeat) {
		h.Load.CPU = .5
		h.Services[0].Queue, h.Services[0].Name = 3, "b"
		h.Links = []core.LinkView{
			{From: "edge1", To: "cloud", LinkEstimate: core.LinkEstimate{Rate: 5e5, RTT: 30 * ms, Age: 50 * ms, Samples: 4}},
			{From: "cloud", To: "edge1"},
			{From: "edge1", To: "mars", LinkEstimate: core.LinkEstimate{Rate: 1, Samples: 1}},
		}
	}, core.JobStatus{Query: id, Revision: 0, State: core.StateRunning})
	r.advance(100 * ms)
	require.Equal(t, 1, seen)
	v := last
	assert.Equal(t, core.Second, v.Now)
	assert.Equal(t, 3*core.Second, v.Period)
	require.Len(t, v.Queries, 2)
	q := v.Query(id)
	assert.Equal(t, core.StateRunning, q.State)
	assert.Equal(t, core.CameraID("cam-edge1"), q.Camera.ID)
	assert.Zero(t, q.Plan.Revision)
	assert.Zero(t, q.Runtime)
	var ids []core.NodeID
	for _, n := range v.Nodes {
		ids = append(ids, n.ID)
	}
	assert.Equal(t, []core.NodeID{"cloud", "edge1", "edge2"}, ids)
	n := v.Node("edge1")
	assert.True(t, n.Up)
	assert.Equal(t, 100*ms, n.Age)
	assert.Equal(t, .5, n.Load.CPU)
	assert.Equal(t, []string{"a", "b"}, []string{n.Services[0].Name, n.Services[1].Name})
	assert.Equal(t, 3, n.Service("b").Queue)
	assert.False(t, v.Node("edge2").Up, "expected, but it has not joined")
	assert.NotEmpty(t, v.Node("edge2").Services)
	assert.Equal(t, core.LinkEstimate{Rate: 5e5, RTT: 30 * ms, Age: 150 * ms, Samples: 4}, v.Link("edge1", "cloud").LinkEstimate)
	assert.Equal(t, core.LinkEstimate{Rate: 1e6, RTT: 20 * ms}, v.Link("cloud", "edge1").LinkEstimate, "nominal")
	assert.Nil(t, v.Link("edge1", "mars"))
	assert.Equal(t, "a", v.Services[0].Name)
	assert.NotNil(t, v.Predictor)
	assert.Nil(t, v.Truth)
	assert.Equal(t, c.Knobs, v.Knobs)
	r.advance(3 * core.Second)
	assert.Equal(t, 3150*ms, last.Link("edge1", "cloud").Age)
}

func TestPlansAreWholeOrNotApplied(t *testing.T) {
	inf := math.Inf(1)
	edge2 := func(p *core.Plan) { p.Stages[1].Node = "edge2" }
	bad := map[string]func(p *core.Plan){
		"stages":   func(p *core.Plan) { p.Stages = p.Stages[:1] },
		"node":     func(p *core.Plan) { p.Stages[0].Node = "mars" },
		"link":     edge2,
		"model":    func(p *core.Plan) { p.Stages[0].Model = 2 },
		"model-":   func(p *core.Plan) { p.Stages[0].Model = -1 },
		"fps":      func(p *core.Plan) { p.Video.FPS = 0 },
		"fps nan":  func(p *core.Plan) { p.Video.FPS = math.NaN() },
		"fps inf":  func(p *core.Plan) { p.Video.FPS = inf },
		"quality":  func(p *core.Plan) { p.Video.Quality = 101 },
		"quality0": func(p *core.Plan) { p.Video.Quality = 0 },
		"encoder":  func(p *core.Plan) { p.Video.Encoder = "gif" },
		"size":     func(p *core.Plan) { p.Video.Resolution.Width = 0 },
		"pace":     func(p *core.Plan) { p.Pace = -1 },
	}
	for name, change := range bad {
		t.Run(name, func(t *testing.T) {
			r, _ := qmRunning(t, qmConfig(qmSched(func(_ *core.View, d *core.Decision) {
				p := qmPlan("edge1", "cloud")
				change(&p)
				d.Set(1, p)
			})))
			r.advance(core.Second)
			assert.Empty(t, r.saves)
			rec := qmLast[*core.RoundRecord](r)
			assert.Equal(t, core.RoundRecord{At: core.Second, Round: 1, Queries: 1, Invalid: 1}, *rec)
		})
	}
	r, id := qmRunning(t, qmConfig(qmSched(func(v *core.View, d *core.Decision) {
		p := qmPlan("edge1", "cloud")
		p.InFlight, p.Buffer = 1000, 5000
		if v.Round > 1 {
			p.InFlight, p.Buffer = 0, -7
		}
		d.Set(1, p)
		d.Set(99, p) // of a query that never was
	})))
	r.advance(core.Second)
	r.saved("")
	q, _ := r.m.Query(id)
	assert.Equal(t, 64, q.Plan.InFlight)
	assert.Equal(t, 1000, q.Plan.Buffer)
	assert.Equal(t, 1, qmLast[*core.RoundRecord](r).Invalid)
	r.advance(3 * core.Second)
	r.saved("")
	q, _ = r.m.Query(id)
	assert.Equal(t, 1, q.Plan.InFlight)
	assert.Equal(t, -1, q.Plan.Buffer)
}

func TestUnchangedPlansKeepTheirRevision(t *testing.T) {
	c := qmConfig(nil)
	c.Settings.DownAfter = core.Minute
	c.Scheduler = qmSched(func(v *core.View, d *core.Decision) {
		p := qmPlan("edge1", "cloud")
		if v.Round >= 3 {
			p.Stages[1].Model = 1
		}
		d.Set(1, p)
	})
	r, id := qmRunning(t, c)
	var changed []int
	for range 3 {
		r.advance(3 * core.Second)
		r.saved("")
		changed = append(changed, qmLast[*core.RoundRecord](r).Changed)
		q, _ := r.m.Query(id)
		r.ack(core.JobStatus{Query: id, Revision: q.Plan.Revision, State: core.StateRunning})
		r.beat("edge1", nil, core.JobStatus{Query: id, Revision: q.Plan.Revision, State: core.StateRunning})
	}
	assert.Equal(t, []int{1, 0, 1}, changed)
	plans := qmSent[*core.UpdatePlan](r)
	require.Len(t, plans, 2)
	assert.Equal(t, uint64(2), plans[1].Plan.Revision)
	assert.Equal(t, plans[1].Plan.Seal().Hash, plans[1].Plan.Hash)
}

func TestPlanThatCannotBeStoredIsUndone(t *testing.T) {
	var seen []uint64
	r, id := qmRunning(t, qmConfig(qmSched(func(v *core.View, d *core.Decision) {
		seen = append(seen, v.Queries[0].Plan.Revision)
		p := qmPlan("edge1", "cloud")
		p.Video.FPS = float64(v.Round)
		d.Set(1, p)
	})))
	r.advance(core.Second)
	r.saved("")
	r.advance(3 * core.Second)
	r.saved("disk full")
	q, _ := r.m.Query(id)
	assert.Equal(t, uint64(1), q.Plan.Revision)
	r.sends = nil
	r.advance(3 * core.Second)
	assert.Empty(t, qmSent[*core.UpdatePlan](r), "nothing is sent before it is durable")
	r.saved("")
	r.beat("edge1", nil, core.JobStatus{Query: id, Revision: 1})
	assert.Equal(t, uint64(3), qmOne[*core.UpdatePlan](r).Plan.Revision, "2 was the failed one's")
	assert.Equal(t, []uint64{0, 1, 1}, seen)
}

func TestPacingIsPartOfThePlan(t *testing.T) {
	r, id := qmRunning(t, qmConfig(qmSched(func(v *core.View, d *core.Decision) {
		switch v.Round {
		case 1: // before there is a plan: kept for it
			d.Pacing = append(d.Pacing, core.Pacing{Query: 1, Rate: 1000}, core.Pacing{Query: 9, Rate: 1}, core.Pacing{Query: 1, Rate: -1})
		case 2:
			d.Set(1, qmPlan("edge1", "cloud"))
		case 3:
			d.Pacing = append(d.Pacing, core.Pacing{Query: 1, Rate: 2000})
		case 4: // a plan that says nothing of pacing leaves it
			p := qmPlan("edge1", "cloud")
			p.Video.FPS = 5
			d.Set(1, p)
		case 5:
			d.Pacing = append(d.Pacing, core.Pacing{Query: 1})
		}
	})))
	var got []core.Plan
	for range 5 {
		r.advance(3 * core.Second)
		r.saved("")
		q, _ := r.m.Query(id)
		got = append(got, q.Plan)
	}
	assert.Equal(t, 2, qmRecords[*core.RoundRecord](r)[0].Invalid)
	for i, want := range []struct {
		revision uint64
		pace     float64
	}{{0, 0}, {1, 1000}, {2, 2000}, {3, 2000}, {4, 0}} {
		assert.Equal(t, want.revision, got[i].Revision, i)
		assert.Equal(t, want.pace, got[i].Pace, i)
	}
}

func TestRefusalLastsUntilAPlan(t *testing.T) {
	r, id := qmRunning(t, qmConfig(qmSched(func(v *core.View, d *core.Decision) {
		switch v.Round {
		case 1, 4:
			d.Refused = append(d.Refused, 1, 9)
		case 3:
			d.Set(1, qmPlan("edge1", "cloud"))
		}
	})))
	var got []core.Plan
	for range 4 {
		r.advance(3 * core.Second)
		r.saved("")
		q, _ := r.m.Query(id)
		got = append(got, q.Plan)
	}
	rec := qmRecords[*core.RoundRecord](r)
	assert.Equal(t, core.RoundRecord{At: core.Second, Round: 1, Queries: 1, Changed: 1, Refused: 1, Invalid: 1}, *rec[0])
	assert.True(t, got[0].Refused)
	assert.Equal(t, core.VideoConf{Resolution: core.Resolutions()[0], FPS: 1, Encoder: "jpeg", Quality: 60}, got[0].Video, "the lowest knobs")
	assert.Equal(t, got[0], got[1], "it stays refused")
	assert.False(t, got[2].Refused)
	assert.Equal(t, uint64(2), got[2].Revision)
	assert.True(t, got[3].Refused)
	assert.Equal(t, got[2].Stages, got[3].Stages, "the rest is the last plan")
	assert.Equal(t, uint64(3), got[3].Revision)
}
