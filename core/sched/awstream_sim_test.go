package sched_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"vidq/core"
	"vidq/core/sched"
	"vidq/scenarios"
	"vidq/sim"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// narrow is a link whose rate changes as in the paper's evaluation: 23.9, 7.2, 4.8
// and again 23.9 Mbit/s.
const narrow = `
name = "narrow"
duration = "320s"
seed = 1
[kb]
belief = "measured"
truth = "measured"
[scheduler]
name = "awstream"
period = "3s"
[[knobs.encoder]]
name = "h264"
qualities = [20, 30]
[[node]]
id = "cloud"
role = "cloud"
class = "server-gpu"
services = { pedestrian_detection = 8 }
[[node]]
id = "edge"
role = "edge"
class = "orin-nano"
services = { pedestrian_detection = 1 }
[[link]]
between = ["edge", "cloud"]
rate = "23.9Mbit/s"
delay = "10ms"
[[camera]]
id = "c"
count = %[1]d
node = "edge"
fps = 30
resolution = "1080p"
content = "street"
[[query]]
id = "q"
count = %[1]d
camera = "c"
pipeline = ["pedestrian_detection"]
constraint = { latency = "2s", accuracy = 0.75 }
[[fault]]
at = "80s"
for = "80s"
link = ["edge", "cloud"]
rate = "7.2Mbit/s"
[[fault]]
at = "160s"
for = "80s"
link = ["edge", "cloud"]
rate = "4.8Mbit/s"
`

// ledger notes what the frames of a run need and take.
type ledger struct {
	sent    map[int64]float64   // bytes by second
	latency map[int64][]float64 // seconds, by second
	lost    int
}

func (l *ledger) Query(core.QueryID, string) {}

func (l *ledger) Record(r core.Record) {
	switch r := r.(type) {
	case *core.StageRecord:
		l.sent[int64(r.At/core.Second)] += r.Sent
	case *core.FrameRecord:
		if r.Outcome == core.OutcomeDone {
			l.latency[int64(r.At/core.Second)] = append(l.latency[int64(r.At/core.Second)], r.Latency.Seconds())
		} else if r.At > 20*core.Second {
			l.lost++
		}
	}
}

// mean is the rate in Mbit/s and the median latency from one second to another.
func (l *ledger) mean(from, to int64) (rate, median float64) {
	var all []float64
	for s := from; s < to; s++ {
		rate += l.sent[s] * 8 / 1e6 / float64(to-from)
		all = append(all, l.latency[s]...)
	}
	slices.Sort(all)
	if len(all) > 0 {
		median = all[len(all)/2]
	}
	return rate, median
}

// What AWStream claims: its rate stays below what the network delivers, so that
// latency stays low, and it uses what there is; while the same streams at a fixed
// configuration wait and are lost.
func TestAWStreamStaysBelowCapacity(t *testing.T) {
	for _, cameras := range []int{1, 3} {
		sc, err := scenarios.Parse("narrow.toml", fmt.Appendf(nil, narrow, cameras), nil)
		require.NoError(t, err)
		run := func(spec string) *ledger {
			specs, err := sched.ParseSpecs(spec)
			require.NoError(t, err)
			l := &ledger{sent: map[int64]float64{}, latency: map[int64][]float64{}}
			_, err = sim.Run(context.Background(), sc, sim.Options{Scheduler: specs[0], Seed: 1, Sink: l})
			require.NoError(t, err)
			return l
		}
		l := run("awstream")
		for _, phase := range []struct {
			from, to int64
			rate     float64
		}{{50, 80, 23.9}, {90, 160, 7.2}, {170, 240, 4.8}, {290, 320, 23.9}} {
			rate, median := l.mean(phase.from, phase.to)
			t.Logf("%d cameras, %.1f Mbit/s: sends %.2f, median latency %.0f ms", cameras, phase.rate, rate, 1000*median)
			assert.Less(t, rate, phase.rate, "%d cameras", cameras)
			assert.Greater(t, rate, .3*phase.rate, "%d cameras", cameras)
			assert.Less(t, median, .4, "%d cameras at %v Mbit/s", cameras, phase.rate)
		}
		fixed := run("static[fps=30,resolution=1080p,in_flight=2,buffer=30]")
		_, median := fixed.mean(90, 160)
		t.Logf("lost: %d, at a fixed configuration %d; there %.1f s at 7.2 Mbit/s", l.lost, fixed.lost, median)
		assert.Less(t, l.lost, fixed.lost/10)
		assert.Greater(t, median, 1.)
	}
}
