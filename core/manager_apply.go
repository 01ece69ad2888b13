package core

import (
	"cmp"
	"math"
	"slices"
)

// apply brings the last round's decision into force: settings, then plans with
// their pacing and refusals, then charged work. Queries that ended while it was
// made are passed over; what cannot be carried out is counted and left out.
func (m *QueryManager) apply(now Time, fx *Effects) {
	m.deciding = false
	rec := &RoundRecord{At: now, Round: m.round, Queries: m.seenBy}
	m.applySettings(now, rec, fx)
	m.draftPlans(rec)
	m.applyPlans(rec, fx)
	m.applyCharges(now, rec, fx)
	fx.Records = append(fx.Records, rec)
}

// applySettings takes the wanted settings in and sends them to the nodes whose
// settings changed.
func (m *QueryManager) applySettings(now Time, rec *RoundRecord, fx *Effects) {
	for i := range m.decision.Services {
		s := m.decision.Services[i]
		n := m.nodeOf[s.Node]
		if n == nil || !m.settingFits(n, &s) {
			rec.Invalid++
			continue
		}
		at := settingOf(n.settings, s.Service)
		switch {
		case at >= 0 && n.settings[at] == s:
			continue
		case at >= 0:
			n.settings[at] = s
		default:
			v := &n.services[n.service(s.Service)]
			if v.Model == s.Model && v.Workers == s.Replicas && v.MaxBatch == s.MaxBatch {
				continue // it runs like that already
			}
			n.settings = append(n.settings, s)
			slices.SortFunc(n.settings, compareSettings)
		}
		rec.Settings++
		n.resettle = true
	}
	if rec.Settings == 0 {
		return
	}
	for _, n := range m.nodes {
		if !n.resettle {
			continue
		}
		n.resettle = false
		n.revision++
		n.settingsAt = -1
		if n.up && n.told { // else its first heartbeat tells which revision to go beyond
			m.configure(now, n, fx)
		}
	}
}

// settingFits reports whether a node can run a service so.
func (m *QueryManager) settingFits(n *managedNode, s *ServiceSetting) bool {
	at := n.service(s.Service)
	if at < 0 || s.Replicas < 1 || s.MaxBatch < 1 || !m.hasModel(s.Service, s.Model) {
		return false
	}
	if m.c.Predictor == nil || n.capacity.Memory <= 0 {
		return true
	}
	sum := 0.0
	for i := range n.services {
		workers, model := n.serviceRuns(i)
		if i == at {
			workers, model = s.Replicas, s.Model
		}
		sum += float64(workers) * m.workerMemory(n, n.services[i].Name, model)
	}
	return sum <= n.capacity.Memory
}

// hasModel reports whether a service has a model of that index, as far as known.
func (m *QueryManager) hasModel(service string, model int) bool {
	if model < 0 || model > math.MaxUint8 { // a plan's hash holds a byte
		return false
	}
	for i := range m.view.Services {
		if s := &m.view.Services[i]; s.Name == service && len(s.Models) > 0 {
			return model < len(s.Models)
		}
	}
	return true
}

// draftPlans makes the draft of every query that the decision names: its plan if
// it has one, else the newest one, with the pacing and the refusal.
func (m *QueryManager) draftPlans(rec *RoundRecord) {
	m.touched = m.touched[:0]
	for i := range m.decision.Plans {
		d := &m.decision.Plans[i]
		q := m.draftOf(d.Query, rec)
		if q == nil {
			continue
		}
		p := d.Plan
		if !m.planRuns(q, &p) {
			rec.Invalid++
			continue
		}
		if p.Pace == 0 {
			p.Pace = q.pace
		}
		if p.Pad == 0 {
			p.Pad = q.pad
		}
		q.draft, q.given = p, true
	}
	for _, p := range m.decision.Pacing {
		if !paces(p.Rate) || !paces(p.Pad) {
			rec.Invalid++
		} else if q := m.draftOf(p.Query, rec); q != nil {
			q.pace, q.draft.Pace = p.Rate, p.Rate
			q.pad, q.draft.Pad = p.Pad, p.Pad
		}
	}
	for _, id := range m.decision.Refused {
		q := m.draftOf(id, rec)
		if q == nil {
			continue
		}
		rec.Refused++
		if q.draft.Stages == nil {
			pace, pad := q.draft.Pace, q.draft.Pad
			q.draft = m.lowest(q)
			q.draft.Pace, q.draft.Pad = pace, pad
		}
		q.draft.Refused, q.given = true, true
	}
	slices.SortFunc(m.touched, func(a, b *managedQuery) int { return cmp.Compare(a.q.ID, b.q.ID) })
}

// draftOf returns the query with its draft begun; nil when it has ended. A
// query that never was makes the entry invalid.
func (m *QueryManager) draftOf(id QueryID, rec *RoundRecord) *managedQuery {
	q := m.queryOf[id]
	if q == nil || !q.accepted {
		rec.Invalid++
		return nil
	}
	if q.state.Ended() || q.ending {
		return nil
	}
	if !q.named {
		q.named, q.given, q.draft = true, false, q.newest
		m.touched = append(m.touched, q)
	}
	return q
}

