package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"vidq/core"
	"vidq/core/coretest"
	"vidq/core/result"
	"vidq/core/sched"
	"vidq/internal/cli"
	"vidq/scenarios"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newCompareRig is a rig whose runs have the slo_time.joint that joint says, in which pid
// is told the truth and static plans are better the more frames they analyse.
func newCompareRig(joint func(s *scenarios.Scenario, j job) float64) *rig {
	r := newRig()
	r.needsTruth = func(name string) bool { return name == "pid" }
	r.suite = func() []string { return []string{"one", "two"} }
	r.load = func(name string, set []string) (*scenarios.Scenario, error) {
		s, err := small(name)
		if err != nil {
			return nil, err
		}
		s.Warmup = 2 * core.Second
		s.Nodes = []scenarios.Node{{ID: "cloud", Role: core.RoleCloud}, {ID: "edge", Role: core.RoleEdge}}
		s.Queries[0].Pipeline = core.Pipeline{{Service: "face_detection"}}
		s.Scheduler.Knobs = core.Knobs{
			FPS: []float64{1, 5, 10}, Resolutions: []core.Resolution{{Width: 640, Height: 480}},
			Encoders: []core.Encoder{{Name: "jpeg", Qualities: []int{90}}},
		}
		s.Cameras = []scenarios.Camera{{Camera: core.Camera{FPS: 10, Resolution: core.Resolution{Width: 640, Height: 480}}}}
		for _, text := range set {
			if v, ok := strings.CutPrefix(text, "kb.noise="); ok {
				s.KB.Noise, err = strconv.ParseFloat(v, 64)
			}
		}
		return s, err
	}
	r.simulate = func(_ context.Context, s *scenarios.Scenario, j job) (*result.Run, error) {
		x := joint(s, j)
		energy := 1000 * x
		p95 := .2 - .1*x
		run := &result.Run{
			Scheduler: j.scheduler.String(), Seed: j.seed, DurationS: s.Duration.Seconds(), WarmupS: s.Warmup.Seconds(),
			Nodes: []result.NodeRun{{ID: "edge", EnergyJ: energy}},
		}
		run.SLOTime.Joint, run.SLO.Joint, run.Accuracy.Mean, run.LatencyS.P95 = &x, &x, &x, &p95
		run.PlanChanges = 4
		return run, nil
	}
	return r
}

// level is a joint of each scheduler, moved by the seed as a world moves all.
func level(s *scenarios.Scenario, j job) float64 {
	world := .01 * float64(j.seed%5)
	own := .002 * float64((j.seed*uint64(len(j.scheduler.Name)))%3)
	switch j.scheduler.Name {
	case "latfirst":
		return .7 + world - s.KB.Noise
	case "random":
		return .2 + world + own
	case "pid":
		return .8 + world
	}
	if s.Name == "two" {
		world += .1 // where the best static plan is above the one that knows the truth
	}
	if fps, ok := j.scheduler.Params["fps"].(float64); ok {
		return .6 + fps/50 + world + own
	}
	return .5 + world + own
}

func TestCompareTables(t *testing.T) {
	r := newCompareRig(level)
	var b strings.Builder
	for _, args := range [][]string{
		{"one", "--scheduler", "latfirst,random", "--seeds", "1"},
		{"suite", "--scheduler", "random,latfirst,static,pid", "--seeds", "5"},
		{"suite", "--scheduler", "latfirst,random", "--seeds", "3", "--axis", "kb.noise=0,.6", "--warmup", "none", "--precision", "2%", "--max-seeds", "7"},
	} {
		require.Equal(t, cli.ExitDone, r.do(append([]string{"compare"}, args...)...), r.err.String())
		b.WriteString("$ vidq-sim compare " + strings.Join(args, " ") + "\n" + r.out.String() + "\n")
	}
	golden(t, "compare.txt", b.String())
}

