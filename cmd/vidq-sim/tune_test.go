package main

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"vidq/core/result"
	"vidq/core/sched"
	"vidq/internal/cli"
	"vidq/scenarios"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hill is a joint that is best, 1 but for the world, at pid[kp=2,setpoint=0.5,place=host].
func hill(j job) float64 {
	value := func(key string, otherwise float64) float64 {
		if x, ok := j.scheduler.Params[key].(float64); ok {
			return x
		}
		return otherwise
	}
	x := 1 - .1*math.Abs(math.Log(value("kp", 1)/2)) - .2*math.Abs(math.Log(value("setpoint", .9)/.5)) - .01*float64(j.seed%7)
	if j.scheduler.Params["place"] != "host" {
		x -= .2
	}
	return x
}

// newTuneRig counts runs, whose joint is as said.
func newTuneRig(joint func(j job) float64) (r *rig, runs *atomic.Int64) {
	r, runs = newCompareRig(func(_ *scenarios.Scenario, j job) float64 { return joint(j) }), &atomic.Int64{}
	r.needsTruth = func(name string) bool { return sched.Describe(name).NeedsTruth }
	simulate := r.simulate
	r.simulate = func(ctx context.Context, s *scenarios.Scenario, j job) (*result.Run, error) {
		runs.Add(1)
		return simulate(ctx, s, j)
	}
	return r, runs
}

func (r *rig) tuned(t *testing.T, args ...string) tuneDocument {
	t.Helper()
	require.Equal(t, cli.ExitDone, r.do(append([]string{"tune", "--json", "-"}, args...)...), r.err.String())
	var d tuneDocument
	require.NoError(t, json.Unmarshal(r.out.Bytes(), &d))
	return d
}

func TestTuneFindsTheHill(t *testing.T) {
	r, runs := newTuneRig(hill)
	for _, searchSeed := range []string{"1", "2", "3"} {
		runs.Store(0)
		d := r.tuned(t, "one", "two", "--scheduler", "pid", "--seeds", "4", "--budget", "1600", "--search-seed", searchSeed)
		require.Len(t, d.Tuned, 1)
		got := d.Tuned[0]
		assert.Equal(t, runs.Load(), int64(got.Runs), "runs are counted")
		assert.LessOrEqual(t, got.Runs, 1600)
		assert.Greater(t, got.Runs, 800)
		spec, err := sched.ParseSpecs(got.Best)
		require.NoError(t, err)
		assert.Len(t, spec[0].Params, 3, "what changes nothing is not named: %s", got.Best)
		assert.Equal(t, "host", spec[0].Params["place"])
		assert.InDelta(t, 2, spec[0].Params["kp"], .3)
		assert.InDelta(t, .5, spec[0].Params["setpoint"], .05)
		assert.InDelta(t, got.Joint.Mean-got.Default.Mean, got.Difference.Mean, 1e-9)
		assert.Zero(t, math.Round(*got.Difference.CI95*1e9), "the worlds move both alike")
		assert.Equal(t, tuneTried{"pid", 8, got.Default.Mean}, got.Candidates[0])
		assert.Len(t, d.Worlds, 8)
	}
}

// TestTuneKeepsWhatIsFixed also holds that one world and the least budget do.
func TestTuneKeepsWhatIsFixed(t *testing.T) {
	r, _ := newTuneRig(hill)
	d := r.tuned(t, "one", "--scheduler", "pid[place=cloud,kp=3]", "--seeds", "1", "--budget", "200")
	for _, c := range d.Tuned[0].Candidates {
		specs, err := sched.ParseSpecs(c.Spec)
		require.NoError(t, err)
		assert.Equal(t, "cloud", specs[0].Params["place"])
		assert.EqualValues(t, 3, specs[0].Params["kp"])
	}
	assert.Subset(t, d.Tuned[0].Left, []string{"kp", "place"})
	assert.Greater(t, d.Tuned[0].Difference.Mean, .1)
	d = r.tuned(t, "one", "--scheduler", "pid", "--seeds", "1", "--budget", "2")
	assert.GreaterOrEqual(t, d.Tuned[0].Difference.Mean, 0.0)
}

