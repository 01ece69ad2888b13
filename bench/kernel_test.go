package bench

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/kb/world"
	"vidq/sim"
)

// BenchmarkKernelTimers is the hold model; ns/op is per event. make bench compares
// it with the same work done by std::priority_queue.
func BenchmarkKernelTimers(b *testing.B) {
	for _, pending := range []int{100, 10_000} {
		b.Run("pending="+strconv.Itoa(pending), func(b *testing.B) {
			b.ReportAllocs()
			k := Hold(pending, b.N)
			require.Equal(b, uint64(b.N), k.Events())
			require.Equal(b, pending, k.Pending())
		})
	}
}

// BenchmarkKernelTandem is a tandem of five stations of eight servers, fed by a
// hundred Poisson sources at a load of .8: services on nodes' devices, driven by
// the kernel. ns/op is per event; a job makes six of them.
func BenchmarkKernelTandem(b *testing.B) {
	t := newTandem()
	t.k.Run(10*core.Second, t.handle)
	before, done := t.k.Events(), t.done
	b.ReportAllocs()
	b.ResetTimer()
	t.stopAt = before + uint64(b.N)
	t.k.Run(core.Never, t.handle)
	require.Equal(b, uint64(b.N), t.k.Events()-before)
	if b.N > 10_000 {
		require.InEpsilon(b, b.N/6, t.done-done, 0.1, "jobs done")
	}
}

const (
	stations = 5
	servers  = 8
	sources  = 100
	service  = 10 * core.Millisecond // mean
	interval = service * sources * 10 / (8 * servers)
)

type tandem struct {
	k      sim.Kernel
	draws  [1 << 10]float64 // exponential, made beforehand: they are not what is measured
	drawn  int
	nodes  [stations]*world.Node
	timers [stations]sim.Timer
	jobs   uint64
	done   int
	stopAt uint64
	out    world.Done
}

func newTandem() *tandem {
	stream := world.Root(1, 0).Name("tandem").Stream()
	t := new(tandem)
	for i := range t.draws {
		t.draws[i] = stream.Exp()
	}
	for i := range t.nodes {
		t.nodes[i] = world.NewNode(world.NodeConfig{
			Capacity: core.Capacity{Cores: servers},
			Services: []world.ServiceConfig{{
				Name: "station", Workers: servers,
				Models: []world.Model{{Needs: core.Needs{CPU: 1}}},
			}},
		})
		t.timers[i] = t.k.NewTimer(uint64(i), uint32(i))
	}
	for i := range sources {
		t.k.Schedule(sim.Event{At: t.draw(interval), Key: uint64(stations + i), Ref: uint32(stations + i)})
	}
	return t
}

func (t *tandem) draw(mean core.Time) core.Time {
	t.drawn++
	return core.Time(t.draws[t.drawn&(len(t.draws)-1)] * float64(mean))
}

func (t *tandem) handle(e sim.Event) {
	if t.k.Events() == t.stopAt {
		t.k.Stop()
	}
	if e.Ref >= stations {
		t.jobs++
		t.call(0, t.jobs)
		e.At += t.draw(interval)
		t.k.Schedule(e)
		return
	}
	i := int(e.Ref)
	for t.nodes[i].Pop(e.At, &t.out) {
		if i+1 < stations {
			t.call(i+1, t.out.ID)
		} else {
			t.done++
		}
	}
	t.k.Arm(t.timers[i], t.nodes[i].Next())
}

func (t *tandem) call(i int, job uint64) {
	t.nodes[i].Call(t.k.Now(), 0, world.Request{ID: job, Work: t.draw(service)})
	t.k.Arm(t.timers[i], t.nodes[i].Next())
}
