package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"vidq/core"
	"vidq/core/result"
	"vidq/core/sched"
	"vidq/kb"
	"vidq/live/emu"
	"vidq/live/loop"
	"vidq/live/resource"
	"vidq/live/serve"
	"vidq/live/wire"
	"vidq/scenarios"
	"vidq/scenarios/testbed"
)

// Options say what runs in a process, and what on. Scenario, Scheduler and, where the query
// manager runs, Store are required; the rest may be zero.
type Options struct {
	Scenario  *scenarios.Scenario
	Scheduler sched.Spec
	Seed      uint64
	Clock     loop.Clock // stands at t = 0 when the scenario begins

	// Nodes are those that live in this process; nil = all. Links must be real unless all do.
	Nodes []core.NodeID
	// RealLinks says that messages and calls take what the network takes; otherwise the scenario's links
	// are emulated.
	RealLinks bool

	// PortBase is added to every port that the scenario does not say.
	PortBase int
	// Since is when this process began, if its clock is older: what was before counts in no result.
	Since core.Time

	Store Store // of the query manager; nil where it does not run
	// Incarnation counts a node's starts: each is higher than all before. nil = the clock's
	// wall time in milliseconds, which is where nothing is kept.
	Incarnation func(core.NodeID) core.Incarnation
	// Video gives the cameras pixels: those of their urls, drawn ones where there is none. Otherwise frames
	// are counted only.
	Video bool
	// HTTP opens the nodes' ports, and has them reach each other over them; nil = by plain calls.
	HTTP *HTTP

	// Measure says that the process's nodes are the machine that it runs on: how busy they are is
	// measured there, instead of being what the emulated devices say.
	Measure bool

	Log       *slog.Logger
	Round     func(*core.RoundRecord)             // is told of every scheduling round; must not block
	Submitted func(query string, id core.QueryID) // is told of the scenario's queries
	Records   func(machine string, r core.Record) // gets every machine's records, one at a time
	Sink      result.Sink
}

// System is the live system as far as it is in this process: the nodes of a testbed, each
// with its loop, and the query manager.
type System struct {
	o       Options
	run     string // names the run in FrameRefs
	bed     *testbed.Testbed
	clock   loop.Clock
	world   *emu.World
	links   links
	hosts   []*host  // by node; nil = lives elsewhere
	here    []*host  // those that live in this process
	manager *manager // nil = runs elsewhere
	book    *book
	books   *books
	group   sync.WaitGroup
	ports   ports
	life    context.Context // of what all nodes share
	end     context.CancelFunc

	keys    keys                            // of queries that this process has not heard of
	machine atomic.Pointer[resource.Sample] // nil = emulated, or not measured yet

	mu      sync.Mutex
	known   map[core.QueryID]*core.Query
	err     error
	failing chan struct{} // closed when err is set
}

