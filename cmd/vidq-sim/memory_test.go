package main

import (
	"runtime"
	"testing"

	"vidq/core"
	"vidq/core/sched"
	"vidq/scenarios"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMemoryDoesNotGrowWithDuration runs shipped scenarios for long and compares the
// heap in use at a time and at four times that.
func TestMemoryDoesNotGrowWithDuration(t *testing.T) {
	for _, c := range []struct {
		name, scheduler string
		set             []string
		at              core.Time
	}{
		{"face", "latfirst", nil, 10 * core.Minute},
		{"traffic", "latfirst", nil, 10 * core.Minute},
		{"campus", "latfirst", nil, 5 * core.Minute},
		{"campus", "static[plan=golden]", nil, 5 * core.Minute}, // overloaded: queues and drops
		{
			"city", "static[plan=given,host_stages=1,resolution=720p,fps=10]",
			[]string{"camera.cam.count=50", "query.pose.count=50"},
			30 * core.Second,
		},
	} {
		t.Run(c.name+" "+c.scheduler, func(t *testing.T) {
			s, err := scenarios.Load(c.name, append(c.set, "duration=10y"))
			require.NoError(t, err)
			specs, err := sched.ParseSpecs(c.scheduler)
			require.NoError(t, err)
			heap := map[core.Time]uint64{}
			run, err := simulate(t.Context(), s, job{
				scheduler: specs[0], seed: 1, until: 4*c.at + 1,
				progress: func(now core.Time) {
					if now != c.at && now != 4*c.at {
						return
					}
					runtime.GC()
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					heap[now] = m.HeapAlloc
				},
			})
			require.NoError(t, err)
			require.Len(t, heap, 2)
			t.Logf("%d frames done; heap in use %d kB, then %d kB", run.Frames.Done, heap[c.at]>>10, heap[4*c.at]>>10)
			assert.Less(t, float64(heap[4*c.at]), 1.05*float64(heap[c.at])+256<<10)
		})
	}
}
