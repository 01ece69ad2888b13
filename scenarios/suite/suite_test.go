// Package suite_test shows that the scenarios beside it are worth ranking
// schedulers over.
package suite_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/core/result"
	"vidq/core/sched"
	"vidq/kb"
	"vidq/scenarios"
	"vidq/sim"
)

// control is the scenario of the suite that every scheduler should serve.
const control = "suite/stable"

// TestSuite checks what holds for all scenarios of the suite.
func TestSuite(t *testing.T) {
	require.GreaterOrEqual(t, len(scenarios.Suite()), 9, "eight that count, and the control")
	assert.Contains(t, scenarios.Suite(), control)
	for _, name := range scenarios.Suite() {
		t.Run(name, func(t *testing.T) {
			sc, err := scenarios.Load(name, nil)
			require.NoError(t, err)
			assert.Equal(t, name, "suite/"+sc.Name)
			assert.NotContains(t, scenarios.Names(), name)
			assert.NotContains(t, scenarios.Names(), sc.Name)
			assert.NotEmpty(t, sc.Title)
			assert.True(t, sc.Duration >= 2*core.Minute && sc.Duration <= 4*core.Minute, "%v", sc.Duration)
			text, err := os.ReadFile(sc.Name + ".toml")
			require.NoError(t, err)
			assert.True(t, strings.HasPrefix(string(text), "# "), "a comment at the head says what it shows")
			for i := range sc.Queries {
				q := &sc.Queries[i]
				live := sc.Camera(q.Camera).Mode == core.ModeLive
				assert.Positive(t, q.Constraint.Accuracy, q.ID)
				assert.Equal(t, live, q.Constraint.Latency > 0, q.ID)
				assert.Equal(t, !live, q.Constraint.Delay > 0, q.ID)
			}
		})
	}
}

// TestSuiteCounts shows of each scenario that no static plan, the same for all
// queries, serves it, and that somebody who knows what comes can serve it better
// by .1 or more. The control is served by a static plan.
func TestSuiteCounts(t *testing.T) {
	known := readBest(t)
	lines := make([]string, len(scenarios.Suite()))
	for i, name := range scenarios.Suite() {
		if k, ok := known[name]; ok { // kept by a run of other scenarios only
			lines[i] = k.line(name)
		}
	}
	t.Cleanup(func() {
		if exhaustive() && !t.Failed() {
			require.NoError(t, os.WriteFile(bestFile, []byte(strings.Join(lines, "")), 0o600))
		}
	})
	for i, name := range scenarios.Suite() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc, err := scenarios.Load(name, nil)
			require.NoError(t, err)
			if !exhaustive() {
				require.Contains(t, known, name, "VIDQ_EXHAUSTIVE=1 writes its line of "+bestFile)
			}
			plan, static := bestStatic(t, sc, known[name].plan)
			require.NotEmpty(t, plan, "%s: %s is no plan of the grid", bestFile, known[name].plan)
			t.Logf("best static plan       %.3f  %s", static, plan)
			lines[i] = recorded{static, plan}.line(name)
			if !exhaustive() {
				require.InDelta(t, known[name].value, static, tie, "the best static plan is worth another value now: VIDQ_EXHAUSTIVE=1 finds it")
			}
			if name == control {
				require.GreaterOrEqual(t, static, .95)
				return
			}
			clairvoyant := joint(t, sc, 0, "clairvoyant[scenario="+name+"]")
			t.Logf("with knowledge of all  %.3f", clairvoyant)
			t.Logf("latfirst               %.3f", joint(t, sc, 0, "latfirst"))
			require.Less(t, static, .9)
			require.GreaterOrEqual(t, clairvoyant, static+.1)
		})
	}
}