// New builds the system of a scenario.
func New(o Options) (*System, error) {
	bed, err := testbed.Open(o.Scenario, o.Seed)
	if err != nil {
		return nil, err
	}
	if sched.Describe(o.Scheduler.Name).NeedsTruth {
		return nil, fmt.Errorf("scheduler %q is told the truth, which a live system does not know; it is for vidq-sim", o.Scheduler.Name)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &System{o: o, bed: bed, clock: o.Clock, known: map[core.QueryID]*core.Query{}, failing: make(chan struct{})}
	s.run = o.Scenario.Name + "-" + strconv.FormatUint(o.Seed, 10)
	if s.o.Incarnation == nil {
		s.o.Incarnation = func(core.NodeID) core.Incarnation {
			return core.Incarnation(s.clock.Wall(s.clock.Now()).UnixMilli())
		}
	}
	s.book = newBook(bed, o.PortBase)
	s.world = emu.NewWorld(s.clock, bed)
	s.books = newBooks(s.meta(), o.Records)
	s.life, s.end = context.WithCancel(context.Background())
	return s, s.settle()
}

// settle makes the nodes that live in this process.
func (s *System) settle() error {
	s.links = s.world
	if s.o.RealLinks {
		s.links = realLinks{s}
	}
	for _, id := range s.o.Nodes {
		if s.bed.Node(id) < 0 {
			return fmt.Errorf("the scenario has no node %q", id)
		}
	}
	s.hosts = make([]*host, len(s.bed.Nodes))
	for i := range s.bed.Nodes {
		if s.o.Nodes != nil && !slices.Contains(s.o.Nodes, s.bed.Nodes[i].ID) {
			continue
		}
		h := newHost(s, i)
		h.net = local{s}
		s.hosts[i], s.here = h, append(s.here, h)
		if i == s.bed.Manager {
			s.manager = newManager(s, h)
		}
	}
	if len(s.here) < len(s.hosts) && (s.o.HTTP == nil || !s.o.RealLinks) {
		return errors.New("nodes of several processes reach each other by HTTP, over real links only")
	}
	return nil
}

func (s *System) meta() result.Meta {
	m := result.Meta{Scheduler: s.o.Scheduler.String(), Seed: s.o.Seed, Warmup: s.o.Since + s.o.Scenario.Warmup, Sink: s.o.Sink}
	for i := range s.bed.Nodes {
		m.Nodes = append(m.Nodes, s.bed.Nodes[i].ID)
	}
	for i := range s.bed.Links {
		d := &s.bed.Links[i]
		m.Links = append(m.Links, result.LinkID{From: s.bed.Nodes[d.From].ID, To: s.bed.Nodes[d.To].ID})
	}
	return m
}

// Open opens the nodes' ports and cameras. Errors tell which could not be opened, and what
// to do; whatever was opened is closed again.
func (s *System) Open() error {
	err := s.ports.open(s)
	for _, h := range s.here {
		if err == nil {
			err = h.eyes.open(s.life)
		}
	}
	if err != nil {
		s.close(s.life)
		return err
	}
	if s.o.Measure {
		s.group.Go(func() { resource.New(resource.Options{Log: s.o.Log}).Run(s.life, s.measured) })
	}
	return nil
}

// measured takes note of how busy the machine is.
func (s *System) measured(m resource.Sample) {
	if m.Measured {
		s.machine.Store(&m)
	}
}

// close ends what Open opened.
func (s *System) close(ctx context.Context) {
	s.end()
	for _, h := range s.here {
		h.eyes.close()
	}
	s.ports.close(ctx)
}

// Start starts every node at its phase, within the first second, and has the scenario's
// queries submitted and its faults happen, until ctx ends. Open comes before.
func (s *System) Start(ctx context.Context) {
	for _, h := range s.here {
		s.at(ctx, h.bed.Phase, func() {
			if h.start() && s.manages(h) {
				s.failed(s.manager.start(ctx))
			}
		})
	}
	s.schedule(ctx)
	if s.manager != nil {
		s.users(ctx)
	}
}

// failed keeps the first error that the system cannot go on with.
func (s *System) failed(err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		close(s.failing)
	}
	s.err = errors.Join(s.err, err)
}

// Failed is closed when something has happened that the system cannot go on with. Stop
// returns what.
func (s *System) Failed() <-chan struct{} { return s.failing }

// Queries is what the query manager does for users; nil where it runs elsewhere.
func (s *System) Queries() serve.Queries {
	if s.manager == nil {
		return nil
	}
	return s.manager
}

// ManagerAddr is where a port of the query manager's node is: 5000 or 5100.
func (s *System) ManagerAddr(p wire.Port) string { return s.book.at(s.managerID(), p) }

// answer closes the ports when the requests under way at the query manager have been answered, at the latest
// after half of the time until ctx ends: some have no answer, such as a message that had waited
// until it was out of date.
func (s *System) answer(ctx context.Context) {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/2)
		defer cancel()
	}
	s.close(ctx)
}

