package result

import (
	"math"

	"vidq/core"
)

var nan = math.NaN()

const never = math.MaxInt64 // a camera frame that does not come

// The constraints as bits, in the order of SLO's fields.
const (
	meetsDelay = 1 << iota
	meetsLatency
	meetsAccuracy
)

// verdicts counts what met each constraint; the last is for all together.
type verdicts [4]int64

func (v *verdicts) add(met, want uint8, n int64) {
	if want == 0 {
		return
	}
	for i := range 3 {
		v[i] += n * int64(met>>i&1)
	}
	if met&want == want {
		v[3] += n
	}
}

// tally is what is counted of a query, and merged for all queries of a run.
type tally struct {
	done, dropped, failed, inFlight int64
	met                             verdicts               // done frames
	timeMet                         verdicts               // camera frames
	parts                           [core.NumParts]float64 // ns
	captured                        int64                  // camera frames
	sum                             float64                // of accuracies of camera frames
	unknown                         int64                  // camera frames whose result's accuracy is not known
	switchS                         float64
	reasons                         Reasons
	latency, delay                  Histogram
	accuracy                        shares // of camera frames for which there was a result
}

// query is a query's tally with what is needed to keep it. What a result looks at stands
// first, side by side: it is fetched anew for each.
type query struct {
	clock      clock
	constraint core.Constraint
	want       uint8
	live       bool              // its camera's mode
	known      bool              // the accuracy of some result is
	series     *Series           // nil without one
	last       *core.FrameRecord // copy of the result in force, if there is a FrameSink
	base       int64             // first camera frame that counts
	limit      int64             // first camera frame that is not the query's any more
	force      force
	tally

	batch batch
	to    int64 // file: camera frames that were read
	info  QueryInfo
	plans plans
}

// sample is what a result adds to the histograms. They are filled by the batch: those
// of a thousand queries do not fit into a processor's cache, and to fetch a query's
// once for many frames costs a fraction of doing so for each.
type sample struct {
	latency, delay core.Time // latency -1 = the frame does not count
	v, r           float64   // accuracies v, v*r, v*r^2 ...
	n              int64     // of so many camera frames
}

type batch struct {
	used    int
	samples [32]sample
}

func (t *tally) flush(b *batch) {
	for i := range b.samples[:b.used] {
		s := &b.samples[i]
		if s.latency >= 0 {
			t.latency.Add(s.latency)
			t.delay.Add(s.delay)
		}
		if s.n > 0 {
			t.accuracy.spread(s.v, s.r, s.n)
		}
	}
	b.used = 0
}

// force is the result in force.
type force struct {
	set      bool
	counted  bool // captured after the warm-up
	met      uint8
	frame    int64
	first    int64 // first camera frame that it serves
	captured core.Time
	at       core.Time
	fresh    float64
	decay    float64
	latency  core.Time
	delay    core.Time
}

func newQuery(info QueryInfo, warmup core.Time, sink FrameSink) *query {
	q := &query{info: info, live: info.Mode == core.ModeLive, constraint: info.Constraint, clock: clock{info.CameraPhase, info.CameraFPS}, base: never, limit: never}
	if q.live {
		q.base = q.clock.index(max(info.Start, warmup))
	}
	c := info.Constraint
	if c.Delay > 0 {
		q.want |= meetsDelay
	}
	if c.Latency > 0 {
		q.want |= meetsLatency
	}
	if c.Accuracy > 0 {
		q.want |= meetsAccuracy
	}
	if sink != nil {
		q.last = &core.FrameRecord{}
	}
	return q
}

func (q *query) read(at core.Time, to int64, warmup core.Time) {
	if q.live || to <= q.to {
		return
	}
	if at >= warmup {
		q.base = min(q.base, q.to)
	}
	q.to = to
}

func (q *query) end(at core.Time) {
	if q.live {
		q.limit = min(q.limit, q.clock.index(at))
	}
}

func (q *query) frame(r *core.FrameRecord, warmup core.Time, sink FrameSink) {
	counted := r.Captured >= warmup
	if r.Outcome == core.OutcomeDone {
		q.result(r, counted, sink)
		return
	}
	if counted {
		q.reasons[r.Reason]++
		if r.Outcome == core.OutcomeDropped {
			q.dropped++
		} else {
			q.failed++
		}
	}
	if sink != nil {
		sink.Frame(r, nan)
	}
}

