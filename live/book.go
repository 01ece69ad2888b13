package live

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync"

	"vidq/core"
	"vidq/live/serve"
	"vidq/live/wire"
	"vidq/scenarios/testbed"
)

// book is who is where: a node is (id, ip), ports are the same on every node unless the
// scenario says another for its job manager. Addresses come from the scenario and from nodes that have
// joined; only what stands here is ever called.
type book struct {
	mu      sync.RWMutex
	base    int // added to every port
	manager string
	nodes   map[core.NodeID]*entry
}

// entry is a node in the book.
type entry struct {
	id      core.NodeID
	role    core.Role
	jobs    netip.AddrPort // of its job manager
	fixed   bool           // the scenario says it
	cameras []core.Camera
}

// newBook returns the book of a testbed. In one process the cloud's ports 5000 and 5100 and the
// first edge are on 127.0.0.1, the cloud's others on 127.0.0.2, further nodes on 127.0.0.3 and up.
func newBook(bed *testbed.Testbed, base int) *book {
	b := &book{base: base, nodes: map[core.NodeID]*entry{}}
	next := 3
	first := true
	for i := range bed.Nodes {
		n := &bed.Nodes[i]
		e := &entry{id: n.ID, role: n.Spec.Role}
		ip := netip.AddrFrom4([4]byte{127, byte(next >> 16), byte(next >> 8), byte(next)})
		switch {
		case i == bed.Manager:
			ip = netip.AddrFrom4([4]byte{127, 0, 0, 2})
		case first:
			ip, first = netip.AddrFrom4([4]byte{127, 0, 0, 1}), false
		default:
			next++
		}
		e.jobs = netip.AddrPortFrom(ip, b.port(wire.PortJobs))
		if n.Spec.Addr.IsValid() {
			e.jobs, e.fixed = n.Spec.Addr, true
		}
		for _, c := range n.Cameras {
			e.cameras = append(e.cameras, bed.Cameras[c].Spec.Camera)
		}
		b.nodes[n.ID] = e
	}
	m := b.nodes[bed.Nodes[bed.Manager].ID]
	ip := m.jobs.Addr()
	if !m.fixed {
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	b.manager = ip.String()
	return b
}

func (b *book) port(p wire.Port) uint16 { return uint16(int(p) + b.base) }

// jobs returns where a node's job manager is.
func (b *book) jobs(n core.NodeID) (at netip.AddrPort) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if e := b.nodes[n]; e != nil {
		at = e.jobs
	}
	return at
}

// ip returns a node's ip, "" = not known.
func (b *book) ip(n core.NodeID) string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if e := b.nodes[n]; e != nil {
		return e.jobs.Addr().String()
	}
	return ""
}

// at returns a node's port, "" = the node is not known. The query manager's and the cloud's side
// channel's are those of the manager.
func (b *book) at(n core.NodeID, p wire.Port) string {
	ip := b.ip(n)
	switch {
	case p == wire.PortManager || p == wire.PortSideCloud:
		ip = b.manager
	case ip == "":
		return ""
	case p == wire.PortJobs:
		return b.Addr(n)
	}
	return net.JoinHostPort(ip, strconv.Itoa(int(b.port(p))))
}

// Addr implements wire.Book.
func (b *book) Addr(n core.NodeID) string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if e := b.nodes[n]; e != nil {
		return e.jobs.String()
	}
	return ""
}

// NodeAt implements wire.Book.
func (b *book) NodeAt(addr string) (core.NodeID, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	ip, err := netip.ParseAddr(addr)
	at, err2 := netip.ParseAddrPort(addr)
	for id, e := range b.nodes {
		if err2 == nil && e.jobs == at || err == nil && e.jobs.Addr() == ip {
			return id, true
		}
	}
	return "", false
}

// Role implements wire.Book.
func (b *book) Role(n core.NodeID) core.Role {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if e := b.nodes[n]; e != nil {
		return e.role
	}
	return core.RoleEdge
}

// cameras returns a node's cameras in the order of their numbers.
func (b *book) cameras(n core.NodeID) []core.Camera {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if e := b.nodes[n]; e != nil {
		return slices.Clone(e.cameras)
	}
	return nil
}

// Video implements wire.Book.
func (b *book) Video(n core.NodeID, c core.CameraID) (int, bool) {
	i := slices.IndexFunc(b.cameras(n), func(k core.Camera) bool { return k.ID == c })
	return i, i >= 0
}

// Camera implements wire.Book.
func (b *book) Camera(n core.NodeID, video int) (core.CameraID, bool) {
	all := b.cameras(n)
	if video < 0 || video >= len(all) {
		return "", false
	}
	return all[video].ID, true
}

// join enters a node that joins. An address that a node tells is believed only if it is the
// scenario's or the caller has proved to be the node, else it is where the call came from. One id from
// a second address is a conflict until the first is down.
func (b *book) join(j *core.Join, c serve.Caller, at serve.Reached, up bool) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.nodes[j.Node]
	addr := at.Seen
	if told, err := netip.ParseAddrPort(at.Told); err == nil && (c.Node == j.Node || e != nil && e.jobs == told) {
		addr = told
	}
	switch {
	case e == nil:
		e = &entry{id: j.Node}
		b.nodes[j.Node] = e
	case e.jobs == addr:
	case up:
		return "", wire.Errorf(http.StatusConflict, "node %q is at %s and up; stop it there or give this one another id", j.Node, e.jobs)
	}
	e.jobs, e.role, e.cameras = addr, j.Role, slices.Clone(j.Cameras)
	return e.jobs.String(), nil
}
