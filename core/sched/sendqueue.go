package sched

import (
	"slices"

	"vidq/core"
)

// sendQueue reckons what a query's host has captured and not yet got through, from
// what got through and from the plans that were in force: the host is not asked. It
// holds for plans whose buffer drops nothing. Its zero value is ready.
type sendQueue struct {
	plans []sentPlan // ascending; the first is in force at newest
	got   []gotFrame // within the memory, by when they got through
	asked core.Time  // when it was last brought up to date
	rtt   core.Time  // of the link
	size  float64    // what frames have over what is believed of them
	known bool       // some frame got through
	last  gotFrame   // the newest frame that did
	drain float64    // rate of the link while it was busy, bytes per second

	// Scratch.
	sizes []float64 // of the frames that did not get through
	times []core.Time
}

type sentPlan struct {
	revision uint64
	from     core.Time
	fps      float64
	believed float64 // bytes of a frame by the belief
	bytes    float64 // as seen of late
}

type gotFrame struct {
	captured, sent, at core.Time
	bytes              float64
}

// sendMemory is for how long frames that got through are remembered: what the link
// gives is measured over that.
const sendMemory = core.Second

// sizeWeight is the weight of a new frame in the mean size of a plan's frames.
const sizeWeight = 0.2

// look takes a round's observations in. believed is the size of a frame of the
// query's plan by the belief; link that to where it is sent.
func (s *sendQueue) look(v *core.View, q *core.QueryView, believed float64, link *core.LinkView) {
	if s.size == 0 {
		s.size = 1
	}
	if link != nil {
		s.rtt = link.RTT
	}
	if n := len(s.plans); q.Plan.Revision > 0 && (n == 0 || s.plans[n-1].revision != q.Plan.Revision) {
		p := sentPlan{revision: q.Plan.Revision, from: s.asked, fps: min(q.Plan.Video.FPS, q.Camera.FPS), believed: believed}
		p.bytes = believed * s.size
		for i := range s.plans { // padding changes the revision, not the frames
			if o := &s.plans[i]; o.believed == believed && o.fps == p.fps {
				p.bytes = o.bytes
			}
		}
		s.plans = append(s.plans, p)
	}
	for i := range q.Observations {
		s.observe(&q.Observations[i], q.Query.Node, q.Plan.Pad)
	}
	s.asked = v.Now
	for len(s.plans) > 1 && s.plans[1].from <= s.last.captured {
		s.plans = slices.Delete(s.plans, 0, 1)
	}
	old := 0
	for old < len(s.got)-1 && s.got[old].at < v.Now-sendMemory {
		old++
	}
	s.got = slices.Delete(s.got, 0, old)
	s.measure()
}

// observe takes a frame in that got through.
func (s *sendQueue) observe(o *core.Observation, host core.NodeID, pad float64) {
	bytes, _ := network(o, host)
	f := gotFrame{o.At - o.Latency, o.At - o.RoundTrip, o.At, bytes}
	s.known = true
	if f.captured >= s.last.captured {
		s.last = f
	}
	s.got = append(s.got, f)
	for i := range s.plans {
		if p := &s.plans[i]; p.revision == o.Revision {
			own := max(bytes-pad, 0)
			p.bytes += (own - p.bytes) * sizeWeight
			if p.believed > 0 {
				s.size = p.bytes / p.believed
			}
		}
	}
}

// measure finds the link's rate from the frames that are remembered: each one's bytes
// over the time from the end of the one before it, or from its own beginning if that is
// later, to its end. That also holds for frames that share the link, as long as they
// are of one size.
func (s *sendQueue) measure() {
	busy, bytes, end := core.Time(0), 0.0, core.Time(0)
	for i := range s.got {
		f := &s.got[i]
		left := f.at - s.rtt/2
		if i > 0 || len(s.got) == 1 {
			busy += max(left-max(end, f.sent+s.rtt/2), 0)
			bytes += f.bytes
		}
		end = max(end, left)
	}
	if busy > core.Millisecond {
		s.drain = bytes / busy.Seconds()
	}
}

// maxPending bounds the frames that pending counts.
const maxPending = 100_000

// queued is what a sender's queue holds, bytes.
type queued struct {
	left    float64 // captured and not sent yet
	waiting float64 // the same without the frame that is being sent
	came    float64 // captured since a given instant, sent or not
}

// pending returns what the queue holds now and what came after since. window frames are
// under way at once and share the link: of frames of one size that began one after the
// other, when one has left the others are sent by 0, 1/w, 2/w ... of them, (w-1)/2 in
// all; to that comes what the link took since.
func (s *sendQueue) pending(now, since core.Time, window int) (r queued) {
	if !s.known || len(s.plans) == 0 {
		return r
	}
	for i := range s.got {
		if s.got[i].captured > since {
			r.came += s.got[i].bytes
		}
	}
	first := s.capture(now)
	n := len(s.sizes)
	if n == 0 {
		return r
	}
	total := 0.0
	for i, at := range s.times {
		total += s.sizes[i]
		if at > since {
			r.came += s.sizes[i]
		}
	}
	sent := float64(min(n, window)-1) / 2 * total / float64(n)
	sent += s.drain * max(now-max(first, s.last.at-s.rtt), 0).Seconds()
	r.left = max(total-sent, 0)
	for before, i := 0.0, 0; i < n; i++ {
		if i > 0 && before >= sent {
			r.waiting += s.sizes[i]
		}
		before += s.sizes[i]
	}
	return r
}

// capture lists the frames that were captured after the newest that got through, up to
// now, and returns when the first of them was.
func (s *sendQueue) capture(now core.Time) core.Time {
	s.sizes, s.times = s.sizes[:0], s.times[:0]
	k, at := 0, s.last.captured
	for len(s.sizes) < maxPending {
		for k+1 < len(s.plans) && s.plans[k+1].from <= at {
			k++
		}
		if s.plans[k].fps <= 0 {
			break
		}
		next := at.Add(core.FromSeconds(1 / s.plans[k].fps))
		if k+1 < len(s.plans) && next > s.plans[k+1].from { // the next plan's frame comes first
			k++
			next = max(min(next, at.Add(core.FromSeconds(1/s.plans[k].fps))), s.plans[k].from)
		}
		if at = next; at > now {
			break
		}
		s.sizes, s.times = append(s.sizes, s.plans[k].bytes), append(s.times, at)
	}
	if len(s.times) == 0 {
		return now
	}
	return s.times[0]
}