func TestCompareWrongInput(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o644))
	for _, c := range []struct{ args, message string }{
		{"", "name a scenario"},
		{"wrong", "wrong.toml:3: duratoin"},
		{"one one", `two scenarios are called "one"`},
		{"suite two", `two scenarios are called "two"`},
		{"free", "free: no query has a constraint"},
		{"one --seeds 0", "--seeds 0: want 1 to"},
		{"one --scheduler randon", `unknown scheduler "randon"`},
		{"one --scheduler all[x=1]", "all has no parameters"},
		{"one --scheduler best-static[x=1]", "best-static has no parameters"},
		{"one --scheduler random,random", "random is named twice"},
		{"one --scheduler best-static,best-static", "best-static is named twice"},
		{"one --scheduler all,all", "is named twice"},
		{"one --warmup long", `--warmup "long": want one of none, fixed, mser5`},
		{"one --until 1s", "--until 1s: one's warmup lasts longer"},
		{"one --precision 0", `--precision "0": want a share`},
		{"one --precision 100%", `--precision "100%": want a share`},
		{"one --precision NaN", `--precision "NaN": want a share`},
		{"one --precision much", `--precision "much": want a share`},
		{"one --max-seeds 5", "--max-seeds: is the end of --precision"},
		{"one --precision 5% --max-seeds 5", "--max-seeds 5: want 10"},
		{"one --axis kb.noise", `--axis "kb.noise": want KEY=VALUE`},
		{"one --axis =1", `--axis "=1": want KEY=VALUE`},
		{"one --axis kb.noise=", "--axis kb.noise: value 1 is empty"},
		{"one --axis kb.noise=0,,1", "--axis kb.noise: value 2 is empty"},
		{"one --axis kb.noise=0,0", "--axis kb.noise: 0 is given twice"},
		{"one --axis kb.noise=0 --axis kb.noise=1", "--axis kb.noise: the key is given twice"},
		{"one --axis seed=1,2", "--axis seed: seeds are replications"},
		{"one --axis name=a,b", "--axis name: is a column of its own"},
		{"one --axis metric=a,b", "--axis metric: is a column of its own"},
		{"one --seed 18446744073709551610", "do not fit into 64 bits"},
		{"one --out " + dir, "is not empty and no earlier run folder"},
		{"face --axis kb.nois=0,1", `(did you mean "noise"?)`},
		{"face --axis kb.noise=0,loud", "--axis kb.noise=loud: want a number"},
		{"face --scheduler best-static --set knobs.fps=[]", "knobs"},
	} {
		r := newCompareRig(level)
		own := r.load
		r.load = func(name string, set []string) (*scenarios.Scenario, error) {
			if name == "face" {
				return scenarios.Load(name, set)
			}
			s, err := own(name, set)
			if name == "free" {
				s.Queries[0].Constraint = core.Constraint{}
			}
			return s, err
		}
		assert.Equal(t, cli.ExitInput, r.do(append([]string{"compare"}, strings.Fields(c.args)...)...), "%s: %s", c.args, r.err.String())
		assert.Contains(t, r.err.String(), c.message, c.args)
		assert.Equal(t, 1, strings.Count(r.err.String(), "\n"), "one line: %s", r.err.String())
		assert.Empty(t, r.out.String(), c.args)
		assert.Len(t, tree(t, dir), 2, c.args)
	}
}

func TestAllAreThoseThatAreNotToldTheTruth(t *testing.T) {
	labels := func(list string) (all []string) {
		c := &comparison{app: newCompareRig(level).app, o: &compareOptions{runOptions: runOptions{schedulers: list}}}
		require.NoError(t, c.contenders())
		for _, r := range c.rows {
			all = append(all, r.label)
		}
		return all
	}
	all := labels("all")
	assert.Equal(t, len(sched.Names())-1, len(all))
	assert.NotContains(t, all, "pid")
	assert.Equal(t, "static", labels("static,all")[0])
	assert.Len(t, labels("static,all"), len(all), "what is named beside all is not in it")
	assert.Equal(t, []string{"random", "pid", "best-static"}, labels("random,pid"), "a bound brings the other one")
	assert.Equal(t, []string{"best-static", "pid"}, labels("best-static,pid"))
}

