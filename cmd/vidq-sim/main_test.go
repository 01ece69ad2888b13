package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vidq/core/result"
	"vidq/core/sched"
	"vidq/internal/cli"
	"vidq/kb"
	"vidq/scenarios"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHelp(t *testing.T) {
	r := newRig()
	var b strings.Builder
	for _, args := range [][]string{{"--help"}, {"run", "--help"}, {"compare", "--help"}, {"tune", "--help"}, {"list", "--help"}, {"schema", "--help"}, {"import", "--help"}} {
		require.Equal(t, cli.ExitDone, r.do(args...))
		assert.Empty(t, r.err.String())
		b.WriteString("$ vidq-sim " + strings.Join(args, " ") + "\n" + r.out.String() + "\n")
	}
	golden(t, "help.txt", b.String())
}

func TestVersion(t *testing.T) {
	r := newRig()
	assert.Equal(t, cli.ExitDone, r.do("--version"))
	assert.Equal(t, "vidq v1.2.3\n", r.out.String())
	assert.NotEmpty(t, cli.Version())
}

// TestList looks for everything that there is, so that what is added is listed by itself.
func TestList(t *testing.T) {
	r := newRig()
	r.load = scenarios.Load
	list := func(kind ...string) string {
		require.Equal(t, cli.ExitDone, r.do(append([]string{"list"}, kind...)...), r.err.String())
		return r.out.String()
	}
	for _, name := range scenarios.Names() {
		assert.Regexp(t, `(?m)^  `+name+`\b`, list("scenarios"))
	}
	for _, name := range sched.Names() {
		info := sched.Describe(name)
		assert.Regexp(t, `(?m)^  `+name+` +`+regexp.QuoteMeta(info.Doc)+`( \(told the truth: an upper bound\))?$`, list("schedulers"))
		for _, p := range info.Params {
			assert.Regexp(t, `(?m)^    `+p.Key+`=\S* +`+regexp.QuoteMeta(paramDoc(p))+`$`, list("schedulers"))
		}
	}
	for _, name := range kb.Sets() {
		s, err := kb.Open(name, kb.Options{})
		require.NoError(t, err)
		assert.Regexp(t, `(?m)^  `+name+` +`+regexp.QuoteMeta(s.Title())+`$`, list("sets"))
		assert.Regexp(t, `(?m)^  `+name+` +`+strings.Join(s.Classes(), " ")+`$`, list("classes"))
		for _, v := range s.Services() {
			assert.Regexp(t, `(?m) `+v.Name+` +`+strings.Join(v.Models, " ")+`$`, list("services"))
		}
	}
	all := list()
	for _, kind := range listKinds {
		assert.Contains(t, all, strings.ToUpper(kind)+"\n"+list(kind))
	}
	assert.NotContains(t, all, " \n")
}

// TestShippedInPlaceOfAFile tells when a file is named that is not there.
func TestShippedInPlaceOfAFile(t *testing.T) {
	const told = "there is no such file; this is the shipped scenario face\n"
	for name, want := range map[string]string{"face": "", "face.toml": "vidq-sim: face.toml: " + told, "../../scenarios/face.toml": ""} {
		r := newRig()
		r.load = scenarios.Load
		require.Equal(t, cli.ExitDone, r.do(name, "--quiet"), r.err.String())
		assert.Equal(t, want, r.err.String())
	}
}

func TestSchema(t *testing.T) {
	r := newRig()
	require.Equal(t, cli.ExitDone, r.do("schema"))
	assert.True(t, json.Valid(r.out.Bytes()))
}

