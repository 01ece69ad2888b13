package world

import (
	"math/bits"

	"vidq/core"
)

// Device is a node's cpu or gpu: a capacity (cores or slots) that its jobs share.
// A job wants a share of the capacity and has work, the time that it takes when it
// gets its share. While the shares' sum does not exceed the capacity every job
// gets what it wants; when it does, all jobs are stretched in proportion: egalitarian
// processor sharing with weights that are also caps.
//
// All jobs go at one rate, so that one virtual clock tells how far each is: a job
// ends when the clock has gone on by the job's work. The clock is an integer of
// 2^-16 ns; at the full rate it moves exactly as time does, and a job that was never
// stretched ends exactly its work after its start.
type Device struct {
	capacity int64 // in units of shareUnit
	slow     float64
	sum      int64     // of the shares in use
	num, den uint64    // the clock's rate; equal = as fast as time
	last     core.Time // instant of clock
	clock    uint64    // 2^-16 ns of attained work, may wrap around
	jobs     marks     // aux is the share
	next     core.Time
	busy     float64 // capacity times seconds, in use so far
}

const (
	shareUnit = 1 << 20 // of a core or slot
	maxSlow   = 1e6
	clockUnit = 16 // bits of the clock below one ns
)

// NewDevice makes a device of a capacity in cores or slots. On a device without
// capacity no job ever ends.
func NewDevice(capacity float64) Device {
	d := Device{capacity: share(capacity), slow: 1, next: core.Never}
	d.setRate()
	return d
}

// share converts cores or slots to integer units, so that their sum is exact
// whatever comes and goes.
func share(x float64) int64 { return int64(x*shareUnit + 0.5) }

// Start adds a job that wants a share (cores or slots) for work. The id is the
// caller's and must not be in use.
func (d *Device) Start(now core.Time, id uint64, work core.Time, cores float64) {
	d.start(now, id, work, share(cores))
}

func (d *Device) start(now core.Time, id uint64, work core.Time, want int64) {
	d.advance(now)
	d.jobs.push(mark{d.clock + uint64(work)<<clockUnit, id, uint64(want)})
	d.load(want)
}

// Occupy takes a share without a job: until Vacate it is a load to the others.
func (d *Device) Occupy(now core.Time, cores float64) { d.occupy(now, share(cores)) }

// Vacate gives back what Occupy took.
func (d *Device) Vacate(now core.Time, cores float64) { d.occupy(now, -share(cores)) }

func (d *Device) occupy(now core.Time, want int64) {
	if want == 0 {
		return
	}
	d.advance(now)
	d.load(want)
}

// Cancel removes a job before its end; false if there is no such job. It takes
// time proportional to the number of jobs.
func (d *Device) Cancel(now core.Time, id uint64) bool {
	d.advance(now)
	m, ok := d.jobs.remove(id)
	if ok {
		d.load(-int64(m.aux))
	}
	return ok
}

// Clear removes all jobs and loads.
func (d *Device) Clear(now core.Time) {
	d.advance(now)
	d.jobs = d.jobs[:0]
	d.sum = 0
	d.setRate()
}

// SetSlow makes everything take factor times as long, from now on; 1 is normal.
// A factor that is not positive counts as 1, one above
// a million as a million.
func (d *Device) SetSlow(now core.Time, factor float64) {
	if !(factor > 0) {
		factor = 1
	}
	d.advance(now)
	d.slow = factor
	d.setRate()
}

// Next returns when the next job ends if nothing else happens; core.Never if none
// does.
func (d *Device) Next() core.Time { return d.next }

// Pop removes a job that has ended at or before now and returns its id and the
// instant at which it ended. Jobs come in order of their ends, at one instant by id.
// A caller that is late gets the same answers as one in time, as long as it pops
// before it does anything else.
func (d *Device) Pop(now core.Time) (id uint64, at core.Time, ok bool) {
	if id, at, ok = d.ended(now); ok {
		d.drop()
	}
	return id, at, ok
}

// ended returns what Pop would, and leaves the job where it is: drop removes it, and
// again gives it more to do.
func (d *Device) ended(now core.Time) (id uint64, at core.Time, ok bool) {
	for d.next <= now && d.next != core.Never {
		at = d.next
		d.advance(at)
		if int64(d.jobs[0].at-d.clock) <= 0 {
			return d.jobs[0].id, at, true
		}
		d.setNext() // the clock is cut off below its unit: not quite there
	}
	return 0, 0, false
}

// drop removes the job that ended has returned.
func (d *Device) drop() { d.load(-int64(d.jobs.pop().aux)) }

// again makes the job that ended has returned begin anew, at the instant of its
// end: the same as to drop and to start it, in one walk through the heap.
func (d *Device) again(work core.Time, want int64) {
	m := d.jobs[0]
	old := int64(m.aux)
	m.at, m.aux = d.clock+uint64(work)<<clockUnit, uint64(want)
	d.jobs.down(0, m)
	d.load(want - old)
}

// Jobs returns how many jobs there are.
func (d *Device) Jobs() int { return len(d.jobs) }

// Utilization returns the part of the capacity that is in use now, 0..1.
func (d *Device) Utilization() float64 {
	if d.capacity == 0 {
		return 0
	}
	return float64(min(d.sum, d.capacity)) / float64(d.capacity)
}

// Busy returns the integral over time of the capacity in use, in core (or slot)
// seconds up to now.
func (d *Device) Busy(now core.Time) float64 {
	d.advance(now)
	return d.busy
}

// advance brings the clock and the integral to now.
func (d *Device) advance(now core.Time) {
	dt := now - d.last
	if dt <= 0 {
		return
	}
	d.last = now
	if d.sum == 0 && len(d.jobs) == 0 {
		return
	}
	d.busy += float64(float64(min(d.sum, d.capacity)) * (float64(dt) * (1e-9 / shareUnit)))
	if d.num == d.den {
		d.clock += uint64(dt) << clockUnit
		return
	}
	hi, lo := bits.Mul64(uint64(dt), d.num<<clockUnit)
	q, _ := bits.Div64(hi%d.den, lo, d.den)
	d.clock += q
}

// load changes the sum of shares.
func (d *Device) load(want int64) {
	d.sum += want
	if d.sum > d.capacity || d.num != d.den {
		d.setRate()
		return
	}
	d.setNext()
}

// setRate derives the clock's rate from the shares' sum, as a fraction.
func (d *Device) setRate() {
	d.num, d.den = uint64(d.capacity), uint64(max(d.sum, d.capacity, 1))
	if d.slow != 1 {
		d.den = max(uint64(float64(d.den)*min(d.slow, maxSlow)), 1)
	}
	d.setNext()
}

// setNext derives the next end: the first instant, in whole ns, at which the
// clock has reached the first mark.
func (d *Device) setNext() {
	if len(d.jobs) == 0 || d.num == 0 {
		d.next = core.Never
		return
	}
	left := d.jobs[0].at - d.clock
	switch {
	case int64(left) <= 0:
		d.next = d.last
	case d.num == d.den:
		d.next = d.last.Add(core.Time((left + 1<<clockUnit - 1) >> clockUnit))
	default:
		d.next = d.last.Add(ceilDiv(left, d.den, d.num<<clockUnit))
	}
}

// ceilDiv returns a*b/c rounded up, at most core.Never.
func ceilDiv(a, b, c uint64) core.Time {
	hi, lo := bits.Mul64(a, b)
	if hi >= c {
		return core.Never
	}
	q, r := bits.Div64(hi, lo, c)
	if r > 0 {
		q++
	}
	return core.Time(min(q, uint64(core.Never)))
}