func TestCombinations(t *testing.T) {
	x, err := parseAxis(`query.a.pipeline=[a,b],{x = 1,y=2},"c,d"`)
	require.NoError(t, err)
	assert.Equal(t, []string{"[a,b]", "{x = 1,y=2}", `"c,d"`}, x.values)
	assert.Equal(t, [][]string{{"1", "3"}, {"1", "4"}, {"2", "3"}, {"2", "4"}},
		combinations([]axis{{"a", []string{"1", "2"}}, {"b", []string{"3", "4"}}}))
	assert.Equal(t, [][]string{nil}, combinations(nil))
}

// TestRankingByHand checks every column of a ranking of three schedulers in two
// scenarios.
func TestRankingByHand(t *testing.T) {
	joint := map[string]map[string][]float64{ // by scenario and scheduler, two seeds
		"one": {"latfirst": {.9, .7}, "random": {.8, .8}, "static": {.1, .3}, "pid": {.9, .9}},
		"two": {"latfirst": {.5, .5}, "random": {.6, .8}, "static": {.6, .4}, "pid": {1, 1}},
	}
	r := newCompareRig(func(s *scenarios.Scenario, j job) float64 {
		if j.scheduler.Params != nil { // the best static plan
			return .95
		}
		return joint[s.Name][j.scheduler.Name][j.seed-5]
	})
	dir := filepath.Join(t.TempDir(), "out")
	require.Equal(t, cli.ExitDone, r.do("compare", "suite", "--scheduler", "latfirst,random,static,pid", "--seeds", "2", "--out", dir), r.err.String())
	rows := readCSV(t, filepath.Join(dir, rankingCSV))
	of := map[string]map[string]string{}
	var order []string
	for _, row := range rows {
		of[row["scheduler"]] = row
		order = append(order, row["scheduler"])
	}
	assert.Equal(t, []string{"random", "latfirst", "static", "pid", "best-static"}, order)
	float := func(scheduler, column string) float64 {
		x, err := strconv.ParseFloat(of[scheduler][column], 64)
		require.NoError(t, err, "%s %s", scheduler, column)
		return x
	}
	const t1 = 12.7062047362 // t(.975, 1)
	// random: .7 and .8 by seed; latfirst: .7 and .6; the differences 0 and .2.
	assert.InDelta(t, .75, float("random", "joint_mean"), 1e-12)
	assert.InDelta(t, t1*.05, float("random", "joint_ci95"), 1e-9)
	assert.InDelta(t, .1, float("random", "versus_first_mean"), 1e-12)
	assert.InDelta(t, t1*.1, float("random", "versus_first_ci95"), 1e-9)
	assert.Empty(t, of["latfirst"]["versus_first_mean"])
	// The reference is best-static in one (.95 > .9) and pid in two (1 > .95).
	assert.InDelta(t, (.95+1)/2-.75, float("random", "regret_mean"), 1e-12)
	assert.InDelta(t, (.95+1)/2-.95, float("best-static", "regret_mean"), 1e-12)
	// Ranks by seed: latfirst 1, 2; 3, 2. random 2, 1; 1.5, 1. static 3, 3; 1.5, 3.
	assert.InDelta(t, 2, float("latfirst", "rank_mean"), 1e-12)
	assert.InDelta(t, 5.5/4, float("random", "rank_mean"), 1e-12)
	assert.InDelta(t, 10.5/4, float("static", "rank_mean"), 1e-12)
	assert.Empty(t, of["pid"]["rank_mean"])
	assert.Equal(t, "true", of["pid"]["bound"])
	// Means: one .8 .8 .2, two .5 .7 .5; the two first in one are both first.
	assert.Equal(t, []string{"1", "2", "0"}, []string{of["latfirst"]["firsts"], of["random"]["firsts"], of["static"]["firsts"]})
	assert.InDelta(t, .5/.7, float("latfirst", "least_share_of_best"), 1e-12)
	assert.InDelta(t, 1, float("random", "least_share_of_best"), 1e-12)
	assert.InDelta(t, .2/.8, float("static", "least_share_of_best"), 1e-12)
}

