package core

import "math/bits"

// walkGraph is a pipeline's shape in words of bits, one per stage.
type walkGraph struct {
	parents  []uint32
	children []uint32
	sources  uint32
	all      uint32
}

func newWalkGraph(p Pipeline) walkGraph {
	g := walkGraph{parents: make([]uint32, len(p)), children: make([]uint32, len(p))}
	for i := range p {
		g.all |= 1 << i
		for _, q := range p[i].Parents {
			g.parents[i] |= 1 << q
			g.children[q] |= 1 << i
		}
		if g.parents[i] == 0 {
			g.sources |= 1 << i
		}
	}
	return g
}

// stage is one stage of a frame under way.
type stage struct {
	phase   stagePhase
	counted bool
	attempt int32
	since   Time // start of the phase
	due     Time // when the phase ends by itself

	inBytes   float64 // of the parents' outputs
	inObjects float64
	charged   float64        // bytes that the pace was charged for the attempt
	parts     [NumParts]Time // of the latency, along the path on which the frame came here, up to since

	roundTrip, work, wait, transfer Time // of the answered attempt, see Call
	bytes                           float64
	objects                         float64
	size                            float64
	got                             float64
}

type stagePhase uint8

const (
	stageIdle   stagePhase = iota // parents not done
	stageHeld                     // by the pace
	stageCalled                   // waits for the answer
	stageBackoff
	stageDone
)

// callParts is where a call's round trip went. The parts are cut so that they
// never exceed it: there is what the rest leaves.
type callParts struct{ encode, there, wait, work, back Time }

func splitCall(rt Time, ev *StageDone) (p callParts) {
	rest := rt
	take := func(t Time) Time {
		t = min(max(t, 0), rest)
		rest -= t
		return t
	}
	p.work = take(ev.Work)
	p.wait = take(ev.Wait)
	p.encode = take(ev.Encode)
	p.back = take(ev.Return)
	p.there = rest
	return p
}

// start sends a frame on its way through the pipeline.
func (m *JobManager) start(now Time, f *frame, fx *Effects) {
	j := f.job
	n := len(f.plan.steps)
	if cap(f.stages) < n {
		f.stages = make([]stage, n)
	}
	f.stages = f.stages[:n]
	for i := range f.stages {
		s := &f.stages[i]
		s.phase, s.attempt, s.counted = stageIdle, 0, false
	}
	f.place = frameUnderWay
	f.doneMask, f.activeMask = 0, 0
	j.underWay = append(j.underWay, f)
	for set := j.sources; set != 0; set &= set - 1 {
		s := &f.stages[bits.TrailingZeros32(set)]
		s.parts = [NumParts]Time{PartQueueCamera: now - f.captured}
		s.inBytes, s.inObjects = 0, 0
		m.ready(now, f, bits.TrailingZeros32(set), fx)
	}
}

// ready makes a stage's next attempt as soon as the pace allows.
func (m *JobManager) ready(now Time, f *frame, i int, fx *Effects) {
	s := &f.stages[i]
	f.activeMask |= 1 << i
	s.since = now
	s.charged = 0
	if pace := f.job.plan.pace; pace > 0 && f.plan.steps[i].link != nil {
		bytes := s.inBytes
		if f.plan.steps[i].parents == 0 {
			bytes = f.bytes + f.plan.steps[i].pad
		}
		if at, ok := f.job.reserve(now, f.deadline, bytes, pace); at > now {
			if ok {
				s.charged = bytes
			}
			s.phase, s.due = stageHeld, at
			m.due.atMost(f.id, at)
			return
		}
		s.charged = bytes
	}
	m.call(now, f, i, fx)
}

// call makes an attempt of a stage.
func (m *JobManager) call(now Time, f *frame, i int, fx *Effects) {
	j, s := f.job, &f.stages[i]
	s.phase, s.since = stageCalled, now
	s.due = min(f.deadline, now.Add(m.set.StageTimeout))
	f.attempts++
	m.due.atMost(f.id, s.due)
	to := &f.plan.steps[i]
	fx.Invokes = append(fx.Invokes, Invoke{
		Ref:         CallRef{j.id, m.cfg.Incarnation, f.number, i, int(s.attempt)},
		Camera:      j.cameraID,
		CameraFrame: f.cameraFrame,
		Captured:    f.captured,
		Node:        to.node,
		Service:     to.service,
		Model:       to.model,
		Video:       f.plan.Video,
		Source:      to.parents == 0,
		Bytes:       s.inBytes,
		Pad:         to.pad,
		Objects:     s.inObjects,
		Timeout:     s.due - now,
	})
}

