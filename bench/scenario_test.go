package bench

import (
	"context"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/scenarios"
	"vidq/sim"
)

// BenchmarkScenario runs shipped scenarios, trace hash and result document
// included, on one core. frames/s are done frames per second of wall time, those
// of the warm-up too: they are simulated like any other; allocs/frame are those of
// steady state, the second half of the run, in whole ones as of -benchmem, and
// allocs/1000frames the same as they are. A city must stay below ten.
func BenchmarkScenario(b *testing.B) {
	for _, c := range []struct {
		name  string
		until core.Time
	}{{"face", 5 * core.Minute}, {"city", 20 * core.Second}} {
		b.Run(c.name, func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			sc, err := scenarios.Load(c.name, []string{"warmup=0s"})
			require.NoError(b, err)
			frames := int64(0)
			for b.Loop() {
				b.StopTimer()
				s := build(b, sc, c.until)
				b.StartTimer()
				run, err := s.Run(context.Background())
				b.StopTimer()
				require.NoError(b, err)
				require.NoError(b, run.Check())
				require.Positive(b, run.Frames.Done)
				frames += run.Frames.Done
				b.StartTimer()
			}
			b.ReportMetric(float64(frames)/b.Elapsed().Seconds(), "frames/s")
			allocs := allocsPerFrame(b, sc, c.until)
			b.ReportMetric(math.Floor(allocs), "allocs/frame")
			b.ReportMetric(1000*allocs, "allocs/1000frames")
			if c.name == "city" {
				require.Less(b, allocs, .01)
			}
		})
	}
}

func build(b *testing.B, sc *scenarios.Scenario, until core.Time) *sim.Sim {
	b.Helper()
	s, err := sim.New(sc, sim.Options{Scheduler: sc.Scheduler.Spec, Seed: sc.Seed, Until: until})
	require.NoError(b, err)
	return s
}

// allocsPerFrame is what the second half of a run allocates, by its done frames.
func allocsPerFrame(b *testing.B, sc *scenarios.Scenario, until core.Time) float64 {
	b.Helper()
	measure := func(until core.Time) (mallocs, frames float64) {
		s := build(b, sc, until)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		run, err := s.Run(context.Background())
		runtime.ReadMemStats(&after)
		require.NoError(b, err)
		return float64(after.Mallocs - before.Mallocs), float64(run.Frames.Done)
	}
	m1, f1 := measure(until / 2)
	m2, f2 := measure(until)
	return (m2 - m1) / (f2 - f1)
}
