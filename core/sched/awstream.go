package sched

import (
	"cmp"
	"slices"

	"vidq/core"
)

func init() {
	Register("awstream", "AWStream: the most accurate configurations whose rate stays below what the network delivers (Zhang et al., SIGCOMM 2018)",
		awstreamConfig{
			Alpha: 0.9, Queue: core.Second / 2, Spike: 2, ProbeGain: 1.25, ProbeTime: 2 * core.Second, Hold: 10 * core.Second,
			Refresh: 1, Interval: core.Second, InFlight: 2, Buffer: 30, Sender: "system",
		}, func(c awstreamConfig, _ Deps) (core.Scheduler, error) {
			given, err := parseConfigs("profile", c.Profile)
			if err != nil {
				return nil, err
			}
			return &awstream{awstreamConfig: c, given: given}, nil
		})
}

// awstreamConfig's refresh is the paper's; it gives no value for the others, which
// are chosen here.
type awstreamConfig struct {
	Alpha     float64   `toml:"alpha" min:"0.01" max:"1" doc:"under congestion the rate goes below this share of the delivery rate"`
	Queue     core.Time `toml:"queue" min:"0.001" max:"60" doc:"a sender's queue of more than this is congestion; at most half the query's bound of latency"`
	Spike     float64   `toml:"spike" min:"1" max:"100" doc:"a time in the network of more than this times the smallest of the last 10 s is congestion"`
	ProbeGain float64   `toml:"probe_gain" min:"1" max:"10" doc:"pace of a probe over the rate that is probed for"`
	ProbeTime core.Time `toml:"probe_time" min:"0.001" max:"600" doc:"how long a probe takes"`
	Hold      core.Time `toml:"hold" min:"0" max:"3600" doc:"from a probe that failed to the next"`
	Sender    string    `toml:"sender" choices:"system|published" doc:"system: the sender's queue is told by the waits of the frames that got through, and a probe sends the next configurations; published: by what was captured and did not get through, and a probe sends dummy traffic, as AWStream's public code does"`
	Profile   []string  `toml:"profile" doc:"the configurations to choose from, each as \"1920x1080 10 h264 20\" (resolution, fps, encoder, quality); empty = all that the knobs allow"`
	Refresh   float64   `toml:"refresh" min:"0" max:"1e6" doc:"an application is profiled anew when its rate differs from its profile's by more than this, Mbit/s"`

	Model    int       `toml:"model" knob:"model" min:"0" max:"255" doc:"index of the model of every stage, 0 = the most accurate"`
	Interval core.Time `toml:"interval" min:"0" max:"3600" doc:"how often the network is looked at; 0s = the scenario's period"`
	InFlight int       `toml:"in_flight" min:"1" max:"64" doc:"frames of a query under way at once"`
	Buffer   int       `toml:"buffer" min:"-1" max:"1000" doc:"frames that the sender's queue holds; -1 = without bound"`
}

// awstream is B. Zhang, X. Jin, S. Ratnasamy, J. Wawrzynek, E. A. Lee, "AWStream:
// Adaptive Wide-Area Streaming Analytics" (SIGCOMM 2018), section 4: profiles
// (awstream_profile.go), the state machine of rate adaptation (awstream_link.go) and
// the max-min allocation among applications. All stages run in the cloud, as
// published; it looks at the network alone, neither at bounds nor at servers.
//
// The paper's single sender becomes one state machine for each pair of a host and
// the node that its queries use, with the queries of that link as its applications.
// It walks along the sequence of max-min allocations. A step up improves as many
// applications as there are, half as many after a probe that failed: with one, it
// leads from c(i) to c(i+1) as published.
//
// What follows from looking at rates alone: it likes few large frames, each of which
// takes its time, so that short bounds of latency are missed while the link is far
// from full, the more so when cameras of a link send at the same instants.
//
// Deviations. With sender=published those in how the sender is measured and how it
// probes fall away, and no profile is set right (awstream_sender.go);
// docs/reproduction.md compares that with what was published.
//
//   - The profile is the belief's, with the sizes of frames set right by what was
//     sent. The paper's online profiler evaluates five configurations all the time
//     on raw data, for accuracy as well; nobody measures accuracy here.
//   - A probe sends the next configurations themselves, paced at probe_gain times
//     what they need once their first frame, a key frame that would fill any pace, is
//     through, and goes back if that congests. The paper injects dummy traffic, which here
//     would be paid for by frames; so its R > B(c(i+1)) is R > alpha B(c(i+1))
//     here, since no more than B can be delivered.
//   - After a probe that failed the next waits for hold. The paper's may begin at
//     once, and disturbs as often.
//   - The sender's queue is measured by the wait of the frames that got through.
//     Frames that the system dropped and silence are congestion, too: the paper's
//     sender drops nothing. While nothing comes through, half of what is sent is
//     taken for delivered.
//   - A spike is in the time that a frame of the mean size takes in the network,
//     since configurations differ in size more than congestion shows; when the rate
//     has gone down, its reference starts anew.
//   - The delivery rate is no more than the configurations need when congestion
//     begins, so that it always leads down.
//   - Events are looked for once an interval.
type awstream struct {
	awstreamConfig
	memory[awApp]
	given []core.VideoConf
	nodes topology
	links []*awLink // ascending by from, to

	// Scratch.
	pred     core.Prediction
	stages   []core.Assignment
	profiles []awProfile
}

