package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidq/core"
	"vidq/core/result"
	"vidq/core/sched"
	"vidq/scenarios"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write golden files")

// golden compares got with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "go test ./cmd/vidq-sim -update writes it anew")
}

// rig is the command with a scenario and a simulator of the test's own.
type rig struct {
	*app
	out, err bytes.Buffer
}

func newRig() *rig {
	r := &rig{}
	r.app = newApp(strings.NewReader(""), &r.out, &r.err)
	r.version = "v1.2.3"
	r.now = func() time.Time { return time.Unix(0, 0) }
	r.load = func(name string, _ []string) (*scenarios.Scenario, error) { return small(name) }
	r.simulate = fakeRun
	return r
}

// do runs the command and returns its exit code.
func (r *rig) do(args ...string) int { return r.doUnder(context.Background(), args...) }

func (r *rig) doUnder(ctx context.Context, args ...string) int {
	r.out.Reset()
	r.err.Reset()
	return r.run(ctx, args)
}

// small is a scenario of one query; "wrong" is one that does not load.
func small(name string) (*scenarios.Scenario, error) {
	if name == "wrong" {
		return nil, &scenarios.Error{File: "wrong.toml", Line: 3, Key: "duratoin", Msg: "is not known", Hint: "duration"}
	}
	return &scenarios.Scenario{
		Name: name, Title: "A test", Text: "name = \"" + name + "\"\n", Duration: 10 * core.Second, Seed: 5,
		Scheduler: scenarios.Scheduler{Spec: sched.Spec{Name: "random"}},
		Queries: []scenarios.Query{{
			ID: "headup", Key: name + "/headup",
			Constraint: core.Constraint{Delay: 300 * core.Millisecond, Accuracy: .9},
		}},
	}, nil
}

// fakeRun is a simulator of a second of a live camera at 10 fps, of which every
// second frame is due. Its figures depend on scheduler and seed.
func fakeRun(ctx context.Context, s *scenarios.Scenario, j job) (*result.Run, error) {
	if s.Name == "fails" && j.seed == 6 {
		return nil, errors.New("the world ended")
	}
	c := result.NewCollector(result.Meta{Scheduler: j.scheduler.String(), Seed: j.seed, Sink: j.sink, Frames: j.frames})
	c.Query(1, result.QueryInfo{Key: s.Queries[0].Key, Node: "edge1", CameraFPS: 10, Constraint: s.Queries[0].Constraint})
	c.Add(&core.PlanRecord{At: 1, Query: 1, Node: "edge1", Plan: core.Plan{
		Revision: 1, InFlight: 1, Buffer: -1,
		Video:  core.VideoConf{Resolution: core.Resolution{Width: 640, Height: 480}, FPS: 5, Encoder: "jpeg", Quality: 80},
		Stages: []core.Assignment{{Node: "edge1"}, {Node: "cloud", Model: 1}},
	}})
	for k := int64(0); k < 10; k += 2 {
		if j.progress != nil {
			j.progress(core.Time(k) * core.Second)
		}
		f := frameOf(k, core.Time(j.seed+uint64(len(j.scheduler.String())))*10*core.Millisecond)
		if k == 4 {
			f.Outcome, f.Reason = core.OutcomeDropped, core.ReasonOverrun
		}
		c.Add(f)
	}
	c.Add(&core.NodeSample{At: core.Second, Span: core.Second, Node: "edge1", Load: core.NodeLoad{CPU: .25, Power: 8}, Energy: 1500})
	c.Add(&core.LinkRecord{At: core.Second, Span: core.Second, Link: core.LinkSample{From: "edge1", To: "cloud", Bytes: 1e6, Utilization: .5, Rate: math.Inf(1)}})
	r := c.End(core.Second)
	r.Events, r.TraceSHA256 = 1000, strings.Repeat("ab", 32)
	r.Interrupted = ctx.Err() != nil
	return r, nil
}

func frameOf(k int64, latency core.Time) *core.FrameRecord {
	at := result.FrameTime(k, 0, 10)
	return &core.FrameRecord{
		At: at + latency, Node: "edge1", Query: 1, Frame: k / 2, CameraFrame: k, Captured: at, Revision: 1,
		Video: core.VideoConf{Resolution: core.Resolution{Width: 640, Height: 480}, FPS: 5, Encoder: "jpeg", Quality: 80},
		Gap:   2, Latency: latency, RoundTrip: latency, Breakdown: [core.NumParts]core.Time{core.PartCompute: latency},
		Objects: 3, Area: .01, Attempts: 2, ContentFrame: k + 100, Fresh: .95, Decay: .1,
	}
}
