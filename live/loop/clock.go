package loop

import (
	"time"

	"vidq/core"
)

// Clock is core's time in a process: nanoseconds since an instant that all its
// machines share, by the monotonic clock. On the wire times are Unix times, so that
// processes need not agree on that instant.
type Clock struct{ zero time.Time }

// NewClock returns a clock that stands at t = 0 now.
func NewClock() Clock { return Clock{time.Now()} }

// NewClockAt returns a clock that stood at t = 0 at an instant, which may be past: a
// restarted query manager goes on with the time of its store. The clock goes on from
// now by the monotonic clock.
func NewClockAt(zero time.Time) Clock {
	now := time.Now()
	return Clock{now.Add(zero.Sub(now))}
}

// Now returns the time since t = 0.
func (c Clock) Now() core.Time { return core.Time(time.Since(c.zero)) }

// Wall returns the instant of a time.
func (c Clock) Wall(t core.Time) time.Time { return c.zero.Add(time.Duration(t)) }

// Time returns the time of an instant.
func (c Clock) Time(t time.Time) core.Time { return core.Time(t.Sub(c.zero)) }

// Until returns how long it is until t; not positive when t is past.
func (c Clock) Until(t core.Time) time.Duration { return time.Until(c.Wall(t)) }

// At calls f in a goroutine of its own at t, or at once if t is past. core.Never
// never comes.
func (c Clock) At(t core.Time, f func()) *time.Timer {
	if t == core.Never {
		timer := time.AfterFunc(time.Hour, f)
		timer.Stop()
		return timer
	}
	return time.AfterFunc(max(c.Until(t), 0), f)
}
