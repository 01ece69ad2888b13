package live

import (
	"context"
	"slices"
	"sync"
	"time"

	"vidq/core"
	"vidq/live/serve"
	"vidq/live/wire"
	"vidq/scenarios/testbed"
)

// users submit the scenario's queries and stop them, each when the scenario says, asking
// again until they are answered. Of those that are submitted at one instant the first
// of the scenario comes first.
func (s *System) users(ctx context.Context) {
	d := &desk{wake: make(chan struct{}, 1)}
	s.group.Go(func() { d.run(ctx) })
	crowds := map[core.Time]*crowd{}
	for i := range s.o.Scenario.Queries {
		at := s.o.Scenario.Queries[i].Start
		if crowds[at] == nil {
			crowds[at] = &crowd{s: s, d: d}
		}
		crowds[at].waiting = append(crowds[at].waiting, i)
	}
	for at, c := range crowds {
		s.at(ctx, at, func() { s.group.Go(func() { c.submit(ctx) }) })
	}
}

// crowd are the users who ask at one instant.
type crowd struct {
	s *System
	d *desk

	mu      sync.Mutex
	waiting []int // queries that have not been accepted, ascending
}

// submit asks for all until they are accepted.
func (c *crowd) submit(ctx context.Context) {
	for {
		begin := c.s.clock.Now()
		once, cancel := context.WithTimeout(ctx, time.Duration(testbed.AskAgain))
		c.mu.Lock()
		waiting := slices.Clone(c.waiting)
		c.mu.Unlock()
		for _, i := range waiting {
			c.ask(ctx, once, i)
		}
		more := len(waiting) > 0 && c.s.sleepUntil(ctx, begin+testbed.AskAgain)
		cancel()
		if !more {
			return
		}
	}
}

// ask asks for query i once: until once ends.
func (c *crowd) ask(ctx, once context.Context, i int) {
	s := c.s
	q := &s.o.Scenario.Queries[i]
	m := &core.SubmitQuery{Request: uint64(i), Query: q.Core()}
	s.message(userNode, s.managerID(), m, func() {
		c.d.put(func() {
			answer := s.manager.submit(once, m)
			s.group.Go(func() {
				a, err := answer()
				switch {
				case err != nil:
				case a.Err != "":
					s.o.Log.Warn("a query was refused", "query", q.ID, "why", a.Err)
				default:
					c.accepted(ctx, i, a.Query)
				}
			})
		})
	})
}

// accepted goes on with a query that has been accepted: it is stopped in its time.
func (c *crowd) accepted(ctx context.Context, i int, id core.QueryID) {
	c.mu.Lock()
	at := slices.Index(c.waiting, i)
	if at >= 0 {
		c.waiting = slices.Delete(c.waiting, at, at+1)
	}
	c.mu.Unlock()
	if at < 0 {
		return
	}
	s := c.s
	q := &s.o.Scenario.Queries[i]
	if s.o.Submitted != nil {
		s.o.Submitted(q.ID, id)
	}
	if q.Stop == core.Never || q.Stop <= q.Start {
		return
	}
	m := &core.StopQuery{Request: uint64(i), Query: id}
	for next := q.Stop; s.sleepUntil(ctx, next) && !s.stopOnce(ctx, m); next += testbed.AskAgain {
	}
}

// stopOnce asks for a query's end once, and reports whether it was answered.
func (s *System) stopOnce(ctx context.Context, m *core.StopQuery) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(testbed.AskAgain))
	defer cancel()
	arrived := make(chan struct{})
	s.message(userNode, s.managerID(), m, func() { close(arrived) })
	select {
	case <-arrived:
		a, err := s.manager.Stop(ctx, serve.Caller{Role: wire.AccessUser}, m)
		return err == nil && a.Err == ""
	case <-ctx.Done():
		return false
	}
}

// sleepUntil waits until t, and returns false when ctx ended before.
func (s *System) sleepUntil(ctx context.Context, t core.Time) bool {
	timer := time.NewTimer(max(s.clock.Until(t), 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// desk is where users' requests are taken in the order in which they arrive.
type desk struct {
	mu      sync.Mutex
	waiting []func()
	wake    chan struct{}
}

// put has f called after all that were put before; it does not block.
func (d *desk) put(f func()) {
	d.mu.Lock()
	d.waiting = append(d.waiting, f)
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *desk) run(ctx context.Context) {
	for {
		select {
		case <-d.wake:
		case <-ctx.Done():
			return
		}
		d.mu.Lock()
		waiting := d.waiting
		d.waiting = nil
		d.mu.Unlock()
		for _, f := range waiting {
			f()
		}
	}
}
