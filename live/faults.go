package live

import (
	"context"

	"vidq/core"
	"vidq/scenarios"
)

// schedule has the scenario's faults begin and end when they do.
func (s *System) schedule(ctx context.Context) {
	for i := range s.o.Scenario.Faults {
		f := &s.o.Scenario.Faults[i]
		end := core.Never
		if f.For < core.Never {
			end = f.At.Add(f.For)
		}
		if end <= s.clock.Now() {
			continue // before the restart of a system whose time goes on
		}
		s.at(ctx, f.At, func() { s.fault(ctx, i, true) })
		s.at(ctx, end, func() { s.fault(ctx, i, false) })
	}
}

// at has f called at an instant, unless the system has ended by then.
func (s *System) at(ctx context.Context, at core.Time, f func()) {
	if at == core.Never {
		return
	}
	s.clock.At(at, func() {
		if ctx.Err() == nil {
			f()
		}
	})
}

// fault begins or ends fault i of the scenario.
func (s *System) fault(ctx context.Context, i int, begin bool) {
	f := &s.o.Scenario.Faults[i]
	s.worldRecord(&core.FaultRecord{At: s.clock.Now(), Kind: f.Kind, Target: f.Target(), Begin: begin})
	s.world.Fault(i, begin)
	switch f.Kind {
	case scenarios.FaultNodeDown:
		h := s.host(f.Node)
		if h == nil {
			return
		}
		if begin {
			s.fail(h)
		} else {
			s.recover(ctx, h)
		}
	case scenarios.FaultCrash:
		if h := s.host(f.Node); h != nil && begin {
			if s.manages(h) {
				s.manager.crash(func() { s.crash(ctx, h, f.For) })
			} else {
				s.crash(ctx, h, f.For)
			}
		}
	case scenarios.FaultStore:
		if s.manager == nil {
			return
		}
		if begin {
			s.manager.failing.Add(1)
		} else {
			s.manager.failing.Add(-1)
		}
	}
}

// crash takes a node down; it starts again after the fault's length.
func (s *System) crash(ctx context.Context, h *host, length core.Time) {
	now := s.clock.Now()
	s.fail(h)
	if length < core.Never {
		s.at(ctx, now.Add(length), func() { s.recover(ctx, h) })
	}
}

// fail takes a node down with all that runs there.
func (s *System) fail(h *host) {
	if s.manages(h) {
		s.manager.stop(errDown)
	}
	h.fail()
}

// recover ends what took a node down.
func (s *System) recover(ctx context.Context, h *host) {
	if h.recover() && s.manages(h) {
		s.failed(s.manager.start(ctx))
	}
}

// worldRecord publishes a record of the world's own.
func (s *System) worldRecord(r core.Record) {
	s.books.note(core.WorldMachine, r)
	s.books.add(r)
}
