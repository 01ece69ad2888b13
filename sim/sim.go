package sim

import (
	"context"
	"errors"
	"math"

	"vidq/core"
	"vidq/core/result"
	"vidq/core/sched"
	"vidq/kb/world"
	"vidq/scenarios"
	"vidq/scenarios/testbed"
)

// Options say how a scenario is run. Scheduler is required; the rest may be zero.
type Options struct {
	Scheduler sched.Spec
	Seed      uint64
	Until     core.Time // 0 = the scenario's duration; a later time has no effect

	Sink     result.Sink         // gets every record
	Frames   result.FrameSink    // gets every frame when its accuracy is final
	Series   *result.Series      // is filled with what happens second by second
	Progress func(now core.Time) // called by the goroutine of Run when it begins, and now and then
	Clock    func() core.Time    // a wall clock, for the wall figures; nil = none
	// Records gets every record as its machine made it, the world's too. It must not keep it.
	Records func(machine string, r core.Record)

	NoTrace bool // leave TraceSHA256 empty: hashing every record is a tenth of a run's work
}

// Sim is one run of a scenario in virtual time.
type Sim struct {
	sc        *scenarios.Scenario
	o         Options
	deps      sched.Deps
	bed       *testbed.Testbed
	k         Kernel
	col       *result.Collector
	decisions result.Histogram
	until     core.Time
	err       error // that ended the run
	watch     watch // nil but in tests

	nodes      []*node
	directions []*direction
	cameras    []*camera
	queries    []*query // by id
	specOf     map[string]int
	registered []bool // by index in the scenario
	manager    manager
	store      store
	users      users
	chain      core.Chain // of the world's own records

	flights     []flight
	freeFlights []uint32
	freeHeld    []*held
	calls       []*call
	freeCalls   []uint32

	inForce []bool // by index of the fault
	losses  []messageLoss
	crashes []int // faults that wait for a save

	fx     core.Effects // of whichever machine is in its step
	popped world.Done   // scratch
	ev     struct {
		timer    core.Timer
		received core.Received
		captured core.FrameCaptured
		ended    core.VideoEnded
		done     core.StageDone
		saved    core.Saved
	}
}

// Run simulates a scenario and returns its result. When ctx is cancelled it
// returns the result so far, marked as interrupted, and no error. An error means
// that the scenario and the options do not fit together.
func Run(ctx context.Context, sc *scenarios.Scenario, o Options) (*result.Run, error) {
	s, err := New(sc, o)
	if err != nil {
		return nil, err
	}
	return s.Run(ctx)
}

// Ties returns how many events agreed in instant and canonical key with the one
// before, so that only the order of their scheduling told them apart.
func (s *Sim) Ties() uint64 { return s.k.Ties() }

// slice is how much simulated time passes between calls of Progress.
const slice = core.Second

// Run runs the simulation to its end. It may be called once.
func (s *Sim) Run(ctx context.Context) (*result.Run, error) {
	begin := s.wall()
	defer context.AfterFunc(ctx, s.k.Stop)()
	s.start()
	s.tellProgress()
	// What happens at the instant of the end is outside of the run.
	last, done := s.until-1, true
	for t := core.Time(0); t < last && done && s.err == nil; {
		t = min(t.Add(slice), last)
		if next := s.k.Next(); next > t {
			t = min(max(t, next), last)
		}
		done = s.k.Run(t, s.handle)
		s.tellProgress()
	}
	if s.err != nil {
		return nil, s.err
	}
	return s.finishRun(begin, !done), nil
}

func (s *Sim) tellProgress() {
	if s.o.Progress != nil {
		s.o.Progress(s.k.Now())
	}
}

func (s *Sim) wall() core.Time {
	if s.o.Clock == nil {
		return 0
	}
	return s.o.Clock()
}

