package core_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

func qmSetting(model, replicas int) core.ServiceSetting {
	return core.ServiceSetting{Node: "cloud", Service: "a", Model: model, Replicas: replicas, MaxBatch: 1}
}

func runs(revision uint64) func(h *core.Heartbeat) {
	return func(h *core.Heartbeat) {
		for i := range h.Services {
			h.Services[i].Revision = revision
		}
	}
}

func TestServiceSettingsAreSentUntilTheyRun(t *testing.T) {
	r, _ := qmRunning(t, qmConfig(qmSched(func(v *core.View, d *core.Decision) {
		d.Services = append(d.Services, qmSetting(1, 2), core.ServiceSetting{Node: "mars", Service: "a", Replicas: 1, MaxBatch: 1},
			core.ServiceSetting{Node: "cloud", Service: "x", Replicas: 1, MaxBatch: 1}, qmSetting(5, 1), qmSetting(0, 0))
		if v.Round > 1 {
			d.Services = append(d.Services[:0], qmSetting(0, 3))
		}
	})))
	r.beat("cloud", nil)
	r.advance(core.Second)
	rec := qmLast[*core.RoundRecord](r)
	assert.Equal(t, 1, rec.Settings)
	assert.Equal(t, 4, rec.Invalid)
	want := core.ConfigureServices{Incarnation: 1, Revision: 1, Settings: []core.ServiceSetting{qmSetting(1, 2)}}
	assert.Equal(t, want, *qmOne[*core.ConfigureServices](r))
	r.at(2*core.Second).beat("cloud", nil)
	assert.Equal(t, want, *qmOne[*core.ConfigureServices](r), "it was lost")
	r.at(3*core.Second).beat("cloud", runs(1))
	assert.Empty(t, qmSent[*core.ConfigureServices](r))
	r.advance(core.Second)
	assert.Equal(t, uint64(2), qmOne[*core.ConfigureServices](r).Revision)
	r.at(5*core.Second).beat("cloud", runs(2))
	r.advance(2 * core.Second)
	assert.Zero(t, qmLast[*core.RoundRecord](r).Settings, "the same again changes nothing")
	r.join(2, "cloud") // a restart forgets
	r.from("cloud", &core.Heartbeat{Node: "cloud", Incarnation: 2, Number: 1, Services: []core.ServiceSample{{ServiceView: core.ServiceView{Name: "a"}}}})
	m := qmOne[*core.ConfigureServices](r)
	assert.Equal(t, core.Incarnation(2), m.Incarnation)
	assert.Equal(t, []core.ServiceSetting{qmSetting(0, 3)}, m.Settings)
}

func TestSettingsGoBeyondAnEarlierLifesRevision(t *testing.T) {
	for _, earlier := range []uint64{1, 4} {
		r, _ := qmRunning(t, qmConfig(qmSched(func(_ *core.View, d *core.Decision) { d.Services = append(d.Services, qmSetting(1, 2)) })))
		r.advance(core.Second)
		assert.Empty(t, qmSent[*core.ConfigureServices](r), "the node has not told which it runs")
		r.beat("cloud", runs(earlier))
		assert.Equal(t, earlier+1, qmOne[*core.ConfigureServices](r).Revision)
	}
}

func TestSettingThatRunsAlreadyIsNoChange(t *testing.T) {
	r, _ := qmRunning(t, qmConfig(qmSched(func(_ *core.View, d *core.Decision) { d.Services = append(d.Services, qmSetting(1, 2)) })))
	r.beat("cloud", func(h *core.Heartbeat) { h.Services[1].Model = 1 })
	r.advance(core.Second)
	assert.Zero(t, qmLast[*core.RoundRecord](r).Settings)
	assert.Empty(t, qmSent[*core.ConfigureServices](r))
}

func TestChargedWorkIsNumberedAndResent(t *testing.T) {
	charge := core.Charge{Query: 1, Node: "cloud", Service: "a", Calls: 3}
	r, _ := qmRunning(t, qmConfig(qmSched(func(v *core.View, d *core.Decision) {
		if v.Round == 1 {
			d.Charges = append(d.Charges, charge, charge, core.Charge{Node: "mars", Calls: 1}, core.Charge{Node: "cloud", Service: "a"})
		}
	})))
	r.beat("cloud", func(h *core.Heartbeat) { h.Charges = 7 }) // of an earlier life of the manager
	r.advance(core.Second)
	assert.Equal(t, 2, qmLast[*core.RoundRecord](r).Charges)
	assert.Equal(t, 2, qmLast[*core.RoundRecord](r).Invalid)
	sent := qmSent[*core.ChargeWork](r)
	require.Len(t, sent, 2)
	assert.Equal(t, core.ChargeWork{Incarnation: 1, Number: 8, Charge: charge}, *sent[0])
	assert.Equal(t, uint64(9), sent[1].Number)
	done := func(n uint64) func(*core.Heartbeat) { return func(h *core.Heartbeat) { h.Charges = n } }
	r.at(2*core.Second).beat("cloud", done(8))
	assert.Equal(t, uint64(9), qmOne[*core.ChargeWork](r).Number)
	r.at(3*core.Second).beat("cloud", done(9))
	assert.Empty(t, qmSent[*core.ChargeWork](r))
}

