package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vidq/internal/cli"
	"vidq/scenarios"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inputs is a folder of wrong inputs of every kind, and face.toml to be made wrong.
type inputs struct{ dir, face string }

func newInputs(t *testing.T) *inputs {
	t.Helper()
	s, err := scenarios.Load("face", nil)
	require.NoError(t, err)
	in := &inputs{t.TempDir(), s.Text}
	in.write(t, "empty.toml", "")
	in.write(t, "comments.toml", "# nothing\n\n")
	in.write(t, "latin1.toml", "duration = \"1m\"\nname = \"caf\xe9\"\n")
	in.write(t, "utf16.toml", "\xff\xfen\x00a\x00")
	in.write(t, "latin1.csv", "t_s,caf\xe9\n")
	in.write(t, "thesis/draft.tex", "")
	in.write(t, "closed.toml", in.face)
	require.NoError(t, os.Chmod(in.path("closed.toml"), 0))
	in.write(t, "large.toml", strings.Repeat("#", scenarios.MaxFile+1))
	for _, name := range []string{"sparse.toml", "sparse.csv"} { // 100 MB that nobody wrote, nor is to read
		in.write(t, name, "")
		require.NoError(t, os.Truncate(in.path(name), 100<<20))
	}
	in.write(t, "profiles/README", "")
	for _, name := range []string{"pipe", "pipe.csv", "profiles/set.toml"} { // nobody will ever write into them
		require.NoError(t, syscall.Mkfifo(in.path(name), 0o644))
	}
	return in
}

func (in *inputs) path(name string) string { return filepath.Join(in.dir, name) }

func (in *inputs) write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(in.path(name)), 0o755))
	require.NoError(t, os.WriteFile(in.path(name), []byte(text), 0o644))
}

// refused runs a process, in the folder, on what is wrong: it must end by itself with
// exit code 2, one message of one line, which is returned, and nothing written.
func (in *inputs) refused(t *testing.T, args ...string) string {
	t.Helper()
	p := newProcess(t, args...)
	p.Dir = in.dir
	before := tree(t, in.dir)
	require.NoError(t, p.Start())
	assert.Equal(t, cli.ExitInput, p.code(t), "%v: %s", args, &p.err)
	assert.Empty(t, p.out.String())
	message, ok := strings.CutPrefix(p.err.String(), "vidq-sim: ")
	assert.True(t, ok, message)
	assert.Equal(t, 1, strings.Count(message, "\n"), message)
	assert.Equal(t, before, tree(t, in.dir))
	return strings.TrimSuffix(message, "\n")
}