// Stop ends every node, and returns what came of the run up to now. What waits to be made durable
// is, until ctx ends.
func (s *System) Stop(ctx context.Context) (*result.Run, error) {
	end := s.clock.Now() + 1
	for _, h := range s.here { // what has been since the last samples counts, too
		if a := h.alive(); a != nil && a.loop.Do(a.sample) {
			_ = a.loop.Ask(ctx, func() {}) // who cannot wait has a shorter last second
		}
	}
	var r *reign
	if s.manager != nil {
		r = s.manager.alive()
	}
	for _, h := range s.here {
		if a := h.alive(); a != nil {
			a.cancel(loop.ErrStopped)
			<-a.loop.Done()
		}
	}
	s.answer(ctx)
	if s.manager != nil {
		s.manager.stop(loop.ErrStopped)
	}
	if r != nil {
		s.failed(r.saver.Close(ctx))
	}
	s.world.Close()
	s.group.Wait()
	for _, h := range s.here {
		for _, q := range h.inOrder() {
			q.cancel()
			if q.source != nil {
				_ = q.source.Close() // there is nothing that could be done
			}
			s.books.missed(q.id, q.stream.Account(end))
			for _, f := range q.held {
				f.cancel()
				s.books.inFlight(q.id, f.Captured)
			}
		}
	}
	run := s.books.col.End(end)
	machines := []string{core.WorldMachine, core.ManagerMachine}
	for _, h := range s.here {
		machines = append(machines, h.name)
	}
	run.TraceSHA256 = s.books.trace(machines...)
	return run, s.err
}

// host returns the node of that id if it lives in this process, else nil.
func (s *System) host(id core.NodeID) *host {
	if i := s.bed.Node(id); i >= 0 {
		return s.hosts[i]
	}
	return nil
}

// managerID is the node that runs the query manager.
func (s *System) managerID() core.NodeID { return s.bed.Nodes[s.bed.Manager].ID }

// views tells how a node's services run now.
func (s *System) views(node int) (all []core.ServiceView) {
	if h := s.hosts[node]; h != nil {
		return h.views()
	}
	for i := range s.bed.Nodes[node].World.Services {
		c := &s.bed.Nodes[node].World.Services[i]
		all = append(all, core.ServiceView{Name: c.Name, Workers: c.Workers, Model: c.Model, MaxBatch: c.MaxBatch})
	}
	return all
}

// manages reports whether the query manager runs at h.
func (s *System) manages(h *host) bool { return s.manager != nil && s.manager.host == h }

// learn remembers a query.
func (s *System) learn(q *core.Query) {
	own := *q
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[q.ID] = &own
}

// query returns a query that this process has heard of, or nil.
func (s *System) query(q core.QueryID) *core.Query {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[q]
}

// ended takes note that a query has ended for good.
func (s *System) ended(q core.QueryID, now core.Time) {
	s.books.ended(q, now)
	for _, h := range s.here {
		if a := h.alive(); a != nil {
			a.loop.Do(func() core.Event {
				if n := h.queries[q]; n != nil && !n.stream.Ended() {
					n.end(now)
				}
				return nil
			})
		}
	}
}

// nodes returns what is known of nodes and links at h: of all where the query manager runs, else of
// h itself.
func (s *System) nodes(ctx context.Context, h *host) (all []core.NodeView, links []core.LinkView, err error) {
	if s.manages(h) {
		err = s.manager.read(ctx, func(r *reign) { all, links = r.core.Nodes(), r.core.Links(s.clock.Now()) })
		return all, links, err
	}
	a := h.alive()
	if a == nil {
		return nil, nil, h.away(ctx)
	}
	err = a.loop.Ask(ctx, func() {
		n := core.NodeView{ID: h.id, Role: h.bed.Spec.Role, Class: h.bed.Class.Name, Up: true, Capacity: h.bed.World.Capacity, Load: h.sampled.Load}
		for i := range h.sampled.Services {
			n.Services = append(n.Services, h.sampled.Services[i].ServiceView)
		}
		all, links = []core.NodeView{n}, slices.Clone(a.links)
	})
	return all, links, err
}

// modelAt returns a model of a service at a node, nil if it cannot run there.
func (s *System) modelAt(node core.NodeID, service string, model int) *kb.ServiceModel {
	i := s.bed.Node(node)
	if i < 0 {
		return nil
	}
	return s.bed.Nodes[i].Model(service, model)
}
