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

// lab is two machines on one cable: network namespaces joined by a veth pair, each end of which
// sends no faster than a rate.
type lab struct {
	t    *testing.T
	name [2]string // of the namespaces
	dev  [2]string
	ip   [2]string
	http [2]*http.Client // whose calls come from there
}

// The machines.
const (
	cloud = iota
	edge
)

// burst and queue of the shapers. With a larger burst the bucket is measured, not the rate.
var shape = []string{"burst", "5k", "latency", "400ms"}

// newLab makes a lab, which the test's end removes. Without the right to make it the test says so
// and is over.
func newLab(t *testing.T) *lab {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces and tc are root's; run the test as root: sudo make netns")
	}
	l := &lab{t: t}
	for i, end := range []string{"c", "e"} {
		l.name[i] = fmt.Sprintf("vidq%d%s", os.Getpid(), end)
		l.dev[i] = "cable-" + end
		l.ip[i] = fmt.Sprintf("10.213.77.%d", 1+i)
		l.run("ip", "netns", "add", l.name[i])
		t.Cleanup(func() { l.run("ip", "netns", "del", l.name[i]) })
	}
	l.run("ip", "link", "add", l.dev[0], "netns", l.name[0], "type", "veth", "peer", "name", l.dev[1], "netns", l.name[1])
	for i := range l.name {
		l.run("ip", "-n", l.name[i], "addr", "add", l.ip[i]+"/24", "dev", l.dev[i])
		l.run("ip", "-n", l.name[i], "link", "set", "lo", "up")
		l.run("ip", "-n", l.name[i], "link", "set", l.dev[i], "up")
		l.http[i] = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DialContext: l.dialer(i)}}
		t.Cleanup(l.http[i].CloseIdleConnections)
	}
	return l
}

// run runs a command that has to work.
func (l *lab) run(name string, args ...string) {
	l.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(l.t, err, "%s %s: %s", name, strings.Join(args, " "), out)
}

// rate shapes both ends.
func (l *lab) rate(mbit int) {
	l.t.Helper()
	for i := range l.name {
		args := append([]string{"-n", l.name[i], "qdisc", "replace", "dev", l.dev[i], "root", "tbf", "rate", fmt.Sprintf("%dmbit", mbit)}, shape...)
		l.run("tc", args...)
	}
}

// cut cuts the cable, or mends it.
func (l *lab) cut(cut bool) {
	l.t.Helper()
	l.run("ip", "-n", l.name[cloud], "link", "set", l.dev[cloud], map[bool]string{true: "down", false: "up"}[cut])
}

// dialer connects from one of the machines: a thread enters its namespace for the time in which the
// socket is made, to which the namespace then sticks.
func (l *lab) dialer(machine int) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		type made struct {
			c   net.Conn
			err error
		}
		done := make(chan made, 1)
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, in whichever namespace
			f, err := os.Open("/run/netns/" + l.name[machine])
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

// command returns a command that runs on one of the machines.
func (l *lab) command(ctx context.Context, machine int, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", l.name[machine], name}, args...)...)
}
