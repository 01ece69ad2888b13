package live

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"vidq/core"
	"vidq/live/client"
	"vidq/live/serve"
	"vidq/live/sidechan"
	"vidq/live/wire"
)

// HTTP is how the nodes of a process are reached, and reach others. Zero fields take the
// defaults of the system's network.
type HTTP struct {
	Listen func(addr string) (net.Listener, error)
	// Dial returns how a node of an ip connects.
	Dial func(from netip.Addr) func(ctx context.Context, network, addr string) (net.Conn, error)

	Access    serve.Access
	TLS       *tls.Config // of servers; nil = plain HTTP
	ClientTLS *tls.Config // of calls
	Token     string      // that calls show
	Version   string
}

// ports are what a process listens at.
type ports struct {
	servers []*serve.Server
	clients []*client.Client
	group   sync.WaitGroup
	addrs   []Port
}

// Port is a port that a system listens at.
type Port struct {
	Node core.NodeID
	Port wire.Port
	Addr string
}

// Ports returns what the system listens at.
func (s *System) Ports() []Port { return s.ports.addrs }

func (p *ports) open(s *System) error {
	o := s.o.HTTP
	if o == nil {
		return nil
	}
	for _, h := range s.here {
		c := client.New(p.clientOptions(s, h))
		p.clients = append(p.clients, c)
		h.net = &remote{s: s, h: h, c: c}
		own := []serve.Handlers{serve.Work(jobs{h}, s.book), serve.Compute(&h.crew), serve.SideEdge(h.eyes.channel)}
		at := []wire.Port{wire.PortJobs, wire.PortServices, wire.PortSideEdge}
		if s.manages(h) {
			relay := sidechan.NewRelay(&http.Client{Transport: p.transport(s, h)}, s.manager.sideAddr)
			own = append(own, serve.Manager(s.manager, s.manager, s.book), serve.SideCloud(s.manager, relay))
			at = append(at, wire.PortManager, wire.PortSideCloud)
		}
		for i := range own {
			if err := p.serve(s, h, at[i], own[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *ports) clientOptions(s *System, h *host) client.Options {
	o := s.o.HTTP
	c := client.Options{Book: s.book, Token: o.Token, TLS: o.ClientTLS}
	if ip, err := netip.ParseAddr(s.book.ip(h.id)); err == nil {
		c.From = ip
		if o.Dial != nil {
			c.Dial = o.Dial(ip)
		}
	}
	return c
}

// transport is what the cloud's relay calls nodes' side channels by.
func (p *ports) transport(s *System, h *host) http.RoundTripper {
	o := p.clientOptions(s, h)
	return &http.Transport{DialContext: o.Dial, TLSClientConfig: o.TLS, DisableCompression: true, DisableKeepAlives: true, ResponseHeaderTimeout: 10 * time.Second}
}

// serve listens at a port of a node.
func (p *ports) serve(s *System, h *host, at wire.Port, handlers serve.Handlers) error {
	o := s.o.HTTP
	addr := s.book.at(h.id, at)
	listen := o.Listen
	if listen == nil {
		listen = func(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }
	}
	l, err := listen(addr)
	if err != nil {
		return fmt.Errorf("node %q cannot listen at %s: %w%s", h.id, addr, err, advice(err))
	}
	server, err := serve.New(handlers, serve.Options{
		Version: o.Version, Access: o.Access, TLS: o.TLS, Log: s.o.Log.With("node", h.id, "port", int(at)),
		Epoch: s.clock.Wall(0), Ready: func(context.Context) error { return s.ready(h, at) },
	})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	if err := server.Admissible(l.Addr()); err != nil {
		return errors.Join(err, l.Close())
	}
	p.servers = append(p.servers, server)
	p.addrs = append(p.addrs, Port{h.id, at, addr})
	p.group.Go(func() {
		if err := server.Serve(l); err != nil {
			s.failed(fmt.Errorf("node %q no longer listens at %s: %w", h.id, addr, err))
		}
	})
	return nil
}

// advice is what to do about an address that cannot be had.
func advice(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "; is another vidq-live running?"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "; this machine has no such address: run here only the nodes that are (--node), or say where they are (--addr)"
	}
	return ""
}

// ready tells why a port's part cannot do its work yet.
func (s *System) ready(h *host, at wire.Port) error {
	if h.alive() == nil {
		return wire.Errorf(http.StatusServiceUnavailable, "node %q is not up yet", h.id)
	}
	if at == wire.PortManager && s.manager.alive() == nil {
		return wire.Errorf(http.StatusServiceUnavailable, "the query manager is not up yet")
	}
	return nil
}

// close ends the requests under way, and all connections.
func (p *ports) close(ctx context.Context) {
	var all sync.WaitGroup
	for _, server := range p.servers {
		all.Go(func() { _ = server.Shutdown(ctx) }) // whom it breaks off when ctx ends has no answer
	}
	all.Wait()
	p.group.Wait()
	for _, c := range p.clients {
		c.Close()
	}
}

// UpdateAddr implements serve.SideChannel: a query's video is where its node is.
func (m *manager) UpdateAddr(ctx context.Context, _ serve.Caller, q core.QueryID, addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return wire.Errorf(http.StatusUnprocessableEntity, "node_addr is no ip:port")
	}
	node, ok := m.sys.book.NodeAt(host)
	if !ok {
		return wire.Errorf(http.StatusNotFound, "there is no node at %s; only nodes that have joined or stand in the scenario can be watched", host)
	}
	saved, _, err := m.query(ctx, q)
	if err == nil && saved.Query.Node != node {
		err = wire.Errorf(http.StatusConflict, "query %s is at node %q, not at %q", wire.FormatID(q), saved.Query.Node, node)
	}
	return err
}

// sideAddr returns where a query's video is.
func (m *manager) sideAddr(q core.QueryID) (addr string, ok bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	saved, _, err := m.query(ctx, q)
	if err != nil || saved.State.Ended() {
		return "", false
	}
	addr = m.sys.book.at(saved.Query.Node, wire.PortSideEdge)
	return addr, addr != ""
}
