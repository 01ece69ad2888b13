package sched

import (
	"math"

	"vidq/core"
)

// linkMemory is what calls tell of links beyond the view's estimates, which are
// medians of the last seconds: how fast each is right now, and how fast it is as a
// rule.
type linkMemory struct{ rows []linkRow } // as in the view

type linkRow struct {
	from, to core.NodeID
	now      ratio   // logarithm of the rate in bytes per second, by the last calls
	best     float64 // the same of what the link can do: the best of the last minutes
	at       core.Time
	latency  linkLatency // beside the rate
}

// How many calls a link's rate is told by; after how many seconds without any a
// link is believed to be half way to its best, or else nobody would find out
// that a disturbance is over; and in how many seconds the best is forgotten by half
// of its lead.
const (
	linkNow      = 12.
	linkRecovery = 6.
	linkBest     = 60.
)

// add takes a call in that saw such a rate, in bytes per second.
func (r *linkRow) add(rate float64, at core.Time) {
	x := math.Log(max(rate, 1))
	if at-r.at > 5*core.Second {
		r.now = ratio{}
	}
	r.now.blend(x, linkNow)
	r.best += min(1-math.Exp2(-(at-r.at).Seconds()/linkBest), 1) * min(r.now.mean-r.best, 0)
	r.best = max(r.best, r.now.mean)
	r.at = at
}

// fit makes the rows those of the view's links.
func (m *linkMemory) fit(v *core.View) {
	same := len(m.rows) == len(v.Links)
	for i := 0; same && i < len(v.Links); i++ {
		same = m.rows[i].from == v.Links[i].From && m.rows[i].to == v.Links[i].To
	}
	if same {
		return
	}
	old := m.rows
	m.rows = make([]linkRow, len(v.Links))
	k := 0
	for i := range v.Links {
		l := &v.Links[i]
		m.rows[i] = linkRow{from: l.From, to: l.To}
		for k < len(old) && (old[k].from < l.From || old[k].from == l.From && old[k].to < l.To) {
			k++
		}
		if k < len(old) && old[k].from == l.From && old[k].to == l.To {
			m.rows[i] = old[k]
		}
	}
}

// rate returns what is believed of the rate of link i now, in bytes per second,
// and by how much transfers vary. News that are no older than lag are as new as can be.
func (m *linkMemory) rate(now, lag core.Time, i int, l *core.LinkView) (rate, varies float64) {
	r := &m.rows[i]
	varies = max(.1, 1.25*r.now.dev)
	known, age := math.Log(max(l.Rate, 1)), max(l.Age-lag, 0)
	if l.Samples == 0 {
		r.best = max(r.best, known)
	}
	// The view's estimate knows which transfers overlapped, and is late: the last
	// calls count where they say something quite different, or something newer.
	switch own := max(now-lag-r.at, 0); {
	case r.now.n == 0 && l.Samples == 0:
		return l.Rate, varies
	case r.now.n > 0 && (l.Samples == 0 || own < max(age, 3*core.Second)):
		known, age = r.now.mean, own
	}
	x := math.Exp2(-max(age.Seconds()-1, 0) / linkRecovery)
	return math.Exp(x*known + (1-x)*max(r.best, known)), varies
}
