package world

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/kb"
)

// oneService is a node with one service, four cores and a gpu.
func oneService(c ServiceConfig) *Node {
	c.Name = "s"
	if c.Models == nil {
		c.Models = []Model{{Needs: core.Needs{CPU: 1}}}
	}
	return NewNode(NodeConfig{Capacity: core.Capacity{Cores: 4, GPUs: 1}, Services: []ServiceConfig{c}})
}

// drain pops the node as a driver does.
func drain(n *Node) (got []Done) {
	var d Done
	for n.Next() != core.Never {
		for n.Pop(n.Next(), &d) {
			got = append(got, d)
		}
	}
	return got
}

func TestServiceIsFirstComeFirstServed(t *testing.T) {
	n := oneService(ServiceConfig{Workers: 2})
	for i := range uint64(4) {
		require.Equal(t, core.CallOK, n.Call(0, 0, Request{ID: i, Work: core.Time(100 + 10*i)}))
	}
	v := n.ServiceSample(50, 0)
	assert.Equal(t, 2, v.Busy)
	assert.Equal(t, 2, v.Queue)
	assert.Equal(t, core.Time(100), v.BusyTime)
	assert.Equal(t, []Done{
		{ID: 0, At: 100, Work: 100, Batch: 1},
		{ID: 1, At: 110, Work: 110, Batch: 1},
		{ID: 2, At: 220, Wait: 100, Work: 120, Batch: 1},
		{ID: 3, At: 240, Wait: 110, Work: 130, Batch: 1},
	}, drain(n))
	assert.Equal(t, 2, n.QueueMax(0))
	assert.Equal(t, int64(4), n.ServiceSample(300, 0).Calls)
	assert.Equal(t, core.Time(460), n.ServiceSample(300, 0).BusyTime)
}

func TestServiceRefusesWhatItCannotTake(t *testing.T) {
	n := oneService(ServiceConfig{Workers: 1, Queue: 1})
	assert.Equal(t, core.CallUnknown, n.Call(0, 1, Request{}))
	assert.Equal(t, core.CallUnknown, n.Call(0, n.Service("nobody"), Request{}))
	assert.Equal(t, core.CallFailed, n.Call(0, 0, Request{Model: 1}))
	assert.Equal(t, core.CallFailed, n.Call(0, 0, Request{Model: -1}))
	assert.Equal(t, core.CallOK, n.Call(0, n.Service("s"), Request{ID: 1, Work: 10}))
	assert.Equal(t, core.CallOK, n.Call(0, 0, Request{ID: 2, Work: 10}))
	assert.Equal(t, core.CallRejected, n.Call(0, 0, Request{ID: 3, Work: 10}))
	assert.Equal(t, int64(1), n.ServiceSample(0, 0).Rejected)
	assert.Len(t, drain(n), 2)
}

func TestBatchesTakeTheirLaw(t *testing.T) {
	n := oneService(ServiceConfig{Workers: 1, MaxBatch: 3, Models: []Model{
		{Needs: core.Needs{CPU: 1}, Batch: func(n int) float64 { return 1 + .5*float64(n-1) }},
		{Needs: core.Needs{CPU: 1}},
	}})
	for i, model := range []int{0, 0, 0, 0, 0, 1, 0} {
		n.Call(0, 0, Request{ID: uint64(i), Model: model, Work: core.Time(100 * (i + 1))})
	}
	var got []Done
	for _, d := range drain(n) {
		got = append(got, Done{ID: d.ID, At: d.At, Batch: d.Batch})
	}
	assert.Equal(t, []Done{
		{ID: 0, At: 100, Batch: 1},
		{ID: 1, At: 700, Batch: 3}, // the mean of 200, 300 and 400, times 2
		{ID: 2, At: 700, Batch: 3},
		{ID: 3, At: 700, Batch: 3},
		{ID: 4, At: 1200, Batch: 1}, // the next wants another model
		{ID: 5, At: 1800, Batch: 1},
		{ID: 6, At: 2500, Batch: 1},
	}, got)
}

