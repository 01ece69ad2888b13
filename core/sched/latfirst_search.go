package sched

import (
	"math"
	"math/bits"
	"slices"

	"vidq/core"
)

// allPlacements is the longest pipeline of which every placement is tried; of a
// longer one only the splits into a first part on the host and a far rest.
const allPlacements = 6

// search ranks the plans of one query.
type search struct {
	s       *latfirstFixed
	v       *core.View
	q       *core.QueryView
	st      *fixedState
	now     candidate // the present plan
	known   bool      // it is made of the present knobs and places
	lift    float64   // by which every share is raised: what the 95th percentile is above the prediction
	widest  int       // the last resolution that the camera has
	rates   int       // knobs of fps that make a difference
	inverse struct{ delay, latency float64 }
}

// search begins one; x is the measured share of the bound, 0 if there is none.
func (s *latfirstFixed) search(v *core.View, q *core.QueryView, st *fixedState, x float64) search {
	l := search{s: s, v: v, q: q, st: st, lift: 1}
	r, _ := within(&v.Knobs, q.Camera.Resolution)
	for l.widest < len(v.Knobs.Resolutions)-1 && v.Knobs.Resolutions[l.widest] != r {
		l.widest++
	}
	l.rates = 1
	for l.rates < len(v.Knobs.FPS) && v.Knobs.FPS[l.rates-1] < q.Camera.FPS {
		l.rates++
	}
	if d := q.Query.Constraint.Delay; d > 0 {
		l.inverse.delay = 1 / d.Seconds()
	}
	if d := q.Query.Constraint.Latency; d > 0 {
		l.inverse.latency = 1 / d.Seconds()
	}
	if l.now, l.known = s.position(v, q); l.known {
		b := l.trips(l.now.far, l.now.resolution)
		l.rank(&l.now, &b, s.Setpoint)
		lift := 1.0
		if x > l.now.share && l.now.share > 0 {
			lift = x / l.now.share
		}
		if x > 0 {
			st.lift += (min(lift, liftMax) - st.lift) * takeWeight
		}
		l.lift = max(lift, st.lift)
		l.rank(&l.now, &b, s.Setpoint)
	}
	return l
}

// position finds the indices of the query's present plan; false when it is not
// made of the knobs and of the places in s.sites.
func (s *latfirstFixed) position(v *core.View, q *core.QueryView) (c candidate, ok bool) {
	p := &q.Plan
	if p.Revision == 0 || p.Refused || len(p.Stages) != len(s.sites) {
		return c, false
	}
	c.fps, c.resolution = slices.Index(v.Knobs.FPS, p.Video.FPS), slices.Index(v.Knobs.Resolutions, p.Video.Resolution)
	if c.fps < 0 || c.resolution < 0 {
		return c, false
	}
	for i, a := range p.Stages {
		switch far := s.sites[i].node; {
		case a.Model != s.Model:
			return c, false
		case a.Node == q.Query.Node:
		case far != nil && a.Node == far.ID:
			c.far |= 1 << i
		default:
			return c, false
		}
	}
	return c, true
}

// trips is what a placement takes at a resolution, in seconds.
type trips struct {
	sum      float64 // of the stages' round trips; NaN = cannot run
	critical float64 // capture to result
	far      float64 // work at far places
}

func (l *search) trips(far uint32, resolution int) (b trips) {
	var end [core.MaxStages]float64
	for i := range l.s.sites {
		place := int(far >> i & 1)
		t := float64(l.st.scale[i*places+place] * l.st.believed(&l.s.sites[i], i, resolution, place))
		b.sum += t
		if place == placeFar {
			b.far += l.st.work[(i*l.st.resolutions+resolution)*places+place]
		}
		for _, p := range l.q.Query.Pipeline[i].Parents {
			end[i] = max(end[i], end[p])
		}
		end[i] += t
		b.critical = max(b.critical, end[i])
	}
	return b
}

// share is the predicted share of the tighter bound; without a bound that of a
// live camera's time, else 0.
func (l *search) share(f int, b *trips) float64 {
	camera, fps := l.q.Camera, l.v.Knobs.FPS[f]
	x := max(b.sum/l.st.gap[f]*l.inverse.delay, b.critical*l.inverse.latency)
	x *= l.lift
	if camera.Mode == core.ModeLive { // frames are lost when they come faster than they are served
		x = max(x, b.sum*min(fps, camera.FPS)/float64(l.s.InFlight))
	}
	return x
}

