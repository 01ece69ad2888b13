package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vidq/core"
	"vidq/core/result"
	"vidq/internal/cli"
	"vidq/scenarios"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCtrlCIsHeard sends SIGINT to processes that would go on for long, in the middle
// of what each is at, and takes the time until they are gone. The limit is for a busy
// machine: on an idle one it is 10 to 200 ms.
func TestCtrlCIsHeard(t *testing.T) {
	const before, most = 700 * time.Millisecond, 5 * time.Second
	for _, c := range []struct{ name, args string }{
		{"city", "city --set duration=1y"},
		{"many seeds", "city --seeds 100 --json -"},
		{"many workers", "city --seeds 100 --workers 8"},
		{"a run folder", "city --set duration=1y --out DIR/out"},
		{"a run folder of many", "city --seeds 100 --workers 4 --out DIR/out"},
		{"a comparison", "compare city traffic --scheduler latfirst,static --seeds 100 --out DIR/out"},
		{"three schedulers", "face --set duration=10y --seeds 100 --scheduler static[plan=golden],latfirst[mode=peer],latfirst"},
		{"a million frames a second", "face --set duration=1y --set camera.classroom.fps=1e6 --set camera.classroom.mode=live --set knobs.fps=[1e6]"},
		{"frames that are late at once", "face --set duration=10y --set query.headup.constraint.latency=1ns"},
		{"rounds of a millisecond", "face --set duration=10y --set scheduler.period=1ms"},
		{"ten thousand queries of a camera", "face --set duration=10y --set query.headup.count=10000"},
		{"loading a hundred thousand cameras", "city --set duration=1y --set camera.cam.count=100000 --set query.pose.count=100000"},
		{"making a world of thirty thousand nodes", "city --set duration=1y --set node.edge.count=30000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProcess(t, strings.Fields(strings.ReplaceAll(c.args, "DIR", t.TempDir()))...)
			require.NoError(t, p.Start())
			time.Sleep(before)
			sent := time.Now()
			require.NoError(t, p.Process.Signal(os.Interrupt), "it ended too early to tell anything")
			assert.Equal(t, cli.ExitFailed, p.code(t), p.err.String())
			took := time.Since(sent)
			t.Logf("heard within %v", took)
			assert.Less(t, took, most)
			assert.Contains(t, p.err.String(), "vidq-sim: interrupted")
		})
	}
}

// deaf is a rig whose simulator does not notice an interrupt, from seed 6 on, until
// release is closed.
func deaf(cancel context.CancelFunc, release <-chan struct{}) *rig {
	r := newRig()
	r.simulate = func(ctx context.Context, s *scenarios.Scenario, j job) (*result.Run, error) {
		if j.seed >= 6 {
			j.progress(0)
			cancel()
			<-release
		}
		return fakeRun(ctx, s, j)
	}
	return r
}

func TestRunThatDoesNotNoticeIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		r := deaf(cancel, release)
		start := time.Now()
		code := r.doUnder(ctx, "a", "--seeds", "5", "--workers", "1", "--out", dir+"/out", "--json", dir+"/r.json")
		assert.Equal(t, giveUp, time.Since(start))
		assert.Equal(t, cli.ExitFailed, code)
		close(release)
		synctest.Wait()
	})
	var d result.Document
	text, err := os.ReadFile(dir + "/r.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &d))
	assert.True(t, d.Interrupted)
	require.Len(t, d.Runs, 1, "the run before is there")
	_, frames := readTable(t, filepath.Join(dir, "out", "frames.csv"))
	assert.Len(t, frames, 5)
	assert.Len(t, tree(t, dir), 10, "the two, and in the folder the manifest and what it lists: nothing of the run that was left out")
}

func TestRunThatNoticesIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := newRig()
		r.simulate = func(ctx context.Context, s *scenarios.Scenario, j job) (*result.Run, error) {
			j.progress(0)
			cancel()
			j.progress(core.Second)
			time.Sleep(time.Minute) // closing large books
			return fakeRun(ctx, s, j)
		}
		assert.Equal(t, cli.ExitFailed, r.doUnder(ctx, "a", "--json", "-"))
		var d result.Document
		require.NoError(t, json.Unmarshal(r.out.Bytes(), &d))
		require.Len(t, d.Runs, 1)
		assert.True(t, d.Runs[0].Interrupted)
	})
}

// TestWorldInTheMakingIsNotWaitedFor interrupts a run before it has begun.
func TestWorldInTheMakingIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		r := newRig()
		r.simulate = func(ctx context.Context, s *scenarios.Scenario, j job) (*result.Run, error) {
			cancel()
			<-release
			return fakeRun(ctx, s, j)
		}
		start := time.Now()
		assert.Equal(t, cli.ExitFailed, r.doUnder(ctx, "a", "--json", "-"))
		assert.Zero(t, time.Since(start))
		var d result.Document
		require.NoError(t, json.Unmarshal(r.out.Bytes(), &d))
		assert.True(t, d.Interrupted)
		assert.Empty(t, d.Runs)
		close(release)
		synctest.Wait()
	})
}

func TestLoadingIsGivenUp(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		r := newRig()
		r.load = func(name string, _ []string) (*scenarios.Scenario, error) {
			cancel()
			<-release
			return small(name)
		}
		start := time.Now()
		assert.Equal(t, cli.ExitFailed, r.doUnder(ctx, "a", "--json", dir+"/r.json"))
		assert.Zero(t, time.Since(start))
		assert.Equal(t, "vidq-sim: interrupted before there was any result\n", r.err.String())
		close(release)
		synctest.Wait()
	})
	assert.Equal(t, []string{dir}, tree(t, dir))
}
