package core

import (
	"math"
	"math/bits"
)

// drop ends a frame that waits, or that never got so far.
func (m *JobManager) drop(now Time, f *frame, why Reason, fx *Effects) {
	f.parts = [NumParts]Time{PartQueueCamera: now - f.captured}
	m.leave(now, f, OutcomeDropped, why, fx)
}

// fail ends a frame under way because of stage i. What its other branches answer
// is ignored from now on.
func (m *JobManager) fail(now Time, f *frame, i int, why Reason, fx *Effects) {
	f.parts = f.stages[i].parts
	f.parts[PartTransfer] += now - f.stages[i].since // nothing when the attempt has just ended
	j := f.job
	m.leave(now, f, OutcomeFailed, why, fx)
	m.flush(now, j, fx)
	m.advance(now, j, fx)
}

// interrupt closes the breakdown of a frame that ends in the middle of a stage.
// Of several, the first stands for the critical path.
func (f *frame) interrupt(now Time) {
	s := &f.stages[bits.TrailingZeros32(f.activeMask)]
	f.parts = s.parts
	if s.phase == stageHeld {
		f.parts[PartQueueCamera] += now - s.since
	} else {
		f.parts[PartTransfer] += now - s.since
	}
}

// flush lets done frames leave that no longer wait for an older one.
func (m *JobManager) flush(now Time, j *job, fx *Effects) {
	for len(j.underWay) > 0 && j.underWay[0].place == frameFinished {
		m.leave(now, j.underWay[0], OutcomeDone, ReasonNone, fx)
	}
}

// leave ends a frame: its record, its result, its release. The wait for older
// frames counts as part of the way back.
func (m *JobManager) leave(now Time, f *frame, o Outcome, why Reason, fx *Effects) {
	j := f.job
	gap := int64(1)
	if j.processed >= 0 {
		gap = max(f.cameraFrame-j.processed, 1)
	}
	res := m.results.push(now, m)
	res.Outcome, res.Reason, res.CameraFrame, res.Captured = o, why, f.cameraFrame, f.captured
	obs := &res.Obs
	*obs = Observation{
		Query: j.id, Frame: f.number, Revision: f.plan.Revision, At: now, Latency: now - f.captured,
		RoundTrip: f.roundTrip, Gap: gap, Encode: f.encode, Calls: obs.Calls[:0],
	}
	if o == OutcomeDone {
		f.parts[PartReturn] += now - f.finished
		j.processed = f.cameraFrame
		f.observe(obs)
		j.window.Add(obs)
	}
	r := fx.Frame()
	r.At, r.Node, r.Query, r.Frame, r.CameraFrame = now, m.cfg.Node, j.id, f.number, f.cameraFrame
	r.Captured, r.Revision, r.Gap, r.Outcome, r.Reason = f.captured, f.plan.Revision, gap, o, why
	r.Video = f.plan.Video
	r.Latency, r.RoundTrip, r.Objects, r.Area = obs.Latency, f.roundTrip, obs.Objects, obs.Area
	r.Breakdown, r.Attempts = f.parts, f.attempts
	r.ContentFrame, r.Fresh = -1, math.NaN()
	fx.Releases = append(fx.Releases, Release{j.id, f.cameraFrame})
	m.giveBack(f)
	m.sync(now, fx)
}

// observe fills in what the stages of a done frame told. Objects are those of the first
// stage that counted any: by the topological order a source stage, if one counts.
func (f *frame) observe(o *Observation) {
	for i := range f.stages {
		s := &f.stages[i]
		to := &f.plan.steps[i]
		o.Calls = append(o.Calls, Call{
			Node: to.node, Model: to.model, RoundTrip: s.roundTrip, Work: s.work, Wait: s.wait, Transfer: s.transfer,
			Bytes: s.bytes, Attempts: int(s.attempt) + 1,
		})
		if s.counted && !o.Known {
			o.Known, o.Objects, o.Size = true, s.objects, s.size
			if px := f.plan.Video.Resolution.Pixels(); px > 0 {
				o.Area = s.size / float64(px)
			}
		}
	}
}

