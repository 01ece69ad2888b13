package sched

import "vidq/core"

// awState is a state of AWStream's rate adaptation.
type awState uint8

const (
	awStartup awState = iota // growing with every look that finds the queue empty
	awDegrade                // congested, or waiting for the queue to drain
	awSteady
	awProbe // trying the next step
)

// awLink is the state machine of the applications that share a link.
type awLink struct {
	key     awKey
	shares  awShares
	shared  int  // how many applications share it
	changed bool // it has to be computed anew
	apps    []awMember

	state  awState
	since  core.Time // when it began
	retry  core.Time // no probe before
	n      int       // steps of shares in force
	stride int       // steps that a probe takes: halved by one that fails, doubled by one that does not
	from   int       // the same before the probe
	dummy  int       // steps of dummy traffic in force
	quiet  core.Time // since when all senders' queues are empty, or one of them was last taken for that

	// The smallest time per byte of the last one to two awMinima, seconds.
	least, before float64
	rolled        core.Time
}

type awKey struct{ from, to core.NodeID }

type awMember struct {
	q   *core.QueryView // of the round in hand
	app *awApp
}

// awMinima is how long the smallest time in the network is remembered, at least.
const awMinima = 10 * core.Second

// awOverflow is the share of frames missing from which on the sender's queue counts
// as having overflowed.
const awOverflow = 0.2

// awScale bounds by what factor a profile's rates are set right.
const awScale = 16.

// awDrain is how long a queue may take to drain. After that the link does not
// deliver what it seemed to, and the rate goes down once more.
const awDrain = 3 * core.Second

// awSilence is the share of what is sent that is taken to be delivered while
// nothing comes through: frames that fail do not tell the rate.
const awSilence = 0.5

// begin forgets the applications of the last look.
func (l *awLink) begin() { l.apps = l.apps[:0] }

// end lets go of the view.
func (l *awLink) end() {
	for i := range l.apps {
		l.apps[i].q = nil
	}
}

// awSignals are what a look at a link tells.
type awSignals struct {
	known     bool    // of anything
	congested bool    // a queue above the threshold, frames lost, a spike or silence
	empty     bool    // the queues of all applications, under the present configurations
	rate      float64 // delivered, bytes per second
	needed    float64 // of the present configurations, by what their frames were seen to be
}

// look measures.
func (s *awstream) look(v *core.View, l *awLink) awSignals {
	r := awSignals{empty: true}
	var bytes, seconds float64
	frames, silent := 0, 0
	for i := range l.apps {
		q, app := l.apps[i].q, l.apps[i].app
		c := &app.profile[app.at]
		r.rate += app.delivered(q, c)
		n := app.judge(q, &r, s.Queue, &bytes, &seconds)
		r.needed += c.rate * app.seen / app.scale
		frames += n
		if n > 0 {
			app.heard = q.Plan.Revision
			s.measured(v, q, app, c)
		}
		if app.watch.silent(v, q, n, q.Query.Constraint.Latency) {
			silent++
			app.heard = q.Plan.Revision
		}
		if q.Plan.Revision == 0 || app.heard != q.Plan.Revision {
			r.empty = false // not heard of the present configuration yet
		}
	}
	r.known = frames > 0 || silent > 0
	switch {
	case frames == 0:
		r.congested, r.rate = silent > 0, awSilence*r.needed
	case bytes > 0:
		rtt := 0.0
		if k := v.Link(l.key.from, l.key.to); k != nil {
			rtt = k.RTT.Seconds()
		}
		r.congested = l.spike(v.Now, max(seconds-rtt*float64(frames), 0)/bytes, bytes/float64(frames), rtt, s.Spike) || r.congested
	}
	return r
}

// spike reports whether perByte seconds, the newest, makes the time in the network
// of a frame of the given bytes more than factor times what it was at its smallest.
func (l *awLink) spike(now core.Time, perByte, bytes, rtt, factor float64) bool {
	if now-l.rolled >= awMinima || l.rolled == 0 {
		l.before = l.least
		if now-l.rolled >= 2*awMinima {
			l.before = 0
		}
		l.least, l.rolled = 0, now
	}
	if l.least == 0 || perByte < l.least {
		l.least = perByte
	}
	least := l.least
	if l.before > 0 {
		least = min(least, l.before)
	}
	return rtt+perByte*bytes > factor*(rtt+least*bytes)
}

// delivered is the rate at which the query's bytes arrived since the last look. A
// file is read as fast as it is served, so that its rate tells nothing: the
// configuration's stands for it.
func (a *awApp) delivered(q *core.QueryView, c *awConfig) float64 {
	obs := q.Observations
	if len(obs) == 0 {
		return 0
	}
	since := a.last
	a.last = obs[len(obs)-1].At
	if q.Camera.Mode == core.ModeFile {
		return c.rate
	}
	if since == 0 || len(obs) == core.ObservationsKept { // what came before the first of them is not known
		since, obs = obs[0].At, obs[1:]
	}
	bytes := 0.0
	for i := range obs {
		sent, _ := network(&obs[i], q.Query.Node)
		bytes += sent
	}
	if span := (a.last - since).Seconds(); span > 0 {
		return bytes / span
	}
	return 0
}

// network returns what a frame sent and got through the network, bytes, and how
// long that took, seconds.
func network(o *core.Observation, host core.NodeID) (bytes, seconds float64) {
	for i := range o.Calls {
		if c := &o.Calls[i]; c.Node != host {
			bytes += c.Bytes
			seconds += c.Transfer.Seconds()
		}
	}
	return bytes, seconds
}

