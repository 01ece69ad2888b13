package emu

import (
	"context"

	"vidq/core"
	"vidq/kb/world"
	"vidq/live/loop"
)

// Link is one direction of a link of the testbed, emulated. It may be used by any
// number of goroutines.
type Link struct {
	p       pump
	w       *world.Link
	waiting map[uint64]func(world.Arrival)
	sent    uint64
	closed  chan struct{}
}

// messageBit marks the ids of messages.
const messageBit = 1 << 62

// NewLink makes a link.
func NewLink(clock loop.Clock, c world.LinkConfig) *Link {
	l := &Link{w: world.NewLink(c), waiting: map[uint64]func(world.Arrival){}, closed: make(chan struct{})}
	l.p = pump{clock: clock, due: core.Never, next: l.w.Next, drain: l.drain}
	return l
}

// drain tells of all that has arrived.
func (l *Link) drain(now core.Time) {
	for {
		a, ok := l.w.Pop(now)
		if !ok {
			return
		}
		if told := l.waiting[a.ID]; told != nil {
			delete(l.waiting, a.ID)
			told(a)
		}
	}
}

// Transfer sends bytes and returns when they have arrived. When ctx ends, what has not been sent is
// not; what has been sent still arrives. A transfer that is lost is one that nobody ever hears of: it returns when
// ctx ends. The id must be below 2^62 and not in use on the link; key names the
// attempt among the link's draws.
func (l *Link) Transfer(ctx context.Context, id uint64, bytes float64, key world.Key) error {
	ended := make(chan bool, 1) // whether it arrived
	now := l.p.enter()
	l.waiting[id] = func(a world.Arrival) { ended <- !a.Lost }
	l.w.Transfer(now, id, bytes, key)
	l.p.leave()
	select {
	case arrived := <-ended:
		if arrived {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	case <-ctx.Done():
	}
	now = l.p.enter()
	cut := l.w.Cancel(now, id)
	if cut {
		delete(l.waiting, id)
	}
	l.p.leave()
	if cut {
		return ctx.Err()
	}
	select {
	case arrived := <-ended:
		if arrived {
			return nil
		}
	case <-l.closed:
	}
	return ctx.Err()
}

// Message sends a control message, which takes the link's delay and not its rate.
// deliver is called when it arrives, and never if it is lost; it must not block.
// Messages that arrive at one instant do so in the order in which they were sent.
func (l *Link) Message(key world.Key, deliver func()) {
	now := l.p.enter()
	id := messageBit | l.sent
	l.sent++
	l.waiting[id] = func(a world.Arrival) {
		if !a.Lost {
			deliver()
		}
	}
	l.w.Message(now, id, key)
	l.p.leave()
}

// With calls f with the link at the present instant: to sample it, or to impair it. f
// must not keep it.
func (l *Link) With(f func(now core.Time, w *world.Link)) {
	f(l.p.enter(), l.w)
	l.p.leave()
}

// Close stops the link's timer; nothing arrives any more.
func (l *Link) Close() {
	l.p.close()
	close(l.closed)
}
