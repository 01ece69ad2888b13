// Package world is the truth in motion: services at work, devices that are shared,
// links that are filled, and every random draw. Its components are pure machines
// that are told the time. The simulator steps them from its heap of events, the
// emulated live system from timers, and both see the same world.
//
// # Reading guide
//
// Start with these three files:
//
//   - device.go: how jobs share a cpu or a gpu, and the virtual clock behind it
//   - service.go: workers, queue, batches, models
//   - link.go: how transfers share a rate that changes
//
// Around them: node.go (a machine: cpu, gpu, services, energy), stream.go (keyed
// randomness), normal.go (normal draws), noise.go (the noise of work), heap.go and
// fifo.go (what they are made of). The formulas with their sources and limits are
// in docs/model.md.
//
// # The shape of a component
//
// A Node and a Link are used alike:
//
//	n.Call(now, ...)           something is put in, at a time that is not before any earlier one
//	at := n.Next()             when to come back if nothing else happens; core.Never = no need
//	for n.Pop(now, &d) { ... } at that time: what has come to its end
//
// After whatever was called, Next may have changed: a driver keeps one timer for each
// component and arms it with Next after every call. What comes to its end is told
// with the caller's id. A driver that is late (a real timer always is) gets the same
// answers, stamped with their own times, as long as it pops before it calls anything
// else. Nothing is allocated in steady state, and nothing is safe for concurrent use.
//
// # Exactness
//
// Time is integer ns, and so are virtual clocks, in finer units. Shares of a device are
// integers of 2^-20, bytes are whole. What is not stretched ends exactly when it
// should: a deterministic pipeline is exact to the ns. What is stretched ends at the
// first ns at which its work is done; the clock is cut off below 2^-16 ns (2^-30
// byte) at each change. Results of components do not depend on the order of calls at
// one instant, except where the order is a queue's or the caller frees what it
// then asks for.
package world
