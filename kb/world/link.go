package world

import (
	"math/bits"

	"vidq/core"
)

// Rate is a link's capacity over time, piecewise constant. *kb.Rate is one.
type Rate interface {
	// At returns the rate in bytes per second at t and the instant until which
	// it holds, core.Never for ever.
	At(t core.Time) (bytesPerSecond float64, until core.Time)
}

// LinkConfig describes one direction of a link.
type LinkConfig struct {
	Rate   Rate
	Delay  core.Time // of propagation
	Jitter core.Time // further delay of each delivery, uniform from 0 to this
	Loss   float64   // probability that a message or a transfer is lost as a whole
	Key    Key       // of the draws for jitter and loss
}

// Impairment is what a fault does to a link. The zero value does nothing.
type Impairment struct {
	Down  bool      // nothing gets through: transfers stall until it is over, messages are lost
	Rate  float64   // upper bound of the rate, bytes per second; 0 = none
	Delay core.Time // further delay
	Loss  float64   // loss, where it is larger than the link's own
}

// Link is one direction between two nodes. Its active transfers share the rate
// equally (processor sharing: concurrent flows that each get their fair share);
// what has been sent then travels for the delay and a jitter of its own. Each
// call is its own flow, so deliveries may overtake each other.
//
// One virtual clock counts the bytes that a transfer has been given since it
// started, in units of 1e-9 byte: a transfer alone on a link of a whole rate takes
// exactly bytes/rate, rounded up to whole ns.
type Link struct {
	c      LinkConfig
	fault  Impairment
	active marks // by the clock; aux is the draw's key
	flying marks // by the instant of arrival; aux 1 = lost
	clock  uint64
	last   core.Time // instant of clock
	rate   uint64    // bytes per second now
	until  core.Time // when the rate changes
	first  core.Time // when the next transfer is sent, at the present rate
	bytes  float64   // of transfers that were sent
	busy   core.Time
}

// Arrival is a message or a transfer at its destination, or where it was lost.
type Arrival struct {
	ID   uint64 // the caller's
	At   core.Time
	Lost bool
}

const (
	bytesUnit = 1_000_000_000 // of the clock
	maxBytes  = 9e9           // of a transfer: what the clock can tell apart
	maxRate   = 1e15          // bytes per second
)

// NewLink makes a link that stands at instant 0.
func NewLink(c LinkConfig) *Link {
	l := &Link{c: c, first: core.Never}
	l.setRate()
	return l
}

// Transfer starts to send bytes (rounded up to whole ones, at most 9e9). The id is the caller's
// and must not be in use; key names the attempt among the link's draws: the same
// key meets the same jitter and the same loss. A transfer that is lost takes its
// part of the rate like any other.
func (l *Link) Transfer(now core.Time, id uint64, bytes float64, key Key) {
	l.advance(now)
	n := uint64(min(max(bytes, 0), maxBytes))
	if float64(n) < min(bytes, maxBytes) {
		n++
	}
	l.bytes += float64(n)
	l.active.push(mark{l.clock + n*bytesUnit, id, uint64(key)})
	l.setFirst()
	l.advance(now) // nothing to send is sent at once
}

// Message sends a control message, which is too small to take part in sharing the
// rate: it travels for the delay and a jitter, also when transfers are many.
func (l *Link) Message(now core.Time, id uint64, key Key) {
	l.advance(now)
	l.depart(now, mark{id: id, aux: uint64(key)}, l.fault.Down)
}

// Cancel gives up a transfer that is being sent; false if there is no such one (it
// may be on its way). It takes time proportional to the number of transfers.
func (l *Link) Cancel(now core.Time, id uint64) bool {
	l.advance(now)
	m, ok := l.active.remove(id)
	if ok {
		l.bytes -= float64((m.at - l.clock) / bytesUnit)
		l.setFirst()
	}
	return ok
}

// Impair sets what faults do to the link from now on, in place of what they did.
// It does not change what has been sent and is on its way.
func (l *Link) Impair(now core.Time, f Impairment) {
	l.advance(now)
	l.fault = f
	l.setRate()
}

