package coretest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// good is a plan of one stage at edge1.
func good(revision uint64) core.Plan {
	p := core.Plan{
		Revision: revision, Video: core.VideoConf{FPS: float64(revision), Resolution: core.Resolutions()[0], Encoder: "jpeg", Quality: 90},
		Stages: []core.Assignment{{Node: "edge1"}}, InFlight: 1, Buffer: 1,
	}
	return p.Seal()
}

func applied(c *Checker, p core.Plan) {
	c.Record(c.now, &core.PlanRecord{Node: "edge1", Query: 1, Plan: p})
}

func captured(c *Checker, frame int64) {
	c.Captured(max(c.now, 1), "edge1", &core.FrameCaptured{Query: 1, CameraFrame: frame})
}

func record(frame int64, p core.Plan) *core.FrameRecord {
	r := &core.FrameRecord{Node: "edge1", Query: 1, CameraFrame: frame, Revision: p.Revision, Video: p.Video, Latency: 3}
	r.Breakdown[core.PartCompute] = 3
	return r
}

func release(frame int64) *core.Release { return &core.Release{Query: 1, CameraFrame: frame} }

func call(frame int64, p core.Plan) *core.Invoke {
	return &core.Invoke{Ref: core.CallRef{Query: 1}, CameraFrame: frame, Node: p.Stages[0].Node, Service: "a", Video: p.Video}
}

func save(changes ...core.Change) *core.Save { return &core.Save{Changes: changes} }

func savedQuery(state core.State, revision uint64) core.Change {
	return core.Change{Kind: core.ChangeQuery, Query: &core.SavedQuery{Query: core.Query{ID: 1}, State: state, Plan: good(revision)}}
}

func send(to core.NodeID, m core.Message) *core.Send {
	return &core.Send{To: core.Address{Node: to}, Msg: m}
}

func sync(first, n uint64) *core.Send {
	return send("cloud", &core.SyncResults{Node: "edge1", Incarnation: 1, First: first, Results: make([]core.Result, n)})
}

func storeResults(c *Checker, from, to uint64) {
	var results []core.Result
	for s := from; s <= to; s++ {
		results = append(results, core.Result{Seq: s})
	}
	c.Stored(max(c.now, 1), save(
		core.Change{Kind: core.ChangeResult, Result: &core.SavedResult{Node: "edge1", Incarnation: 1, Results: results}},
		core.Change{Kind: core.ChangeNode, Node: core.SavedNode{Node: "edge1", Incarnation: 1, Seq: to}},
	))
}

