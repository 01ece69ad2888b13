package sim

import "vidq/core"

// watch sees everything that passes between the machines and the world. It is for
// tests, which hold invariants with it; a run has none.
type watch interface {
	// told is called before a job manager is told an event.
	told(now core.Time, node core.NodeID, ev core.Event)
	// backend returns what a machine's effects go to instead of b.
	backend(s *Sim, node core.NodeID, part core.Part, b core.Backend) core.Backend
	// stored is called when a save has become durable.
	stored(now core.Time, sv *core.Save)
	// restored is called when a query manager is built from a snapshot.
	restored(now core.Time, snap *core.Snapshot)
	// crashed is called when a node has gone down.
	crashed(node core.NodeID)
}
