package live

import (
	"log/slog"
	"sync"

	"vidq/core"
	"vidq/kb/world"
	"vidq/live/emu"
	"vidq/live/loop"
	"vidq/scenarios/testbed"
)

// host is a node that lives in this process: its job manager (agent.go), the frames that
// its jobs hold (frame.go), its calls (call.go) and its compute services (crew.go).
type host struct {
	sys   *System
	index int
	id    core.NodeID
	name  string // of its job manager in traces
	bed   *testbed.Node
	dev   *emu.Node
	net   Network
	log   *slog.Logger
	crew  crew
	eyes  eyes

	mu    sync.Mutex // of what follows
	agent *agent     // nil = down
	downs int        // faults that keep it down

	// What follows belongs to the agent's loop, and while there is none to who starts it.
	queries   map[core.QueryID]*query
	encodings map[encodingOf]*encoding // of the frames that are held
	sampled   core.Sampled
	busy      map[int]core.Time // of the links, as the sample before saw it
	counts    counts
	crossings crossings
	plans     plans
	slot      uint32 // of the last call
}

func newHost(s *System, index int) *host {
	bed := &s.bed.Nodes[index]
	h := &host{
		sys: s, index: index, id: bed.ID, name: core.JobsMachine(bed.ID), bed: bed, dev: s.world.Node(index), log: s.o.Log.With("node", bed.ID),
		queries: map[core.QueryID]*query{}, encodings: map[encodingOf]*encoding{}, busy: map[int]core.Time{},
	}
	h.sampled.Capacity = bed.World.Capacity
	h.crew.init(h)
	h.eyes.init(h)
	return h
}

// start begins a life of the node, unless a fault keeps it down.
func (h *host) start() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.agent != nil || h.downs > 0 {
		return false
	}
	a := &agent{h: h, life: newLife(), inc: h.sys.o.Incarnation(h.id)}
	a.jobs = core.NewJobManager(h.sys.bed.JobConfig(h.index, a.inc, h.views()))
	a.loop = loop.New(h.sys.clock, a, a)
	h.agent = a
	h.sys.group.Go(func() { a.loop.Run(a.ctx) })
	a.sampleAt(h.sys.clock.Now() + core.Second)
	return true
}

// alive returns the node's agent; nil while it is down.
func (h *host) alive() *agent {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.agent
}

// views tells how the node's services run now.
func (h *host) views() []core.ServiceView {
	var all []core.ServiceView
	h.dev.With(func(now core.Time, w *world.Node) {
		for i := range h.bed.Services {
			all = append(all, w.ServiceSample(now, i).ServiceView)
		}
	})
	return all
}

// fail takes the node down: what it had is gone, and the frames that its jobs held are
// lost.
func (h *host) fail() {
	h.mu.Lock()
	a := h.agent
	h.agent = nil
	h.downs++
	h.mu.Unlock()
	h.sys.world.Down(h.index)
	if a == nil {
		return
	}
	a.cancel(errDown)
	<-a.loop.Done()
	for _, q := range h.inOrder() {
		q.lose(h.sys.clock.Now())
	}
}

// recover ends what took the node down, and reports whether it starts again: nothing else
// keeps it down.
func (h *host) recover() bool {
	h.mu.Lock()
	h.downs--
	down := h.downs > 0
	h.mu.Unlock()
	if down {
		return false
	}
	h.sys.world.Up(h.index)
	if !h.start() {
		return false
	}
	a := h.alive()
	a.loop.Do(a.sample) // of its last life and the outage, so that the next one is of this life alone
	return true
}
