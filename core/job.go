package core

import "slices"

// job is a query's agent at the node that holds its camera: it takes frames,
// keeps the window of frames under way and the buffer of those that wait, and
// sees to it that results leave in frame order.
type job struct {
	query  Query
	camera Camera
	state  State
	plan   *pinned // the newest; nil = none yet
	walk   walkGraph

	next      int64   // camera frame to go on from
	number    int64   // of the next frame that the job takes
	processed int64   // camera frame of the last result, -1 = none
	capturing *pinned // the plan of the capture that is not answered; nil = none
	ended     bool    // the video has no further frame
	paceNext  Time    // when the pace allows the next bytes

	underWay []*frame // ascending; at most the window
	waiting  deque[*frame]
	window   Window
}

// pinned is a plan as a job applies it. It never changes: frames point to the one
// that was in force when they were captured.
type pinned struct {
	Plan
	inFlight int
	buffer   int
	links    []*linkMeter // of each stage's node; nil for the host itself
}

// frame is a captured frame. Frames are used again and again.
type frame struct {
	id          int32 // in the table of deadlines
	place       framePlace
	job         *job
	plan        *pinned
	number      int64
	cameraFrame int64
	captured    Time
	deadline    Time
	bytes       float64

	doneMask   uint32 // stages that are done
	activeMask uint32 // stages that are held, called or backing off
	attempts   int
	roundTrip  Time
	encode     Time
	finished   Time           // when the last stage was done
	parts      [NumParts]Time // of the latency up to finished, or to the outcome
	stages     []stage
}

type framePlace uint8

const (
	frameFree framePlace = iota
	frameWaiting
	frameUnderWay
	frameFinished // waits for older frames of its job
)

// newJob makes a job of a submitted query. It has failed if the node cannot run it.
func newJob(q *Query, cameras []Camera, from int64) *job {
	j := &job{query: *q, next: max(from, 0), processed: -1}
	at := slices.IndexFunc(cameras, func(c Camera) bool { return c.ID == q.Camera })
	if at < 0 || q.Pipeline.Validate() != nil {
		j.state = StateFailed
		return j
	}
	j.camera = cameras[at]
	j.walk = newWalkGraph(q.Pipeline)
	return j
}

func (j *job) status() JobStatus {
	s := JobStatus{Query: j.query.ID, State: j.state, Next: j.next}
	if j.plan != nil {
		s.Revision = j.plan.Revision
	}
	return s
}

// latest returns when a frame captured at t has missed its time: twice the
// latency that the query asks for, or the setting.
func (j *job) latest(t Time, s *Settings) Time {
	if b := j.query.Constraint.Latency; b > 0 {
		return t.Add(b).Add(b)
	}
	return t.Add(s.FrameTimeout)
}

// find returns the frame under way of that number, or nil.
func (j *job) find(number int64) *frame {
	for _, f := range j.underWay {
		if f.number == number {
			return f
		}
	}
	return nil
}

// apply puts a newer plan into force. Frames that were captured before keep
// theirs.
func (m *JobManager) apply(now Time, j *job, p *Plan, fx *Effects) {
	if j.state.Ended() || p.Revision == 0 || len(p.Stages) != len(j.query.Pipeline) ||
		j.plan != nil && p.Revision <= j.plan.Revision {
		return
	}
	pin := &pinned{Plan: *p, inFlight: min(max(p.InFlight, 1), m.set.MaxInFlight), buffer: p.Buffer}
	pin.Stages = slices.Clone(p.Stages)
	if pin.buffer == 0 {
		pin.buffer = 1
	}
	if pin.buffer < 0 || pin.buffer > m.set.MaxBuffer || j.camera.Mode == ModeFile {
		pin.buffer = m.set.MaxBuffer
	}
	pin.links = make([]*linkMeter, len(p.Stages))
	for i := range p.Stages {
		if n := p.Stages[i].Node; n != m.cfg.Node {
			pin.links[i] = m.meter(n)
		}
	}
	if j.plan != nil {
		j.repace(now, j.plan.Pace, pin.Pace)
	}
	j.plan = pin
	if j.state == StateUnscheduled {
		j.state = StateReady
	}
	fx.Records = append(fx.Records, &PlanRecord{At: now, Node: m.cfg.Node, Query: j.query.ID, Plan: pin.Plan})
	if pin.Refused {
		j.capturing = nil // what was asked for may never come; with the next plan it is asked for anew
		m.dropWaiting(now, j, 0, ReasonRefused, fx)
	} else {
		m.dropWaiting(now, j, pin.buffer, ReasonOverrun, fx)
	}
	m.advance(now, j, fx)
}

