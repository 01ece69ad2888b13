package sched

import (
	"math"
	"slices"

	"vidq/core"
)

// chameleonLook is the profiling of the query in hand.
type chameleonLook struct {
	ladder  ladder
	content core.Content
	models  []int
	work    []float64 // seconds per frame of all stages, of (resolution, model)
	runs    []run
	trial   kept
}

// run is frames that profiling analyses.
type run struct {
	resolution, model uint8
	frames            int
}

// profile looks at a query's configurations if it is its turn, and makes its choice.
func (s *chameleon) profile(r *chameleonRow, segment, window bool) {
	st := r.st
	room := s.room(r)
	switch leader, known := s.leaders[st.kin]; {
	case len(st.kept) == 0 && !room && known: // new, and no time: as others of its kind
		s.begin(r)
		s.follow(r, s.rows[leader].st)
		st.due = true
	case len(st.kept) == 0:
		s.lookAtAll(r)
	case !segment:
		return
	case st.due || window && follows(r) == 0:
		if st.due = !room; room {
			s.lookAtAll(r)
		}
	default:
		if window {
			st.hopeless = false
			if i := s.index(st.leader); i >= 0 && len(s.rows[i].st.kept) > 0 && s.rows[i].st.kin == st.kin {
				s.begin(r)
				s.follow(r, s.rows[i].st)
			}
		}
		if room {
			s.lookAtKept(r)
		}
	}
}

// begin takes a query in hand: the work of a frame, by resolution and model.
func (s *chameleon) begin(r *chameleonRow) {
	l := &s.look
	l.ladder, l.content = r.ladder, r.q.Content()
	l.work = l.work[:0]
	n := objects(r.q)
	for _, resolution := range r.ladder.resolutions {
		for m := range r.ladder.models {
			sum := 0.0
			for i, at := range r.sites {
				service := r.q.Query.Pipeline[i].Service
				model := min(m, modelsOf(s.v, service)-1)
				w, ok := s.v.Predictor.Work(service, model, target(at, r.q.Query.Node), resolution, n)
				if !ok || !usable(s.v, r.q.Query.Node, at, service, model) {
					sum = math.Inf(1) // chosen only where there is nothing else
				}
				sum += w.Mean.Seconds()
			}
			l.work = append(l.work, sum)
		}
	}
}

// accuracy is what profiling finds a rung to be worth.
func (s *chameleon) accuracy(r *chameleonRow, at rung) float64 {
	s.look.models = modelsOfRung(s.v, r.q.Query.Pipeline, at, s.look.models[:0])
	return s.v.Predictor.Accuracy(r.q.Query, r.q.Camera.FPS, r.ladder.video(at), s.look.models, s.look.content)
}

// price fills in what a rung costs.
func (s *chameleon) price(r *chameleonRow, k *kept) {
	video := r.ladder.video(k.rung)
	fps := min(video.FPS, r.q.Camera.FPS)
	k.cost = fps * s.look.work[int(k.resolution)*r.ladder.models+int(k.model)]
	k.bytes = fps * s.v.Predictor.FrameBytes(video, s.look.content)
	k.late = s.Bounded && s.late(r, k.rung)
}

// late reports whether a rung is predicted to miss the query's bound.
func (s *chameleon) late(r *chameleonRow, at rung) bool {
	bound := r.q.Query.Constraint
	if !s.make(r, at) || !s.predict.Predict(s.v.Predictor, s.v, r.q, &s.plan) {
		return true
	}
	return bound.Latency > 0 && s.predict.Latency > bound.Latency || bound.Delay > 0 && s.predict.Delay > bound.Delay
}

// lookAtAll profiles knob by knob and keeps the cheapest configurations that are
// estimated to reach the target.
func (s *chameleon) lookAtAll(r *chameleonRow) {
	st, golden := r.st, r.ladder.golden()
	s.begin(r)
	s.look.runs = s.look.runs[:0]
	s.run(r, golden)
	best := s.accuracy(r, golden)
	st.worth = st.worth[:0]
	for knob, n := range st.steps {
		for value := range n {
			at := golden.with(knob, value)
			if at == golden {
				st.worth = append(st.worth, 1)
				continue
			}
			s.run(r, at)
			left := 0.0
			if best > 0 {
				left = s.accuracy(r, at) / best
			}
			st.worth = append(st.worth, left)
		}
	}
	s.keep(r, best)
	s.charge(r)
	st.looked, st.due = s.v.Now, false
	if _, known := s.leaders[st.kin]; !known {
		s.leaders[st.kin] = s.index(r.q.Query.ID)
	}
	s.choose(r)
}