// TestTuneIsNeverWorse holds that the default wins where nothing is better.
func TestTuneIsNeverWorse(t *testing.T) {
	r, _ := newTuneRig(func(j job) float64 {
		if len(j.scheduler.Params) == 0 {
			return .5
		}
		return .4
	})
	assert.Equal(t, "pid", r.tuned(t, "one", "--scheduler", "pid", "--budget", "300").Tuned[0].Best)
	r, _ = newTuneRig(func(job) float64 { return .5 })
	assert.Equal(t, "pid", r.tuned(t, "one", "--scheduler", "pid", "--budget", "300").Tuned[0].Best, "nothing changes anything")
}

// TestTuneTriesEveryChoiceAlone: mode=peer takes no other parameter, so that no draw finds it.
func TestTuneTriesEveryChoiceAlone(t *testing.T) {
	r, _ := newTuneRig(func(j job) float64 {
		if j.scheduler.Params["mode"] == "peer" {
			return .9
		}
		return .5
	})
	assert.Equal(t, "latfirst[mode=peer]", r.tuned(t, "one", "--scheduler", "latfirst", "--budget", "100").Tuned[0].Best)
}

// TestTuneDoesNotDependOnWorkers compares every byte of real searches, and of one
// scheduler with the same one among others.
func TestTuneDoesNotDependOnWorkers(t *testing.T) {
	var all [][]byte
	dir := t.TempDir()
	for i, args := range []string{"pid,fc --workers 1", "pid,fc --workers 3", "fc,pid --workers 2"} {
		out := filepath.Join(dir, strings.Repeat("x", i+1))
		args := append(strings.Fields("tune face campus --until 15s --seeds 2 --budget 60 --quiet --out "+out+" --scheduler"), strings.Fields(args)...)
		text := succeed(t, args...)
		file, err := os.ReadFile(out)
		require.NoError(t, err)
		all = append(all, file)
		assert.Contains(t, text, "of 60 runs")
	}
	assert.Equal(t, string(all[0]), string(all[1]))
	assert.Equal(t, string(all[0]), string(all[2]))
}

func TestTuneAll(t *testing.T) {
	r, _ := newTuneRig(func(job) float64 { return .5 })
	var names []string
	for _, d := range r.tuned(t, "one", "--seeds", "1", "--budget", "2", "--scheduler", "vidq[keep=0.1],all").Tuned {
		names = append(names, d.Scheduler)
	}
	assert.Equal(t, "vidq[keep=0.1]", names[0])
	for _, name := range sched.Names() {
		info := sched.Describe(name)
		if name != "vidq" {
			assert.Equal(t, !info.Fixed && !info.NeedsTruth, strings.Contains(strings.Join(names, " "), name), name)
		}
	}
}

func TestTuneOutKeepsTheOthers(t *testing.T) {
	r, _ := newTuneRig(hill)
	file := filepath.Join(t.TempDir(), "tuned.txt")
	require.NoError(t, os.WriteFile(file, []byte("# what this is\n\n# was good\nfc[fps=5.0]\n\n# old\npid[kp=9.0]\nadamec\n"), 0o644))
	require.Equal(t, cli.ExitDone, r.do("tune", "one", "random/3", "random/4", "random/5", "random/7", "--seed", "1", "--seeds", "2", "--scheduler", "pid", "--budget", "400", "--out", file), r.err.String())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Regexp(t, `(?s)^# Parameters .*\n\nadamec\n\n# was good\nfc\[fps=5.0\]\n\n# pid: joint 0\.\d+ .* by default .*\n`+
		`# one random/3-5 random/7 · seeds 1-2 · \d+ of 400 runs · search seed 1\npid\[.*place=host.*\]\n$`, string(text))

	// The file is a list of schedulers.
	require.Equal(t, cli.ExitDone, r.do("compare", "one", "two", "--seeds", "2", "--scheduler", "@"+file+",random,pid"), r.err.String())
	assert.Regexp(t, `(?m)^pid\*  .*\n`, r.out.String())
	assert.Regexp(t, `(?m)^pid  .*\n`, r.out.String())
	assert.Regexp(t, `(?m)^pid\*: pid\[.*\]\n\njoint:`, r.out.String())
	assert.Contains(t, r.out.String(), "\nfc[fps=5.0] ")
}

