package live_test

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/core/sched"
	"vidq/live"
	"vidq/live/loop"
	"vidq/live/serve"
	"vidq/live/serve/pipenet"
	"vidq/scenarios"
)

// frames counts how frames end and why calls do, second by second.
type frames struct {
	mu sync.Mutex
	ends
}

type ends struct {
	done     int
	failed   map[core.Reason]int
	timeouts int // of calls
	again    int // calls that were answered when made again
}

func (f *frames) add(_ string, r core.Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch r := r.(type) {
	case *core.FrameRecord:
		if r.Outcome == core.OutcomeDone {
			f.done++
		} else {
			f.failed[r.Reason]++
		}
	case *core.StageRecord:
		if r.Err == core.CallTimeout {
			f.timeouts++
		}
		if r.Err == core.CallOK && r.Ref.Attempt > 0 {
			f.again++
		}
	}
}

// take returns what was counted since the last time.
func (f *frames) take() ends {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.ends
	f.ends = ends{failed: map[core.Reason]int{}}
	return out
}

// TestFaultyNetwork runs two nodes over connections that are slow, stall and break: calls time out and are
// made again, frames whose time is over fail, results wait and all arrive once, and at the end nothing is left
// (a bubble with a goroutine that stays fails).
func TestFaultyNetwork(t *testing.T) {
	sc, err := scenarios.Load("netns/testdata/two.toml", []string{"query.cars.constraint={ latency = \"1s\", accuracy = 0.5 }"})
	require.NoError(t, err)
	plan, err := sched.ParseSpecs("static[plan=all-cloud,resolution=480p,fps=5]")
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		clock := loop.NewClock()
		kept := &memory{clock: clock, delay: core.Millisecond}
		var pipes pipenet.Net
		var faulty pipenet.Faulty
		seen := &frames{ends: ends{failed: map[core.Reason]int{}}}
		s, err := live.New(live.Options{
			Scenario: sc, Scheduler: plan[0], Seed: 1, Clock: clock, Incarnation: counted(), RealLinks: true, Store: kept, Records: seen.add,
			HTTP: &live.HTTP{Listen: pipes.Listen, Access: serve.Access{Insecure: true}, Dial: func(from netip.Addr) func(context.Context, string, string) (net.Conn, error) {
				return faulty.Dialer(pipes.Dialer(from))
			}},
		})
		require.NoError(t, err)
		require.NoError(t, s.Open())
		ctx, cancel := context.WithCancel(t.Context())
		s.Start(ctx)

		during := func(f pipenet.Faults, d time.Duration) ends {
			faulty.Set(f)
			time.Sleep(d)
			return seen.take()
		}
		slow := pipenet.Faults{Delay: 40 * time.Millisecond, Rate: 2e5}
		during(slow, 10*time.Second)
		got := during(slow, 10*time.Second)
		assert.Equal(t, 50, got.done, "%+v", got)
		assert.Zero(t, got.timeouts)

		stalled := during(pipenet.Faults{Stall: true}, 10*time.Second)
		assert.LessOrEqual(t, stalled.done, 1)
		assert.Positive(t, stalled.timeouts, "%+v", stalled)
		assert.Positive(t, stalled.failed[core.ReasonDeadline], "%+v", stalled)
		got = during(slow, 10*time.Second)
		assert.Greater(t, got.done, 45, "it goes on")

		again := 0
		for i := range 10 { // cuts that are over before a frame's time is
			during(pipenet.Faults{Cut: true}, time.Duration(50+10*i)*time.Millisecond)
			got = during(slow, 2*time.Second)
			assert.GreaterOrEqual(t, got.done, 8, "%+v", got)
			again += got.again
		}
		assert.Positive(t, again, "no call was made again")
		cut := during(pipenet.Faults{Cut: true}, 10*time.Second)
		assert.Zero(t, cut.done)
		assert.Positive(t, cut.failed[core.ReasonUnreachable], "%+v", cut)
		got = during(slow, 20*time.Second)
		assert.Greater(t, got.done, 95)

		cancel()
		_, err = s.Stop(t.Context())
		require.NoError(t, err)
		assert.Zero(t, faulty.Open())
		kept.mu.Lock()
		defer kept.mu.Unlock()
		var seqs []uint64
		for _, all := range kept.res {
			for i := range all {
				seqs = append(seqs, all[i].Seq)
			}
		}
		require.NotEmpty(t, seqs)
		slices.Sort(seqs)
		for i, n := range seqs {
			require.Equal(t, uint64(i+1), n, "a result is missing or is there twice")
		}
	})
}
