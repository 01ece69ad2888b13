package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vidq/scenarios"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	module      = "../.."
	readmeFile  = module + "/README.md"
	pictureFile = module + "/docs/face.svg"
)

// TestReadmePicture holds that the README's picture is what vidq-sim gives today.
func TestReadmePicture(t *testing.T) {
	const schedulers = "static[plan=golden],latfirst[mode=peer],latfirst"
	dir := filepath.Join(t.TempDir(), "run")
	succeed(t, "scenarios/face.toml", "--scheduler", schedulers, "--out", dir)
	s, err := scenarios.Load("face", nil)
	require.NoError(t, err)
	got := picture(t, s, dir)
	if *update {
		require.NoError(t, os.WriteFile(pictureFile, []byte(got), 0o644))
	}
	want, err := os.ReadFile(pictureFile)
	require.NoError(t, err)
	require.True(t, string(want) == got, "docs/face.svg is not what vidq-sim gives now: make golden draws it anew")
	text := readme(t)
	assert.Contains(t, text, "(docs/face.svg)")
	assert.Contains(t, text, "go run ./cmd/vidq-sim face --scheduler '"+schedulers+"'", "the README says what the picture is of")
}

// TestReadmeTable holds that the README's table is what make run prints.
func TestReadmeTable(t *testing.T) {
	text := readme(t)
	const command = "    $ make run\n"
	before, rest, found := strings.Cut(text, command)
	require.True(t, found)
	var shown, got strings.Builder // indented
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, "    ") && strings.TrimSpace(line) != "" {
			break
		}
		shown.WriteString(line)
	}
	for line := range strings.Lines(succeed(t, "scenarios/face.toml")) {
		got.WriteString(strings.TrimRight("    "+line, " \n") + "\n")
	}
	got.WriteString("\n")
	if *update {
		text = before + command + got.String() + rest[shown.Len():]
		require.NoError(t, os.WriteFile(readmeFile, []byte(text), 0o644))
		return
	}
	assert.Equal(t, shown.String(), got.String(), "make golden writes it anew")
}

// TestReadmeTour does what the README says: it adds the scheduler and the scenario that
// are printed there, each as a file of its own, and runs every command.
func TestReadmeTour(t *testing.T) {
	text, dir := readme(t), t.TempDir()
	code := func(language, file string) string {
		t.Helper()
		_, rest, found := strings.Cut(text, "`"+file+"`")
		require.True(t, found, file)
		_, rest, found = strings.Cut(rest, "```"+language+"\n")
		require.True(t, found, file)
		block, _, found := strings.Cut(rest, "```\n")
		require.True(t, found, file)
		path := filepath.Join(dir, filepath.Base(file))
		require.NoError(t, os.WriteFile(path, []byte(block), 0o644))
		return path
	}
	code("toml", "gate.toml")
	root, err := filepath.Abs(module)
	require.NoError(t, err)
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(root, "core/sched/steps.go"): code("go", "core/sched/steps.go"),
	}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o644))
	const bin = "./vidq-sim"
	build := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", filepath.Join(dir, bin), "./cmd/vidq-sim")
	build.Dir = root
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	ran := 0
	for line := range strings.Lines(text) {
		args, is := strings.CutPrefix(line, "    go run ./cmd/vidq-sim ")
		if !is {
			continue
		}
		ran++
		c := exec.Command("bash", "-c", bin+" "+args)
		c.Dir = dir
		out, err := c.CombinedOutput()
		assert.NoError(t, err, "%s%s", line, out)
	}
	assert.Greater(t, ran, 5)
	assert.FileExists(t, filepath.Join(dir, "out/face/frames.csv"))
}

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(readmeFile)
	require.NoError(t, err)
	return string(text)
}
