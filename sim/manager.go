package sim

import (
	"vidq/core"
	"vidq/core/sched"
)

// manager drives the query manager: it is its Backend.
type manager struct {
	s     *Sim
	node  *node // where it runs
	m     *core.QueryManager
	chain core.Chain
	to    core.Backend // what its effects go to: the manager itself, unless a watch wants to see it
	epoch uint32       // counts its starts: wakes and saves of an earlier life are void
}

var _ core.Backend = (*manager)(nil)

// start makes a query manager from what the store holds.
func (m *manager) start() error {
	s := m.s
	sch, err := sched.New(s.o.Scheduler, s.deps)
	if err != nil {
		return err
	}
	if s.o.Clock != nil {
		sch = &timedScheduler{sch, s}
	}
	c := s.bed.ManagerConfig(sch, m.node.inc, func(node int) []core.ServiceView { return s.nodes[node].views() })
	if sched.Describe(s.o.Scheduler.Name).NeedsTruth {
		c.Truth = truth{s.bed.Truth, s}
	}
	m.epoch++
	snap := s.store.snapshot()
	m.m, m.to = core.NewQueryManager(c, snap), m
	if s.watch != nil {
		s.watch.restored(s.k.Now(), &snap)
		m.to = s.watch.backend(s, m.node.id, core.PartManager, m)
	}
	m.step(&s.ev.timer)
	return nil
}

// stop forgets the machine, and the saves that had not become durable.
func (m *manager) stop() {
	m.m = nil
	m.epoch++
	m.s.store.pending, m.s.store.first = m.s.store.pending[:0], 0
}

func (m *manager) step(ev core.Event) {
	if m.m == nil {
		return
	}
	m.m.Step(m.s.k.Now(), ev, &m.s.fx)
	m.s.fx.Drain(m.to)
}

// Record implements core.Backend.
func (m *manager) Record(r core.Record) {
	m.s.note(core.ManagerMachine, &m.chain, r)
	m.s.col.Add(r)
}

// Save implements core.Backend.
func (m *manager) Save(sv *core.Save) {
	st := &m.s.store
	st.pending = append(st.pending, *sv)
	m.s.k.Schedule(Event{At: m.s.k.Now() + st.delay, Key: key(kindSaved, m.node.index, sv.ID), Ref: m.epoch})
}

// Send implements core.Backend.
func (m *manager) Send(c *core.Send) {
	m.s.send(core.Address{Node: m.node.id, Part: core.PartManager}, c.To, c.Msg)
}

// Wake implements core.Backend.
func (m *manager) Wake(w *core.Wake) {
	m.s.k.Schedule(Event{At: w.At, Key: key(kindWake, m.node.index, wakeManager|uint64(m.epoch)), Ref: m.epoch})
}

// Capture implements core.Backend; a query manager captures nothing.
func (m *manager) Capture(*core.Capture) { panic("sim: a query manager has no camera") }

// Invoke implements core.Backend; a query manager calls nothing.
func (m *manager) Invoke(*core.Invoke) { panic("sim: a query manager calls no service") }

// Release implements core.Backend; a query manager holds no frame.
func (m *manager) Release(*core.Release) { panic("sim: a query manager holds no frame") }

// wakeManager marks the wakes of the manager, which shares its node's number with
// the node's job manager.
const wakeManager = 1 << 33

// timedScheduler measures how long decisions take, in wall time.
type timedScheduler struct {
	core.Scheduler
	s *Sim
}

// Schedule implements core.Scheduler.
func (t *timedScheduler) Schedule(v *core.View, d *core.Decision) {
	begin := t.s.o.Clock()
	t.Scheduler.Schedule(v, d)
	t.s.decisions.Add(t.s.o.Clock() - begin)
}