// judge adds what the frames of the present configuration tell to the signals and
// sums, and returns how many there are.
func (a *awApp) judge(q *core.QueryView, r *awSignals, queue core.Time, bytes, seconds *float64) (n int) {
	fps := min(q.Plan.Video.FPS, q.Camera.FPS)
	gaps, wait, size, usual := 0.0, core.Time(0), 0.0, 0.0
	fresh := a.heard != q.Plan.Revision
	for i := range q.Observations {
		o := &q.Observations[i]
		if o.Revision != q.Plan.Revision {
			continue
		}
		b, t := network(o, q.Query.Node)
		size += b
		if n > 0 || !fresh { // a stream begins with a key frame, which is larger than those that follow
			usual += b
		}
		*seconds += t
		wait = waited(q, o)
		if n++; n > 1 {
			gaps += float64(o.Gap) * fps / q.Camera.FPS
		}
	}
	if n == 0 {
		return 0
	}
	*bytes += size
	counted := float64(n)
	if fresh {
		counted--
	}
	if c := &a.profile[a.at]; c.frame > 0 && q.Plan.Video == c.video && counted > 0 {
		a.seen += (usual/counted/c.frame*a.scale - a.seen) * takeWeight
	}
	if d := q.Query.Constraint.Latency; d > 0 {
		queue = min(queue, d/2)
	}
	if wait > queue || gaps > 0 && float64(n-1)/gaps < 1-awOverflow {
		r.congested = true
	}
	if wait > min(core.FromSeconds(1/fps), queue/2) {
		r.empty = false
	}
	return n
}

// measured profiles an application anew when its rate differs too much from its
// profile's.
func (s *awstream) measured(v *core.View, q *core.QueryView, app *awApp, c *awConfig) {
	const perMegabit = 1e6 / 8
	if off := c.rate * (app.seen/app.scale - 1); max(off, -off) <= s.Refresh*perMegabit {
		return
	}
	scale := min(max(app.seen, 1/awScale), awScale)
	if p := s.profile(v, q, app.stages, scale); len(p) > 0 {
		app.scale, app.profile, app.at = scale, p, min(app.at, len(p)-1)
		app.link.changed = true
	}
}

// waited is how long a frame waited at its host: for a place in the window, and
// for the pace. It is the latency without the stages on its critical path.
func waited(q *core.QueryView, o *core.Observation) core.Time {
	if len(o.Calls) != len(q.Query.Pipeline) || len(o.Calls) > core.MaxStages {
		return 0
	}
	var done [core.MaxStages]core.Time
	path := core.Time(0)
	for i := range o.Calls {
		for _, k := range q.Query.Pipeline[i].Parents {
			done[i] = max(done[i], done[k])
		}
		done[i] += o.Calls[i].RoundTrip
		path = max(path, done[i])
	}
	return max(o.Latency-path, 0)
}

// advance is the state machine.
func (l *awLink) advance(c *awstreamConfig, now core.Time, r *awSignals) {
	if !r.known {
		return
	}
	top, all := len(l.shares.steps), len(l.apps)
	l.stride = min(max(l.stride, 1), all)
	switch l.state {
	case awStartup, awSteady, awDegrade:
		switch {
		case r.congested:
			rate := r.rate
			if l.state != awDegrade || now-l.since >= awDrain {
				rate = min(rate, l.shares.totals[l.n])
			}
			if n := l.shares.below(c.Alpha * rate); n < l.n || l.state != awDegrade {
				l.enter(awDegrade, now)
				l.forget(now) // a spike is sudden: what lasts is how the link is now
				l.set(min(n, l.n))
			}
		case !r.empty:
		case l.state == awDegrade:
			l.enter(awSteady, now)
			if c.published() {
				l.retry = now.Add(c.Hold)
			}
		case l.n == top:
			l.state = awSteady
		case l.state == awStartup:
			l.stride = all
			l.set(min(l.n+all, top))
		case now >= l.retry:
			l.enter(awProbe, now)
			l.from = l.n
			if l.dummy = 1; !c.published() {
				l.dummy = 0
				l.set(min(l.n+l.stride, top))
			}
		}
	case awProbe:
		if c.published() {
			l.probe(c, now, r)
			return
		}
		reached := r.rate > c.Alpha*r.needed
		switch late := now-l.since >= 2*c.ProbeTime; {
		case r.congested || late && !reached:
			l.enter(awSteady, now)
			l.retry = now.Add(c.Hold)
			l.stride /= 2
			l.set(l.from)
		case r.empty && reached && now-l.since >= c.ProbeTime:
			l.enter(awSteady, now)
			l.stride *= 2
		}
	}
}

func (l *awLink) enter(s awState, now core.Time) { l.state, l.since = s, now }

// forget begins the minimum anew.
func (l *awLink) forget(now core.Time) { l.least, l.before, l.rolled = 0, 0, now }

// set puts so many steps of the shares into force. What frames of other sizes took is no
// measure for those that come now.
func (l *awLink) set(n int) {
	if n != l.n {
		l.forget(l.rolled)
	}
	for ; l.n < n; l.n++ {
		l.apps[l.shares.steps[l.n]].app.at++
	}
	for ; l.n > n; l.n-- {
		l.apps[l.shares.steps[l.n-1]].app.at--
	}
}
