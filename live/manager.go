package live

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"vidq/core"
	"vidq/core/sched"
	"vidq/live/loop"
	"vidq/live/store"
)

// Store keeps what the query manager must not forget. Open gives one of package store.
type Store interface {
	// Load returns what the store holds.
	Load(ctx context.Context) (core.Snapshot, error)
	// Latest returns the newest n results of a query's done frames, ascending.
	Latest(ctx context.Context, q core.QueryID, n int) ([]store.Result, error)
	// Done returns how many done frames of each query are stored.
	Done(ctx context.Context) (map[core.QueryID]int64, error)
	// Saver makes saves durable one after the other. answer is called once for each, in
	// their order.
	Saver(answer func(core.Saved)) Saver
}

// Saver makes saves durable.
type Saver interface {
	// Save must not block.
	Save(*core.Save)
	// Close has all that waits made durable, or refused when ctx ends.
	Close(ctx context.Context) error
}

// manager is the node that runs the query manager: its lives follow the host's. It implements
// serve.Queries (queries.go) and serve.Nodes (nodes.go).
type manager struct {
	sys  *System
	host *host

	mu        sync.Mutex // of what follows
	reign     *reign     // nil = down
	fatal     []func()   // crashes that wait for a save
	asked     uint64     // requests of users
	done      map[core.QueryID]int64
	originals map[core.NodeID]*original

	counts  counts
	plans   plans
	failing atomic.Int32 // store faults in force
}

func newManager(s *System, h *host) *manager {
	return &manager{sys: s, host: h, done: map[core.QueryID]int64{}, originals: map[core.NodeID]*original{}}
}

// reign is one life of the query manager: the machine, and its Backend.
type reign struct {
	*life
	m     *manager
	inc   core.Incarnation
	core  *core.QueryManager
	saver Saver
	now   core.Time   // of the step under way; the loop's goroutine's
	saves []core.Save // under way, oldest first; likewise
}

var _ core.Backend = (*reign)(nil)

// start begins a life of the query manager from what the store holds.
func (m *manager) start(ctx context.Context) error {
	s := m.sys
	sch, err := sched.New(s.o.Scheduler, s.o.Scenario.Deps(s.o.Seed))
	if err != nil {
		return err
	}
	snap, err := s.o.Store.Load(ctx)
	if err != nil {
		return err
	}
	a := m.host.alive()
	r := &reign{m: m, life: newLife(), inc: a.inc}
	c := s.bed.ManagerConfig(sch, r.inc, s.views)
	r.core = core.NewQueryManager(c, snap)
	done, err := s.o.Store.Done(ctx)
	if err != nil {
		return err
	}
	for i := range snap.Queries {
		s.learn(&snap.Queries[i].Query)
		m.plans.add(snap.Queries[i].Query.ID, snap.Queries[i].Plan)
	}
	r.loop = loop.New(s.clock, r, r)
	r.saver = s.o.Store.Saver(r.saved)
	m.mu.Lock()
	m.reign, m.done = r, done
	m.mu.Unlock()
	s.group.Go(func() { r.loop.Run(r.ctx) })
	return nil
}

// stop ends the life of the query manager.
func (m *manager) stop(why error) {
	m.mu.Lock()
	r := m.reign
	m.reign = nil
	m.mu.Unlock()
	if r != nil {
		r.cancel(why)
		<-r.loop.Done()
	}
}

// alive returns the manager's life; nil while it is down.
func (m *manager) alive() *reign {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reign
}

// Step implements core.Machine.
func (r *reign) Step(now core.Time, ev core.Event, fx *core.Effects) {
	if r.ctx.Err() != nil {
		return // it has crashed
	}
	r.now = now
	r.core.Step(now, ev, fx)
}

// Record implements core.Backend.
func (r *reign) Record(rec core.Record) {
	m := r.m
	m.sys.books.note(core.ManagerMachine, rec)
	m.sys.books.add(rec)
	if rec, ok := rec.(*core.RoundRecord); ok && m.sys.o.Round != nil {
		m.sys.o.Round(rec)
	}
}

// Save implements core.Backend.
func (r *reign) Save(s *core.Save) {
	r.saves = append(r.saves, *s)
	if r.m.failing.Load() > 0 {
		id := s.ID
		r.m.sys.clock.At(r.now+r.m.sys.o.Scenario.Store.Delay, func() {
			r.saved(core.Saved{ID: id, Err: "the store does not accept writes"})
		})
		return
	}
	r.saver.Save(s)
}

// Wake implements core.Backend.
func (r *reign) Wake(w *core.Wake) { r.loop.Wake(w.At) }

// Capture implements core.Backend; a query manager captures nothing.
func (*reign) Capture(*core.Capture) { panic("live: a query manager has no camera") }

// Invoke implements core.Backend; a query manager calls nothing.
func (*reign) Invoke(*core.Invoke) { panic("live: a query manager calls no service") }

// Release implements core.Backend; a query manager holds no frame.
func (*reign) Release(*core.Release) { panic("live: a query manager holds no frame") }

// Send implements core.Backend.
func (r *reign) Send(s *core.Send) {
	m := r.m
	if t, ok := answerTicket(s.To.Node, s.Msg); ok {
		msg := s.Msg
		m.sys.message(m.host.id, s.To.Node, msg, func() { r.exchange.give(t, msg) })
		return
	}
	letter := &Letter{Msg: s.Msg}
	if u, ok := s.Msg.(*core.UpdatePlan); ok {
		if q, ok := r.core.Query(u.Query); ok {
			letter.Query = &q.Query
		}
	}
	m.sys.tell(r.life, m.host.net, core.Address{Node: m.host.id, Part: core.PartManager}, s.To, letter)
}

// saved tells the machine what has become durable, or has not.
func (r *reign) saved(sv core.Saved) {
	r.loop.Do(func() core.Event {
		if len(r.saves) > 0 && r.saves[0].ID == sv.ID {
			if sv.Err == "" {
				r.durable(r.saves[0].Changes)
			}
			r.saves = slices.Delete(r.saves, 0, 1)
		}
		if r.crashing() {
			return nil
		}
		return &sv
	})
}

// crash has the query manager's node crash between its next save and being told of it.
func (m *manager) crash(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fatal = append(m.fatal, f)
}

// crashing lets the crashes that waited for a save happen, and reports whether there were any.
func (r *reign) crashing() bool {
	r.m.mu.Lock()
	waiting := r.m.fatal
	r.m.fatal = nil
	r.m.mu.Unlock()
	if len(waiting) == 0 {
		return false
	}
	r.cancel(errDown)
	r.m.sys.group.Go(func() {
		for _, f := range waiting {
			f()
		}
	})
	return true
}

// durable takes note of what has become durable.
func (r *reign) durable(changes []core.Change) {
	for i := range changes {
		switch c := &changes[i]; c.Kind {
		case core.ChangeQuery:
			r.m.sys.learn(&c.Query.Query)
			r.m.sys.account(&c.Query.Query)
			r.m.plans.add(c.Query.Query.ID, c.Query.Plan)
			if c.Query.State.Ended() {
				r.m.sys.ended(c.Query.Query.ID, r.now)
			}
		case core.ChangeResult:
			r.m.mu.Lock()
			for j := range c.Result.Results {
				if x := &c.Result.Results[j]; x.Outcome == core.OutcomeDone {
					r.m.done[x.Obs.Query]++
				}
			}
			r.m.mu.Unlock()
		case core.ChangeNode:
		}
	}
}