func TestWrongInputIsExitTwoWithOneMessageAndNothingWritten(t *testing.T) {
	dir := t.TempDir()
	full := filepath.Join(dir, "full")
	require.NoError(t, os.MkdirAll(full, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(full, "thesis.tex"), nil, 0o644))
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o644))
	for _, c := range []struct{ args, message string }{
		{"", "name a scenario"},
		{"run", "name a scenario"},
		{"a --nonsense", "unknown flag: --nonsense; see vidq-sim --help"},
		{"a -s 3", "in -s; see vidq-sim --help"},
		{"a --sched random", "unknown flag: --sched (did you mean --scheduler?); see vidq-sim --help"},
		{"a --axis seed=1", "unknown flag: --axis (it is a flag of vidq-sim compare); see"},
		{"compare a --sedes 2", "unknown flag: --sedes (did you mean --seeds?); see vidq-sim compare --help"},
		{"run a --seeds x", `--seeds "x": want a whole number`},
		{"a --seeds 0", "--seeds 0: want 1 to"},
		{"a --seeds -3", "--seeds -3: want 1 to"},
		{"a --seed -1", `--seed "-1": want a whole number that is not negative`},
		{"a --seed 18446744073709551615 --seeds 2", "do not fit into 64 bits"},
		{"a --workers 0", "--workers 0: want at least 1"},
		{"a --until -5s", "--until -5s: want a time above 0"},
		{"a --until soon", `--until "soon": want a time with a unit`},
		{"wrong", `wrong.toml:3: duratoin: is not known (did you mean "duration"?)`},
		{"a wrong", "wrong.toml:3"},
		{"a --scheduler randon", `--scheduler: unknown scheduler "randon" (did you mean "random"?)`},
		{"a --scheduler random[", "--scheduler: "},
		{"a --scheduler random,random", "--scheduler: random is named twice"},
		{"a --scheduler random[no=1]", "unknown parameter"},
		{"a --json " + dir, "is a directory"},
		{"a --json " + dir + "/no/r.json", "there is no folder " + dir + "/no"},
		{"a --out " + full, "is not empty and no earlier run folder"},
		{"a --out " + file, "not a directory"},
		{"a --out " + file + "/x", "not a directory"},
		{"a a --out " + dir + "/new", `two scenarios are called "a"`},
		{"list nonsense", "list: want one of scenarios, "},
		{"list schedulrs", `got "schedulrs" (did you mean "schedulers"?)`},
		{"list sets classes", "list: want one of"},
		{"schema x", `vidq-sim schema takes no argument, got "x"`},
		{"import", "import: want one file, got 0; see vidq-sim import --help"},
		{"import " + dir + "/none", "no such file or directory"},
		{"import " + file + " --form video", `--form "video": want one of mot, vidq, `},
		{"import " + file + " --size large", "--size: "},
		{"import " + file + " --frame-rate -1", "--frame-rate -1: want a number above 0"},
		{"import " + file + " --form mot", "it was not given; give it with --frame-rate"},
		{"import " + dir, "is a directory"},
	} {
		r := newRig()
		before := tree(t, dir)
		assert.Equal(t, cli.ExitInput, r.do(strings.Fields(c.args)...), "%s: %s", c.args, r.err.String())
		assert.Contains(t, r.err.String(), c.message, c.args)
		assert.True(t, strings.HasPrefix(r.err.String(), "vidq-sim: "), r.err.String())
		assert.Equal(t, 1, strings.Count(r.err.String(), "\n"), "one line: %s", r.err.String())
		assert.Empty(t, r.out.String(), c.args)
		assert.Equal(t, before, tree(t, dir), c.args)
	}
}

// tree lists everything below dir.
func tree(t *testing.T, dir string) []string {
	var all []string
	require.NoError(t, filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
		all = append(all, p)
		return err
	}))
	return all
}

func TestFailedRun(t *testing.T) {
	r := newRig()
	dir := t.TempDir()
	code := r.do("fails", "--seeds", "3", "--json", dir+"/r.json", "--out", dir+"/out")
	assert.Equal(t, cli.ExitFailed, code)
	assert.Equal(t, "vidq-sim: fails: random, seed 6: the world ended\n", r.err.String())
	assert.Equal(t, []string{dir}, tree(t, dir), "nothing is left")
}

func TestRunThatLosesFramesFails(t *testing.T) {
	r := newRig()
	r.simulate = func(ctx context.Context, s *scenarios.Scenario, j job) (*result.Run, error) {
		run, err := fakeRun(ctx, s, j)
		run.Frames.Done++
		return run, err
	}
	assert.Equal(t, cli.ExitFailed, r.do("a"))
	assert.Contains(t, r.err.String(), "not conserved")
}

