package main

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vidq/core"
	"vidq/core/result"
	"vidq/internal/cli"
	"vidq/scenarios"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func readTable(t *testing.T, path string) (head []string, rows []map[string]string) {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	all, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err, "every row has every column")
	for _, r := range all[1:] {
		m := map[string]string{}
		for i, h := range all[0] {
			m[h] = r[i]
		}
		rows = append(rows, m)
	}
	return all[0], rows
}

func TestRunFolder(t *testing.T) {
	r := newRig()
	parent := t.TempDir()
	dir := filepath.Join(parent, "deep", "out")
	args := []string{"face", "--scheduler", "random,static[plan=all-edge]", "--seeds", "2", "--out", dir, "--json", parent + "/r.json", "--workers", "3"}
	require.Equal(t, cli.ExitDone, r.do(args...), r.err.String())

	var m manifest
	text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &m))
	assert.Equal(t, []uint64{5, 6}, m.Seeds)
	var names []string
	for _, i := range m.Files {
		b, err := os.ReadFile(filepath.Join(dir, i.Name))
		require.NoError(t, err)
		sum := sha256.Sum256(b)
		assert.Equal(t, hex.EncodeToString(sum[:]), i.SHA256)
		assert.EqualValues(t, len(b), i.Bytes)
		names = append(names, i.Name)
	}
	assert.Equal(t, []string{"result.json", "scenario.toml", "frames.csv", "plans.csv", "nodes.csv", "links.csv"}, names)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, len(names)+1)
	toml, err := os.ReadFile(filepath.Join(dir, "scenario.toml"))
	require.NoError(t, err)
	assert.Equal(t, "name = \"face\"\n", string(toml))
	a, err := os.ReadFile(filepath.Join(dir, "result.json"))
	require.NoError(t, err)
	b, err := os.ReadFile(parent + "/r.json")
	require.NoError(t, err)
	assert.Equal(t, string(a), string(b))

	head, frames := readTable(t, filepath.Join(dir, "frames.csv"))
	assert.Equal(t, frameColumns, strings.Join(head, ","))
	require.Len(t, frames, 20)
	assert.Equal(t, map[string]string{
		"scheduler": "random", "seed": "5", "query": "face/headup", "frame": "0", "camera_frame": "0",
		"content_frame": "100", "captured_s": "0", "at_s": "0.11", "outcome": "done", "reason": "", "revision": "1", "fps": "5",
		"resolution": "480p", "encoder": "jpeg", "quality": "80", "gap": "2", "latency_s": "0.11", "round_trip_s": "0.11",
		"queue_camera_s": "0", "encode_s": "0", "transfer_s": "0", "queue_service_s": "0", "compute_s": "0.11", "return_s": "0",
		"objects": "3", "area": "0.01", "attempts": "2", "fresh": "0.95", "accuracy": frames[0]["accuracy"],
	}, frames[0])
	assert.NotEmpty(t, frames[0]["accuracy"])
	assert.Equal(t, "static[plan=all-edge]", frames[19]["scheduler"])
	drops := 0
	for _, f := range frames {
		if f["outcome"] == "dropped" {
			drops++
			assert.Equal(t, "overrun", f["reason"])
			assert.Empty(t, f["latency_s"]+f["accuracy"]+f["objects"])
		}
	}
	assert.Equal(t, 4, drops)

	_, plans := readTable(t, filepath.Join(dir, "plans.csv"))
	require.Len(t, plans, 4)
	assert.Equal(t, "edge1:0 cloud:1", plans[0]["stages"])
	assert.Equal(t, "-1", plans[0]["buffer"])
	assert.Equal(t, "0.000000001", plans[0]["at_s"])
	_, nodes := readTable(t, filepath.Join(dir, "nodes.csv"))
	require.Len(t, nodes, 4)
	assert.Equal(t, "1500", nodes[0]["energy_j"])
	_, links := readTable(t, filepath.Join(dir, "links.csv"))
	require.Len(t, links, 4)
	assert.Equal(t, "1e+06", links[0]["bytes"])
}

func TestRunFolderReplacesOnlyItsOwn(t *testing.T) {
	r := newRig()
	parent := t.TempDir()
	dir := filepath.Join(parent, "out")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.Equal(t, cli.ExitDone, r.do("a", "--out", dir), "an empty folder will do")
	require.Equal(t, cli.ExitDone, r.do("a", "--out", dir, "--seeds", "2"), "and an earlier run folder")
	_, frames := readTable(t, filepath.Join(dir, "frames.csv"))
	assert.Len(t, frames, 10)
	entries, err := os.ReadDir(parent)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing is left over")

	notes := filepath.Join(dir, "notes.txt")
	require.NoError(t, os.WriteFile(notes, nil, 0o644))
	assert.Equal(t, cli.ExitInput, r.do("a", "--out", dir))
	assert.Contains(t, r.err.String(), "holds notes.txt")
	assert.FileExists(t, notes)
}