// breaks is a run for each way of breaking an invariant, with what is said of it.
func breaks() map[string]struct {
	want string
	run  func(c *Checker)
} {
	ack := send("edge1", &core.SyncAck{Incarnation: 1, Seq: 5})
	return map[string]struct {
		want string
		run  func(c *Checker)
	}{
		"time": {"went back", func(c *Checker) { captured(c, 1); c.Busy(0, "n", "s", 0, 1) }},
		"second release": {"does not hold", func(c *Checker) {
			applied(c, good(1))
			captured(c, 1)
			c.Record(2, record(1, good(1)))
			c.Released(2, "edge1", release(1))
			c.Released(2, "edge1", release(1))
		}},
		"release without record": {"without a record", func(c *Checker) {
			captured(c, 1)
			c.Released(2, "edge1", release(1))
		}},
		"record of nothing": {"does not hold", func(c *Checker) { c.Record(1, record(1, good(1))) }},
		"second record": {"a second record", func(c *Checker) {
			applied(c, good(1))
			captured(c, 1)
			c.Record(2, record(1, good(1)))
			c.Record(2, record(1, good(1)))
		}},
		"breakdown": {"its parts' sum", func(c *Checker) {
			applied(c, good(1))
			captured(c, 1)
			r := record(1, good(1))
			r.Breakdown[0] = 1
			c.Record(2, r)
		}},
		"record under another plan": {"the plan of its capture", func(c *Checker) {
			applied(c, good(1))
			captured(c, 1)
			applied(c, good(2))
			c.Record(2, record(1, good(2)))
		}},
		"call under another plan": {"under another plan", func(c *Checker) {
			applied(c, good(1))
			captured(c, 1)
			applied(c, good(2))
			c.Invoked(2, "edge1", call(1, good(2)))
		}},
		"call without plan":  {"no plan has", func(c *Checker) { captured(c, 1); c.Invoked(2, "edge1", call(1, good(2))) }},
		"call after the end": {"does not hold", func(c *Checker) { c.Invoked(2, "edge1", call(1, good(2))) }},
		"revision falls":     {"after r2", func(c *Checker) { applied(c, good(2)); applied(c, good(1)) }},
		"revision repeats":   {"after r2", func(c *Checker) { applied(c, good(2)); applied(c, good(2)) }},
		"two plans of one revision": {"is two plans", func(c *Checker) {
			applied(c, good(2))
			c.Crashed("edge1")
			p := good(2)
			p.Video.FPS = 9
			applied(c, p.Seal())
		}},
		"hash":               {"hash", func(c *Checker) { p := good(2); p.Video.FPS = 9; applied(c, p) }},
		"accepted too early": {"not durable", func(c *Checker) { c.Sent(1, send("u", &core.SubmitAnswer{Query: 1})) }},
		"stopped too early": {"not durable", func(c *Checker) {
			c.Stored(1, save(savedQuery(core.StateReady, 1)))
			c.Sent(1, send("u", &core.StopAnswer{Query: 1}))
		}},
		"plan too early": {"before it was durable", func(c *Checker) {
			c.Stored(1, save(savedQuery(core.StateReady, 1)))
			c.Sent(1, send("edge1", &core.UpdatePlan{Query: 1, Plan: good(2)}))
		}},
		"job too early": {"before it was durable", func(c *Checker) {
			c.Sent(1, send("edge1", &core.SubmitJob{Query: core.Query{ID: 1}, Plan: good(2)}))
		}},
		"results too early": {"only 4 are durable", func(c *Checker) { c.Sent(1, sync(1, 5)); storeResults(c, 1, 4); c.Sent(1, ack) }},
		"result skipped": {"result 3", func(c *Checker) {
			c.Sent(1, sync(1, 5))
			storeResults(c, 1, 2)
			storeResults(c, 4, 5)
			c.Sent(1, ack)
		}},
		"query lost": {"is gone after a restore", func(c *Checker) {
			c.Stored(1, save(savedQuery(core.StateReady, 1)))
			c.Sent(1, send("u", &core.SubmitAnswer{Query: 1}))
			c.Restored(2, &core.Snapshot{LastID: 1})
		}},
		"id lost": {"id may be used again", func(c *Checker) {
			ch := savedQuery(core.StateReady, 1)
			c.Stored(1, save(ch))
			c.Sent(1, send("u", &core.SubmitAnswer{Query: 1}))
			c.Restored(2, &core.Snapshot{Queries: []core.SavedQuery{*ch.Query}})
		}},
		"stop lost": {"runs again", func(c *Checker) {
			c.Stored(1, save(savedQuery(core.StateStopped, 1)))
			c.Sent(1, send("u", &core.StopAnswer{Query: 1}))
			c.Restored(2, &core.Snapshot{LastID: 1, Queries: []core.SavedQuery{*savedQuery(core.StateReady, 1).Query}})
		}},
		"results lost": {"not known after a restore", func(c *Checker) {
			c.Sent(1, sync(1, 5))
			storeResults(c, 1, 5)
			c.Sent(1, ack)
			c.Restored(2, &core.Snapshot{Nodes: []core.SavedNode{{Node: "edge1", Incarnation: 1, Seq: 4}}})
		}},
		"workers": {"are busy", func(c *Checker) { c.Busy(1, "edge1", "a", 3, 2) }},
		"workers in a sample": {"are busy", func(c *Checker) {
			c.Record(1, &core.ServiceRecord{Node: "edge1", Service: core.ServiceSample{ServiceView: core.ServiceView{Name: "a", Workers: 2, Busy: 3}}})
		}},
		"bytes": {"bytes in", func(c *Checker) { c.Link(1, "a", "b", 100, 50, 20, 29) }},
		"bytes fall": {"took back bytes", func(c *Checker) {
			for _, b := range []float64{10, 9} {
				c.Record(1, &core.LinkRecord{Link: core.LinkSample{From: "a", To: "b", Bytes: b}})
			}
		}},
	}
}

func TestCheckerSeesWhatIsBroken(t *testing.T) {
	for name, b := range breaks() {
		t.Run(name, func(t *testing.T) {
			c := NewChecker()
			b.run(c)
			assert.ErrorContains(t, c.Err(), b.want)
		})
	}
}

