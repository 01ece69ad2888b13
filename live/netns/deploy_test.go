package netns

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// block is a block of commands in the text: where it is run, and how.
type block struct {
	line  int
	on    string // build, cloud or edge
	how   string // "", stays = until it is stopped, result = again until there is one
	shell string
}

// blocks returns the blocks of a text that are marked sh WHERE [HOW].
func blocks(t *testing.T, file string) (all []block) {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	var now *block
	s := bufio.NewScanner(f)
	for n := 1; s.Scan(); n++ {
		fence, isFence := strings.CutPrefix(s.Text(), "```")
		switch {
		case isFence && now != nil:
			all, now = append(all, *now), nil
		case isFence:
			words := append(strings.Fields(fence), "", "", "")
			require.Equal(t, "sh", words[0], "%s:%d: a block that is not run", file, n)
			require.Contains(t, []string{"build", "cloud", "edge"}, words[1], "%s:%d", file, n)
			now = &block{line: n, on: words[1], how: words[2]}
		case now != nil:
			now.shell += s.Text() + "\n"
		}
	}
	require.NoError(t, s.Err())
	require.Nil(t, now, "a block has no end")
	return all
}

// scp stands for the real one, for which the machines would need an ssh server: it copies between their folders.
const scp = `#!/bin/sh
for to; do :; done
while [ $# -gt 1 ]; do cp "$1" "$VIDQ_HOMES/${to%%:*}/" || exit 1; shift; done
`

// TestDeployText runs docs/deploy.md.
func TestDeployText(t *testing.T) {
	l := newLab(t)
	l.shape(20)
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	homes := t.TempDir()
	tools := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(tools, "scp"), []byte(scp), 0o755))
	home := map[string]string{"build": filepath.Join(homes, "build")}
	on := map[string]machine{"cloud": cloud, "edge": edge}
	for name, m := range on {
		home[name] = filepath.Join(homes, machines[m].ip)
		require.NoError(t, os.Mkdir(home[name], 0o755))
	}
	// A copy of the sources, since make dist removes what was made before.
	require.NoError(t, os.Mkdir(home["build"], 0o755))
	l.run("sh", "-c", `cd "$1" && tar -c --exclude=./bin --exclude=./dist --exclude=./out . | tar -x -C "$2"`, "sh", root, home["build"])

	command := func(b *block) *exec.Cmd {
		script := strings.ReplaceAll(b.shell, "linux-amd64", "linux-"+runtime.GOARCH)
		cmd := exec.Command("bash", "-ec", script)
		if m, ok := on[b.on]; ok {
			cmd = l.command(m, "bash", "-ec", strings.Replace(script, "./vidq-live face", "exec ./vidq-live face", 1))
		}
		cmd.Dir = home[b.on]
		cmd.Env = append(os.Environ(), "PATH="+tools+":"+os.Getenv("PATH"), "VIDQ_HOMES="+homes)
		return cmd
	}
	for _, b := range blocks(t, filepath.Join(root, "docs", "deploy.md")) {
		switch b.how {
		case "stays":
			n := &node{cmd: command(&b), done: make(chan error, 1)}
			log, err := os.Create(filepath.Join(homes, b.on+".log"))
			require.NoError(t, err)
			n.cmd.Stdout, n.cmd.Stderr = log, log
			require.NoError(t, n.cmd.Start())
			cmd := n.cmd // which stop forgets
			go func() { n.done <- cmd.Wait() }()
			t.Cleanup(func() {
				n.stop(t)
				if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
					t.Logf("%s", text)
				}
				assert.NoError(t, log.Close())
			})
		case "result":
			var out []byte
			took := l.until("a result", time.Minute, func() bool {
				out, err = command(&b).CombinedOutput()
				return err == nil && strings.Contains(string(out), "count_result")
			})
			t.Logf("a result %.0f s after the start:\n%s", took.Seconds(), out)
		default:
			out, err := command(&b).CombinedOutput()
			require.NoError(t, err, "docs/deploy.md:%d: %s%s", b.line, b.shell, out)
			t.Logf("docs/deploy.md:%d: %s", b.line, out)
		}
	}
}