func TestSwitchOfModelsPaysTheLoad(t *testing.T) {
	n := oneService(ServiceConfig{Workers: 2, Model: -1, Models: []Model{
		{Needs: core.Needs{CPU: 1, Memory: 10}, Load: 50},
		{Needs: core.Needs{CPU: 1, Memory: 30}, Load: 70},
	}})
	memory := func() float64 { return n.ServiceSample(0, 0).Memory }
	assert.Zero(t, memory())
	n.Call(0, 0, Request{ID: 1, Model: 0, Work: 100})
	n.Call(0, 0, Request{ID: 2, Model: 1, Work: 100})
	assert.Equal(t, 40.0, memory())
	assert.Equal(t, []Done{{ID: 1, At: 150, Work: 150, Load: 50, Batch: 1}, {ID: 2, At: 170, Work: 170, Load: 70, Batch: 1}}, drain(n))

	n.Call(200, 0, Request{ID: 3, Model: 0, Work: 100})
	n.Call(200, 0, Request{ID: 4, Model: 0, Work: 100})
	assert.Equal(t, []Done{{ID: 3, At: 300, Work: 100, Batch: 1}, {ID: 4, At: 350, Work: 150, Load: 50, Batch: 1}}, drain(n),
		"the worker that has the model comes first")
	assert.Equal(t, 20.0, memory())
}

func TestSettings(t *testing.T) {
	n := oneService(ServiceConfig{Workers: 1, Models: []Model{
		{Needs: core.Needs{CPU: 1, Memory: 10}, Load: 50},
		{Needs: core.Needs{CPU: 1, Memory: 30}, Load: 70},
	}})
	n.Call(0, 0, Request{ID: 1, Work: 100})
	n.Call(0, 0, Request{ID: 2, Work: 100})
	assert.True(t, n.Set(10, 0, Setting{Revision: 2, Model: 1, Workers: 2, MaxBatch: 4}))
	assert.False(t, n.Set(10, 0, Setting{Revision: 1, Model: 0, Workers: 9, MaxBatch: 9}), "an older one")
	got := drain(n)
	require.Len(t, got, 2)
	assert.Equal(t, Done{ID: 1, At: 100, Work: 100, Batch: 1}, got[0])
	assert.Equal(t, Done{ID: 2, At: 160, Wait: 10, Work: 150, Load: 50, Batch: 1}, got[1], "the new worker takes what waits")
	v := n.ServiceSample(500, 0)
	assert.Equal(t, uint64(2), v.Revision)
	assert.Equal(t, 2, v.Workers)
	assert.Equal(t, 4, v.MaxBatch)
	assert.Equal(t, 1, v.Model, "loaded ahead of demand")
	assert.Equal(t, 60.0, v.Memory)

	n.Call(500, 0, Request{ID: 3, Model: 1, Work: 100})
	n.Call(500, 0, Request{ID: 4, Model: 1, Work: 100})
	n.Call(500, 0, Request{ID: 5, Model: 1, Work: 100})
	assert.True(t, n.Set(510, 0, Setting{Revision: 3, Model: -1, Workers: 1, MaxBatch: 1}))
	got = drain(n)
	require.Len(t, got, 3)
	assert.Equal(t, core.Time(600), got[1].At, "a worker that is too many finishes what it has")
	assert.Equal(t, core.Time(700), got[2].At)
	assert.Equal(t, 30.0, n.ServiceSample(800, 0).Memory)
}

func TestServiceDown(t *testing.T) {
	n := oneService(ServiceConfig{Workers: 1, Models: []Model{{Needs: core.Needs{CPU: 1, Memory: 10}, Load: 50}}})
	n.Call(0, 0, Request{ID: 1, Work: 100})
	n.Call(0, 0, Request{ID: 2, Work: 100})
	n.SetServiceDown(40, 0, true)
	assert.Equal(t, []Done{
		{ID: 1, At: 40, Err: core.CallFailed, Work: 40, Batch: 1},
		{ID: 2, At: 40, Err: core.CallFailed, Wait: 40},
	}, drain(n))
	assert.Equal(t, core.CallUnreachable, n.Call(50, 0, Request{ID: 3}))
	assert.Zero(t, n.ServiceSample(50, 0).Memory)
	n.SetServiceDown(100, 0, false)
	n.Call(120, 0, Request{ID: 4, Work: 100})
	assert.Equal(t, []Done{{ID: 4, At: 250, Wait: 30, Work: 100, Batch: 1}}, drain(n), "it loads its model first")

	n.SetServiceSlow(0, 3)
	n.Call(300, 0, Request{ID: 5, Work: 100})
	assert.Equal(t, core.Time(600), drain(n)[0].At)
}