// TestWrongScenarios makes face.toml wrong in one place: the message names the file,
// the line, the key and what is wrong.
func TestWrongScenarios(t *testing.T) {
	in := newInputs(t)
	for _, c := range []struct {
		name, old, with string
		down            int // lines from where old begins to what is wrong
		message         string
	}{
		{"unknown key", `fps = 30`, `fsp = 30`, 0, `camera.classroom.fsp: unknown key`},
		{"nearest key", `fps = 30`, `fsp = 30`, 0, `(did you mean "fps"?)`},
		{"wrong unit", `"20Mbit/s"`, `"20mbit/s"`, 0, `link.edge1-cloud.rate: unknown unit "mbit/s"`},
		{"no unit", `"10ms"`, `"10"`, 0, `link.edge1-cloud.delay: want a span of time with a unit`},
		{"wrong type", `fps = 30`, `fps = "30"`, 0, `camera.classroom.fps: want a number, got a string`},
		{"negative rate", `"20Mbit/s"`, `"-20Mbit/s"`, 0, `link.edge1-cloud.rate: a rate must not be negative`},
		{"negative frame rate", `fps = 30`, `fps = -30`, 0, `camera.classroom.fps: must be above 0, got -30`},
		{"dangling node", `node = "edge1"`, `node = "edge2"`, 0, `camera.classroom.node: there is no node "edge2" (did you mean "edge1"?)`},
		{"dangling end", `["edge1", "cloud"]` + "\nrate", `["edge1", "clowd"]` + "\nrate", 0, `(did you mean "cloud"?)`},
		{"dangling camera", `camera = "classroom"`, `camera = "clasroom"`, 0, `query.headup.camera: there is no camera "clasroom"`},
		{
			"pipeline cycle", `["face_detection", "face_alignment"]`, `[{ service = "face_detection", after = "face_alignment" }, "face_alignment"]`,
			0, `query.headup.pipeline: `,
		},
		{"missing trace", `delay = "10ms"`, `trace = "none.csv"`, 0, `link.edge1-cloud.trace: "none.csv" cannot be read: no such file or directory`},
		{"missing content", `content = "classroom"`, `content = "none.csv"`, 0, `camera.classroom.content: "none.csv" cannot be read: no such file or directory`},
		{"trace is a folder", `delay = "10ms"`, `trace = "thesis/"`, 0, `link.edge1-cloud.trace: `},
		{"trace is a pipe", `delay = "10ms"`, `trace = "pipe.csv"`, 0, `pipe.csv: is a pipe or a device`},
		{"trace without end", `delay = "10ms"`, `trace = "/dev/zero"`, 0, `/dev/zero: is a pipe or a device`},
		{"trace of 100 MB", `delay = "10ms"`, `trace = "sparse.csv"`, 0, `sparse.csv: is larger than 64 MB`},
		{"trace of no form", `delay = "10ms"`, `trace = "latin1.csv"`, 0, `latin1.csv:1: looks like none of the forms`},
		{"content of no form", `content = "classroom"`, `content = "latin1.csv"`, 0, `latin1.csv:1: has no column obj_n`},
		{"profiles are a pipe", `truth = "tx2-rack"`, `truth = "./profiles"`, 0, `profiles/set.toml: is a folder, a pipe or a device`},
		{"period below 1 ms", `period = "3s"`, `period = "999us"`, 0, `scheduler.period: must be at least 1ms`},
		{"heartbeat below 1 ms", "[kb]", "[settings]\nheartbeat = \"1us\"\n[kb]", 1, `settings.heartbeat: must be at least 1ms`},
		{"sync below 1 ms", "[kb]", "[settings]\nsync_every = \"1ns\"\n[kb]", 1, `settings.sync_every: must be at least 1ms`},
		{"endless cores", `class = "tx2-gpu"`, "class = \"tx2-gpu\"\ncores = 1e300", 1, `node.edge1.cores: must be at most 100000`},
		{"frame rate that is no knob", "[kb]", "[scheduler.static]\nfps = 7\n[kb]", 1, `scheduler.static.fps: 7 is not in the knobs.fps of face: 1, 5, 10, 20, 30`},
		{"unknown table", "[kb]", "[kbs]", 0, `kbs: unknown key`},
		{"a table for a list", "[[node]]", "[node]", 0, `[node] is one table: want [[node]]`},
		{"unknown class", `"tx2-gpu"`, `"tx3"`, 0, `there is no node class "tx3" in the truth "tx2-rack"; it has agx-orin, `},
		{"element of a count", `id = "headup"`, "id = \"headup\"\ncount = 2\nfsp = 1", 2, `query.headup-1.fsp: unknown key; `},
		{"element as written", `id = "headup"`, "id = \"headup\"\ncount = 2\nfsp = 1", 2, `headup-1 stands in the file as query headup`},
		{"syntax", `fps = 30`, `fps = = 30`, 0, `is not TOML: expected value but found '=' instead`},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, _, found := strings.Cut(in.face, c.old)
			require.True(t, found, c.old)
			in.write(t, "face.toml", strings.Replace(in.face, c.old, c.with, 1))
			place := fmt.Sprintf("face.toml:%d: ", strings.Count(before, "\n")+1+c.down)
			message := in.refused(t, "face.toml")
			assert.True(t, strings.HasPrefix(message, place), "want %s..., got %s", place, message)
			assert.Contains(t, message, c.message)
		})
	}
}