func TestWhoBeatsEveryBoundIsListed(t *testing.T) {
	r := newCompareRig(func(_ *scenarios.Scenario, j job) float64 {
		world := .01 * float64(j.seed%3)
		switch j.scheduler.Name {
		case "latfirst":
			return .9 + world
		case "random":
			return .81 + .2*world // above on average, not by more than the interval
		}
		return .8 + world
	})
	require.Equal(t, cli.ExitDone, r.do("compare", "one", "--scheduler", "latfirst,random,pid", "--seeds", "6"), r.err.String())
	assert.Contains(t, r.out.String(), "above pid and best-static by more than the interval of the difference: latfirst.\n")
	require.Equal(t, cli.ExitDone, r.do("compare", "one", "--scheduler", "latfirst,random,pid", "--seeds", "1"), r.err.String())
	assert.NotContains(t, r.out.String(), "above pid", "one seed says nothing")
}

func TestPrecisionAddsSeeds(t *testing.T) {
	r := newCompareRig(level)
	dir := filepath.Join(t.TempDir(), "out")
	seeds := func(args ...string) int {
		require.Equal(t, cli.ExitDone, r.do(append([]string{"compare", "one", "--out", dir}, args...)...), r.err.String())
		var m compareManifest
		text, err := os.ReadFile(filepath.Join(dir, manifestFile))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &m))
		return m.Points[0].Seeds
	}
	assert.Equal(t, 4, seeds("--scheduler", "latfirst", "--seeds", "4"))
	// latfirst's five worlds are .7 to .74; half its interval is .0196 with 5 seeds.
	assert.Equal(t, 5, seeds("--scheduler", "latfirst", "--seeds", "5", "--precision", "3%"))
	n := seeds("--scheduler", "latfirst,best-static", "--seeds", "5", "--precision", "1%", "--max-seeds", "500")
	assert.Greater(t, n, 5)
	assert.Zero(t, n%5, "whole batches")
	assert.Contains(t, r.out.String(), "precision 1%: reached with "+strconv.Itoa(n)+" seeds.")
	assert.Equal(t, 12, seeds("--scheduler", "latfirst", "--seeds", "5", "--precision", ".001", "--max-seeds", "12"))
	assert.Contains(t, r.out.String(), "precision 0.1%: not reached with 12 seeds by latfirst.")
	assert.Equal(t, 2, seeds("--scheduler", "static[plan=golden]", "--seeds", "1", "--precision", "90%"), "one seed has no interval")
}

func TestMSERCutsEveryScheduler(t *testing.T) {
	r := newCompareRig(level)
	var warmups []core.Time
	own := r.load
	r.load = func(name string, set []string) (*scenarios.Scenario, error) {
		s, err := own(name, set)
		s.Duration = 200 * core.Second
		s.Faults = []scenarios.Fault{{At: 150 * core.Second, For: core.Second, Kind: scenarios.FaultNodeDown, Node: "edge"}}
		return s, err
	}
	plain := r.simulate
	r.simulate = func(ctx context.Context, s *scenarios.Scenario, j job) (*result.Run, error) {
		if j.series == nil {
			warmups = append(warmups, s.Warmup)
			return plain(ctx, s, j)
		}
		assert.Zero(t, s.Warmup)
		c := result.NewCollector(result.Meta{Series: j.series})
		c.Query(1, result.QueryInfo{CameraFPS: 10, Constraint: core.Constraint{Latency: core.Second}})
		from := map[string]core.Time{"latfirst": 10 * core.Second, "random": 29 * core.Second, "static": 148 * core.Second}[j.scheduler.Name]
		for k := int64(0); k < 2000; k++ {
			if f := frameOf(k, 10*core.Millisecond); f.Captured >= from {
				c.Add(f)
			}
		}
		return c.End(s.Duration), nil
	}
	require.Equal(t, cli.ExitDone, r.do("compare", "one", "--scheduler", "latfirst,random", "--seeds", "2", "--warmup", "mser5", "--workers", "1"), r.err.String())
	assert.Contains(t, r.out.String(), "warm-up 30 s (mser5)")
	assert.Contains(t, r.out.String(), "warm-up: that of random is the longest.")
	assert.Len(t, warmups, 4)
	for _, w := range warmups {
		assert.Equal(t, 30*core.Second, w, "all are cut alike")
	}
}

