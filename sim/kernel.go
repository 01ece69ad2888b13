package sim

import (
	"slices"
	"sync/atomic"

	"vidq/core"
)

// Parts of an item's tag.
const (
	timerFlag = 1 << 32
	seqShift  = 33
	maxSeq    = 1<<31 - 1
)

// Event is something that is going to happen, as a value: what it means is the
// caller's. Events happen in order of At, and at one instant in order of Key.
//
// Key should be canonical: derived from what the event is about (the machine or
// queue, the kind, the query, the frame), never from when or by whom it was
// scheduled. Then a run does not depend on the order in which events were
// scheduled. Events that agree in At and Key happen in the order in which they
// were scheduled, and are counted as ties (see Kernel.Ties).
type Event struct {
	At  core.Time
	Key uint64
	Ref uint32 // the caller's: typically an index into a table of its own
}

// Timer is an event that can be moved and taken back: a component's next moment.
// A timer is made once and armed many times.
type Timer uint32

// timer is what the kernel knows of a Timer. A timer has at most one live item
// in the queue. When it is moved to later the item stays, and goes back into the
// queue when its turn comes; when it is moved to earlier a new item is pushed, and
// the old one is recognised by its tag and thrown away.
type timer struct {
	key  uint64
	due  core.Time // core.Never = not armed
	item core.Time // instant of the live item
	tag  uint64    // of the live item
	ref  uint32
	live bool // there is a live item
}

// Kernel is a discrete-event simulation's clock and queue of events. It does not
// allocate in steady state. It belongs to one goroutine, but for Stop. The zero
// Kernel is ready and stands at instant 0.
type Kernel struct {
	q       queue
	timers  []timer
	now     core.Time
	pending int
	seq     uint64
	events  uint64
	ties    uint64
	stop    atomic.Bool

	lastAt, lastKey, lastWhat uint64 // of the event before (the instant plus 1), to see ties
}

// Now returns the present instant: that of the event that is being handled, and
// after Run the instant that it reached.
func (k *Kernel) Now() core.Time { return k.now }

// Events returns how many events were handled.
func (k *Kernel) Events() uint64 { return k.events }

// Pending returns how many events are scheduled and timers are armed.
func (k *Kernel) Pending() int { return k.pending }

// Ties returns how many events were handled that agreed in At and in Key with
// the one before, but not in Ref (or in their timer): those that only the order of
// scheduling told apart. A run with canonical keys has none.
func (k *Kernel) Ties() uint64 { return k.ties }

// Schedule makes an event happen. Its instant must not be past and must be
// before core.Never.
func (k *Kernel) Schedule(e Event) {
	if e.At < k.now || e.At == core.Never {
		k.misuse(e.At)
	}
	k.pending++
	k.q.push(item{uint64(e.At), e.Key, k.number() | uint64(e.Ref)})
}

// NewTimer makes a timer whose events carry key and ref. It is not armed.
func (k *Kernel) NewTimer(key uint64, ref uint32) Timer {
	k.timers = append(k.timers, timer{key: key, ref: ref, due: core.Never})
	return Timer(len(k.timers) - 1)
}

// Arm sets the instant of the timer's event, in place of the one that was set
// before if that has not happened yet. It must not be past; core.Never cancels.
// Arming a timer as it is armed already costs nearly nothing.
func (k *Kernel) Arm(t Timer, at core.Time) {
	tm := &k.timers[t]
	if tm.due == at {
		return
	}
	if at < k.now {
		k.misuse(at)
	}
	if tm.due == core.Never {
		k.pending++
	}
	tm.due = at
	if at == core.Never {
		k.pending--
		return
	}
	if !tm.live || at < tm.item {
		k.pushTimer(uint32(t))
	}
}

// Cancel takes the timer's event back, if it is armed.
func (k *Kernel) Cancel(t Timer) { k.Arm(t, core.Never) }

// Due returns when the timer's event happens; core.Never if it is not armed.
func (k *Kernel) Due(t Timer) core.Time { return k.timers[t].due }

// Next returns the instant of the earliest event; core.Never when there is none.
func (k *Kernel) Next() core.Time {
	if top := k.settle(); top != nil {
		return core.Time(top.at)
	}
	return core.Never
}

// Run handles the events up to and including the instant until, one after the
// other, with the events that their handling schedules. It then stands at
// until, or at the last event if until is core.Never. It returns false when it
// was ended by Stop.
func (k *Kernel) Run(until core.Time, handle func(Event)) bool {
	for !k.stop.Load() {
		top := k.settle()
		if top == nil || top.at > uint64(until) {
			if until != core.Never && until > k.now {
				k.now = until
			}
			return true
		}
		handle(k.take(top))
	}
	return false
}

// Stop ends Run after the event that is being handled, and every later Run
// before its first. It may be called by any goroutine.
func (k *Kernel) Stop() { k.stop.Store(true) }

// settle brings an item to the top that is due as it stands, and returns it; nil
// if there is none.
func (k *Kernel) settle() *item {
	for {
		top := k.q.top()
		if top == nil || top.tag&timerFlag == 0 {
			return top
		}
		t := uint32(top.tag)
		tm := &k.timers[t]
		switch {
		case !tm.live || top.tag != tm.tag: // stale
			k.q.pop(top)
		case tm.due == core.Time(top.at):
			return top
		default:
			tm.live = false
			k.q.pop(top)
			if tm.due != core.Never {
				k.pushTimer(t)
			}
		}
	}
}

// take removes the top, which settle found due, and makes it the present.
func (k *Kernel) take(top *item) Event {
	e := Event{core.Time(top.at), top.key, uint32(top.tag)}
	if top.tag&timerFlag != 0 {
		tm := &k.timers[e.Ref]
		tm.live, tm.due = false, core.Never
		e.Ref = tm.ref
	}
	what := top.tag & (1<<seqShift - 1)
	if top.key == k.lastKey && top.at+1 == k.lastAt && what != k.lastWhat {
		k.ties++
	}
	k.lastAt, k.lastKey, k.lastWhat = top.at+1, top.key, what
	k.q.pop(top)
	k.pending--
	k.events++
	k.now = e.At
	return e
}

// pushTimer pushes an item for the timer's due instant.
func (k *Kernel) pushTimer(t uint32) {
	tag := k.number() | timerFlag | uint64(t)
	tm := &k.timers[t]
	tm.live, tm.item, tm.tag = true, tm.due, tag
	k.q.push(item{uint64(tm.due), tm.key, tag})
}

// number returns the next sequence number, in its place in a tag.
func (k *Kernel) number() uint64 {
	if k.seq > maxSeq {
		k.renumber()
	}
	k.seq++
	return (k.seq - 1) << seqShift
}

// renumber gives the pending items the numbers 0, 1, 2... in their order. It is
// needed once in 2^31 events.
func (k *Kernel) renumber() {
	all := slices.DeleteFunc(k.q.all(), func(x item) bool {
		if x.tag&timerFlag == 0 {
			return false
		}
		tm := &k.timers[uint32(x.tag)]
		return !tm.live || tm.tag != x.tag
	})
	for i, x := range all {
		x.tag = uint64(i)<<seqShift | x.tag&(1<<seqShift-1)
		if x.tag&timerFlag != 0 {
			k.timers[uint32(x.tag)].tag = x.tag
		}
		k.q.push(x)
	}
	k.seq = uint64(len(all))
}

func (k *Kernel) misuse(at core.Time) {
	panic("sim: event scheduled at " + at.String() + ", now is " + k.now.String())
}
