package emu

import (
	"context"

	"vidq/core"
	"vidq/kb/world"
	"vidq/live/loop"
)

// Node is a machine of the testbed, emulated. It may be used by any number of
// goroutines.
type Node struct {
	p       pump
	w       *world.Node
	waiting map[uint64]chan world.Done
	done    world.Done // scratch
}

// NewNode makes a node that is up.
func NewNode(clock loop.Clock, c world.NodeConfig) *Node {
	n := &Node{w: world.NewNode(c), waiting: map[uint64]chan world.Done{}}
	n.p = pump{clock: clock, due: core.Never, next: n.w.Next, drain: n.drain}
	return n
}

// drain tells those who wait of all that has ended.
func (n *Node) drain(now core.Time) {
	for n.w.Pop(now, &n.done) {
		if ch, ok := n.waiting[n.done.ID]; ok {
			delete(n.waiting, n.done.ID)
			ch <- n.done // has room for one
		}
	}
}

// Run does plain work on the node's cpu and returns when it has ended, or ctx, in
// which case it goes on for nobody. The id must be below 2^63 and not in use at the
// node; of what ends at one instant the lower id ends first.
func (n *Node) Run(ctx context.Context, id uint64, work core.Time, cores float64) (world.Done, error) {
	now := n.p.enter()
	ch := n.expect(id)
	n.w.Run(now, id, work, cores)
	n.p.leave()
	return wait(ctx, ch)
}

// Call asks a service of the node, by its number, for a piece of work and returns
// when it is done. The error is a context's; why a service did not do it is in Err.
func (n *Node) Call(ctx context.Context, service int, r world.Request) (world.Done, error) {
	now := n.p.enter()
	ch := n.expect(r.ID)
	err := n.w.Call(now, service, r)
	if err != core.CallOK {
		delete(n.waiting, r.ID)
	}
	n.p.leave()
	if err != core.CallOK {
		return world.Done{ID: r.ID, Service: service, At: now, Err: err}, nil
	}
	return wait(ctx, ch)
}

// expect makes room for the answer to what is put in under that id.
func (n *Node) expect(id uint64) chan world.Done {
	ch := make(chan world.Done, 1)
	n.waiting[id] = ch
	return ch
}

func wait(ctx context.Context, ch chan world.Done) (world.Done, error) {
	select {
	case d := <-ch:
		return d, nil
	case <-ctx.Done():
		return world.Done{}, ctx.Err()
	}
}

// With calls f with the node at the present instant: to sample it, or to change how it
// runs. f must not keep it.
func (n *Node) With(f func(now core.Time, w *world.Node)) {
	f(n.p.enter(), n.w)
	n.p.leave()
}

// Close stops the node's timer; nothing ends there any more.
func (n *Node) Close() { n.p.close() }
