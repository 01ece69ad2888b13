//go:build !linux

package video

import "syscall"

// attributes are the system's own: only Linux can tie a child to its parent.
func attributes() *syscall.SysProcAttr { return nil }