// awApp is an application: what is remembered of a query.
type awApp struct {
	stages  []core.Assignment
	profile awProfile
	at      int     // index of the present configuration
	scale   float64 // size of its frames over the believed one, in the profile
	seen    float64 // the same as measured of late
	link    *awLink
	paced   bool
	last    core.Time // of the newest observation
	heard   uint64    // newest revision of which a frame came
	watch   watch
	sender  awSender
}

// Schedule implements core.Scheduler.
func (s *awstream) Schedule(v *core.View, d *core.Decision) {
	if v.Predictor == nil || len(v.Knobs.FPS) == 0 || len(v.Knobs.Resolutions) == 0 || len(v.Knobs.Encoders) == 0 {
		return
	}
	moved := s.nodes.changed(v)
	for _, l := range s.links {
		l.begin()
	}
	s.each(v, func(q *core.QueryView, app *awApp) {
		if q.Camera == nil || !(q.Camera.FPS > 0) || !s.attach(v, q, app, moved) {
			app.link = nil
			return
		}
		app.link.apps = append(app.link.apps, awMember{q, app})
	})
	kept := s.links[:0]
	for _, l := range s.links {
		if len(l.apps) > 0 {
			s.run(v, l, d)
			kept = append(kept, l)
		}
	}
	clear(s.links[len(kept):])
	s.links = kept
	if s.Interval > 0 && len(v.Queries) > 0 {
		d.Next = v.Now.Add(s.Interval)
	}
}

// attach sees to it that a query has places, a profile and a link; false when it
// cannot be served.
func (s *awstream) attach(v *core.View, q *core.QueryView, app *awApp, moved bool) bool {
	if app.scale == 0 {
		app.scale, app.seen = 1, 1
	}
	if app.link == nil || moved || q.Plan.Revision > 0 && !fits(v, q) {
		var ok bool
		if s.stages, ok = homes(v, q.Query, s.Model, "cloud", s.stages[:0]); !ok {
			return false
		}
		if app.link == nil || !slices.Equal(s.stages, app.stages) {
			app.stages = slices.Clone(s.stages)
			app.profile = s.profile(v, q, app.stages, app.scale)
			app.at = max(min(app.at, len(app.profile)-1), 0)
			app.link = s.linkOf(q.Query.Node, app.stages)
			app.link.changed = true
		}
	}
	return len(app.profile) > 0
}

// linkOf finds the link that stages of a host use: that to the first other node.
func (s *awstream) linkOf(host core.NodeID, stages []core.Assignment) *awLink {
	k := awKey{host, host}
	for i := len(stages) - 1; i >= 0; i-- {
		if n := stages[i].Node; n != host {
			k.to = n
		}
	}
	i, found := slices.BinarySearchFunc(s.links, k, func(l *awLink, k awKey) int {
		return cmp.Or(cmp.Compare(l.key.from, k.from), cmp.Compare(l.key.to, k.to))
	})
	if !found {
		s.links = slices.Insert(s.links, i, &awLink{key: k})
	}
	return s.links[i]
}

// run is a look at a link.
func (s *awstream) run(v *core.View, l *awLink, d *core.Decision) {
	var now awSignals
	if s.published() {
		now = s.listen(v, l)
	} else {
		now = s.look(v, l)
	}
	if l.changed || len(l.apps) != l.shared {
		s.allot(l)
	}
	l.advance(&s.awstreamConfig, v.Now, &now)
	for i := range l.apps {
		q, app := l.apps[i].q, l.apps[i].app
		c := &app.profile[app.at]
		p := core.Plan{Video: c.video, Stages: app.stages, InFlight: s.InFlight, Buffer: s.Buffer}
		if !same(&p, &q.Plan) {
			p.Stages = slices.Clone(app.stages)
			d.Set(q.Query.ID, p)
		}
		pace := l.state == awProbe && c.rate > 0 && (app.paced || app.heard == q.Plan.Revision && same(&p, &q.Plan))
		switch {
		case s.published():
			if pad := l.padding(q); pad != q.Plan.Pad {
				d.Pacing = append(d.Pacing, core.Pacing{Query: q.Query.ID, Pad: pad})
			}
		case pace:
			d.Pacing = append(d.Pacing, core.Pacing{Query: q.Query.ID, Rate: s.ProbeGain * c.rate})
		case app.paced:
			d.Pacing = append(d.Pacing, core.Pacing{Query: q.Query.ID})
		}
		app.paced = pace
	}
	l.end()
}

// allot computes the shares of a link whose applications have changed. They stay
// as near as possible to what they have.
func (s *awstream) allot(l *awLink) {
	s.profiles = s.profiles[:0]
	budget, before := 0.0, 0.0
	for i := range l.apps {
		app := l.apps[i].app
		s.profiles = append(s.profiles, app.profile)
		budget += app.profile[app.at].rate
	}
	if l.state == awProbe {
		before = l.shares.totals[l.from]
	}
	l.shares.share(s.profiles)
	clear(s.profiles)
	l.changed, l.shared = false, len(l.apps)
	for i := range l.apps {
		l.apps[i].app.at = 0
	}
	l.n = 0
	l.set(l.shares.below(budget * (1 + 1e-9)))
	l.from = min(l.shares.below(before*(1+1e-9)), l.n)
}