func TestSeveralScenariosHaveAFolderEach(t *testing.T) {
	r := newRig()
	dir := t.TempDir()
	require.Equal(t, cli.ExitDone, r.do("a", "b", "--out", dir), r.err.String())
	assert.FileExists(t, filepath.Join(dir, "a", "manifest.json"))
	assert.FileExists(t, filepath.Join(dir, "b", "manifest.json"))
	require.Equal(t, cli.ExitDone, r.do("a", "b", "--out", dir), r.err.String())
}

func TestInterruptedRunKeepsWhatItHas(t *testing.T) {
	r := newRig()
	dir := filepath.Join(t.TempDir(), "out")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r.simulate = func(ctx context.Context, s *scenarios.Scenario, j job) (*result.Run, error) {
		if j.seed == 6 {
			j.progress(0)
			cancel()
			<-ctx.Done()
		}
		return fakeRun(ctx, s, j)
	}
	code := r.doUnder(ctx, "a", "b", "--seeds", "5", "--workers", "1", "--out", filepath.Dir(dir), "--json", dir+".json")
	assert.Equal(t, cli.ExitFailed, code)
	assert.Contains(t, r.err.String(), "vidq-sim: interrupted: ")
	assert.Contains(t, r.out.String(), "INTERRUPTED")
	assert.NotContains(t, r.out.String(), "\nb ·")
	var d result.Document
	text, err := os.ReadFile(dir + ".json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &d))
	assert.True(t, d.Interrupted)
	require.Len(t, d.Runs, 2)
	assert.False(t, d.Runs[0].Interrupted)
	assert.True(t, d.Runs[1].Interrupted)
	assert.FileExists(t, filepath.Join(filepath.Dir(dir), "a", "manifest.json"))
	assert.NoDirExists(t, filepath.Join(filepath.Dir(dir), "b"))

	cancel()
	r = newRig()
	assert.Equal(t, cli.ExitFailed, r.doUnder(ctx, "a", "--json", "-"))
	assert.Equal(t, "vidq-sim: interrupted before there was any result\n", r.err.String())
	assert.Empty(t, r.out.String())
}

// A query has its name in every row, though the manager died before it could tell that it
// has accepted it, and though it never accepted it.
func TestRowsNameTheirQuery(t *testing.T) {
	for name, fault := range map[string]string{
		"manager died":   `{ at = "0s", kind = "crash" }`,
		"never accepted": `{ at = "0s", kind = "store" }`,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			r.load, r.simulate = scenarios.Load, simulate
			dir := filepath.Join(t.TempDir(), "out")
			require.Equal(t, cli.ExitDone, r.do("face", "--until", "20s", "--set", "camera.classroom.mode=live",
				"--set", "store.delay=100ms", "--set", "fault=["+fault+"]", "--out", dir), r.err.String())
			_, frames := readTable(t, filepath.Join(dir, "frames.csv"))
			_, plans := readTable(t, filepath.Join(dir, "plans.csv"))
			require.NotEmpty(t, frames)
			require.Equal(t, name == "never accepted", len(plans) == 0)
			for _, row := range append(frames, plans...) {
				require.Equal(t, "face/headup", row["query"], row)
			}
		})
	}
}

// broken is a file on a full disk.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("disk full") }
func (broken) Close() error              { return nil }

func TestRunFilesTellOfAFailedWrite(t *testing.T) {
	f, err := newRunFiles("x", 1, func(string) (io.WriteCloser, error) { return broken{}, nil })
	require.NoError(t, err)
	for range 10_000 {
		f.Frame(frameOf(0, core.Second), .5)
	}
	assert.ErrorContains(t, f.close(), "disk full")
}

func TestCells(t *testing.T) {
	for in, want := range map[string]string{"a": "a", "": "", "a,b": `"a,b"`, `a"b`: `"a""b"`, "a\nb": "\"a\nb\""} {
		assert.Equal(t, want, string(appendText(nil, in)))
	}
	var r rows
	for in, want := range map[core.Time]string{0: "0,", 1: "0.000000001,", core.Second: "1,", 1_500_000_000: "1.5,", -250 * core.Millisecond: "-0.25,"} {
		r.line = nil
		r.seconds(in)
		assert.Equal(t, want, string(r.line))
	}
}

func TestRunFilesDoNotAllocatePerFrame(t *testing.T) {
	f, err := newRunFiles("latfirst[mode=peer]", 1, func(string) (io.WriteCloser, error) { return nopFile{io.Discard}, nil })
	require.NoError(t, err)
	r := frameOf(2, core.Second/3)
	assert.Zero(t, testing.AllocsPerRun(1000, func() { f.Frame(r, .123456) }))
}

type nopFile struct{ io.Writer }

func (nopFile) Close() error { return nil }
