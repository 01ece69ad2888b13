package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"vidq/core/coretest"
	"vidq/core/result"
	"vidq/internal/cli"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestExtremesEnd runs what is legal though nobody would want it: it ends by itself, and
// frames are conserved.
func TestExtremesEnd(t *testing.T) {
	const live = " camera.classroom.mode=live query.headup.constraint={latency='1s'}"
	many, fast := strconv.Itoa(coretest.Cases(10_000)), strconv.Itoa(coretest.Cases(1_000_000))
	whole := fmt.Sprint(coretest.Cases(300), "s") // of the scenario
	for _, c := range []struct{ set, until string }{
		{"camera=[] query=[]", ""},
		{"camera.classroom.count=0 query.headup.count=0", ""},
		{"query=[]", ""},
		{"query.headup.count=" + many, "5s"},
		{"query.headup.count=" + many + live, "5s"},
		{"camera.classroom.fps=1e6", ""},
		{"camera.classroom.fps=1e9" + live, ""},
		{"camera.classroom.fps=" + fast + " knobs.fps=[" + fast + "]" + live, "2s"},
		{"camera.classroom.fps=1e-9", ""},
		{"camera.classroom.fps=1e-9" + live, ""},
		{"knobs.fps=[1e-9]", ""},
		{"knobs.fps=[1e300]", ""},
		{"camera.classroom.resolution=1x1", ""},
		{"camera.classroom.frames=1", ""},
		{"camera.classroom.frames=1 camera.classroom.loop=true", ""},

		{"duration=1ns", ""},
		{"", "1ns"},
		{"duration=10y", "1m"},
		{"duration=292y", "1m"},
		{"duration=10y" + live, "1m"},
		{"query.headup.constraint.delay=1ns", ""},
		{"query.headup.constraint.latency=1ns", whole},
		{"camera.classroom.mode=live query.headup.constraint={latency='1ns'}", ""},
		{"settings.frame_timeout=1ns", "1m"},
		{"settings.stage_timeout=1ns settings.backoff=1ns settings.retries=100", "1m"},
		{"settings.stage_timeout=1ns settings.retries=0", "1m"},
		{"link.edge1-cloud.delay=1ns link.edge1-cloud.jitter=1ns store.delay=1ns", ""},
		{"fault.1.at=0s fault.1.for=1ns", ""},
		{"scheduler.decision_time.constant=1ns", ""},
		{"scheduler.period=1ms settings.heartbeat=1ms settings.sync_every=1ms settings.resend_after=1ms settings.down_after=1ms", "1m"},

		{"link.edge1-cloud.delay=292y", ""},
		{"link.edge1-cloud.jitter=292y", ""},
		{"link.edge1-cloud.loss=1", ""},
		{"link.edge1-cloud.rate=0.001bit/s", ""},
		{"link.edge1-cloud.rate=1e300bit/s", ""},
		{"store.delay=292y", ""},
		{"scheduler.period=292y", ""},
		{"scheduler.decision_time.constant=292y scheduler.decision_time.per_query=292y", ""},
		{"settings.frame_timeout=292y settings.stage_timeout=292y settings.backoff=292y", ""},
		{"query.headup.constraint.latency=292y", ""},
		{"node.edge1.cores=1e-9", ""},
		{"node.edge1.cores=1e5 node.edge1.gpus=1e4", ""},
		{"kb.noise=10 kb.bias=1000", ""},
	} {
		t.Run(c.set+" "+c.until, func(t *testing.T) {
			args := []string{"face", "--quiet", "--json", "-"}
			for _, s := range strings.Fields(c.set) {
				args = append(args, "--set", s)
			}
			if c.until != "" {
				args = append(args, "--until", c.until)
			}
			p := newProcess(t, args...)
			require.NoError(t, p.Start())
			require.Equal(t, cli.ExitDone, p.code(t), p.err.String())
			var d result.Document
			require.NoError(t, json.Unmarshal(p.out.Bytes(), &d))
			require.Len(t, d.Runs, 1)
			assert.False(t, d.Runs[0].Interrupted)
			require.NoError(t, d.Runs[0].Check())
			for _, n := range d.Runs[0].Nodes {
				assert.GreaterOrEqual(t, n.EnergyJ, 0.0)
			}
		})
	}
}