func TestNodeSharesItsDevices(t *testing.T) {
	gpu := Model{GPU: true, Needs: core.Needs{CPU: .5, GPU: 1}}
	n := NewNode(NodeConfig{
		Capacity: core.Capacity{Cores: 1, GPUs: 1},
		Power:    kb.Power{Idle: 10, PerCore: 4, PerGPU: 100},
		Services: []ServiceConfig{{Name: "a", Workers: 2, Models: []Model{gpu}}, {Name: "b", Workers: 1, Models: []Model{gpu}}},
	})
	n.Call(0, 0, Request{ID: 1, Work: core.Second})
	n.Call(0, 1, Request{ID: 2, Work: core.Second})
	n.Run(0, 3, core.Second, 1)
	got := drain(n)
	require.Len(t, got, 3)
	for i, id := range []uint64{3, 1, 2} { // at one instant the cpu's first
		assert.Equal(t, id, got[i].ID)
		assert.Equal(t, 2*core.Second, got[i].At, "two wanted one slot, and together with the cpu's job two cores")
	}
	assert.Equal(t, -1, got[0].Service)
	load, span, energy := n.Sample(4 * core.Second)
	assert.Equal(t, 4*core.Second, span)
	assert.InDelta(t, 10*4+4*2+100*2, energy, 1e-9)
	assert.InDelta(t, .5, load.CPU, 1e-12)
	assert.InDelta(t, .5, load.GPU, 1e-12)
	assert.InDelta(t, energy/4, load.Power, 1e-9)
	load, span, energy = n.Sample(5 * core.Second)
	assert.Equal(t, core.Second, span)
	assert.Zero(t, load.CPU)
	assert.InDelta(t, 10.0, load.Power, 1e-9)
	assert.InDelta(t, 258, energy, 1e-9)
}

func TestNodeDown(t *testing.T) {
	n := oneService(ServiceConfig{Workers: 1})
	n.power.Idle = 10
	n.Call(0, 0, Request{ID: 1, Work: core.Second})
	n.Run(0, 2, core.Second, 1)
	n.SetSlow(0, 2)
	n.SetDown(core.Second, true)
	n.SetServiceDown(core.Second, 0, false)
	assert.Equal(t, core.CallUnreachable, n.Call(core.Second, 0, Request{ID: 3}))
	n.Run(core.Second, 4, 1, 1)
	got := drain(n)
	require.Len(t, got, 3)
	for i, id := range []uint64{1, 2, 4} {
		assert.Equal(t, id, got[i].ID)
		assert.Equal(t, core.CallUnreachable, got[i].Err)
		assert.Equal(t, core.Second, got[i].At)
	}
	n.SetDown(3*core.Second, false)
	n.SetSlow(3*core.Second, 1)
	n.Call(3*core.Second, 0, Request{ID: 5, Work: 100})
	assert.Equal(t, 3*core.Second+100, drain(n)[0].At)
	assert.InDelta(t, 20, n.Energy(4*core.Second), 1e-9, "without power for two of four seconds")
}

// A node draws nothing before it is switched on, whether or not it is down meanwhile, and
// its first sample covers what came after.
func TestNodeStartsLater(t *testing.T) {
	config := NodeConfig{
		Capacity: core.Capacity{Cores: 1}, Power: kb.Power{Idle: 10, PerCore: 4}, Start: 500 * core.Millisecond,
		Services: []ServiceConfig{{Name: "a", Workers: 1, Models: []Model{{Needs: core.Needs{CPU: 1}}}}},
	}
	n := NewNode(config)
	assert.Zero(t, n.Energy(400*core.Millisecond))
	n.Call(500*core.Millisecond, 0, Request{ID: 1, Work: 250 * core.Millisecond})
	drain(n)
	load, span, energy := n.Sample(core.Second)
	assert.InDelta(t, 10*.5+4*.25, energy, 1e-9)
	assert.Equal(t, 500*core.Millisecond, span)
	assert.InDelta(t, .5, load.CPU, 1e-12)
	assert.InDelta(t, 12, load.Power, 1e-9)

	for _, up := range []core.Time{300 * core.Millisecond, 700 * core.Millisecond} { // before and after it would have been switched on
		n = NewNode(config)
		n.SetDown(100*core.Millisecond, true)
		assert.Zero(t, n.Energy(up))
		n.SetDown(up, false)
		drain(n) // of the service, which loads its model in no time
		_, span, energy = n.Sample(core.Second)
		assert.InDelta(t, 10*(core.Second-up).Seconds(), energy, 1e-9)
		assert.Equal(t, core.Second-min(up, config.Start), span)
	}
}