// TestGivingUpIsSound compares runs that may be given up with the same runs to their
// end.
func TestGivingUpIsSound(t *testing.T) {
	s, err := scenarios.Load("campus", []string{fmt.Sprintf("duration=%ds", 15+coretest.Cases(45))})
	require.NoError(t, err)
	c := &comparison{app: newRig().app, o: &compareOptions{}}
	c.app.simulate = simulate
	grid := newStaticGrid(s)
	const reach = .5
	w := c.givingUp(s, reach)
	gave, went := 0, 0
	for n := 0; n < grid.size(); n += 37 {
		j := job{scheduler: grid.spec(n), seed: 3, progress: func(core.Time) {}}
		whole, err := simulate(context.Background(), s, j)
		require.NoError(t, err)
		cut, err := w.app.simulate(context.Background(), s, j)
		require.NoError(t, err)
		if jointOf(cut) == givenUp {
			gave++
			assert.Less(t, jointOf(whole), reach, "%s", j.scheduler)
			continue
		}
		went++
		assert.Equal(t, jointOf(whole), jointOf(cut), "%s", j.scheduler)
	}
	t.Logf("given up %d, to the end %d", gave, went)
	assert.Greater(t, gave, 10)
	assert.Greater(t, went, 3)
}

// TestBestStaticIsTheBest compares the search with all static plans of a scenario.
func TestBestStaticIsTheBest(t *testing.T) {
	r := newRig()
	r.load, r.simulate = scenarios.Load, simulate
	fps := []string{"20", "10", "5"}
	duration := fmt.Sprintf("duration=%ds", 2+coretest.Cases(12))
	set := []string{duration, "warmup=2s", "knobs.fps=[" + strings.Join(fps[:coretest.Cases(len(fps))], ",") + "]", "knobs.resolutions=[\"480p\",\"720p\"]", "link.mensa-cloud.rate=4Mbit/s"}
	s, err := scenarios.Load("campus", set)
	require.NoError(t, err)
	c := &comparison{app: r.app, o: &compareOptions{runOptions: runOptions{seeds: 2, workers: 2}}, rows: []contender{{label: bestStatic, search: true, bound: true}}}
	p := &point{scenario: s, first: 1}
	p.static = &staticSearch{}
	require.NoError(t, c.searchStatic(context.Background(), p, s))
	grid, best := newStaticGrid(s), 0.0
	for n := range grid.size() {
		sum := 0.0
		for k := range 2 {
			run, err := simulate(context.Background(), s, c.job(p, grid.spec(n), k))
			require.NoError(t, err)
			sum += jointOf(run)
		}
		best = max(best, sum/2)
	}
	t.Logf("%s %.4f of %d; tried %d in %d runs", p.static.best.spec, p.static.best.joint(), p.static.size, p.static.plans, p.static.runs)
	assert.InDelta(t, best, p.static.best.joint(), .002)
	assert.Less(t, p.static.plans, p.static.size)
}