// finishRun closes the books.
func (s *Sim) finishRun(begin core.Time, interrupted bool) *result.Run {
	end := s.until
	if interrupted {
		end = s.k.Now() + 1
	}
	if !interrupted { // who interrupts a run waits for its figures, and thousands of nodes take a while
		for _, n := range s.nodes {
			if n.up && end-1 > 0 && s.k.Now() > 0 {
				n.onSample()
			}
		}
	}
	s.unregistered(end)
	for _, q := range s.queries {
		if q == nil {
			continue
		}
		s.missed(q, q.stream.Account(end))
		for i := range q.held {
			s.col.InFlight(q.id, q.held[i].Captured)
		}
	}
	run := s.col.End(end)
	run.Events = int64(s.k.Events())
	run.Interrupted = interrupted
	run.TraceSHA256 = s.trace()
	run.Wall.Elapsed = s.wall() - begin
	run.Wall.Decision = s.decisions
	return run
}

// trace is the hash of what every machine recorded.
func (s *Sim) trace() string {
	if s.o.NoTrace {
		return ""
	}
	chains := map[string]string{core.WorldMachine: s.chain.Sum(), core.ManagerMachine: s.manager.chain.Sum()}
	for _, n := range s.nodes {
		chains[n.name] = n.chain.Sum()
	}
	return core.TraceHash(chains)
}

// note takes a record into its machine's chain.
func (s *Sim) note(machine string, c *core.Chain, r core.Record) {
	if !s.o.NoTrace {
		c.Add(r)
	}
	if s.o.Records != nil {
		s.o.Records(machine, r)
	}
}

// unregistered opens the books of queries that were asked for and never accepted,
// so that the frames that nobody analysed for them count.
func (s *Sim) unregistered(end core.Time) {
	free := core.QueryID(len(s.queries))
	for i := range s.sc.Queries {
		if !s.registered[i] && s.sc.Queries[i].Start < end {
			s.register(i, max(free, 1))
			free = core.QueryID(len(s.queries))
		}
	}
}

// handle is the kernel's handler.
func (s *Sim) handle(e Event) {
	switch keyKind(e.Key) {
	case kindNode:
		s.onNode(s.nodes[e.Ref])
	case kindLink:
		s.onLink(s.directions[e.Ref])
	case kindCapture:
		s.onCapture(s.queries[e.Ref])
	case kindAnswer:
		s.finish(e.Ref, s.calls[e.Ref])
	case kindWake:
		s.onWake(e)
	case kindLocal:
		s.deliver(e.Ref, false)
	case kindSaved:
		if e.Ref == s.manager.epoch {
			s.onSaved()
		}
	case kindSample:
		s.nodes[e.Ref].onSample()
	case kindUser:
		s.users.onTimer(s, int(e.Ref), keyDetail(e.Key) == 1)
	case kindFault:
		s.fail(s.fault(int(e.Ref), keyDetail(e.Key) == 1))
	case kindStart:
		s.onStart(e)
	}
}

// fail ends the run with an error, if it is one.
func (s *Sim) fail(err error) {
	if err != nil {
		s.err = errors.Join(s.err, err)
		s.k.Stop()
	}
}

// onStart starts a node for the first time, or again after a crash.
func (s *Sim) onStart(e Event) {
	n := s.nodes[e.Ref]
	if keyDetail(e.Key) > 0 {
		s.fail(n.recover())
		return
	}
	if n.downs > 0 || n.up {
		return
	}
	n.start()
	if s.manager.node == n {
		s.fail(s.manager.start())
	}
}

// onWake tells a machine the time it asked for, unless it is a former life's.
func (s *Sim) onWake(e Event) {
	detail := keyDetail(e.Key)
	if detail&wakeManager != 0 {
		if e.Ref == s.manager.epoch {
			s.manager.step(&s.ev.timer)
		}
		return
	}
	if n := s.nodes[e.Ref]; n.up && detail == uint64(n.inc) {
		n.step(&s.ev.timer)
	}
}

// observe adds to a frame's record what the world alone knows of it.
func (s *Sim) observe(r *core.FrameRecord) {
	r.Fresh, r.ContentFrame = math.NaN(), -1
	q := s.query(r.Query)
	if q == nil {
		return
	}
	h := q.find(r.CameraFrame)
	if h == nil {
		return
	}
	q.stream.Judge(&h.Frame, r)
	s.note(core.WorldMachine, &s.chain, (*testbed.Shown)(r))
}

// worldRecord publishes a record of the world's own.
func (s *Sim) worldRecord(r core.Record) {
	s.note(core.WorldMachine, &s.chain, r)
	s.col.Add(r)
}