// result puts a done frame in force.
func (q *query) result(r *core.FrameRecord, counted bool, sink FrameSink) {
	first := r.CameraFrame
	if q.live {
		first = q.clock.index(r.At)
	}
	q.supersede(first, sink)

	delay := r.RoundTrip / core.Time(max(r.Gap, 1))
	if counted {
		q.done++
		for i, p := range r.Breakdown {
			q.parts[i] += float64(p)
		}
	}
	f := &q.force
	*f = force{
		set: true, counted: counted, frame: r.CameraFrame, first: first, captured: r.Captured, at: r.At,
		fresh: r.Fresh, decay: min(max(r.Decay, 0), 1e9), latency: max(r.Latency, 0), delay: delay,
	}
	if c := &q.constraint; q.want != 0 {
		if c.Delay > 0 && delay <= c.Delay {
			f.met |= meetsDelay
		}
		if c.Latency > 0 && r.Latency <= c.Latency {
			f.met |= meetsLatency
		}
	}
	if q.last != nil {
		*q.last = *r
	}
}

// supersede closes the result in force: it serves the camera frames before next
// and none from there on.
func (q *query) supersede(next int64, sink FrameSink) {
	f := &q.force
	if !f.set {
		return
	}
	f.set = false
	// [f.first, hi) are the camera frames that it serves within maxAge; those from lo
	// on count.
	hi := q.fresh(min(next, q.limit))
	lo := max(f.first, q.base)
	c := q.curve(hi)
	if bound := q.constraint.Accuracy; bound > 0 && c.mean >= bound { // never of NaN
		f.met |= meetsAccuracy
	}
	q.plot(lo, hi, next)
	s := sample{latency: -1}
	if f.counted {
		q.met.add(f.met, q.want, 1)
		s.latency, s.delay = f.latency, f.delay
	}
	if lo < hi {
		q.timeMet.add(f.met, q.want, hi-lo)
		q.account(&s, c, lo-f.first, hi-lo)
	}
	if f.counted || s.n > 0 {
		q.batch.samples[q.batch.used] = s
		if q.batch.used++; q.batch.used == len(q.batch.samples) {
			q.flush(&q.batch)
		}
	}
	if sink != nil {
		sink.Frame(q.last, c.mean)
	}
}

// curve is how a result's accuracy falls over the camera frames that it serves.
type curve struct {
	v, r float64 // the first frame's, and the ratio of each to the one before
	x    float64 // -ln r
	mean float64
}

// curve returns that of the result in force, for the camera frames before hi.
func (q *query) curve(hi int64) curve {
	f := &q.force
	n := hi - f.first
	if n <= 0 {
		if !q.live {
			return curve{mean: f.fresh}
		}
		return curve{mean: aged(f.fresh, f.decay, f.at-f.captured)}
	}
	c := curve{v: aged(f.fresh, f.decay, q.age(f.first)), r: 1, x: f.decay / q.clock.fps}
	if c.x > 0 {
		c.r = math.Exp(-c.x)
	}
	c.mean = c.v * (geometric(c.x, c.r, n) / float64(n))
	return c
}

// account adds the accuracies of n camera frames in a row that the result in force
// serves, after the first skip ones.
func (q *query) account(s *sample, c curve, skip, n int64) {
	if c.mean != c.mean {
		q.unknown += n
		return
	}
	q.known = true
	sum := float64(c.mean * float64(n))
	if skip > 0 { // the warm-up ended meanwhile
		c.v *= math.Exp(-c.x * float64(skip))
		sum = c.v * geometric(c.x, c.r, n)
	}
	q.sum += sum
	s.v, s.r, s.n = c.v, c.r, n
}

// age returns the age of the result in force at camera frame k.
func (q *query) age(k int64) core.Time {
	if q.live {
		return q.clock.at(k) - q.force.captured
	}
	return core.FromSeconds(float64(k-q.force.frame) / q.clock.fps)
}

// fresh returns the smaller of hi and the first camera frame at which the result
// in force is older than maxAge.
func (q *query) fresh(hi int64) int64 {
	f := &q.force
	switch {
	case hi <= f.first || hi < never && q.age(hi-1) <= maxAge:
		return hi
	case q.live:
		return min(hi, q.clock.index(f.captured+maxAge+1))
	}
	k := f.frame + int64(math.Ceil(q.clock.fps*maxAge.Seconds()))
	for q.age(k) <= maxAge {
		k++
	}
	return min(hi, k)
}

// finish closes the query at the end of the run.
func (q *query) finish(now core.Time, sink FrameSink) {
	if q.live {
		q.end(now)
	} else {
		q.limit = q.to
	}
	q.supersede(q.limit, sink)
	q.plotCaptured()
	q.flush(&q.batch)
	q.captured = max(q.limit-q.base, 0)
	if q.unknown > 0 && !q.known { // nobody can tell this query's accuracy
		q.unknown = q.captured
	}
}
