package emu

import (
	"context"
	"slices"
	"sync"

	"vidq/core"
	"vidq/kb"
	"vidq/kb/world"
	"vidq/live/loop"
	"vidq/scenarios"
	"vidq/scenarios/testbed"
)

// World is the world of a testbed, emulated: its nodes' devices and services and its
// links, with the faults that befall them. It may be used by any number of goroutines.
type World struct {
	bed   *testbed.Testbed
	clock loop.Clock
	nodes []*Node
	links []*Link // by direction
	local []*Link // by node: between its parts

	mu      sync.Mutex
	traffic []testbed.Traffic // by direction
	inForce []bool            // by fault
}

// NewWorld makes the world of a testbed, at t = 0 of the clock.
func NewWorld(clock loop.Clock, bed *testbed.Testbed) *World {
	w := &World{bed: bed, clock: clock, inForce: make([]bool, len(bed.Scenario.Faults))}
	for i := range bed.Nodes {
		w.nodes = append(w.nodes, NewNode(clock, bed.Nodes[i].World))
		w.local = append(w.local, NewLink(clock, world.LinkConfig{Rate: kb.Constant(1), Delay: testbed.LocalDelay}))
	}
	for i := range bed.Links {
		w.links = append(w.links, NewLink(clock, bed.Links[i].World))
		w.traffic = append(w.traffic, bed.Traffic(i))
	}
	return w
}

// Node returns the devices and services of a node, by its index.
func (w *World) Node(i int) *Node { return w.nodes[i] }

// Link returns a direction, by its index.
func (w *World) Link(i int) *Link { return w.links[i] }

// Linked reports whether two nodes are joined both ways.
func (w *World) Linked(a, b int) bool {
	return w.bed.Direction(a, b) >= 0 && w.bed.Direction(b, a) >= 0
}

// Message sends a control message between nodes, by their indices: deliver is called
// when it arrives, never if it is lost, and must not block. Between the parts of one node it takes
// testbed.LocalDelay and is not lost; without a link it is. Messages of one direction that arrive
// at one instant do so in the order in which they were sent.
func (w *World) Message(from, to int, m core.Message, deliver func()) {
	if from == to {
		w.local[from].Message(0, deliver)
		return
	}
	d := w.bed.Direction(from, to)
	if d < 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, key := w.traffic[d].Next(m)
	if !w.lost(from, to, key) {
		w.links[d].Message(key, deliver)
	}
}

// lost draws whether a fault makes a message vanish.
func (w *World) lost(from, to int, key world.Key) bool {
	a, b := w.bed.Nodes[from].ID, w.bed.Nodes[to].ID
	for i := range w.bed.Scenario.Faults {
		f := &w.bed.Scenario.Faults[i]
		if !w.inForce[i] || f.Kind != scenarios.FaultMessageLoss || f.Node != "" && f.Node != a && f.Node != b {
			continue
		}
		if f.Link[0] != "" && f.Link != [2]core.NodeID{a, b} && f.Link != [2]core.NodeID{b, a} {
			continue
		}
		if testbed.LostByFault(key, i, f.Loss) {
			return true
		}
	}
	return false
}

// Transfer sends bytes from one node to another and returns when they have arrived, see
// Link.Transfer. The nodes must be linked.
func (w *World) Transfer(ctx context.Context, from, to int, id uint64, bytes float64, key world.Key) error {
	return w.links[w.bed.Direction(from, to)].Transfer(ctx, id, bytes, key)
}

// Fault begins or ends a fault of the scenario, as far as it befalls links and
// services; those of nodes and of the store are their owner's to follow.
func (w *World) Fault(i int, begin bool) {
	w.mu.Lock()
	w.inForce[i] = begin
	inForce := append([]bool(nil), w.inForce...)
	w.mu.Unlock()
	f := &w.bed.Scenario.Faults[i]
	switch f.Kind {
	case scenarios.FaultLinkDown, scenarios.FaultLinkDegraded:
		a, b := w.bed.Node(f.Link[0]), w.bed.Node(f.Link[1])
		w.impair(w.bed.Direction(a, b), inForce)
		w.impair(w.bed.Direction(b, a), inForce)
	case scenarios.FaultServiceDown, scenarios.FaultServiceSlow:
		for n := range w.nodes {
			if f.Node == "" || f.Node == w.bed.Nodes[n].ID {
				w.hamper(n, f.Service, inForce)
			}
		}
	}
}

func (w *World) impair(direction int, inForce []bool) {
	if direction >= 0 {
		w.links[direction].With(func(now core.Time, l *world.Link) { w.bed.Impair(now, direction, inForce, l) })
	}
}

func (w *World) hamper(node int, service string, inForce []bool) {
	w.nodes[node].With(func(now core.Time, n *world.Node) { w.bed.Hamper(now, node, service, inForce, n) })
}

// Down takes a node's devices and services down, with all that they have under way.
func (w *World) Down(node int) {
	w.nodes[node].With(func(now core.Time, n *world.Node) { n.SetDown(now, true) })
}

// Up brings a node's devices and services back, but for those that a fault keeps down.
func (w *World) Up(node int) {
	w.nodes[node].With(func(now core.Time, n *world.Node) { n.SetDown(now, false) })
	w.mu.Lock()
	inForce := append([]bool(nil), w.inForce...)
	w.mu.Unlock()
	for i := range w.bed.Scenario.Faults {
		if f := &w.bed.Scenario.Faults[i]; inForce[i] && f.Kind == scenarios.FaultServiceDown {
			w.hamper(node, f.Service, inForce)
		}
	}
}

// Close stops all; nothing ends or arrives any more.
func (w *World) Close() {
	for _, n := range w.nodes {
		n.Close()
	}
	for _, l := range slices.Concat(w.links, w.local) {
		l.Close()
	}
}
