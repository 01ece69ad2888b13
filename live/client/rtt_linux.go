package client

import (
	"crypto/tls"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// roundTrip returns the smallest round trip time of a connection's packets in the last minutes, as
// TCP has measured it (tcp(7), TCP_INFO); 0 = not known.
func roundTrip(c net.Conn) (rtt time.Duration) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	s, ok := c.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) { // a closed connection tells nothing
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil && info.Min_rtt < 1<<31 { // all ones before the first
			rtt = time.Duration(info.Min_rtt) * time.Microsecond
		}
	})
	return rtt
}