func TestChargedWorkOutlivesARestart(t *testing.T) {
	r, _ := qmRunning(t, qmConfig(qmSched(func(v *core.View, d *core.Decision) {
		d.Charges = append(d.Charges, core.Charge{Query: 1, Node: "cloud", Service: "a", Calls: 3})
	})))
	r.beat("cloud", func(h *core.Heartbeat) { h.Charges = 7 })
	r.advance(core.Second)
	assert.Equal(t, uint64(8), qmOne[*core.ChargeWork](r).Number)
	r.join(2, "cloud")
	r.from("cloud", &core.Heartbeat{Node: "cloud", Incarnation: 2, Number: 1})
	assert.Equal(t, uint64(1), qmOne[*core.ChargeWork](r).Number, "numbers are of an incarnation")
}

func TestMemoryIsNotExceeded(t *testing.T) {
	c := qmConfig(nil)
	c.Predictor = qmPredictor{} // a: 2 workers of 200 or 100, b: 1 of 700 or 300; a node has 1000
	plan := func(a, b int) core.Plan {
		p := qmPlan("edge1", "edge1")
		p.Stages[0].Model, p.Stages[1].Model = a, b
		return p
	}
	var decide func(v *core.View, d *core.Decision)
	c.Scheduler = qmSched(func(v *core.View, d *core.Decision) { decide(v, d) })
	r, _ := qmRunning(t, c)
	second := r.accept(qmQuery("k2", "edge1"))
	round := func(f func(v *core.View, d *core.Decision)) core.RoundRecord {
		decide = f
		r.advance(3 * core.Second)
		r.saved("")
		rec := *qmLast[*core.RoundRecord](r)
		rec.At, rec.Round, rec.Queries = 0, 0, 0
		return rec
	}
	assert.Equal(t, core.RoundRecord{Invalid: 1}, round(func(_ *core.View, d *core.Decision) { d.Set(1, plan(0, 0)) }), "400 + 700")
	assert.Equal(t, core.RoundRecord{Changed: 1}, round(func(_ *core.View, d *core.Decision) { d.Set(1, plan(1, 0)) }), "200 + 700")
	assert.Equal(t, core.RoundRecord{Invalid: 1}, round(func(_ *core.View, d *core.Decision) { d.Set(second, plan(0, 1)) }),
		"the first query's plan stays: 400 + 700")
	assert.Equal(t, core.RoundRecord{Changed: 2}, round(func(_ *core.View, d *core.Decision) {
		d.Set(second, plan(0, 1))
		d.Set(1, plan(0, 1))
	}), "both move: 400 + 300")
	assert.Equal(t, core.RoundRecord{Invalid: 1}, round(func(_ *core.View, d *core.Decision) {
		d.Services = append(d.Services, core.ServiceSetting{Node: "edge1", Service: "a", Model: 0, Replicas: 6, MaxBatch: 1})
	}), "a service's workers count too: 6 * 200")
	assert.Equal(t, core.RoundRecord{Settings: 1, Invalid: 1}, round(func(_ *core.View, d *core.Decision) {
		d.Services = append(d.Services, core.ServiceSetting{Node: "edge1", Service: "a", Model: 1, Replicas: 4, MaxBatch: 1})
		p := plan(0, 1)
		p.Video.FPS = 5
		d.Set(1, p)
	}), "4 * 200 + 300")
}

func TestRoundsDoNotAllocateInSteadyState(t *testing.T) {
	stages := []core.Assignment{{Node: "edge1"}, {Node: "cloud"}}
	c := qmConfig(qmSched(func(v *core.View, d *core.Decision) {
		for i := range v.Queries {
			p := qmPlan()
			p.Stages = stages
			d.Set(v.Queries[i].Query.ID, p)
		}
	}))
	c.Predictor = qmPredictor{}
	r, _ := qmRunning(t, c)
	for _, k := range []string{"x", "y", "z"} {
		r.accept(qmQuery(k, "edge1"))
	}
	r.advance(10 * core.Second)
	r.saved("")
	back := &qmSink{}
	allocs := testing.AllocsPerRun(50, func() {
		r.now += 3 * core.Second
		r.m.Step(r.now, &core.Timer{}, &r.fx)
		r.fx.Drain(back)
	})
	assert.Equal(t, 51, back.rounds)
	assert.LessOrEqual(t, allocs, 1., "the round's record")
}

type qmSink struct{ rounds int }

func (s *qmSink) Record(r core.Record) {
	if _, ok := r.(*core.RoundRecord); ok {
		s.rounds++
	}
}
func (*qmSink) Save(*core.Save)       {}
func (*qmSink) Capture(*core.Capture) {}
func (*qmSink) Invoke(*core.Invoke)   {}
func (*qmSink) Release(*core.Release) {}
func (*qmSink) Send(*core.Send)       {}
func (*qmSink) Wake(*core.Wake)       {}