// TestRandom makes many random scenarios and shows that most of them are neither
// trivial nor hopeless.
func TestRandom(t *testing.T) {
	for seed := range uint64(200) {
		name := fmt.Sprintf("random-%d", seed)
		require.Equal(t, scenarios.Random(seed), scenarios.Random(seed))
		sc, err := scenarioOf(name)
		require.NoError(t, err, name)
		require.Equal(t, name, sc.Name)
		require.True(t, len(sc.Nodes) >= 2 && len(sc.Nodes) <= 8, name)
		require.True(t, len(sc.Queries) >= 2 && len(sc.Queries) <= 40, "%s: %d", name, len(sc.Queries))
		run := simulate(t, sc, 70*core.Second, "latfirst", 1)
		require.Positive(t, run.Frames.Captured, name)
	}
	const some = 8
	var static, clairvoyant []float64
	for seed := range uint64(some) {
		name := fmt.Sprintf("random-%d", seed)
		sc, err := scenarioOf(name)
		require.NoError(t, err)
		best := 0.0
		for _, spec := range usualPlans(sc) {
			best = max(best, joint(t, sc, 0, spec))
		}
		static = append(static, best)
		clairvoyant = append(clairvoyant, joint(t, sc, 0, "clairvoyant[scenario="+name+"]"))
	}
	slices.Sort(static)
	slices.Sort(clairvoyant)
	t.Logf("best of the usual static plans  %.2f", static)
	t.Logf("with knowledge of all           %.2f", clairvoyant)
	assert.Less(t, static[some*3/4], .95, "of every four, three are not trivial")
	assert.Greater(t, clairvoyant[some/4], .7, "of every four, three are not hopeless")
}

// usualPlans are static plans at 720p, of which one does where any does.
func usualPlans(sc *scenarios.Scenario) (specs []string) {
	for _, enc := range sc.Scheduler.Knobs.Encoders {
		for _, place := range []string{"host", "edge", "cloud"} {
			for _, fps := range []int{5, 10} {
				specs = append(specs, fmt.Sprintf("static[plan=given,place=[%s],resolution=720p,fps=%d,encoder=%s,quality=%d]",
					place, fps, enc.Name, enc.Qualities[len(enc.Qualities)/2]))
			}
		}
	}
	return specs
}

func simulate(t *testing.T, sc *scenarios.Scenario, until core.Time, spec string, seed uint64) *result.Run {
	t.Helper()
	specs, err := sched.ParseSpecs(spec)
	require.NoError(t, err)
	run, err := sim.Run(context.Background(), sc, sim.Options{Scheduler: specs[0], Seed: seed, Until: until})
	require.NoError(t, err, spec)
	require.NoError(t, run.Check())
	return run
}

func joint(t *testing.T, sc *scenarios.Scenario, until core.Time, spec string) float64 {
	t.Helper()
	run := simulate(t, sc, until, spec, 1)
	if run.SLOTime.Joint == nil {
		return 0
	}
	return *run.SLOTime.Joint
}

// bestFile has the best static plan of each scenario of the suite, a line
// "scenario value plan" each. VIDQ_EXHAUSTIVE=1 go test ./scenarios/suite
// writes it, by trying all plans of the grid; with -run TestSuiteCounts/suite/NAME
// that of one scenario.
const bestFile = "testdata/static.txt"

// recorded is a line of bestFile.
type recorded struct {
	value float64
	plan  string
}

func (r recorded) line(name string) string { return fmt.Sprintf("%s %.3f %s\n", name, r.value, r.plan) }

// tie is the difference of slo_time.joint up to which static plans are as good as each other:
// which of them is best changes with every change of the world's draws.
const tie = .01

// bestStatic runs the best static plan and looks around it for a better one. With
// VIDQ_EXHAUSTIVE set it tries all.
func bestStatic(t *testing.T, sc *scenarios.Scenario, known string) (best string, value float64) {
	t.Helper()
	g := newGrid(t, sc)
	tried := map[point]float64{}
	try := func(p point) float64 {
		v, ok := tried[p]
		if !ok {
			v = joint(t, sc, 0, g.spec(p))
			tried[p] = v
		}
		if v > value || best == "" {
			best, value = g.spec(p), v
		}
		return v
	}
	for p, ok := (point{}), true; ok; p, ok = g.next(p) {
		if exhaustive() {
			try(p)
		} else if g.spec(p) == known {
			g.ascend(p, try)
		}
	}
	t.Logf("%d of %d static plans tried", len(tried), g.size())
	return best, value
}