// rank fills in what candidates are compared by.
func (l *search) rank(c *candidate, b *trips, limit float64) {
	fps := l.v.Knobs.FPS[c.fps]
	value := l.st.value[c.fps*l.st.resolutions+c.resolution]
	c.share, c.seconds = l.share(c.fps, b), b.critical
	c.late = count(max(0, math.Ceil((c.share-limit)*1e6-1e-3)))
	c.poor = value < l.q.Query.Constraint.Accuracy-1e-9
	c.accuracy = count(math.Round(value * 1e3))
	c.cost = count(b.far * min(fps, l.q.Camera.FPS) * 1e6)
	c.trip = count(b.sum * 1e9)
	c.changes = 0
	if l.known {
		c.changes = bits.OnesCount32(c.far ^ l.now.far)
		if c.fps != l.now.fps {
			c.changes++
		}
		if c.resolution != l.now.resolution {
			c.changes++
		}
	}
}

// best is the first in rank of all plans whose share of the bound is to stay
// within limit; false when none can run.
func (l *search) best(limit float64) (best candidate, found bool) {
	n := len(l.s.sites)
	count := uint64(1) << n
	if n > allPlacements {
		count = uint64(n) + 1
	}
	for k := range count {
		far := uint32(k)
		if n > allPlacements {
			far = uint32(uint64(1)<<n - uint64(1)<<k)
		}
		for r := range l.widest + 1 {
			b := l.trips(far, r)
			if math.IsNaN(b.sum) {
				continue
			}
			for f := range l.rates {
				if found && best.late == 0 && l.share(f, &b) > limit+1e-6 {
					continue
				}
				c := candidate{fps: f, resolution: r, far: far}
				l.rank(&c, &b, limit)
				if !found || c.before(&best) {
					best, found = c, true
				}
			}
		}
	}
	return best, found
}

// choose is best with a margin, and without it where only that meets the bounds.
func (l *search) choose() (candidate, bool) {
	c, ok := l.best(l.s.Setpoint)
	if !ok || c.late == 0 && !c.poor {
		return c, ok
	}
	if full, _ := l.best(1); full.late == 0 && (c.late > 0 || !full.poor) {
		return full, true
	}
	return c, true
}

// descend moves one knob at a time, at most steps times, each time the one that
// gains the most delay for the accuracy that it costs.
func (l *search) descend(steps int) candidate {
	at := l.now
	for range steps {
		next, value := at, 0.0
		try := func(c candidate) {
			b := l.trips(c.far, c.resolution)
			l.rank(&c, &b, l.s.Setpoint)
			gain, loss := at.share-c.share, at.accuracy-c.accuracy
			if y := gain / float64(max(loss, 1)); gain > 1e-9 && y > value { // false for NaN
				next, value = c, y
			}
		}
		for i := range l.s.sites {
			try(candidate{fps: at.fps, resolution: at.resolution, far: at.far ^ 1<<i})
		}
		if at.fps > 0 {
			try(candidate{fps: at.fps - 1, resolution: at.resolution, far: at.far})
		}
		if at.resolution > 0 {
			try(candidate{fps: at.fps, resolution: at.resolution - 1, far: at.far})
		}
		if value == 0 {
			break
		}
		at = next
	}
	return at
}

// candidate is a plan by its indices, with its rank. Everything that is compared
// is an integer.
type candidate struct {
	fps, resolution int
	far             uint32 // bit i: stage i is at its far place

	late     int64 // millionths of the bound above the limit; 0 = meets it
	poor     bool  // below the bound of accuracy
	accuracy int64 // thousandths
	cost     int64 // microseconds of far work per second of video
	trip     int64 // ns
	changes  int   // knobs and places that differ from the present plan

	share   float64 // predicted 95th percentile of the bound
	seconds float64 // predicted capture to result
}

func (c *candidate) equal(o *candidate) bool {
	return c.fps == o.fps && c.resolution == o.resolution && c.far == o.far
}

// worth reports whether c is enough better than the present plan for a change.
func (c *candidate) worth(now *candidate) bool {
	switch {
	case c.poor != now.poor:
		return now.poor
	case c.accuracy >= now.accuracy+10:
		return true
	}
	return c.accuracy >= now.accuracy && float64(c.cost) <= 0.8*float64(now.cost) && now.cost > 0
}

// before reports whether c ranks before o: delay, accuracy, cost, then the
// tie-breaks.
func (c *candidate) before(o *candidate) bool {
	switch {
	case c.late != o.late:
		return c.late < o.late
	case c.poor != o.poor:
		return !c.poor
	case c.accuracy != o.accuracy:
		return c.accuracy > o.accuracy
	case c.cost != o.cost:
		return c.cost < o.cost
	case c.trip != o.trip:
		return c.trip < o.trip
	case c.changes != o.changes:
		return c.changes < o.changes
	case c.fps != o.fps:
		return c.fps < o.fps
	case c.resolution != o.resolution:
		return c.resolution < o.resolution
	}
	return c.far < o.far
}

// count makes an integer for comparison of a number that may be beyond it.
func count(x float64) int64 {
	const most = 1 << 60
	if !(x < most) { // also NaN
		return most
	}
	return int64(max(x, -most))
}