func TestNeighboursDifferInOneParameter(t *testing.T) {
	s, err := scenarios.Load("face", nil)
	require.NoError(t, err)
	g := newStaticGrid(s)
	seen := map[string]bool{}
	for n := range g.size() {
		label := g.spec(n).String()
		assert.False(t, seen[label], label)
		seen[label] = true
	}
	for _, n := range []int{0, g.size() / 3, g.size() - 1} {
		own, want := g.spec(n).Params, 0
		for _, d := range g.dimensions {
			want += len(d) - 1
		}
		all := g.neighbours(n)
		assert.Len(t, all, want)
		for _, m := range all {
			differ := 0
			for k, v := range g.spec(m).Params {
				if !assert.ObjectsAreEqual(own[k], v) && k != "quality" { // goes with the encoder
					differ++
				}
			}
			assert.LessOrEqual(t, differ, 1)
		}
	}
}

// TestCompareDoesNotDependOnWorkers compares every byte of real comparisons.
func TestCompareDoesNotDependOnWorkers(t *testing.T) {
	var want map[string]string
	for _, workers := range []string{"1", "2", "5"} {
		r := newRig()
		r.load, r.simulate = scenarios.Load, simulate
		dir := filepath.Join(t.TempDir(), "out")
		require.Equal(t, cli.ExitDone, r.do("compare", "face", "campus", "--scheduler", "latfirst,random,best-static", "--seeds", "3",
			"--until", "8s", "--axis", "kb.noise=0,.3", "--warmup", "none", "--set", "knobs.fps=[1,10]", "--set", "knobs.resolutions=[\"480p\"]", "--out", dir, "--workers", workers), r.err.String())
		got := map[string]string{"stdout": r.out.String()}
		for _, path := range tree(t, dir)[1:] {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			got[filepath.Base(path)] = string(text)
		}
		assert.Len(t, got, 7)
		assert.Equal(t, got["stdout"], got[tablesText])
		if want == nil {
			want = got
		}
		for name := range want {
			assert.True(t, want[name] == got[name], "%s with %s workers", name, workers)
		}
	}
}