// planRuns reports whether a plan can be carried out, and brings its window and
// buffer within bounds. Memory is checked later, when all plans are known.
func (m *QueryManager) planRuns(q *managedQuery, p *Plan) bool {
	v := &p.Video
	if len(p.Stages) != len(q.q.Pipeline) || !(v.FPS > 0) || math.IsInf(v.FPS, 1) ||
		v.Resolution.Pixels() == 0 || !m.qualityKnown(v) || !paces(p.Pace) || !paces(p.Pad) {
		return false
	}
	for i, a := range p.Stages {
		service := q.q.Pipeline[i].Service
		n := m.nodeOf[a.Node]
		if n == nil || n.service(service) < 0 || !m.hasModel(service, a.Model) {
			return false
		}
		if n != q.node && (m.view.Link(q.q.Node, n.id) == nil || m.view.Link(n.id, q.q.Node) == nil) {
			return false
		}
	}
	p.InFlight = min(max(p.InFlight, 1), max(m.set.MaxInFlight, 1))
	switch {
	case p.Buffer == 0:
		p.Buffer = 1
	case p.Buffer < 0:
		p.Buffer = -1
	default:
		p.Buffer = min(p.Buffer, max(m.set.MaxBuffer, 1))
	}
	return true
}

// paces reports whether x can be a pace or a padding: finite and not negative.
func paces(x float64) bool { return x >= 0 && !math.IsInf(x, 1) }

// qualityKnown reports whether the encoder is one of the knobs (if they name any)
// and the quality one that it can have: 1..100 for JPEG, else 0..51.
func (m *QueryManager) qualityKnown(v *VideoConf) bool {
	known := len(m.c.Knobs.Encoders) == 0
	for i := range m.c.Knobs.Encoders {
		known = known || m.c.Knobs.Encoders[i].Name == v.Encoder
	}
	if v.Encoder == "jpeg" {
		return known && v.Quality >= 1 && v.Quality <= 100
	}
	return known && v.Quality >= 0 && v.Quality <= 51
}

// lowest is what a query that was refused before it ever had a plan is given: the
// lowest of every knob, at the host. It is not carried out.
func (m *QueryManager) lowest(q *managedQuery) Plan {
	p := Plan{
		Video:    VideoConf{FPS: 1, Resolution: Resolutions()[0], Encoder: "jpeg", Quality: 1},
		Stages:   make([]Assignment, len(q.q.Pipeline)),
		InFlight: 1, Buffer: 1,
	}
	if k := &m.c.Knobs; len(k.FPS) > 0 && len(k.Resolutions) > 0 && len(k.Encoders) > 0 {
		p.Video.FPS, p.Video.Resolution, p.Video.Encoder = k.FPS[0], k.Resolutions[0], k.Encoders[0].Name
		if e := k.Encoders[0].Qualities; len(e) > 0 {
			p.Video.Quality = e[len(e)-1]
		}
	}
	for i := range p.Stages {
		p.Stages[i].Node = q.q.Node
	}
	return p
}

// applyPlans gives the drafts that fit and differ their revisions and saves them;
// they are sent when they are durable.
func (m *QueryManager) applyPlans(rec *RoundRecord, fx *Effects) {
	m.reserveMemory()
	var plans []savedPlan
	var changes []Change
	for _, q := range m.touched {
		p := &q.draft
		q.named = false
		switch {
		case p.Stages == nil: // pacing before the first plan: kept for it
			continue
		case q.given && p.Refused:
		case q.given && !m.reserve(p, q):
			rec.Invalid++
			continue
		case samePlan(p, &q.newest):
			continue
		}
		if samePlan(p, &q.newest) {
			continue
		}
		q.rev++
		p.Revision = q.rev
		p.Stages = slices.Clone(p.Stages)
		q.newest = p.Seal()
		rec.Changed++
		plans = append(plans, savedPlan{q, q.newest})
		changes = append(changes, q.change(q.state))
	}
	if len(plans) > 0 {
		m.save(saving{kind: savePlans, plans: plans}, changes, fx)
	}
}

// samePlan reports whether two plans are equal in everything but their revision:
// their hashes would be.
func samePlan(a, b *Plan) bool {
	return a.Video == b.Video && a.InFlight == b.InFlight && a.Buffer == b.Buffer && a.Pace == b.Pace && a.Pad == b.Pad &&
		a.Refused == b.Refused && slices.Equal(a.Stages, b.Stages)
}

// applyCharges hands the charged work to its nodes.
func (m *QueryManager) applyCharges(now Time, rec *RoundRecord, fx *Effects) {
	for _, c := range m.decision.Charges {
		n := m.nodeOf[c.Node]
		if n == nil || n.service(c.Service) < 0 || !m.hasModel(c.Service, c.Model) || c.Calls < 1 {
			rec.Invalid++
			continue
		}
		rec.Charges++
		n.charges = append(n.charges, c)
		if n.up && n.told {
			m.charge(now, n, len(n.charges)-1, fx)
		}
	}
}
