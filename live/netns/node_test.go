package netns

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/live/wire"
)

// binary is the command under test, which TestMain builds.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if why := impossible(); why != "" {
		fmt.Fprintln(os.Stderr, "live/netns: nothing was tested:", why)
		return 0
	}
	dir, err := os.MkdirTemp("", "vidq-netns-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "live/netns:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "vidq-live")
	if out, err := exec.Command("go", "build", "-o", binary, "vidq/cmd/vidq-live").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "live/netns: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// impossible tells why there can be no namespaces here, "" if there can.
func impossible() string {
	if os.Geteuid() != 0 {
		return "network namespaces and tc are for root; run it as root: sudo make netns"
	}
	for _, tool := range []string{"ip", "tc"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "there is no command " + tool + "; make deps installs iproute2"
		}
	}
	if err := syscall.Unshare(syscall.CLONE_NEWUTS); err != nil { // which takes the same right and changes nothing
		return "this root may not make namespaces (a container without CAP_SYS_ADMIN?): " + err.Error()
	}
	return ""
}

// node is a node's process.
type node struct {
	cmd  *exec.Cmd
	log  *bytes.Buffer
	done chan error
}

// start starts a machine's node, which ends with the test.
func (l *lab) start(m machine, args ...string) *node {
	l.t.Helper()
	all := append([]string{"testdata/two.toml", "--node", machines[m].node, "--insecure"}, args...)
	n := &node{cmd: l.command(m, binary, all...), log: &bytes.Buffer{}, done: make(chan error, 1)}
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	require.NoError(l.t, n.cmd.Start())
	cmd := n.cmd // which stop forgets
	go func() { n.done <- cmd.Wait() }()
	l.t.Cleanup(func() { n.stop(l.t) })
	return n
}

// stop ends a node as Ctrl-C does.
func (n *node) stop(t *testing.T) {
	if n.cmd == nil {
		return
	}
	cmd := n.cmd
	n.cmd = nil
	assert.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	select {
	case err := <-n.done:
		assert.NoError(t, err)
	case <-time.After(30 * time.Second):
		assert.NoError(t, cmd.Process.Kill())
		t.Error("the node did not end")
		<-n.done
	}
	if t.Failed() && n.log != nil {
		t.Logf("%s", n.log)
	}
}

// get asks a machine from itself.
func get[T any](l *lab, m machine, port wire.Port, path string) (v T, err error) {
	ctx, cancel := context.WithTimeout(l.t.Context(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s:%d%s", machines[m].ip, port, path), nil)
	if err != nil {
		return v, err
	}
	a, err := l.http[m].Do(r)
	if err != nil {
		return v, err
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return v, fmt.Errorf("%s", a.Status)
	}
	return v, json.NewDecoder(a.Body).Decode(&v)
}

// until waits until something holds, and tells for how long.
func (l *lab) until(what string, most time.Duration, holds func() bool) time.Duration {
	l.t.Helper()
	began := time.Now()
	for !holds() {
		if time.Since(began) > most {
			require.Fail(l.t, "it does not come to hold", "%s within %s", what, most)
		}
		time.Sleep(250 * time.Millisecond)
	}
	return time.Since(began)
}

// running waits until the first query has a result.
func (l *lab) running() {
	l.t.Helper()
	l.until("a result", time.Minute, func() bool {
		a, err := get[wire.QueryList](l, cloud, wire.PortManager, "/query/list")
		return err == nil && len(a.Queries) == 1 && a.Queries[0].FramesDone > 0
	})
}
