package video

import "syscall"

// attributes let the kernel kill ffmpeg when vidq dies, and keep a Ctrl-C that is meant
// for vidq away from it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
