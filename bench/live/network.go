package main

import (
	"context"
	"net"
	"net/netip"
	"sync"
)

// network is the loopback with ports of its own: an address of a node is a free port, so that a
// benchmark does not disturb a system that runs.
type network struct {
	mu sync.Mutex
	at map[string]string // real address by a node's
}

func newNetwork() *network { return &network{at: map[string]string{}} }

func (n *network) listen(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err == nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.at[addr] = l.Addr().String()
	}
	return l, err
}

func (n *network) dial(from netip.Addr) func(ctx context.Context, network, addr string) (net.Conn, error) {
	d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: from.AsSlice()}}
	return func(ctx context.Context, kind, addr string) (net.Conn, error) {
		n.mu.Lock()
		at := n.at[addr]
		n.mu.Unlock()
		return d.DialContext(ctx, kind, at)
	}
}