// giveBack makes a frame free. Its instant in the table of deadlines stays, and
// serves the next frame there if it comes early enough.
func (m *JobManager) giveBack(f *frame) {
	j := f.job
	if f.place != frameWaiting {
		for i, g := range j.underWay {
			if g == f {
				j.underWay = append(j.underWay[:i], j.underWay[i+1:]...)
				break
			}
		}
	}
	f.place, f.job, f.plan = frameFree, nil, nil
	m.free = append(m.free, f)
}

// recordCall records an attempt that was answered.
func (m *JobManager) recordCall(now Time, f *frame, i int, ev *StageDone, p *callParts, fx *Effects) {
	r := m.recordStage(now, f, i, fx)
	r.Err = ev.Err
	r.Encode, r.Transfer, r.Wait, r.Work, r.Return = p.encode, p.there, p.wait, p.work, p.back
	r.Sent, r.Got = ev.Sent, ev.Got
}

func (m *JobManager) recordStage(now Time, f *frame, i int, fx *Effects) *StageRecord {
	to := &f.plan.steps[i]
	r := fx.Stage()
	r.At, r.Node, r.On, r.Service, r.Model = now, m.cfg.Node, to.node, to.service, to.model
	r.Ref = CallRef{f.job.id, m.cfg.Incarnation, f.number, i, int(f.stages[i].attempt)}
	return r
}

// frameDue looks after a frame whose instant has come, or has been passed on from an
// earlier frame in its place.
func (m *JobManager) frameDue(now Time, f *frame, fx *Effects) {
	j := f.job
	switch {
	case f.place == frameFree || f.place == frameFinished:
		return
	case now < f.deadline && f.place == frameWaiting:
		m.due.atMost(f.id, f.deadline)
		return
	case now < f.deadline:
		m.stagesDue(now, f, fx)
		return
	case f.place == frameWaiting:
		for i := range j.waiting.len() {
			if *j.waiting.at(i) == f {
				j.waiting.remove(i)
				break
			}
		}
		m.drop(now, f, ReasonDeadline, fx)
	default:
		for set := f.activeMask; set != 0; set &= set - 1 {
			if i := bits.TrailingZeros32(set); f.stages[i].phase == stageCalled {
				m.timedOut(now, f, i, fx)
			}
		}
		f.interrupt(now)
		m.leave(now, f, OutcomeFailed, ReasonDeadline, fx)
		m.flush(now, j, fx)
	}
	m.advance(now, j, fx)
}

// stagesDue goes on with the stages of a frame under way whose phase is over.
func (m *JobManager) stagesDue(now Time, f *frame, fx *Effects) {
	for set := f.activeMask; set != 0; set &= set - 1 {
		i := bits.TrailingZeros32(set)
		s := &f.stages[i]
		if s.due > now {
			m.due.atMost(f.id, s.due)
			continue
		}
		switch s.phase {
		case stageCalled:
			m.timedOut(now, f, i, fx)
			s.parts[PartTransfer] += now - s.since
			s.since = now
			m.again(now, f, i, CallTimeout, fx)
			if f.place != frameUnderWay { // it was the last attempt
				return
			}
		case stageBackoff:
			s.parts[PartTransfer] += now - s.since
			m.ready(now, f, i, fx)
		case stageHeld:
			s.parts[PartQueueCamera] += now - s.since
			m.call(now, f, i, fx)
		case stageIdle, stageDone: // never active
		}
	}
}

// timedOut records an attempt that nobody answered.
func (m *JobManager) timedOut(now Time, f *frame, i int, fx *Effects) {
	r := m.recordStage(now, f, i, fx)
	r.Err = CallTimeout
	r.Transfer = now - f.stages[i].since
}
