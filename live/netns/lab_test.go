package netns

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// machine is one of a lab's two.
type machine int

const (
	cloud machine = iota
	edge
)

// machines are their names, nodes and addresses: those of docs/deploy.md.
var machines = [...]struct{ name, node, ip, cable string }{
	{"cloud", "cloud", "10.0.0.1", "cable-c"},
	{"edge", "edge1", "10.0.0.2", "cable-e"},
}

// lab is two machines on one cable: network namespaces joined by a veth pair, each end of which
// sends no faster than a rate. Nothing outside sees them.
type lab struct {
	t    *testing.T
	http [len(machines)]*http.Client // whose calls come from there
}

// newLab makes a lab that lasts as long as the test.
func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t}
	for i, m := range machines {
		l.run("ip", "netns", "add", l.space(machine(i)))
		t.Cleanup(func() { l.run("ip", "netns", "del", l.space(machine(i))) })
		l.http[i] = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: l.dialer(machine(i))}}
		t.Cleanup(l.http[i].CloseIdleConnections)
		if i > 0 {
			peer := machines[0]
			l.run("ip", "link", "add", peer.cable, "netns", l.space(cloud), "type", "veth", "peer", "name", m.cable, "netns", l.space(edge))
		}
	}
	for i, m := range machines {
		in := l.space(machine(i))
		l.run("ip", "-n", in, "addr", "add", m.ip+"/24", "dev", m.cable)
		l.run("ip", "-n", in, "link", "set", "lo", "up")
		l.run("ip", "-n", in, "link", "set", m.cable, "up")
	}
	return l
}

// space is the name of a machine's namespace.
func (l *lab) space(m machine) string {
	return fmt.Sprintf("vidq-%d-%s", os.Getpid(), machines[m].name)
}

// run runs a command that has to work.
func (l *lab) run(name string, args ...string) {
	l.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(l.t, err, "%s %s: %s", name, strings.Join(args, " "), out)
}

// shape has both ends send no faster than that. With a larger burst it would be the bucket that
// is measured, not the rate.
func (l *lab) shape(mbit int) {
	l.t.Helper()
	for i, m := range machines {
		l.run("tc", "-n", l.space(machine(i)), "qdisc", "replace", "dev", m.cable, "root",
			"tbf", "rate", fmt.Sprintf("%dmbit", mbit), "burst", "5k", "latency", "400ms")
	}
}

// cut pulls the cable out, and mend puts it back.
func (l *lab) cut() { l.run("ip", "-n", l.space(cloud), "link", "set", machines[cloud].cable, "down") }

func (l *lab) mend() { l.run("ip", "-n", l.space(cloud), "link", "set", machines[cloud].cable, "up") }

// dialer connects from a machine: a thread enters its namespace to make the socket, which then
// stays there.
func (l *lab) dialer(from machine) func(ctx context.Context, network, addr string) (net.Conn, error) {
	type made struct {
		c   net.Conn
		err error
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		done := make(chan made, 1)
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread, which is elsewhere now, ends with the goroutine
			f, err := os.Open("/run/netns/" + l.space(from))
			if err == nil {
				err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET)
				_ = f.Close()
			}
			if err != nil {
				done <- made{nil, err}
				return
			}
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			done <- made{c, err}
		}()
		m := <-done
		return m.c, m.err
	}
}

// command returns a command that runs on a machine.
func (l *lab) command(m machine, name string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", l.space(m), name}, args...)...)
}