func TestTuneInterrupted(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "tuned.txt")
	for _, c := range []struct {
		after int64
		want  string
	}{{1, "interrupted before there was any result"}, {80, `interrupted: the results`}} {
		ctx, cancel := context.WithCancel(t.Context())
		r, runs := newTuneRig(hill)
		simulate := r.simulate
		r.simulate = func(ctx context.Context, s *scenarios.Scenario, j job) (*result.Run, error) {
			run, err := simulate(ctx, s, j)
			if runs.Load() >= c.after {
				cancel()
				run.Interrupted = true
			}
			return run, err
		}
		assert.Equal(t, cli.ExitFailed, r.doUnder(ctx, "tune", "one", "--scheduler", "pid,fc", "--budget", "400", "--out", file))
		assert.Contains(t, r.err.String(), c.want)
		if c.after == 1 {
			assert.Equal(t, []string{dir}, tree(t, dir), "nothing was written")
			continue
		}
		assert.Contains(t, r.out.String(), "INTERRUPTED: the best until then.")
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Contains(t, string(text), "# INTERRUPTED: the best until then\npid")
		assert.NotContains(t, string(text), "\nfc")
	}
}

func TestTuneFails(t *testing.T) {
	r, _ := newTuneRig(hill)
	r.simulate = fakeRun
	assert.Equal(t, cli.ExitFailed, r.do("tune", "fails", "--scheduler", "pid", "--seeds", "3"))
	assert.Contains(t, r.err.String(), "fails: pid, seed 6: the world ended")
}

func TestTuneWrongInput(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	empty, two, bad := write("empty", "# nothing\n"), write("two", "\npid,fc\n"), write("bad", "pid\n# x\nfc[\n")
	for _, c := range []struct{ args, message string }{
		{"", "name a scenario"},
		{"wrong", "wrong.toml:3: duratoin"},
		{"one one", `two scenarios are called "one"`},
		{"free", "free: no query has a constraint"},
		{"one --until 1s", "--until 1s: one's warmup lasts longer"},
		{"one --seeds 0", "--seeds 0: want 1 to"},
		{"one --budget 0", "--budget 0: want 1 to"},
		{"one --seeds 1 --budget 1", "want at least 2, twice the 1 scenario with 1 seed each: "},
		{"one two --seeds 3 --budget 11", "--budget 11: want at least 12, twice the 2 scenarios with 3 seeds each"},
		{"one --scheduler pid[kp=x]", "scheduler pid: kp: want a number"},
		{"one --scheduler nobody", `unknown scheduler "nobody"`},
		{"one --scheduler pid,pid[kp=2]", "--scheduler: pid is named twice"},
		{"one --scheduler all[x=1]", "all has no parameters"},
		{"one --scheduler static", "static has nothing to tune"},
		{"one --scheduler latfirst[mode=peer] --seed 18446744073709551615", "do not fit into 64 bits"},
		{"one --scheduler vidq[keep=.1,hurry=1s,in_flight=1,passes=2,fresh=3s]", "leaves no parameter open"},
		{"one --scheduler @" + dir + "/none", "none: no such file"},
		{"one --scheduler @" + dir, "is not a file"},
		{"one --scheduler @" + empty, "there is no specification in it"},
		{"one --scheduler @" + two, two + ":2: want one specification a line, got 2"},
		{"one --scheduler @" + bad, bad + ":3: scheduler fc: want key=value"},
		{"one --scheduler pid --out " + bad, "--out: " + bad + ":3: scheduler fc"},
		{"one --scheduler pid --out " + dir, "--out " + dir + ": is a directory"},
		{"one --scheduler pid --json " + dir, "--json " + dir + ": is a directory"},
	} {
		r, runs := newTuneRig(hill)
		load := r.load
		r.load = func(name string, set []string) (*scenarios.Scenario, error) {
			s, err := load(name, set)
			if name == "free" {
				s.Queries[0].Constraint.Delay, s.Queries[0].Constraint.Accuracy = 0, 0
			}
			return s, err
		}
		assert.Equal(t, cli.ExitInput, r.do(append([]string{"tune"}, strings.Fields(c.args)...)...), c.args)
		assert.Contains(t, r.err.String(), c.message, c.args)
		assert.Empty(t, r.out.String())
		assert.Zero(t, runs.Load())
	}
	assert.Len(t, tree(t, dir), 4)
}

// TestTunedFile holds that the rankings' parameters are ones that the schedulers still have.
func TestTunedFile(t *testing.T) {
	entries, err := readSpecs(module + "/docs/tuned.txt")
	require.NoError(t, err)
	assert.NotEmpty(t, entries)
	for _, e := range entries {
		_, err := sched.New(e.spec, sched.Deps{})
		assert.NoError(t, err, "make tune ONLY=%s searches anew", e.spec.Name)
		assert.NotEmpty(t, e.comments, "%s: how it was found", e.spec.Name)
	}
}
