package result

import "vidq/core"

// plans counts the changes between the plans that a query's node applied. A plan
// that is applied again (after a node came back) is no change, nor is the first.
type plans struct {
	last    core.Plan
	stages  []core.Assignment // of last; plans are not to be kept
	any     bool
	changes int64
	knobs   KnobChanges[int64]
}

func (s *plans) add(p *core.Plan, counted bool) {
	if s.any && counted && p.Hash != s.last.Hash {
		s.changes++
		s.compare(p)
	}
	s.any = true
	s.last = *p
	s.stages = append(s.stages[:0], p.Stages...)
	s.last.Stages = nil
}

func (s *plans) compare(p *core.Plan) {
	count := func(n *int64, changed bool) {
		if changed {
			*n++
		}
	}
	old, k := &s.last, &s.knobs
	count(&k.FPS, p.Video.FPS != old.Video.FPS)
	count(&k.Resolution, p.Video.Resolution != old.Video.Resolution)
	count(&k.Encoder, p.Video.Encoder != old.Video.Encoder)
	count(&k.Quality, p.Video.Quality != old.Video.Quality)
	count(&k.InFlight, p.InFlight != old.InFlight)
	count(&k.Buffer, p.Buffer != old.Buffer)
	count(&k.Pace, p.Pace != old.Pace)
	count(&k.Refused, p.Refused != old.Refused)
	placement, model := len(p.Stages) != len(s.stages), false
	for i := range min(len(p.Stages), len(s.stages)) {
		placement = placement || p.Stages[i].Node != s.stages[i].Node
		model = model || p.Stages[i].Model != s.stages[i].Model
	}
	count(&k.Placement, placement)
	count(&k.Model, model)
}