func TestCheckerIsContentWithAGoodRun(t *testing.T) {
	c := NewChecker()
	c.Stored(0, save(savedQuery(core.StateUnscheduled, 0)))
	c.Sent(0, send("u", &core.SubmitAnswer{Query: 1}))
	c.Stored(0, save(savedQuery(core.StateUnscheduled, 1)))
	c.Sent(0, send("edge1", &core.UpdatePlan{Query: 1, Plan: good(1)}))
	applied(c, good(1))
	captured(c, 1)
	captured(c, 2)
	c.Released(1, "edge1", release(2)) // not taken
	assert.Equal(t, 1, c.Held(1))
	c.Invoked(1, "edge1", call(1, good(1)))
	c.Invoked(1, "edge1", &core.Invoke{Charged: true})
	applied(c, good(2))
	c.Record(2, record(1, good(1)))
	c.Released(2, "edge1", release(1))
	assert.Zero(t, c.Held(1))
	captured2 := &core.FrameCaptured{Query: 1, CameraFrame: 3}
	c.Captured(2, "edge1", captured2)
	c.Crashed("edge1") // takes the frame along; plans begin anew
	c.Captured(2, "edge1", captured2)
	assert.Equal(t, 1, c.Held(1))
	c.Record(2, &core.PlanRecord{Node: "edge1", Query: 1, Plan: good(2)})
	c.Sent(2, sync(1, 3))
	storeResults(c, 1, 3)
	c.Sent(2, sync(6, 2)) // 4 and 5 are lost
	storeResults(c, 6, 7)
	c.Sent(2, send("edge1", &core.SyncAck{Incarnation: 1, Seq: 7}))
	c.Restored(3, &core.Snapshot{
		LastID: 1, Queries: []core.SavedQuery{*savedQuery(core.StateUnscheduled, 1).Query}, Nodes: []core.SavedNode{{Node: "edge1", Incarnation: 1, Seq: 7}},
	})
	c.Link(3, "a", "b", 100, 50, 20, 30)
	c.Record(3, &core.ServiceRecord{Node: "edge1", Service: core.ServiceSample{ServiceView: core.ServiceView{Name: "a", Workers: 2, Busy: 2}}})
	c.Record(3, &core.ServiceRecord{Node: "edge1", Service: core.ServiceSample{ServiceView: core.ServiceView{Name: "a", Workers: 1, Busy: 2}}})
	require.NoError(t, c.Err())
}

func TestCheckerSeesJobsThatDiffer(t *testing.T) {
	const world = `node edge1 services=a:1 cameras=cam
manager edge1 period=3s phase=1s
quiet
start
submit k node=edge1 camera=cam pipeline=a
plan 1 stages=edge1:0
run 1s
`
	for name, c := range map[string]struct{ script, want string }{
		"fine":     {"run 2s\n", ""},
		"older":    {"plan 1 stages=edge1:0 fps=30\nadvance 3s\nsaved\nadvance 10ms\n", "edge1 runs r1 of query 1, not r2"},
		"missing":  {"crash edge1\nrestart edge1\n", "edge1 does not have query 1"},
		"too many": {"stop 1\ndeliver\nsaved\n", "edge1 still has query 1, which has ended"},
		"stranger": {"submit l node=edge1 camera=cam pipeline=a\ndeliver\nsaved\ndeliver\ncrash manager\n" +
			"restart manager\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Play(world + c.script + "converged\n----\n")
			if c.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, c.want)
		})
	}
	c := NewChecker()
	m := core.NewQueryManager(core.QueryManagerConfig{Node: "cloud"}, core.Snapshot{})
	j := core.NewJobManager(core.JobManagerConfig{Node: "edge1", Incarnation: 1})
	j.Step(0, &core.Received{Msg: &core.SubmitJob{Incarnation: 1, Query: core.Query{ID: 3, Pipeline: core.Linear("a")}}}, &core.Effects{})
	c.Converged(0, m, map[core.NodeID]*core.JobManager{"edge1": j})
	assert.ErrorContains(t, c.Err(), "edge1 has query 3, of which the manager does not know")
}

func TestSpans(t *testing.T) {
	var s, u spans
	for _, r := range [][2]uint64{{5, 7}, {1, 3}, {9, 10}, {3, 5}, {2, 4}} {
		s.add(r[0], r[1])
	}
	assert.Equal(t, spans{{1, 7}, {9, 10}}, s)
	u.add(1, 7)
	_, missing := s.missing(&u, 8)
	assert.False(t, missing)
	at, missing := s.missing(&u, 9)
	assert.True(t, missing)
	assert.Equal(t, uint64(9), at)
}

func TestScriptErrorsArePrinted(t *testing.T) {
	got, err := Play("dance\nadvance\nadvance x\nnode n services=a\nstop\npace 1 x\ndrop m2\ncapture 1\ndone 1/0.0\nset colour=red\nstart mars\ncrash mars\nsaved\nsample mars\n----\nold\n\n# the end\n")
	require.NoError(t, err)
	for _, want := range []string{
		`unknown command "dance"`, "argument 1 is missing", "invalid duration", "want NAME:NUMBER", `no message "m2"`, "nobody wants", "no call 1/0.0",
		`unknown argument "colour"`, `unknown node "mars"`, "does not run", "there is no manager", "no such node",
	} {
		assert.Contains(t, got, want)
	}
	assert.NotContains(t, got, "old\n\n")
	assert.Contains(t, got, "# the end\n")
}
