package core

import (
	"cmp"
	"slices"
)

// What the link estimates look at.
const (
	linkWindow    = 10 * Second // samples older than that do not count
	linkRTTWindow = 30 * Second // the smallest round trip is that of the last one to two of these
	linkCut       = Second      // a busy time longer than that gives a sample before it ends
	linkBytes     = 64_000      // a sample counts above so many bytes
	linkRTTs      = 5           // or when it took so many round trips
	linkSmall     = 16_000      // bytes of a call that hardly weighs on the link
	linkOpen      = 4096        // transfers that wait for being looked at
	linkSamples   = 1024        // samples kept
)

// linkMeter estimates the rate and the round trip time of the link to a node from
// the calls that go there.
//
// A call's way there is its round trip without encoding, waiting, work and
// (where the driver tells it) the way back. It is the link's latency and the
// call's overhead, which small calls show, and the transfer of its bytes. Where
// transfers overlap nobody can tell their shares of the link apart, so they are
// taken together: a sample is what the link carried during one busy time (the
// union of overlapping transfers), over that time.
//
// Small calls are the reference: bytes and time of a transfer are counted from
// those of the quickest small call; failing that from the foot of the line (below); failing that,
// twice an answer's quickest way back stands for the round trip; and failing that the quickest
// of all calls. In each case the difference of two calls is what is measured. What is not
// measured is not told.
//
// Where transfers do not overlap, how their time grows with their size tells the rate as
// well (linkLine). That needs no reference, which may be off by a call's overhead, and
// no large transfers. So it goes before samples, as long as it is sure.
type linkMeter struct {
	to      NodeID
	open    []linkTransfer // not looked at yet
	samples []linkSample   // oldest first
	line    linkLine       // transfers that had the link to themselves
	sorted  []float64      // scratch
	small   linkMinimum    // the way there of small calls
	any     linkMinimum    // the way there of all calls
	foot    linkMinimum    // the way there of no bytes, by the line
	answer  linkMinimum    // the way back of small answers
	rtt     linkMinimum    // the round trip of small calls
	horizon Time           // scratch: since when calls are under way
}

// linkTransfer is a call's way there: from start, for took, in which bytes were carried.
type linkTransfer struct {
	start, took Time
	bytes       float64
}

type linkSample struct {
	at   Time
	rate float64 // bytes per second
}

// add takes in a call that was made at called and answered without error, with
// its round trip split into parts.
func (l *linkMeter) add(now, called Time, parts *callParts, sent, got float64) {
	bytes := sent
	if parts.back == 0 { // the way back is not told apart
		bytes += got
	}
	l.any.add(now, parts.there, bytes)
	if sent+got <= linkSmall {
		l.rtt.add(now, parts.there+parts.back, sent+got)
	}
	if bytes <= linkSmall {
		l.small.add(now, parts.there, bytes)
	}
	if parts.back > 0 && got <= linkSmall {
		l.answer.add(now, parts.back, got)
	}
	if len(l.open) < linkOpen {
		l.open = append(l.open, linkTransfer{called + parts.encode, parts.there, bytes})
	}
}

// full reports whether transfers are to be looked at before more can be added.
func (l *linkMeter) full() bool { return len(l.open) >= linkOpen }

// reference returns the time and the bytes from which transfers are counted.
func (l *linkMeter) reference(now Time) (r linkReading) {
	for _, m := range [...]*linkMinimum{&l.small, &l.foot, &l.answer, &l.any} {
		if r = m.get(now); r.ok {
			return r
		}
	}
	return r
}

// fold makes samples of the busy times that ended before horizon, before which
// every call has been answered: what comes later may still lack a transfer.
func (l *linkMeter) fold(now, horizon Time) {
	ref := l.reference(now)
	kept := l.open[:0]
	slices.SortFunc(l.open, func(a, b linkTransfer) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.took, b.took), cmp.Compare(a.bytes, b.bytes))
	})
	for i := 0; i < len(l.open); {
		t := l.open[i]
		start, end := t.start, t.start+t.took-ref.time
		var bytes float64
		j := i
		for ; j < len(l.open); j++ {
			t := &l.open[j]
			if j > i && t.start > end {
				break
			}
			end = max(end, t.start+t.took-ref.time)
			if t.took > ref.time {
				bytes += max(t.bytes-ref.bytes, 0)
			}
		}
		switch busy := l.open[i:j]; {
		case end <= horizon:
			l.sample(now, end, bytes, end-start)
			if len(busy) == 1 {
				l.line.add(t.start+t.took, t.took, t.bytes)
			}
		case horizon-start >= linkCut:
			kept = l.cut(now, start, horizon, ref, busy, kept)
		default:
			kept = append(kept, busy...)
		}
		i = j
	}
	if len(kept) >= linkOpen { // a call without answer holds everything up
		kept = kept[:0]
	}
	l.open = kept
}

