package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/internal/cli"
)

// TestBadInput: nothing is started, and one line says what is wrong.
func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	short, empty := write("short", "user short\n"), write("empty", "")
	face, err := os.ReadFile("../../scenarios/face.toml")
	require.NoError(t, err)
	scenario := write("bad.toml", strings.Replace(string(face), "duration =", "\nduratoin =", 1))
	for _, c := range []struct{ args, want string }{
		{"fase", `fase`},
		{"stauts", `did you mean the command "status"?`},
		{scenario, "bad.toml:13: duratoin: unknown key"},
		{dir + "/missing.toml", "missing.toml"},
		{"face campus", `takes one scenario, got "campus" too`},
		{"face --shceduler latfirst", "did you mean --scheduler?"},
		{"face --camera x", "it is a flag of vidq-live submit"},
		{"face --scheduler latfrist", `latfirst`},
		{"face --scheduler latfirst,pid", "want one scheduler"},
		{"face --scheduler oracle", "is told the truth"},
		{"face --scheduler latfirst[mode=x]", "--scheduler"},
		{"face --seed -1", `--seed "-1": want a whole number`},
		{"face --set camera.clasroom.fps=10", "classroom"},
		{"face --set camera.classroom.fps", "camera.classroom.fps"},
		{"face --until -5s", "--until -5s: want a time above 0"},
		{"face --until 5", `--until "5": want a time with a unit`},
		{"face --node edge2", `there is no node "edge2"; there are cloud, edge1 (did you mean "edge1"?)`},
		{"face --node edge1 --node edge1", "edge1 is named twice"},
		{"face --node edge1 --links emulated", "leave it out with --node, or say --links real"},
		{"face --node edge1 --store sqlite:x.db", `runs at node "cloud", not here`},
		{"face --addr edge1", "want NODE=IP:PORT"},
		{"face --addr edg1=127.0.0.1:5001", "edge1"},
		{"face --addr edge1=nowhere", "node.edge1.addr=nowhere: want the node's ip"},
		{"face --services opencv", "built without OpenCV; `make opencv` builds one"},
		{"face --services openvc", `--services "openvc": want emulated, opencv (did you mean "opencv"?)`},
		{"face --links reel", `did you mean "real"?`},
		{"face --store vidq.db", "write sqlite:vidq.db"},
		{"face --store mysql://x", "the scheme mysql is unknown"},
		{"face --store sqlite:" + dir + "/none/vidq.db", "--store"},
		{"face --json " + dir, "is a directory"},
		{"face --json " + dir + "/none/r.json", "there is no folder"},
		{"face --token-file " + dir + "/none", "--token-file"},
		{"face --token-file " + short, "short:1: a token has less than 16 characters"},
		{"face --token-file " + empty, "holds no token"},
		{"face --tls-cert x", "--tls-cert and --tls-key must be given together"},
		{"face --tls-cert " + empty + " --tls-key " + empty, empty},
		{"face --client-ca x", "--client-ca needs --tls-cert and --tls-key"},
		{"face --tls-ca x", "--tls-ca needs --tls-cert"},
		{"face --cors nowhere", "--cors"},
		{"face --log-level loud", `--log-level "loud": want debug, info, warn, error`},
		{"face --port-base 99999", "--port-base 99999: want 0 to"},
		{"face --addr edge1=127.0.0.9:5001 --addr cloud=127.0.0.9:5002", "cloud"},
		{"submit", "name a file or a camera"},
		{"submit a b", "takes one file"},
		{"submit " + dir + "/none", "no such file"},
		{"submit " + empty, empty},
		{"submit " + scenario, "bad.toml"},
		{"submit x --camera y", "--camera: the file says all of the query"},
		{"submit --camera c", "--pipeline: want services"},
		{"submit --camera c --pipeline a --latency -1s", "--latency -1s: want a time above 0"},
		{"submit --camera c --pipeline a --delay 0s", "--delay 0s: want a time above 0"},
		{"submit --camera c --pipeline a --accuracy 2", "--accuracy 2: want a share"},
		{"submit --camera c --pipeline a --server nowhere", `--server "nowhere": want ip:port`},
		{"status x", `"x" is no query's id`},
		{"status 1 2", "takes one query's id"},
		{"status --token-file " + write("node", "node "+strings.Repeat("n", 20)+"\n"), "has no token of the role user"},
		{"stop", "takes one query's id"},
		{"stop 1 2", "takes one query's id"},
		{"stop -- -1", "is no query's id"},
	} {
		code, out, err := do(t, "", strings.Fields(c.args)...)
		assert.Equal(t, cli.ExitInput, code, "%s: %s", c.args, err)
		assert.Empty(t, out, c.args)
		assert.Contains(t, err, c.want, c.args)
		assert.True(t, strings.HasPrefix(err, "vidq-live: "), err)
		assert.Equal(t, 1, strings.Count(err, "\n"), err)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 4, "nothing was written")
}

// TestNobodyIsThere: what is not the user's mistake is a failure.
func TestNobodyIsThere(t *testing.T) {
	for _, args := range []string{"status", "stop 1", "submit --camera c --pipeline a"} {
		code, _, err := do(t, "", append(strings.Fields(args), "--server", "127.0.0.1:1")...)
		assert.Equal(t, cli.ExitFailed, code, args)
		assert.Contains(t, err, "is vidq-live running? --server says where")
		assert.Equal(t, 1, strings.Count(err, "\n"), err)
	}
}

// TestHelp: every command has an example.
func TestHelp(t *testing.T) {
	for _, args := range []string{"--help", "submit --help", "status --help", "stop --help"} {
		code, out, err := do(t, "", strings.Fields(args)...)
		assert.Equal(t, cli.ExitDone, code)
		assert.Empty(t, err)
		assert.Contains(t, out, "Examples:\n  vidq-live")
		assert.NotContains(t, out, "port-base")
	}
	code, out, _ := do(t, "", "--version")
	assert.Equal(t, cli.ExitDone, code)
	assert.Regexp(t, `^vidq \S+\n$`, out)
}

// TestReadme: the README's commands are ones that there are, with flags that there are.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	root := (&app{}).rootCommand()
	seen := 0
	for line := range strings.Lines(string(text)) {
		rest, is := strings.CutPrefix(line, "    go run ./cmd/vidq-live")
		if !is {
			continue
		}
		rest, _, _ = strings.Cut(rest, "#")
		c, args, err := root.Find(strings.Fields(rest))
		require.NoError(t, err, line)
		require.NoError(t, c.ParseFlags(args), line)
		require.NoError(t, c.Args(c, c.Flags().Args()), line)
		seen++
	}
	assert.Greater(t, seen, 5)
}
