package sched

import (
	"slices"

	"vidq/core"
)

// Where a pipeline forks, branches of one frame are under way together, and may meet at a
// link, at a service or at a device. They are no matter of chance, nor in the load of the others: each
// frame meets its own. A stage is taken to wait for what stages before it in the pipeline
// left to be done there when it comes. Where stations share themselves out, the other branch waits as well, but
// when both are done, which is when a join begins, is the same.

// span is what a stage of a trial occupies, and until when for each of the frames that are followed.
type span struct {
	link, pool, device int     // stations; no link = -1
	need               float64 // of the device
	travel             float64 // seconds after it has left the link
	sent, left         moments // when it has arrived, and when it is done
}

// forks reports whether some branches of a pipeline may be under way together: whether it is
// more than a chain.
func forks(p core.Pipeline) bool {
	for i := 1; i < len(p); i++ {
		if !slices.Contains(p[i].Parents, i-1) {
			return true
		}
	}
	return false
}

// own is how long frame k waits, which comes to a station at an instant and takes need of it, for
// its own branches that were sent there before.
func (s *vidq) own(station, k int, at, need float64) (wait float64) {
	for i := range s.spans {
		x := &s.spans[i]
		left, other := x.left[k], 1.
		switch station {
		case x.link:
			left = x.sent[k] - x.travel
		case x.pool:
		case x.device:
			other = x.need
		default:
			continue
		}
		over := min((need+other)/max(s.system.stations[station].capacity, 1e-9)-1, 1)
		wait = max(wait, over*(left-at))
	}
	return wait
}

// queueUp brings the frames' moments forward to when a link is rid of their own branches.
func (s *vidq) queueUp(t *trial, link int, now *moments) {
	for k := range t.frames {
		now[k] += s.own(link, k, now[k], 1)
	}
}
