package sched

import (
	"math"
	"testing"

	"vidq/core"
	"vidq/core/sched/schedtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// 15 arrivals per second at 20 per second: 75 ms in an M/D/1 queue; the public code's formula gives
// 150 ms, which is that of M/M/1.
func TestCWDWait(t *testing.T) {
	assert.InDelta(t, .075, wait(15, 20, false), 1e-12)
	assert.InDelta(t, .150, wait(15, 20, true), 1e-12)
	for _, compat := range []bool{false, true} {
		assert.Zero(t, wait(0, 20, compat))
		assert.Zero(t, wait(15, math.Inf(1), compat))
		assert.True(t, math.IsInf(wait(20, 20, compat), 1))
		assert.True(t, math.IsInf(wait(21, 20, compat), 1))
	}
}

// onGPU gives services a gpu slot each and quick work, so that batches pay.
type onGPU struct {
	core.Predictor
	marginal float64
}

func (p onGPU) Needs(string, int, core.Target) core.Needs {
	return core.Needs{CPU: .1, GPU: 1, Memory: 500e6}
}

func (p onGPU) Work(service string, model int, at core.Target, r core.Resolution, objects float64) (core.Work, bool) {
	w, ok := p.Predictor.Work(service, model, at, r, objects)
	return core.Work{Mean: w.Mean / 4, SD: w.SD / 4, Marginal: p.marginal}, ok
}

// clients is n live queries on one edge with a cloud, within a bound.
func clients(n int, bound core.Time, gpus float64) *core.View {
	v := schedtest.Regular(n, 2)
	v.Predictor = onGPU{v.Predictor, .2}
	for i := range v.Nodes {
		v.Nodes[i].Cores, v.Nodes[i].GPUs, v.Nodes[i].Memory = 64, gpus, 0
	}
	for i := range v.Links {
		v.Links[i].Rate = 1e9
	}
	for i := range v.Queries {
		q := &v.Queries[i]
		q.Camera.Mode, q.Query.Constraint = core.ModeLive, core.Constraint{Latency: bound}
	}
	return v
}

func newCWDForTest(t testing.TB, params string) *cwd {
	t.Helper()
	specs, err := ParseSpecs("cwd" + params)
	require.NoError(t, err)
	s, err := New(specs[0], Deps{})
	require.NoError(t, err)
	return s.(*cwd)
}

func settingAt(d *core.Decision, node core.NodeID, service string) core.ServiceSetting {
	for _, s := range d.Services {
		if s.Node == node && s.Service == service {
			return s
		}
	}
	return core.ServiceSetting{}
}

// A stage goes to the edge that makes less of its data than it gets, if there is time for it; the
// faces' landmarks are as large as the faces and stay.
func TestCWDShiftsWhatShrinks(t *testing.T) {
	for _, c := range []struct {
		bound   core.Time
		objects float64
		edge    bool
	}{
		{core.Second, 3, true},
		{100 * core.Millisecond, 3, false}, // no time on the edge
		{core.Second, 40, false},           // 84 kB of faces of a frame of 92
	} {
		v := clients(1, c.bound, 8)
		q := &v.Queries[0]
		q.Runtime = core.RuntimeInfo{Frames: 5, ObjKnown: true, ObjN: c.objects, ObjArea: .001, ObjStable: true}
		var d core.Decision
		newCWDForTest(t, "").Schedule(v, &d)
		require.NoError(t, schedtest.Check(v, &d))
		require.Len(t, d.Plans, 1)
		p := &d.Plans[0].Plan
		assert.Equal(t, c.edge, p.Stages[0].Node == q.Query.Node, "%+v", c)
		assert.Equal(t, core.NodeID("cloud-000"), p.Stages[1].Node)
	}
}

// Replicas cover the arrivals with the published margins, up to what the devices allow, and
// batches grow as far as the bound allows.
func TestCWDReplicasAndBatches(t *testing.T) {
	last := 0
	for _, bound := range []core.Time{80 * core.Millisecond, 300 * core.Millisecond, core.Second, 0} {
		v := clients(12, bound, 16)
		s := newCWDForTest(t, "[max_batch=16]")
		var d core.Decision
		s.Schedule(v, &d)
		require.NoError(t, schedtest.Check(v, &d))
		for i := range s.stations {
			st := &s.stations[i]
			if st.users == 0 {
				continue
			}
			assert.GreaterOrEqual(t, cwdAdd*st.mu(st.batch)*float64(st.replicas), st.rate, "%+v", st)
			if st.replicas > 1 {
				assert.Less(t, cwdRemove*st.mu(st.batch)*float64(st.replicas-1), st.rate, "%+v", st)
			}
			if st.node == "cloud-000" && st.service == "face_alignment" {
				assert.GreaterOrEqual(t, st.batch, last, "bound %v", bound)
				last = st.batch
			}
		}
	}
	assert.Equal(t, 16, last, "without a bound the largest batch is the cheapest")
	for marginal, batch := range map[float64]int{.2: 32, .95: 2, 1: 1} { // what the belief says of batches counts
		v := clients(12, 0, 16)
		v.Predictor = onGPU{v.Predictor.(onGPU).Predictor, marginal}
		var d core.Decision
		newCWDForTest(t, "").Schedule(v, &d)
		assert.Equal(t, batch, max(1, settingAt(&d, "cloud-000", "face_alignment").MaxBatch), "marginal %g", marginal)
	}

	v := clients(40, core.Second, 2)
	var d core.Decision
	newCWDForTest(t, "[max_batch=1]").Schedule(v, &d)
	assert.Equal(t, 2, settingAt(&d, "cloud-000", "face_alignment").Replicas, "as many as there are slots")
	v = clients(40, core.Second, 64)
	v.Nodes[0].Memory = 9e9
	d.Reset()
	newCWDForTest(t, "[max_batch=1]").Schedule(v, &d)
	sum := 0
	for _, x := range v.Nodes[0].Services {
		if n := settingAt(&d, "cloud-000", x.Name).Replicas; n > 0 {
			sum += n
		} else {
			sum += x.Workers
		}
	}
	assert.LessOrEqual(t, float64(sum)*500e6, 9e9)
}

// The autoscaler follows what the calls take, not before it has held for the published times.
func TestCWDAutoscaler(t *testing.T) {
	v := clients(6, core.Second, 16)
	s := newCWDForTest(t, "[max_batch=1,interval=1000s]")
	replicas := func() int { return v.Nodes[0].Service("face_alignment").Workers }
	run := func(until core.Time, factor float64) (changed []core.Time) {
		for v.Now < until {
			var d core.Decision
			s.Schedule(v, &d)
			require.NoError(t, schedtest.Check(v, &d))
			if set := settingAt(&d, "cloud-000", "face_alignment"); set.Replicas > 0 && set.Replicas != replicas() {
				v.Nodes[0].Service("face_alignment").Workers = set.Replicas
				changed = append(changed, v.Now)
			}
			schedtest.Advance(v, &d)
			for i := range v.Queries {
				q := &v.Queries[i]
				schedtest.Observe(q, 5, 50*core.Millisecond, 3)
				for k, a := range q.Plan.Stages {
					w, _ := v.Predictor.Work(q.Query.Pipeline[k].Service, 0, core.Target{Role: v.Node(a.Node).Role}, q.Plan.Video.Resolution, 3)
					for j := range q.Observations {
						q.Observations[j].Calls[k].Work = core.Time(float64(w.Mean) * factor)
					}
				}
			}
		}
		return changed
	}
	run(core.Minute, 1)
	before := replicas()
	up := run(5*core.Minute, 2)
	require.NotEmpty(t, up)
	assert.GreaterOrEqual(t, up[0], 150*core.Second)
	assert.Greater(t, replicas(), before)
	most := replicas()
	down := run(15*core.Minute, 1)
	require.NotEmpty(t, down)
	assert.GreaterOrEqual(t, down[0]-up[len(up)-1], 240*core.Second)
	assert.Less(t, replicas(), most)
}