// estimate is a rung's accuracy if the knobs are independent of each other.
func (st *chameleonState) estimate(best float64, at rung) float64 {
	f := int(at.fps)
	r := st.steps[0] + int(at.resolution)
	q := st.steps[0] + st.steps[1] + int(at.quality)
	m := st.steps[0] + st.steps[1] + st.steps[2] + int(at.model)
	return best * st.worth[f] * st.worth[r] * st.worth[q] * st.worth[m]
}

// reaches reports whether the accuracy is the target's, give or take rounding.
func (a *kept) reaches(target float64) bool { return !a.late && a.accuracy >= target-1e-9 }

// keep fills in st.kept: the cheapest that are estimated to reach the target, or
// the most accurate when none is.
func (s *chameleon) keep(r *chameleonRow, best float64) {
	st := r.st
	st.kept = st.kept[:0]
	st.hopeless = true
	for at, more := (rung{}), true; more; more = r.ladder.next(&at) {
		k := &s.look.trial
		*k = kept{rung: at, accuracy: st.estimate(best, at)}
		s.price(r, k)
		if math.IsInf(k.cost, 1) {
			continue
		}
		order := (*kept).better
		if k.reaches(r.target) {
			if st.hopeless {
				st.kept, st.hopeless = st.kept[:0], false
			}
			order = (*kept).cheaper
		} else if !st.hopeless {
			continue
		}
		i := len(st.kept)
		for i > 0 && order(k, &st.kept[i-1]) {
			i--
		}
		if len(st.kept) == s.Kept {
			if i == s.Kept {
				continue
			}
			st.kept = st.kept[:s.Kept-1]
		}
		st.kept = slices.Insert(st.kept, i, *k)
	}
	if len(st.kept) == 0 { // nothing is known to run: the lowest of every knob
		n := r.ladder.steps()
		st.kept = append(st.kept, kept{rung: rung{quality: uint8(n[2] - 1), model: uint8(n[3] - 1)}})
	}
	slices.SortFunc(st.kept, compareKept)
}

func compareKept(a, b kept) int {
	switch {
	case a.cheaper(&b):
		return -1
	case b.cheaper(&a):
		return 1
	}
	return 0
}

// follow takes the leader's configurations over, at the follower's own prices.
func (s *chameleon) follow(r *chameleonRow, leader *chameleonState) {
	st := r.st
	if leader == st {
		return
	}
	st.kept = append(st.kept[:0], leader.kept...)
	for i := range st.kept {
		s.price(r, &st.kept[i])
	}
	slices.SortFunc(st.kept, compareKept)
	s.choose(r)
}

// lookAtKept measures the configurations that were kept. When none of them reaches
// the target any more, all are looked at.
func (s *chameleon) lookAtKept(r *chameleonRow) {
	st := r.st
	s.begin(r)
	s.look.runs = s.look.runs[:0]
	s.run(r, r.ladder.golden()) // what the others are compared with
	enough := false
	for i := range st.kept {
		k := &st.kept[i]
		if k.rung != r.ladder.golden() {
			s.run(r, k.rung)
		}
		k.accuracy = s.accuracy(r, k.rung)
		s.price(r, k)
		enough = enough || k.reaches(r.target)
	}
	slices.SortFunc(st.kept, compareKept)
	st.looked = s.v.Now
	s.charge(r)
	s.choose(r)
	switch {
	case enough:
		st.hopeless = false
	case !st.hopeless:
		s.lookAtAll(r)
	}
}

// choose takes the cheapest of the kept configurations that reaches the target, or
// the most accurate.
func (s *chameleon) choose(r *chameleonRow) {
	best := &r.st.kept[0]
	for i := range r.st.kept {
		k := &r.st.kept[i]
		if k.reaches(r.target) {
			best = k
			break
		}
		if k.better(best) {
			best = k
		}
	}
	r.st.choice = best.rung
}

// run notes that the sample is analysed in a rung.
func (s *chameleon) run(r *chameleonRow, at rung) {
	fps := min(r.ladder.fps[at.fps], r.q.Camera.FPS)
	frames := int(min(math.Ceil(fps*s.Sample.Seconds()), 5000))
	for i := range s.look.runs {
		if x := &s.look.runs[i]; x.resolution == at.resolution && x.model == at.model {
			x.frames += frames
			return
		}
	}
	s.look.runs = append(s.look.runs, run{at.resolution, at.model, frames})
}