// TestWrongFilesAndFlags are what is wrong before there is a line of a scenario.
func TestWrongFilesAndFlags(t *testing.T) {
	in := newInputs(t)
	for _, c := range []struct{ args, message string }{
		{"empty.toml", "empty.toml: is empty: a scenario needs at least"},
		{"comments.toml", "comments.toml: is empty: a scenario needs at least"},
		{"sparse.toml", "sparse.toml: has 104857600 bytes; a scenario has at most 1048576"},
		{"large.toml", "large.toml: has 1048577 bytes; a scenario has at most 1048576"},
		{"thesis", "thesis: is a directory; want a scenario file"},
		{"pipe", "pipe: is a pipe or a device; want a scenario file"},
		{"/dev/zero", "/dev/zero: is a pipe or a device; want a scenario file"},
		{"latin1.toml", "latin1.toml:2: is not TOML: invalid UTF-8 byte: 0xe9"},
		{"utf16.toml", "utf16.toml:1: is not TOML: files cannot contain NULL bytes; probably using UTF-16"},
		{"closed.toml", "closed.toml: permission denied"},
		{"/proc/self/mem", "/proc/self/mem: input/output error"}, // which nobody can read
		{"none.toml", "none.toml: there is no such file, nor a shipped scenario of that name"},
		{"fce", `(did you mean "face"?)`},

		{"face --set camera.classroom.fps", "--set camera.classroom.fps: want KEY=VALUE"},
		{"face --set camera.clasroom.fps=1", `--set camera.clasroom.fps=1: there is no camera "clasroom"`},
		{"face --set camera.classroom.fsp=1", `--set camera.classroom.fsp=1: unknown key "fsp"`},
		{"face --set link.edge1-cloud.rate=5mbit/s", `unknown unit "mbit/s"`},
		{"face --set scheduler.period=1ns", "--set scheduler.period=1ns: must be at least 1ms"},
		{"face --set camera.classroom.kind=\xff", "is not UTF-8"},
		{"face --set camera.classroom.content=pipe.csv", "pipe.csv: is a pipe or a device"},
		{"face --scheduler latfrist", `--scheduler: unknown scheduler "latfrist" (did you mean "latfirst"?)`},
		{"face --scheduler static[plan=silver]", "--scheduler: scheduler static: plan: "},
		{"face --scheduler static[plan=golden", "--scheduler: "},
		{"face --scheduler static[fps=7]", "--scheduler: scheduler static: fps: 7 is not in the knobs.fps of face: 1, 5, 10, 20, 30"},
		{"face --scheduler pid[resolution=540x360]", `resolution: "540x360" is not in the knobs.resolutions of face: 360p, 480p, 720p, 1080p`},
		{"face --scheduler round-robin[quality=80]", "quality: 80 is not in the knobs.encoder's qualities of jpeg of face: 90, 75"},
		{"face --scheduler static[plan=given,place=[clowd]]", `(did you mean "cloud"?)`},
		{"face --scheduler static[model=9]", "model: want 0 to 1, the models of the services of face, got 9"},
		{"face --set knobs.fps=[1,7] --scheduler static[fps=5]", "fps: 5 is not in the knobs.fps of face: 1, 7"},
		{"face --set scheduler.static.fps=7", "--set scheduler.static.fps=7: 7 is not in the knobs.fps of face"},
		{"compare face campus --scheduler static[fps=7]", "scheduler static: fps: 7 is not in the knobs.fps of face"},
		{"compare face --axis knobs.fps=[1,5],[1,10] --scheduler static[fps=5]", "scheduler static: fps: 5 is not in the knobs.fps of face: 1, 10"},
		{"face --scheduler latfirst[mod=peer]", `(did you mean "mode"?)`},
		{"face --scheduler static,static", "--scheduler: static is named twice"},
		{"face --until 3", `--until "3": want a time with a unit (ns, us, ms, s, m, h), such as 10s`},
		{"face --until 1d", `--until "1d": want a time with a unit (ns, us, ms, s, m, h)`},
		{"face --scheduler static(plan=golden)", "--scheduler: scheduler static: parameters stand in square brackets, as in static[key=value]"},
		{"face --scheduler all,oracle", "--scheduler: all is a word of compare: vidq-sim compare face --scheduler all,oracle"},
		{"face --scheduler best-static", "best-static is a word of compare"},
		{"compare", "name a scenario, for example: vidq-sim compare face; "},
		{"-", "-: a scenario is not read from stdin; name its file"},
		{"face --scheduler latfirst random", "(it is a scheduler: --scheduler takes a list with commas and without spaces)"},
		{"compare face random --seeds 1", "random: want random/SEED"},
		{"compare face static", "(it is a scheduler: "},
		{"tune face pid", "(it is a scheduler: "},
		{"face --set kb.noise=.3 kb.bias=0", "(each KEY=VALUE needs a --set of its own)"},
		{"random/x", "random/x: want random/SEED with a whole number"},
		{"face --json - --out -", "--out -: want a folder"},
		{"compare face --out -", "--out -: want a folder, which stdout is not"},
		{"face --until 0s", "--until 0s: want a time above 0, such as 10m"},
		{"face --until 0", "--until 0s: want a time above 0"},
		{"face --until -1m", "--until -1m0s: want a time above 0"},
		{"compare face --until 0s", "--until 0s: want a time above 0"},
		{"face --seed x", `--seed "x": want a whole number`},
		{"face --scheduler=", "--scheduler: want a scheduler's name"},
		{"face --scheduler latfirst[mode=peer,kp=2]", "--scheduler: scheduler latfirst: mode: peer is the original as it is and takes no other parameter"},
		{"overlod", `(did you mean "suite/overload"?)`},
		{"suite", `(did you mean "compare suite"?)`},
		{"compare suit", `(did you mean "suite"?)`},
		{"tune face siute", `(did you mean "suite"?)`},
		{"compar face", `(did you mean the command "compare"?)`},
		{"face --out /proc/run", "--out /proc/run: "},
		{"face --out closed.toml", "--out closed.toml: not a directory"},
		{"face --out thesis", "--out thesis: is not empty and no earlier run folder"},
		{"face --json none/result.json", "--json none/result.json: there is no folder none"},
		{"face --json thesis", "--json thesis: is a directory"},
		{"face --json pipe", "--json pipe: "}, // nobody reads it

		{"import pipe", "pipe: is a pipe or a device; want a file"},
		{"import latin1.csv --frame-rate 0", "--frame-rate 0: want a number above 0"},
		{"import latin1.csv --frame-rate -1", "--frame-rate -1: want a number above 0"},
		{"import latin1.csv --frame-rate nan", "--frame-rate NaN: want a number above 0"},
		{"import latin1.csv --frame-rate inf", "--frame-rate +Inf: want a number above 0"},
		{"import pipe --form mot", "pipe: is a pipe or a device"},
		{"import /dev/zero", "/dev/zero: is a pipe or a device; want a file"},
		{"import sparse.csv", "sparse.csv: is larger than 64 MB"},
		{"import empty.toml", "empty.toml: is empty"},
		{"import closed.toml", "closed.toml: permission denied"},
		{"import latin1.csv", "latin1.csv:1: looks like none of the forms"},
	} {
		t.Run(c.args, func(t *testing.T) {
			if os.Geteuid() == 0 && strings.Contains(c.message, "permission denied") {
				t.Skip("root may read everything")
			}
			assert.Contains(t, in.refused(t, strings.Fields(c.args)...), c.message)
		})
	}
}