// cut makes a sample of a busy time's part up to horizon and keeps the rest.
// The bytes of a transfer that is cut are taken to flow evenly.
func (l *linkMeter) cut(now, start, horizon Time, ref linkReading, busy, kept []linkTransfer) []linkTransfer {
	var bytes float64
	for _, t := range busy {
		took, net := t.took-ref.time, max(t.bytes-ref.bytes, 0)
		switch end := t.start + took; {
		case took <= 0:
		case end <= horizon:
			bytes += net
		case t.start >= horizon:
			kept = append(kept, t)
		default:
			part := float64(net * (float64(horizon-t.start) / float64(took)))
			bytes += part
			kept = append(kept, linkTransfer{horizon, end - horizon + ref.time, net - part + ref.bytes})
		}
	}
	l.sample(now, horizon, bytes, horizon-start)
	return kept
}

// sample keeps a busy time's rate if it says enough about the link.
func (l *linkMeter) sample(now, at Time, bytes float64, took Time) {
	if took <= 0 || bytes <= 0 {
		return
	}
	rtt := l.roundTrip(now)
	if bytes < linkBytes && (rtt == 0 || took < linkRTTs*rtt) {
		return
	}
	if len(l.samples) == linkSamples {
		l.samples = l.samples[:copy(l.samples, l.samples[linkSamples/2:])]
	}
	l.samples = append(l.samples, linkSample{at, bytes / took.Seconds()})
}

// roundTrip returns the link's round trip time, 0 if nothing tells it.
func (l *linkMeter) roundTrip(now Time) Time {
	if r := l.rtt.get(now); r.ok {
		return r.time
	}
	if r := l.answer.get(now); r.ok {
		return 2 * r.time
	}
	return l.any.get(now).time
}

// estimate returns what is known of the link.
func (l *linkMeter) estimate(now Time) LinkEstimate {
	old := 0
	for old < len(l.samples) && l.samples[old].at < now-linkWindow {
		old++
	}
	l.samples = l.samples[:copy(l.samples, l.samples[old:])]
	l.line.forget(now)
	e := LinkEstimate{RTT: l.roundTrip(now)}
	if e.Rate, e.Samples = l.line.rate(); e.Samples > 0 {
		e.Age = now - l.line.points[len(l.line.points)-1].at
		if foot := l.line.foot(e.Rate, e.Samples); foot > 0 {
			l.foot.add(now, foot, 0)
		}
		return e
	}
	if e.Samples = len(l.samples); e.Samples == 0 {
		e.Least = l.line.least()
		return e
	}
	l.sorted = l.sorted[:0]
	for _, s := range l.samples {
		l.sorted = append(l.sorted, s.rate)
		e.Age = now - s.at
	}
	slices.Sort(l.sorted)
	e.Rate = (l.sorted[(e.Samples-1)/2] + l.sorted[e.Samples/2]) / 2
	return e
}

// linkMinimum is the smallest reading of the last one to two linkRTTWindows.
type linkMinimum struct {
	now, before linkReading
	since       Time
}

type linkReading struct {
	time  Time
	bytes float64
	ok    bool
}

func (m *linkMinimum) roll(t Time) {
	if t-m.since < linkRTTWindow {
		return
	}
	if m.before = m.now; t-m.since >= 2*linkRTTWindow {
		m.before.ok = false
	}
	m.now.ok = false
	m.since = t
}

func (m *linkMinimum) add(t, v Time, bytes float64) {
	m.roll(t)
	if !m.now.ok || v < m.now.time {
		m.now = linkReading{v, bytes, true}
	}
}

func (m *linkMinimum) get(t Time) linkReading {
	m.roll(t)
	if m.now.ok && (!m.before.ok || m.now.time <= m.before.time) {
		return m.now
	}
	if m.before.ok {
		return m.before
	}
	return linkReading{}
}
