package resource

import (
	"os/exec"
	"syscall"
)

// bind makes a command the head of a group of its own, which is killed as a whole when its
// context ends, and has the kernel kill the command when this process dies.
func bind(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}