// TestNodeKeepsItsPromises drives a node at random through calls, settings and
// faults: every call accepted comes back exactly once, never more workers are busy
// than there ever were, and nothing is left behind on the devices.
func TestNodeKeepsItsPromises(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		models := []Model{
			{Needs: core.Needs{CPU: 1, Memory: 1}, Load: 30},
			{GPU: true, Needs: core.Needs{CPU: .25, GPU: 1, Memory: 2}, Load: 70, Batch: func(n int) float64 { return 1 + float64(n)/4 }},
		}
		n := NewNode(NodeConfig{Capacity: core.Capacity{Cores: 2, GPUs: 1}, Services: []ServiceConfig{
			{Name: "a", Workers: 2, Queue: 5, MaxBatch: 2, Models: models},
			{Name: "b", Workers: 1, Model: -1, Models: models},
		}})
		open := map[uint64]core.Time{}
		now, next := core.Time(0), uint64(0)
		pop := func(until core.Time) {
			var d Done
			for n.Next() <= until && n.Next() != core.Never {
				require.GreaterOrEqual(t, n.Next(), now, "seed %d", seed)
				now = n.Next()
				for n.Pop(now, &d) {
					began, ok := open[d.ID]
					require.True(t, ok, "seed %d: %v came back twice or was not accepted", seed, d)
					require.Equal(t, now, d.At, "seed %d", seed)
					require.True(t, d.Service < 0 || began+d.Wait+d.Work == d.At, "seed %d: %v", seed, d)
					delete(open, d.ID)
				}
			}
			now = max(now, until)
		}
		for range 300 {
			pop(now + core.Time(r.IntN(60)))
			next++
			switch service := r.IntN(2); r.IntN(12) {
			case 0:
				n.Set(now, service, Setting{Revision: next, Model: r.IntN(3) - 1, Workers: 1 + r.IntN(4), MaxBatch: 1 + r.IntN(3)})
			case 1:
				n.SetServiceDown(now, service, r.IntN(2) == 0)
			case 2:
				n.SetDown(now, r.IntN(3) == 0)
			case 3:
				n.SetSlow(now, float64(1+r.IntN(3))/2)
			case 4:
				open[next] = now
				n.Run(now, next, core.Time(r.IntN(100)), 1)
			default:
				if n.Call(now, service, Request{ID: next, Model: r.IntN(2), Work: core.Time(r.IntN(200))}) == core.CallOK {
					open[next] = now
				}
			}
			for i := range n.Services() {
				v := n.ServiceSample(now, i)
				require.LessOrEqual(t, v.Busy, 4, "seed %d", seed)
				require.True(t, v.Queue == 0 || v.Busy >= v.Workers, "seed %d: %d wait while a worker is idle", seed, v.Queue)
			}
		}
		pop(core.Minute)
		require.Empty(t, open, "seed %d", seed)
		require.Equal(t, core.Never, n.Next())
		require.Zero(t, n.cpu.sum, "seed %d", seed)
		require.Zero(t, n.gpu.sum, "seed %d", seed)
	}
}

func TestNodeDoesNotAllocate(t *testing.T) {
	n := oneService(ServiceConfig{Workers: 2, MaxBatch: 2})
	var d Done
	now := core.Time(0)
	work := func() {
		for i := range uint64(6) {
			n.Call(now, 0, Request{ID: i, Work: 100})
			n.Run(now, i, 10, .5)
		}
		for n.Next() != core.Never {
			now = n.Next()
			for n.Pop(now, &d) {
			}
		}
	}
	work()
	assert.Zero(t, testing.AllocsPerRun(100, work))
}
