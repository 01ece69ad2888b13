// Package pipenet is a network in memory, made of net.Pipe: what package serve serves
// and package client calls runs over it as over TCP, but in a testing/synctest
// bubble, where sockets hang. Addresses are ip:port as anywhere, so that who is on the loopback and which node
// calls is seen as on a real network.
//
// A pipe holds nothing back: a byte that was written has been read. Nothing takes
// time; delays are the caller's to put in between.
package pipenet

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
)

// Net is a network. Its zero value has nobody on it.
type Net struct {
	mu        sync.Mutex
	listeners map[netip.AddrPort]*listener
	port      uint16 // the last that was given out
}

// firstPort is the first port that is given out, as IANA has it (RFC 6335).
const firstPort = 49152

// free returns a port that nobody asked for. The caller holds mu.
func (n *Net) free() uint16 {
	n.port = max(n.port+1, firstPort) // begins anew after 65535
	return n.port
}

// Listen takes connections to ip:port; port 0 takes one that is free, ip 0.0.0.0
// those to every ip. Errors are those of net.Listen: an address that is in use.
func (n *Net) Listen(addr string) (net.Listener, error) {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Err: err}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if at.Port() == 0 {
		at = netip.AddrPortFrom(at.Addr(), n.free())
	}
	if n.listeners[at] != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: net.TCPAddrFromAddrPort(at), Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	}
	l := &listener{net: n, at: at, calls: make(chan net.Conn), closed: make(chan struct{})}
	if n.listeners == nil {
		n.listeners = map[netip.AddrPort]*listener{}
	}
	n.listeners[at] = l
	return l, nil
}

// Dialer returns the dial function of who has an ip, as http.Transport.DialContext
// takes it. It connects when the other side accepts, and is refused if nobody listens.
func (n *Net) Dialer(from netip.Addr) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		to, err := netip.ParseAddrPort(addr)
		if err != nil {
			return nil, &net.OpError{Op: "dial", Net: network, Err: err}
		}
		n.mu.Lock()
		l := n.listeners[to]
		if l == nil {
			l = n.listeners[netip.AddrPortFrom(netip.IPv4Unspecified(), to.Port())]
		}
		near := net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, n.free()))
		n.mu.Unlock()
		far := net.TCPAddrFromAddrPort(to)
		fail := func(err error) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: network, Source: near, Addr: far, Err: err}
		}
		if l == nil {
			return fail(os.NewSyscallError("connect", syscall.ECONNREFUSED))
		}
		a, b := net.Pipe()
		select {
		case l.calls <- &conn{Conn: b, near: far, far: near}:
			return &conn{Conn: a, near: near, far: far}, nil
		case <-l.closed:
			return fail(os.NewSyscallError("connect", syscall.ECONNREFUSED))
		case <-ctx.Done():
			return fail(ctx.Err())
		}
	}
}

// listener is a net.Listener.
type listener struct {
	net    *Net
	at     netip.AddrPort
	calls  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// Accept waits for a connection.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.calls:
		return c, nil
	case <-l.closed:
		return nil, fmt.Errorf("accept %s: %w", l.at, net.ErrClosed)
	}
}

// Close gives the address back. Connections stay.
func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.net.mu.Lock()
		defer l.net.mu.Unlock()
		delete(l.net.listeners, l.at)
	})
	return nil
}

// Addr returns where it listens.
func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.at) }

// conn is a pipe's end with addresses.
type conn struct {
	net.Conn
	near, far net.Addr
}

// LocalAddr returns the address of this end.
func (c *conn) LocalAddr() net.Addr { return c.near }

// RemoteAddr returns the address of the other end.
func (c *conn) RemoteAddr() net.Addr { return c.far }
