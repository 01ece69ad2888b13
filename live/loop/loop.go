package loop

import (
	"context"
	"errors"

	"vidq/core"
)

// ErrStopped is the answer of a loop that has ended.
var ErrStopped = errors.New("the node's loop has ended")

// Loop steps one machine. Whatever happens is posted to it as an event; what the
// machine then wants goes to the backend, whose methods are called by the loop's
// goroutine and must not block.
type Loop struct {
	clock   Clock
	machine core.Machine
	backend core.Backend
	fx      core.Effects
	events  chan item
	asks    chan func()
	done    chan struct{}
}

// item is what waits: an event, or what makes one when its turn has come.
type item struct {
	ev   core.Event
	make func() core.Event
}

// queueLength is how many events may wait. Who posts more waits, which slows down
// what comes over the network before memory is short.
const queueLength = 1024

// New returns a loop that is not running yet.
func New(clock Clock, m core.Machine, b core.Backend) *Loop {
	return &Loop{
		clock: clock, machine: m, backend: b,
		events: make(chan item, queueLength), asks: make(chan func()), done: make(chan struct{}),
	}
}

// Run steps the machine until ctx ends: first with a Timer, then with every event that
// is posted. It may be called once.
func (l *Loop) Run(ctx context.Context) {
	defer close(l.done)
	l.step(new(core.Timer))
	for {
		select {
		case <-ctx.Done():
			return
		case it := <-l.events:
			if it.make != nil {
				it.ev = it.make()
			}
			if it.ev != nil {
				l.step(it.ev)
			}
		case f := <-l.asks:
			f()
		}
	}
}

func (l *Loop) step(ev core.Event) {
	l.machine.Step(l.clock.Now(), ev, &l.fx)
	l.fx.Drain(l.backend)
}

// Post hands an event to the machine, which owns it from then on. It waits while too
// many wait, and is false when the loop has ended.
func (l *Loop) Post(ev core.Event) bool { return l.post(item{ev: ev}) }

// Do has f called by the loop's goroutine, which may thus touch what the backend does, and
// then steps the machine with the event that f returns, if any. Else it is like Post.
func (l *Loop) Do(f func() core.Event) bool { return l.post(item{make: f}) }

func (l *Loop) post(it item) bool {
	select {
	case <-l.done:
		return false
	default:
	}
	select {
	case l.events <- it:
		return true
	case <-l.done:
		return false
	}
}

// Wake posts a Timer at an instant.
func (l *Loop) Wake(at core.Time) {
	l.clock.At(at, func() { l.Post(new(core.Timer)) })
}

// Ask calls f between two steps, while the machine rests: f may read it, and must
// neither change it nor block. It returns when f has.
func (l *Loop) Ask(ctx context.Context, f func()) error {
	asked := make(chan struct{})
	select {
	case l.asks <- func() { defer close(asked); f() }:
		<-asked
		return nil
	case <-l.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Done is closed when the loop has ended.
func (l *Loop) Done() <-chan struct{} { return l.done }
