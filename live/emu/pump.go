package emu

import (
	"sync"
	"time"

	"vidq/core"
	"vidq/live/loop"
)

// pump brings a component of kb/world on: whenever something has been put in, and
// whenever something is due, it takes out what has come to its end.
type pump struct {
	mu    sync.Mutex
	clock loop.Clock
	last  core.Time // time never goes back in the component
	timer *time.Timer
	due   core.Time // of the timer
	next  func() core.Time
	drain func(now core.Time) // takes out all that has ended at or before now
	done  bool
}

// enter locks the component and brings it to the present, as it wants to be before
// anything is put in.
func (p *pump) enter() (now core.Time) {
	p.mu.Lock()
	p.last = max(p.last, p.clock.Now())
	p.drain(p.last)
	return p.last
}

// leave takes out what the new things brought, sees to it that the next ones are not
// missed, and unlocks.
func (p *pump) leave() {
	p.drain(p.last)
	p.arm()
	p.mu.Unlock()
}

func (p *pump) arm() {
	at := p.next()
	if p.done || at == p.due && p.timer != nil {
		return
	}
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	p.due = at
	if at != core.Never {
		p.timer = p.clock.At(at, func() {
			p.enter()
			p.due = core.Never
			p.leave()
		})
	}
}

// close stops the timer. What waits is never told.
func (p *pump) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = true
	if p.timer != nil {
		p.timer.Stop()
	}
}