func TestJSONOnStdoutIsAllThatIsThere(t *testing.T) {
	r := newRig()
	require.Equal(t, cli.ExitDone, r.do("a", "--scheduler", "random,static[plan=golden]", "--seeds", "2", "--json", "-"))
	var d result.Document
	require.NoError(t, json.Unmarshal(r.out.Bytes(), &d))
	var got []string
	for _, run := range d.Runs {
		got = append(got, run.Scheduler)
		assert.Len(t, run.Queries, 1)
	}
	assert.Equal(t, []string{"random", "static[plan=golden]", "random", "static[plan=golden]"}, got)
	assert.EqualValues(t, []uint64{5, 5, 6, 6}, []uint64{d.Runs[0].Seed, d.Runs[1].Seed, d.Runs[2].Seed, d.Runs[3].Seed})
	assert.Len(t, d.Summary, 2)
	assert.Equal(t, 2, d.Summary[1].VersusFirst.SLO.Joint.N)
	assert.Equal(t, "v1.2.3", d.Vidq)
	assert.Contains(t, r.err.String(), "runs: 4, took ")
	require.Equal(t, cli.ExitDone, r.do("run", "a", "b", "--json", "-", "--quiet"))
	assert.Empty(t, r.err.String())
	dec := json.NewDecoder(&r.out)
	for _, name := range []string{"a", "b"} {
		require.NoError(t, dec.Decode(&d))
		assert.Equal(t, name, d.Scenario, "one document after the other")
	}
}

func TestWorkersDoNotChangeABit(t *testing.T) {
	r := newRig()
	var want string
	for _, n := range []string{"1", "2", "7"} {
		require.Equal(t, cli.ExitDone, r.do("a", "--seeds", "9", "--scheduler", "random,static", "--json", "-", "--workers", n))
		if want == "" {
			want = r.out.String()
		}
		assert.Equal(t, want, r.out.String())
	}
}

func TestSeedAndTheScenariosOwnParameters(t *testing.T) {
	r := newRig()
	r.load = func(name string, set []string) (*scenarios.Scenario, error) {
		assert.Equal(t, []string{"a.b=1,2", "c=d"}, set)
		s, err := small(name)
		s.Scheduler.Params = map[string]map[string]any{"static": {"plan": "golden"}}
		return s, err
	}
	require.Equal(t, cli.ExitDone, r.do("a", "--seed", "0", "--set", "a.b=1,2", "--set", "c=d", "--scheduler", "static", "--json", "-"), r.err.String())
	var d result.Document
	require.NoError(t, json.Unmarshal(r.out.Bytes(), &d))
	assert.Zero(t, d.Runs[0].Seed)
	assert.Equal(t, "static[plan=golden]", d.Runs[0].Scheduler)
}

func TestTwoScenariosPrintTwoTables(t *testing.T) {
	r := newRig()
	require.Equal(t, cli.ExitDone, r.do("a", "b", "--quiet"))
	assert.Equal(t, 2, strings.Count(r.out.String(), "headup asks"))
}

func TestProgressGoesToATerminalOnly(t *testing.T) {
	r := newRig()
	require.Equal(t, cli.ExitDone, r.do("a", "--seeds", "3"))
	plain := r.out.String()
	assert.NotContains(t, r.err.String(), "%")
	r.terminal = true
	require.Equal(t, cli.ExitDone, r.do("a", "--seeds", "3"))
	assert.Contains(t, r.err.String(), "%")
	assert.Equal(t, plain, r.out.String())
	require.Equal(t, cli.ExitDone, r.do("a", "--seeds", "3", "--quiet"))
	assert.Empty(t, r.err.String())
}

func TestImport(t *testing.T) {
	r := newRig()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	write("seqinfo.ini", "[Sequence]\nframeRate=10\nseqLength=3\nimWidth=100\nimHeight=100\n")
	gt := write("gt.txt", "1,1,10,10,20,20,1,1,1\n1,2,0,0,5,5,0,1,1\n3,1,20,10,20,20,1,1,1\n")
	log := write("bus.log", "0 1.5\n1 2.5\n2 2\n")

	require.Equal(t, cli.ExitDone, r.do("import", gt), r.err.String())
	assert.NotEmpty(t, r.out.String())
	assert.Contains(t, r.out.String(), ",", "a CSV")
	content := r.out.String()
	require.Equal(t, cli.ExitDone, r.do("import", gt, "--out", dir+"/pets.csv"), r.err.String())
	assert.Empty(t, r.out.String())
	written, err := os.ReadFile(dir + "/pets.csv")
	require.NoError(t, err)
	assert.Equal(t, content, string(written))

	require.Equal(t, cli.ExitDone, r.do("import", log), r.err.String())
	assert.Contains(t, r.out.String(), "t_s,rate_bps")
	require.Equal(t, cli.ExitDone, r.do("import", log, "--form", "pairs"), r.err.String())
	assert.Equal(t, cli.ExitInput, r.do("import", write("bad.log", "0 1.5\n1 x\n"), "--out", dir+"/bad.csv"))
	assert.Contains(t, r.err.String(), "bad.log:2")
	assert.NoFileExists(t, dir+"/bad.csv")
}
