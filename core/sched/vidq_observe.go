package sched

import (
	"math"
	"slices"

	"vidq/core"
)

// observe learns from the frames of the last round.
func (s *vidq) observe(v *core.View, q *core.QueryView, st *vidqQuery) {
	host := nodeIndex(v, q.Query.Node)
	obs := q.Observations
	st.misses = -1
	if host < 0 || q.Camera == nil || q.Plan.Revision == 0 {
		return
	}
	if st.setting >= 0 && len(st.places) == len(q.Query.Pipeline) {
		t := trial{setting: st.setting, places: st.places, outlook: st.current}
		if len(obs) == 0 && s.silent(v, q, st, &t) {
			s.observeSilence(v, q, st, host)
		}
	}
	frames, missed := 0., 0.
	const most = 24 // frames a round that are looked at
	for i := range obs[max(0, len(obs)-most):] {
		o := &obs[max(0, len(obs)-most)+i]
		if o.Known {
			st.objects.add(o.Objects, o.At)
		}
		st.heard = max(st.heard, o.At)
		point := s.pointOf(q.Plan.Video.Resolution)
		if o.Revision != q.Plan.Revision {
			point = st.formerPoint(o.Revision)
		}
		if point >= 0 {
			s.observeCalls(v, q, st, o, host, point)
		}
		if o.Revision != q.Plan.Revision {
			continue
		}
		frames++
		if q.Camera.Mode == core.ModeLive {
			st.clock.saw(o.At-o.Latency, q.Plan.Video.FPS, q.Camera.FPS)
		}
		if b := q.Query.Constraint.Latency; b > 0 && o.Latency > b {
			missed++
		} else if b := q.Query.Constraint.Delay; b > 0 && o.Delay() > b {
			missed++
		}
		if st.current.latency > 0 && st.revision == o.Revision && v.Now-s.lag-st.since > core.Second {
			st.late.add(math.Log(o.Latency.Seconds()/st.current.latency), 40)
		}
	}
	if frames > 0 {
		st.misses = missed / frames
	}
}

// formerPoint is the resolution, as an index, of a plan that was in force before, -1 if it is forgotten.
func (st *vidqQuery) formerPoint(number uint64) int {
	for i := range st.before {
		if b := &st.before[i]; b.number == number && number > 0 {
			return b.point
		}
	}
	return -1
}

func (s *vidq) pointOf(r core.Resolution) int { return slices.Index(s.figures.knobs, r) }

// observeCalls learns from what the calls of a frame took.
func (s *vidq) observeCalls(v *core.View, q *core.QueryView, st *vidqQuery, o *core.Observation, host, point int) {
	objects := o.Objects
	if !o.Known {
		objects = core.TypicalObjects
	}
	for i := range o.Calls {
		c := &o.Calls[i]
		if i >= len(q.Query.Pipeline) || c.Attempts > 1 {
			continue
		}
		n := nodeIndex(v, c.Node)
		if n < 0 {
			continue
		}
		w := s.figures.service(q.Query.Pipeline[i].Service)
		if w < 0 {
			continue
		}
		if k := s.figures.at[w][n]; k >= 0 {
			// Who waited may have been in a batch, whose work is not the call's.
			if alone := c.Wait < core.Millisecond; alone || v.Nodes[n].Services[k].MaxBatch <= 1 {
				s.figures.learn(n, k, c.Model, point, n == host, objects, c.Work.Seconds(), s.figures.nodes[n].slow)
			}
		}
		if n == host {
			s.figures.nodes[n].overhead.add(c.Transfer.Seconds())
			continue
		}
		s.observeLink(v, st, c, o.At, host, n)
	}
}

// observeLink learns from the transfer of a call how fast the link is now, and how much
// it takes whatever the rate.
func (s *vidq) observeLink(v *core.View, st *vidqQuery, c *core.Call, at core.Time, host, n int) {
	i := s.system.link(host, n)
	if i < 0 {
		return
	}
	l, r := &v.Links[i], &s.links.rows[i]
	bytes := c.Bytes * (1 + st.held(s.system.links+i))
	took, usual := (c.Transfer - l.RTT).Seconds(), bytes/max(l.Rate, 1)
	if l.Samples > 0 {
		r.latency.add(usual, took-usual)
	}
	if r.now.n > 0 {
		usual = bytes / math.Exp(r.now.mean)
	}
	took = max(r.latency.rates(took, usual), 2e-3)
	// Of a small call most of the time is not its bytes'; it can still show that the
	// link is better than is believed.
	if rate := bytes / took; c.Bytes >= 20e3 || took > .01 || math.Log(max(rate, 1)) > r.now.mean {
		r.add(rate, at)
	}
}

// observeSilence takes no answer over a link as an answer that is later than now.
func (s *vidq) observeSilence(v *core.View, q *core.QueryView, st *vidqQuery, host int) {
	for k := range q.Plan.Stages {
		n := nodeIndex(v, q.Plan.Stages[k].Node)
		if n < 0 || n == host {
			continue
		}
		if i := s.system.link(host, n); i >= 0 {
			s.links.rows[i].add(max(st.settings[st.setting].bytes, 20e3)/(v.Now-s.lag-st.heard).Seconds(), v.Now-s.lag)
		}
	}
}

// held is by how much the query's frames are held up at a station by the figures of the last
// round, as a share of their work.
func (st *vidqQuery) held(station int) float64 {
	for i := range st.uses {
		if u := &st.uses[i]; u.station == station {
			return min(u.held, 10)
		}
	}
	return 0
}