// stageDone takes a call's answer in. An answer that nobody waits for any more
// is ignored.
func (m *JobManager) stageDone(now Time, ev *StageDone, fx *Effects) {
	ref := &ev.Ref
	if ref.Incarnation != m.cfg.Incarnation {
		return
	}
	if ref.Frame < 0 {
		m.chargeDone(now, ref, fx)
		return
	}
	j := m.jobs.get(ref.Query)
	if j == nil {
		return
	}
	f := j.find(ref.Frame)
	if f == nil || ref.Stage < 0 || ref.Stage >= len(f.stages) {
		return
	}
	s := &f.stages[ref.Stage]
	if s.phase != stageCalled || int(s.attempt) != ref.Attempt {
		return
	}
	rt := now - s.since
	p := splitCall(rt, ev)
	m.recordCall(now, f, ref.Stage, ev, &p, fx)
	s.parts[PartEncode] += p.encode
	s.parts[PartTransfer] += p.there
	s.parts[PartQueueService] += p.wait
	s.parts[PartCompute] += p.work
	s.parts[PartReturn] += p.back
	s.since = now
	link := f.plan.steps[ref.Stage].link
	if link != nil && j.plan.pace > 0 {
		j.settle(ev.Sent-s.charged, ev.Sent)
	}
	if ev.Err != CallOK {
		m.again(now, f, ref.Stage, ev.Err, fx)
		return
	}
	if link != nil && !ev.Untimed {
		link.add(now, now-rt, &p, ev.Sent, ev.Got)
		if link.full() {
			m.foldLinks(now)
		}
	}
	s.roundTrip, s.work, s.wait, s.transfer, s.bytes = rt, p.work, p.wait, p.there+p.back, ev.Sent+ev.Got
	f.roundTrip += rt
	f.encode += p.encode
	s.got, s.counted, s.size, s.objects = ev.Got, ev.Counted, ev.Area, s.inObjects
	if ev.Counted {
		s.objects = ev.Objects
	}
	m.pass(now, f, ref.Stage, fx)
}

// pass goes on from a stage that is done.
func (m *JobManager) pass(now Time, f *frame, i int, fx *Effects) {
	j := f.job
	f.stages[i].phase = stageDone
	f.activeMask &^= 1 << i
	f.doneMask |= 1 << i
	if f.doneMask == j.all {
		f.parts = f.stages[i].parts
		f.finished = now
		f.place = frameFinished
		m.flush(now, j, fx)
		m.advance(now, j, fx)
		return
	}
	if now >= f.deadline { // the answer overtook the timer
		m.fail(now, f, i, ReasonDeadline, fx)
		return
	}
	for set := f.plan.steps[i].children; set != 0; set &= set - 1 {
		c := bits.TrailingZeros32(set)
		parents := f.plan.steps[c].parents
		if parents&^f.doneMask != 0 {
			continue
		}
		s := &f.stages[c]
		s.parts = f.stages[i].parts // the parent that was done last
		s.inBytes, s.inObjects = 0, 0
		for ; parents != 0; parents &= parents - 1 {
			p := &f.stages[bits.TrailingZeros32(parents)]
			s.inBytes += p.got
			s.inObjects = max(s.inObjects, p.objects) // branches look at the same objects
		}
		m.ready(now, f, c, fx)
	}
}

// again makes a further attempt of a stage whose last one failed, later; or
// fails the frame when there is no attempt or no time left.
func (m *JobManager) again(now Time, f *frame, i int, err CallError, fx *Effects) {
	s := &f.stages[i]
	pause := m.set.Backoff
	for range s.attempt {
		pause = pause.Add(pause)
	}
	if int(s.attempt) >= m.set.Retries || now.Add(pause) >= f.deadline {
		m.fail(now, f, i, failure(err), fx)
		return
	}
	s.attempt++
	s.phase, s.since, s.due = stageBackoff, now, now+pause
	m.due.atMost(f.id, s.due)
}

// failure is what a frame fails for when a stage's last attempt ended so.
func failure(err CallError) Reason {
	switch err {
	case CallTimeout:
		return ReasonTimeout
	case CallUnreachable:
		return ReasonUnreachable
	case CallRejected:
		return ReasonRejected
	default:
		return ReasonService
	}
}