// frameCaptured takes a frame. What no job wants is given back at once: the
// driver holds its pixels until then.
func (m *JobManager) frameCaptured(now Time, ev *FrameCaptured, fx *Effects) {
	j := m.jobs[ev.Query]
	if j == nil || j.plan == nil || j.state.Ended() || ev.CameraFrame < j.next {
		fx.Releases = append(fx.Releases, Release{ev.Query, ev.CameraFrame})
		return
	}
	f := m.takeFrame()
	f.job, f.plan = j, j.plan
	f.place = frameWaiting
	f.number, f.cameraFrame = j.number, ev.CameraFrame
	f.captured = min(ev.At, now)
	f.deadline = j.latest(f.captured, &m.set)
	f.bytes = ev.Bytes
	f.attempts, f.roundTrip, f.encode = 0, 0, 0
	j.number++
	j.next = ev.CameraFrame + 1
	j.capturing = nil
	if j.state == StateReady {
		j.state = StateRunning
	}
	switch {
	case j.plan.Refused:
		m.drop(now, f, ReasonRefused, fx)
	case f.deadline <= now:
		m.drop(now, f, ReasonDeadline, fx)
	case j.waiting.len() == 0 && len(j.underWay) < j.plan.inFlight:
		m.start(now, f, fx)
	default:
		*j.waiting.push() = f
		m.due.atMost(f.id, f.deadline)
		m.dropWaiting(now, j, j.plan.buffer, ReasonOverrun, fx)
	}
	m.advance(now, j, fx)
}

// dropWaiting drops the oldest waiting frames until only keep are left.
func (m *JobManager) dropWaiting(now Time, j *job, keep int, why Reason, fx *Effects) {
	for j.waiting.len() > keep {
		m.drop(now, *j.waiting.pop(), why, fx)
	}
}

// advance does what a job can do now: start frames that wait, ask for the next,
// end when there is none.
func (m *JobManager) advance(now Time, j *job, fx *Effects) {
	if j.state.Ended() || j.plan == nil {
		return
	}
	for j.waiting.len() > 0 && len(j.underWay) < j.plan.inFlight {
		f := *j.waiting.pop()
		if f.deadline <= now {
			m.drop(now, f, ReasonDeadline, fx)
			continue
		}
		m.start(now, f, fx)
	}
	if j.ended {
		if len(j.underWay) == 0 && j.waiting.len() == 0 {
			j.state = StateDone
		}
		return
	}
	if j.plan.Refused {
		return
	}
	if j.capturing != nil {
		if j.capturing.Video == j.plan.Video {
			return
		}
	} else if j.camera.Mode == ModeFile && len(j.underWay)+j.waiting.len() >= j.plan.inFlight {
		return
	}
	j.capturing = j.plan
	fx.Captures = append(fx.Captures, Capture{j.query.ID, j.query.Camera, j.next, &j.plan.Plan})
}

// videoEnded lets a job end once its frames have.
func (m *JobManager) videoEnded(now Time, ev *VideoEnded, fx *Effects) {
	j := m.jobs[ev.Query]
	if j == nil || j.state.Ended() {
		return
	}
	j.ended, j.capturing = true, nil
	m.advance(now, j, fx)
}

// stop ends a job and everything that it has under way. Frames that are done and
// only wait for older ones are done.
func (m *JobManager) stop(now Time, j *job, fx *Effects) {
	j.state = StateStopped
	for len(j.underWay) > 0 {
		f := j.underWay[0]
		if f.place == frameFinished {
			m.leave(now, f, OutcomeDone, ReasonNone, fx)
			continue
		}
		f.interrupt(now)
		m.leave(now, f, OutcomeDropped, ReasonStopped, fx)
	}
	m.dropWaiting(now, j, 0, ReasonStopped, fx)
	delete(m.jobs, j.query.ID)
	at, _ := m.at(j.query.ID)
	m.list = slices.Delete(m.list, at, at+1)
	m.forget(j.query.ID)
}

// takeFrame returns a frame that is not in use.
func (m *JobManager) takeFrame() *frame {
	if n := len(m.free); n > 0 {
		f := m.free[n-1]
		m.free = m.free[:n-1]
		return f
	}
	f := &frame{id: m.due.add()}
	m.frames = append(m.frames, f)
	return f
}