func exhaustive() bool { return os.Getenv("VIDQ_EXHAUSTIVE") != "" }

// readBest reads bestFile, by scenario.
func readBest(t *testing.T) map[string]recorded {
	t.Helper()
	text, err := os.ReadFile(bestFile)
	require.NoError(t, err)
	best := map[string]recorded{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		require.Len(t, f, 3, "%s: %s", bestFile, line)
		value, err := strconv.ParseFloat(f[1], 64)
		require.NoError(t, err, "%s: %s", bestFile, line)
		best[f[0]] = recorded{value, f[2]}
	}
	return best
}

// grid is the words for each part of a static plan, the places first; a point is a
// word of each.
type (
	grid  [5][]string
	point [5]int
)

func newGrid(t *testing.T, sc *scenarios.Scenario) (g grid) {
	t.Helper()
	truth, err := kb.Open(sc.KB.Truth, kb.Options{})
	require.NoError(t, err)
	stages, models := 0, 1
	for i := range sc.Queries {
		stages = max(stages, len(sc.Queries[i].Pipeline))
		for _, st := range sc.Queries[i].Pipeline {
			for _, s := range truth.Services() {
				if s.Name == st.Service {
					models = max(models, len(s.Models))
				}
			}
		}
	}
	fastest := 0.0
	for i := range sc.Cameras {
		fastest = max(fastest, sc.Cameras[i].FPS)
	}
	g[0] = places(sc, stages)
	k := &sc.Scheduler.Knobs
	for i, fps := range k.FPS {
		if i == 0 || k.FPS[i-1] < fastest { // what is beyond the cameras' makes no difference
			g[1] = append(g[1], fmt.Sprintf("fps=%g", fps))
		}
	}
	for _, r := range k.Resolutions {
		g[2] = append(g[2], fmt.Sprintf("resolution=%s", r))
	}
	for _, e := range k.Encoders {
		for _, q := range e.Qualities {
			g[3] = append(g[3], fmt.Sprintf("encoder=%s,quality=%d", e.Name, q))
		}
	}
	for m := range models {
		g[4] = append(g[4], fmt.Sprintf("model=%d", m))
	}
	return g
}

func (g *grid) spec(p point) string {
	words := make([]string, len(p))
	for d, i := range p {
		words[d] = g[d][i]
	}
	return "static[plan=given," + strings.Join(words, ",") + "]"
}

func (g *grid) size() int {
	n := 1
	for _, words := range g {
		n *= len(words)
	}
	return n
}

// next returns the point after p, false after the last.
func (g *grid) next(p point) (point, bool) {
	for d := range p {
		if p[d]++; p[d] < len(g[d]) {
			return p, true
		}
		p[d] = 0
	}
	return p, false
}

// ascend moves along one part of the plan at a time to what is best there, until
// nothing is better.
func (g *grid) ascend(p point, try func(point) float64) {
	for better := true; better; {
		better = false
		for d := range p {
			for i := range g[d] {
				q := p
				q[d] = i
				if try(q) > try(p) {
					p, better = q, true
				}
			}
		}
	}
}

// places lists where static plans may have their stages: each on the host, another
// edge or the cloud, or all at one node.
func places(sc *scenarios.Scenario, stages int) []string {
	all := []string{"host", "edge", "cloud"}
	for range stages - 1 {
		var longer []string
		for _, p := range all {
			for _, w := range []string{"host", "edge", "cloud"} {
				longer = append(longer, p+","+w)
			}
		}
		all = longer
	}
	for i := range sc.Nodes {
		if len(sc.Nodes[i].Services) > 0 {
			all = append(all, string(sc.Nodes[i].ID))
		}
	}
	for i := range all {
		all[i] = "place=[" + all[i] + "]"
	}
	return all
}