// Next returns an instant before which there is nothing to pop if nothing else
// happens; core.Never if there never will be. What is being sent now arrives at
// least the delay after it is sent, so that Next need not be woken in between.
func (l *Link) Next() core.Time {
	next := core.Never
	if len(l.active) > 0 {
		next = min(l.first, l.until).Add(l.c.Delay + l.fault.Delay)
	}
	if len(l.flying) > 0 {
		next = min(next, core.Time(l.flying[0].at))
	}
	return next
}

// Pop returns the next arrival at or before now, in order of arrival and at one
// instant of ids. It must be called until ok is false.
func (l *Link) Pop(now core.Time) (a Arrival, ok bool) {
	l.advance(now)
	if len(l.flying) == 0 || core.Time(l.flying[0].at) > now {
		return Arrival{}, false
	}
	m := l.flying.pop()
	return Arrival{m.id, core.Time(m.at), m.aux != 0}, true
}

// Active returns how many transfers are being sent.
func (l *Link) Active(now core.Time) int {
	l.advance(now)
	return len(l.active)
}

// Rate returns the rate in bytes per second.
func (l *Link) Rate(now core.Time) float64 {
	l.advance(now)
	return float64(l.rate)
}

// Carried returns the bytes that were sent up to now and the time in which
// anything was: a link that sends does so at its full rate, so that the time is
// also its utilization's integral.
func (l *Link) Carried(now core.Time) (bytes float64, busy core.Time) {
	l.advance(now)
	bytes = l.bytes
	for i := range l.active {
		bytes -= float64(l.active[i].at-l.clock) / bytesUnit
	}
	return bytes, l.busy
}

// advance brings the clock to now, over all ends of transfers and changes of the
// rate on the way.
func (l *Link) advance(now core.Time) {
	if len(l.active) == 0 { // a trace's changes need not be walked through
		l.last = max(l.last, now)
		if l.until <= now {
			l.setRate()
		}
		return
	}
	for {
		switch t := min(l.first, l.until, now); t {
		case l.first:
			l.turn(t)
			if int64(l.active[0].at-l.clock) <= 0 {
				l.depart(t, l.active.pop(), false)
			}
			l.setFirst()
			if len(l.active) == 0 {
				l.advance(now)
				return
			}
		case l.until:
			l.turn(t)
			l.setRate()
		default:
			l.turn(t)
			return
		}
	}
}

// turn turns the clock at the present rate.
func (l *Link) turn(now core.Time) {
	dt := now - l.last
	if dt <= 0 {
		return
	}
	l.last = now
	n := uint64(len(l.active))
	if n == 0 || l.rate == 0 {
		return
	}
	l.busy += dt
	hi, lo := bits.Mul64(uint64(dt), l.rate)
	if n > 1 {
		lo, _ = bits.Div64(hi%n, lo, n)
	}
	l.clock += lo
}

// setRate derives the rate from the trace and the faults.
func (l *Link) setRate() {
	r, until := l.c.Rate.At(l.last)
	l.until = max(until, l.last+1)
	if l.fault.Rate > 0 {
		r = min(r, l.fault.Rate)
	}
	switch {
	case l.fault.Down || !(r > 0):
		l.rate = 0
	case r < 1:
		l.rate = 1
	default:
		l.rate = uint64(min(r, maxRate) + 0.5)
	}
	l.setFirst()
}

// setFirst derives when the next transfer is sent at the present rate.
func (l *Link) setFirst() {
	if len(l.active) == 0 || l.rate == 0 {
		l.first = core.Never
		return
	}
	left := l.active[0].at - l.clock
	if int64(left) <= 0 {
		l.first = l.last
		return
	}
	l.first = l.last.Add(ceilDiv(left, uint64(len(l.active)), l.rate))
}

// depart puts what has been sent on its way.
func (l *Link) depart(now core.Time, m mark, lost bool) {
	at := now.Add(l.c.Delay + l.fault.Delay)
	key := l.c.Key.With(m.aux)
	if l.c.Jitter > 0 {
		at = at.Add(core.Time(key.With(drawJitter).Uniform() * float64(l.c.Jitter)))
	}
	if p := max(l.c.Loss, l.fault.Loss); p > 0 && key.With(drawLoss).Uniform() < p {
		lost = true
	}
	m.at, m.aux = uint64(at), 0
	if lost {
		m.aux = 1
	}
	l.flying.push(m)
}

// Draws of one key.
const (
	drawJitter = iota
	drawLoss
)
