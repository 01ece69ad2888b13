package core_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vidq/core"
)

const msec = core.Millisecond

// jmRig is a driver by hand: it keeps what a job manager wants done, lets a test
// answer, and gives the machine the timers that it asked for.
type jmRig struct {
	t   testing.TB
	m   *core.JobManager
	fx  core.Effects
	now core.Time

	frames   []core.FrameRecord
	stages   []core.StageRecord
	plans    []core.PlanRecord
	others   []core.Record
	captures []core.Capture
	invokes  []core.Invoke
	releases []core.Release
	sends    []core.Message
	wakes    []core.Time
}

func (r *jmRig) Record(rec core.Record) {
	switch rec := rec.(type) {
	case *core.FrameRecord:
		r.frames = append(r.frames, *rec)
	case *core.StageRecord:
		r.stages = append(r.stages, *rec)
	case *core.PlanRecord:
		r.plans = append(r.plans, *rec)
	default:
		r.others = append(r.others, rec)
	}
}
func (r *jmRig) Save(*core.Save)         { r.t.Error("a job manager saves nothing") }
func (r *jmRig) Capture(c *core.Capture) { r.captures = append(r.captures, *c) }
func (r *jmRig) Invoke(i *core.Invoke)   { r.invokes = append(r.invokes, *i) }
func (r *jmRig) Release(x *core.Release) { r.releases = append(r.releases, *x) }
func (r *jmRig) Wake(w *core.Wake) {
	require.GreaterOrEqual(r.t, w.At, r.now, "a wake in the past")
	r.wakes = append(r.wakes, w.At)
}

func (r *jmRig) Send(s *core.Send) {
	require.Equal(r.t, core.Address{Node: "cloud", Part: core.PartManager}, s.To)
	r.sends = append(r.sends, s.Msg)
}

func (r *jmRig) step(ev core.Event) { r.m.Step(r.now, ev, &r.fx); r.fx.Drain(r) }

func (r *jmRig) get(m core.Message) { r.step(&core.Received{Msg: m}) }

// until gives the machine its timers up to and at t.
func (r *jmRig) until(t core.Time) *jmRig {
	for {
		first := -1
		for i, at := range r.wakes {
			if at <= t && (first < 0 || at < r.wakes[first]) {
				first = i
			}
		}
		if first < 0 {
			r.now = max(r.now, t)
			return r
		}
		r.now = max(r.now, r.wakes[first])
		r.wakes = append(r.wakes[:first], r.wakes[first+1:]...)
		r.step(&core.Timer{})
	}
}

func (r *jmRig) frame(q core.QueryID, camera int64) {
	r.step(&core.FrameCaptured{Query: q, CameraFrame: camera, At: r.now, Bytes: 30_000})
}

// answer answers a call now; change, if given, says how.
func (r *jmRig) answer(i core.Invoke, change ...func(*core.StageDone)) {
	d := core.StageDone{Ref: i.Ref, Sent: 30_000, Got: 2000}
	for _, c := range change {
		c(&d)
	}
	r.step(&d)
}

func jmError(e core.CallError) func(*core.StageDone) {
	return func(d *core.StageDone) { d.Err = e }
}

// call returns the i-th call so far.
func (r *jmRig) call(i int) core.Invoke {
	require.Greater(r.t, len(r.invokes), i, "no such call")
	return r.invokes[i]
}

// jmTake returns the messages of a type that were sent and takes all messages out.
func jmTake[M core.Message](r *jmRig) (got []M) {
	for _, s := range r.sends {
		if m, ok := s.(M); ok {
			got = append(got, m)
		}
	}
	r.sends = r.sends[:0]
	return got
}

func jmConfig() core.JobManagerConfig {
	return core.JobManagerConfig{
		Node: "edge1", Class: "tx2", Incarnation: 7, Manager: "cloud", Seed: 1,
		Services: []core.ServiceView{{Name: "a", Workers: 1}},
		Cameras: []core.Camera{
			{ID: "live", Node: "edge1", FPS: 30, Resolution: core.Resolution{Width: 1920, Height: 1080}},
			{ID: "file", Node: "edge1", FPS: 30, Mode: core.ModeFile, Resolution: core.Resolution{Width: 1920, Height: 1080}},
		},
	}
}

func jmStart(t testing.TB, c core.JobManagerConfig) *jmRig {
	r := &jmRig{t: t, m: core.NewJobManager(c)}
	r.step(&core.Timer{})
	return r
}

// jmPlan is a plan whose stages run on the given nodes.
func jmPlan(revision uint64, nodes ...core.NodeID) core.Plan {
	p := core.Plan{
		Revision: revision, InFlight: 1, Buffer: 1,
		Video: core.VideoConf{Resolution: core.Resolution{Width: 640, Height: 480}, FPS: 30, Encoder: "jpeg", Quality: 90},
	}
	for _, n := range nodes {
		p.Stages = append(p.Stages, core.Assignment{Node: n})
	}
	return p.Seal()
}

// job submits query 1 of two stages with a plan, changed as the test likes.
func (r *jmRig) job(camera core.CameraID, change func(q *core.Query, p *core.Plan)) *jmRig {
	q := core.Query{ID: 1, Node: "edge1", Camera: camera, Pipeline: core.Linear("a", "b")}
	p := jmPlan(1, "edge1", "cloud")
	if change != nil {
		change(&q, &p)
	}
	r.get(&core.SubmitJob{Incarnation: 7, Query: q, Plan: p.Seal()})
	return r
}

// jmSum checks that a frame's breakdown sums to its latency and has no negative part.
func jmSum(t testing.TB, f *core.FrameRecord) {
	var sum core.Time
	for _, p := range f.Breakdown {
		require.GreaterOrEqual(t, p, core.Time(0), "%+v", f)
		sum += p
	}
	require.Equal(t, f.Latency, sum, "%+v", f)
	require.Equal(t, f.At-f.Captured, f.Latency)
}