func readCSV(t *testing.T, path string) (rows []map[string]string) {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	all, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	require.NoError(t, err)
	for _, line := range all[1:] {
		row := map[string]string{}
		for i, head := range all[0] {
			row[head] = line[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// TestParquetHoldsTheRowsOfTheCSV reads both and compares them value by value; an axis
// of numbers is one, another is text.
func TestParquetHoldsTheRowsOfTheCSV(t *testing.T) {
	r := newCompareRig(level)
	dir := filepath.Join(t.TempDir(), "out")
	require.Equal(t, cli.ExitDone, r.do("compare", "suite", "--scheduler", "latfirst,random", "--seeds", "40", "--out", dir,
		"--axis", "kb.noise=0,.1", "--axis", "x.y=a,\"b,c\""), r.err.String())
	rows := readCSV(t, filepath.Join(dir, observationsCSV))
	f, err := os.Open(filepath.Join(dir, observationsParquet))
	require.NoError(t, err)
	defer f.Close()
	st, err := f.Stat()
	require.NoError(t, err)
	p, err := parquet.OpenFile(f, st.Size())
	require.NoError(t, err)
	require.EqualValues(t, len(rows), p.NumRows())
	require.Greater(t, len(rows), 2*4096, "more than a block")
	reader := parquet.NewReader(p)
	buf := make([]parquet.Row, 1)
	columns := p.Schema().Fields()
	metrics := map[string]int{}
	for i, want := range rows {
		n, _ := reader.ReadRows(buf)
		require.Equal(t, 1, n)
		require.Len(t, buf[0], len(want))
		for k, v := range buf[0] {
			text := want[columns[k].Name()]
			if v.Kind() == parquet.Double {
				x, err := strconv.ParseFloat(text, 64)
				require.NoError(t, err)
				require.Equal(t, x, v.Double(), "row %d", i)
				continue
			}
			require.Equal(t, text, v.String(), "row %d", i)
		}
		metrics[want["metric"]]++
	}
	assert.Equal(t, 2*4*2*40, metrics["slo_time.joint"], "one for each run")
	assert.Equal(t, metrics["slo_time.joint"], metrics["plan_changes_per_min"])
	assert.Equal(t, parquet.Double, p.Schema().Fields()[0].Type().Kind(), "kb.noise")

	of := map[string]float64{}
	for _, row := range rows {
		if row["scenario"] == "one" && row["scheduler"] == "latfirst" && row["seed"] == "5" && row["kb.noise"] == "0" && row["x.y"] == "a" {
			of[row["metric"]], _ = strconv.ParseFloat(row["value"], 64)
		}
	}
	assert.Equal(t, .7, of["slo_time.joint"])
	assert.Equal(t, 30.0, of["plan_changes_per_min"], "4 changes in 8 s")
	assert.Equal(t, 2.0, of["warmup_s"])
}

// TestSummaryIsThatOfTheObservations computes a mean and a paired difference anew.
func TestSummaryIsThatOfTheObservations(t *testing.T) {
	r := newCompareRig(level)
	dir := filepath.Join(t.TempDir(), "out")
	require.Equal(t, cli.ExitDone, r.do("compare", "one", "--scheduler", "latfirst,random,best-static", "--seeds", "5", "--out", dir), r.err.String())
	values := map[string][]float64{}
	for _, row := range readCSV(t, filepath.Join(dir, observationsCSV)) {
		if row["metric"] == "energy_j" {
			x, _ := strconv.ParseFloat(row["value"], 64)
			values[row["scheduler"]] = append(values[row["scheduler"]], x)
		}
	}
	seen := 0
	for _, row := range readCSV(t, filepath.Join(dir, summaryCSV)) {
		if row["scheduler"] != "random" || row["metric"] != "energy_j" {
			continue
		}
		seen++
		d := result.Paired(values["random"], values["latfirst"])
		for column, want := range map[string]float64{
			"mean": result.NewStat(values["random"]).Mean, "versus_first_mean": d.Mean, "versus_first_ci95": *d.CI95, "n": 5,
		} {
			x, err := strconv.ParseFloat(row[column], 64)
			require.NoError(t, err)
			assert.InDelta(t, want, x, 1e-9*math.Abs(want)+1e-12, column)
		}
	}
	assert.Equal(t, 1, seen)
}

func TestInterruptedComparisonLeavesOutWhatIsNotWhole(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r := newCompareRig(level)
	plain := r.simulate
	var runs atomic.Int32
	r.simulate = func(ctx context.Context, s *scenarios.Scenario, j job) (*result.Run, error) {
		if s.Name == "two" && runs.Add(1) == 3 {
			cancel()
		}
		run, err := plain(ctx, s, j)
		run.Interrupted = ctx.Err() != nil
		return run, err
	}
	dir := filepath.Join(t.TempDir(), "out")
	assert.Equal(t, cli.ExitFailed, r.doUnder(ctx, "compare", "suite", "--scheduler", "latfirst,random", "--out", dir))
	assert.Contains(t, r.out.String(), "INTERRUPTED")
	assert.Contains(t, r.err.String(), "interrupted")
	var m compareManifest
	text, err := os.ReadFile(filepath.Join(dir, manifestFile))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &m))
	assert.True(t, m.Interrupted)
	require.Len(t, m.Points, 1)
	assert.Equal(t, "one", m.Points[0].Scenario)

	assert.Equal(t, cli.ExitFailed, r.doUnder(ctx, "compare", "two", "--scheduler", "latfirst"))
	assert.Contains(t, r.err.String(), "before there was any result")
	assert.Empty(t, r.out.String())
}

func TestFailedComparisonWritesNothing(t *testing.T) {
	r := newCompareRig(level)
	r.simulate = fakeRun
	dir := t.TempDir()
	assert.Equal(t, cli.ExitFailed, r.do("compare", "fails", "--scheduler", "random", "--out", filepath.Join(dir, "out")))
	assert.Equal(t, "vidq-sim: fails: random, seed 6: the world ended\n", r.err.String())
	assert.Equal(t, []string{dir}, tree(t, dir))
}
