package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vidq/internal/cli"
	"vidq/live/wire"
)

// asCommand makes the test program be vidq-live: tests start processes of it so.
const asCommand = "VIDQ_LIVE_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	// Processes are mostly waited for: more of them at a time than there are processors.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// patience is how long tests wait for what should come: machines may be slow and busy.
const patience = time.Minute

// text is what a process has written so far.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *text) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(b)
}

func (t *text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// process is vidq-live in a process, and a process group, of its own.
type process struct {
	*exec.Cmd
	out, err text
	base     int
	done     chan struct{}
	temp     string
}

// thousands are what tests of this process have their ports in, each its own; those of other processes are
// likely to differ by less.
var (
	thousands = rand.Perm(25)
	given     atomic.Int32
)

// ports returns a base of ports that nobody uses, below those that are given to clients.
func ports(t *testing.T) int {
	t.Helper()
	for range 100 {
		thousand := thousands[int(given.Add(1))%len(thousands)]
		base := 1000 + thousand*1000 + rand.IntN(99) // 5000 and 5100, 5001 and 5101 stay apart
		if free(base) {
			return base
		}
	}
	t.Fatal("there are no free ports")
	return 0
}

// free reports whether all ports of a system of face can be had.
func free(base int) bool {
	for _, ip := range []string{"127.0.0.1", "127.0.0.2"} {
		for _, p := range wire.Ports() {
			l, err := net.Listen("tcp", net.JoinHostPort(ip, strconv.Itoa(int(p)+base)))
			if err != nil {
				return false
			}
			l.Close()
		}
	}
	return true
}

// start starts vidq-live on ports of its own.
func start(t *testing.T, base int, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	p := &process{base: base, done: make(chan struct{}), temp: t.TempDir()}
	p.Cmd = exec.Command(self, append(args, "--port-base", strconv.Itoa(base))...)
	p.Env = append(os.Environ(), asCommand+"=1", "GORACE=atexit_sleep_ms=0", "TMPDIR="+p.temp)
	p.Stdout, p.Stderr = &p.out, &p.err
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, p.Start())
	go func() {
		defer close(p.done)
		_ = p.Wait() // ProcessState tells
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("%v\nstdout:\n%s\nstderr:\n%s", args, &p.out, &p.err)
		}
	})
	return p
}

// addr is where a part of the system is.
func (p *process) addr(ip string, port wire.Port) string {
	return net.JoinHostPort(ip, strconv.Itoa(int(port)+p.base))
}

func (p *process) manager() string { return p.addr("127.0.0.1", wire.PortManager) }

// kill is kill -9.
func (p *process) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.Process.Kill())
	<-p.done
}

// interrupt is Ctrl-C: the process must end within 3 s, on a machine that has time for it, with code 0.
func (p *process) interrupt(t *testing.T, signal os.Signal) {
	t.Helper()
	began := time.Now()
	require.NoError(t, p.Process.Signal(signal))
	p.ends(t, cli.ExitDone)
	took := time.Since(began)
	require.Less(t, took, loaded*3*time.Second)
	t.Logf("Ctrl-C ended it in %v", took)
}

// ends waits for the process's end by itself.
func (p *process) ends(t *testing.T, code int) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.Process.Signal(syscall.SIGQUIT)
		<-p.done
		t.Fatalf("it hangs: %s", &p.err)
	}
	require.Equal(t, code, p.ProcessState.ExitCode(), p.err.String())
}

// eventually polls until f is content.
func eventually(t *testing.T, what string, f func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !f() {
		require.Less(t, time.Since(began), patience, what)
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(began)
}

// fetch makes a request and reads the JSON answer into v; false = there was none.
func fetch(method, url, kind string, body []byte, v any) (status int, ok bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, false
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, false
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	return a.StatusCode, err == nil && json.Unmarshal(text, v) == nil
}

// results are the frames that get_result tells; none before the first.
func (p *process) results(id string) []wire.Frame {
	var r *wire.Results
	if status, ok := fetch(http.MethodGet, "http://"+p.manager()+"/query/get_result/"+id, "", nil, &r); status != http.StatusOK || !ok || r == nil {
		return nil
	}
	return r.AppendedResult
}

// queries are those of the list.
func (p *process) queries(t *testing.T) []wire.QueryRow {
	t.Helper()
	var l wire.QueryList
	eventually(t, "the list", func() bool {
		status, ok := fetch(http.MethodGet, "http://"+p.manager()+"/query/list", "", nil, &l)
		return ok && status == http.StatusOK
	})
	return l.Queries
}

// do runs the command within this process.
func do(t *testing.T, stdin string, args ...string) (code int, out, err string) {
	t.Helper()
	var stdout, stderr strings.Builder
	code = run(t.Context(), args, strings.NewReader(stdin), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// client runs a client command against the system.
func (p *process) client(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	code, out, err := do(t, stdin, append(args, "--server", p.manager())...)
	require.Equal(t, cli.ExitDone, code, "%v: %s", args, err)
	return out
}

// alone holds that a process has left nothing behind: no process, no file, no port.
func (p *process) alone(t *testing.T) {
	t.Helper()
	require.ErrorIs(t, syscall.Kill(-p.Process.Pid, 0), syscall.ESRCH, "a process is left")
	left, err := os.ReadDir(p.temp)
	require.NoError(t, err)
	require.Empty(t, left)
	require.True(t, free(p.base), "its ports are free again")
}

// number of a result's frame, for comparisons over restarts.
func frameName(f *wire.Frame) string { return fmt.Sprintf("%g/%d", f.FrameID, f.NLoop) }
