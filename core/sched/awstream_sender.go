package sched

import "vidq/core"

// What AWStream's public code has where the paper gives no value (awstream/awstream,
// runtime/src: controller.rs, source.rs, adaptation.rs).
const (
	awQuiet  = core.Second // a queue that was empty for so long is told to be
	awSmooth = 0.5         // weight of a new look in the delivery rate
	awSteps  = 3           // of a probe's dummy traffic, one for each empty queue
)

// awSender is what a sender knows of itself.
type awSender struct {
	queue sendQueue
	held  float64   // bytes, at the last look
	at    core.Time // that look
	rate  float64   // delivered, bytes per second, smoothed
}

func (c *awstreamConfig) published() bool { return c.Sender == "published" }

// listen is look as AWStream's own sender does it: what its queue holds, at the rate
// at which the link takes it, is congestion above the threshold; the queue is empty
// when that has not been so for a second, once a second.
func (s *awstream) listen(v *core.View, l *awLink) awSignals {
	r := awSignals{known: true}
	for i := range l.apps {
		q, app := l.apps[i].q, l.apps[i].app
		w := &app.sender
		w.queue.look(v, q, app.profile[app.at].frame, v.Link(l.key.from, l.key.to))
		r.known = r.known && w.queue.known
		now := w.queue.pending(v.Now, w.at, q.Plan.InFlight)
		if dt := (v.Now - w.at).Seconds(); w.at > 0 && dt > 0 {
			w.rate += (max(w.held+now.came-now.left, 0)/dt - w.rate) * awSmooth
		}
		w.held, w.at = now.left, v.Now
		r.rate += w.rate
		r.congested = r.congested || now.left > s.Queue.Seconds()*w.queue.drain
	}
	switch {
	case r.congested || !r.known:
		l.quiet = v.Now
	case v.Now-l.quiet >= awQuiet:
		r.empty, l.quiet = true, v.Now
	}
	return r
}

// probe is the state of that name with dummy traffic: a step more for each empty queue,
// and after the last one the next configurations.
func (l *awLink) probe(c *awstreamConfig, now core.Time, r *awSignals) {
	switch {
	case r.congested:
		l.stride /= 2
	case !r.empty:
		return
	case l.dummy < awSteps:
		l.dummy++
		return
	default:
		l.set(min(l.n+l.stride, len(l.shares.steps)))
		l.stride *= 2
	}
	l.dummy = 0
	l.enter(awSteady, now)
	l.retry = now.Add(c.Hold)
}

// padding is the dummy traffic of a query, bytes for each of its frames. As in the
// public code it is what the next configurations need beyond the present ones, cut into
// pieces for all frames of the camera; only frames that are sent take theirs along, so
// that a probe at a third of the camera's rate adds a third of that.
func (l *awLink) padding(q *core.QueryView) float64 {
	if l.dummy == 0 {
		return 0
	}
	to := min(l.n+l.stride, len(l.shares.steps))
	more := (l.shares.totals[to] - l.shares.totals[l.n]) / float64(len(l.apps))
	return more * float64(l.dummy) / awSteps / q.Camera.FPS
}
