package core

import "slices"

// job is a query's agent at the node that holds its camera: it takes frames,
// keeps the window of frames under way and the buffer of those that wait, and
// sees to it that results leave in frame order.
//
// What an event of a frame looks at stands first, side by side: of a thousand jobs
// none is in the processor's cache any more when its next event comes, and what
// an event costs is above all the cache lines that it fetches. The same holds for
// pinned, frame and stage.
type job struct {
	id       QueryID
	cameraID CameraID
	plan     *pinned  // the newest; nil = none yet
	underWay []*frame // ascending; at most the window
	sources  uint32   // stages without parents, a bit each
	all      uint32   // all stages

	capturing *pinned // the plan of the capture that is not answered; nil = none
	next      int64   // camera frame to go on from
	number    int64   // of the next frame that the job takes
	processed int64   // camera frame of the last result, -1 = none
	patience  Time    // how long after its capture a frame has missed its time
	state     State
	file      bool // its camera's mode
	ended     bool // the video has no further frame
	few       [2]*frame

	window   Window
	paceNext Time // when the pace allows the next bytes
	waiting  deque[*frame]

	query  Query
	camera Camera
	walk   walkGraph
}

// pinned is a plan as a job applies it. It never changes: frames point to the one
// that was in force when they were captured.
type pinned struct {
	steps    []step // one per stage
	pace     float64
	inFlight int
	buffer   int
	Plan
}

// step is what a call of a stage takes of the plan and of the pipeline.
type step struct {
	node     NodeID
	service  string
	model    int
	link     *linkMeter // to node; nil for the host itself
	parents  uint32     // stages, a bit each
	children uint32
	pad      float64 // bytes that are sent with a frame, see Plan; with it a step is a cache line
}

// frame is a captured frame. Frames are used again and again.
type frame struct {
	number     int64
	job        *job
	plan       *pinned
	stages     []stage
	id         int32 // in the table of deadlines
	place      framePlace
	doneMask   uint32 // stages that are done
	activeMask uint32 // stages that are held, called or backing off

	deadline    Time
	captured    Time
	cameraFrame int64
	bytes       float64
	attempts    int
	roundTrip   Time
	encode      Time
	finished    Time           // when the last stage was done
	parts       [NumParts]Time // of the latency up to finished, or to the outcome
	_           [16]byte
}

type framePlace uint8

const (
	frameFree framePlace = iota
	frameWaiting
	frameUnderWay
	frameFinished // waits for older frames of its job
)

// newJob makes a job of a submitted query. It has failed if the node cannot run it.
func newJob(q *Query, cameras []Camera, from int64, s *Settings) *job {
	j := &job{id: q.ID, cameraID: q.Camera, query: *q, next: max(from, 0), processed: -1, patience: s.FrameTimeout}
	j.underWay = j.few[:0]
	if b := q.Constraint.Latency; b > 0 {
		j.patience = b.Add(b)
	}
	at := slices.IndexFunc(cameras, func(c Camera) bool { return c.ID == q.Camera })
	if at < 0 || q.Pipeline.Validate() != nil {
		j.state = StateFailed
		return j
	}
	j.camera = cameras[at]
	j.file = j.camera.Mode == ModeFile
	j.walk = newWalkGraph(q.Pipeline)
	j.sources, j.all = j.walk.sources, j.walk.all
	return j
}

func (j *job) status() JobStatus {
	s := JobStatus{Query: j.id, State: j.state, Next: j.next}
	if j.plan != nil {
		s.Revision = j.plan.Revision
	}
	return s
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
	pin := &pinned{Plan: *p, pace: p.Pace, inFlight: min(max(p.InFlight, 1), m.set.MaxInFlight), buffer: p.Buffer}
	pin.Stages = slices.Clone(p.Stages)
	if pin.buffer == 0 {
		pin.buffer = 1
	}
	if pin.buffer < 0 || pin.buffer > m.set.MaxBuffer || j.file {
		pin.buffer = m.set.MaxBuffer
	}
	pin.steps = m.steps(j, &pin.Plan)
	if j.plan != nil {
		j.repace(now, j.plan.Pace, pin.Pace)
	}
	j.plan = pin
	if j.state == StateUnscheduled {
		j.state = StateReady
	}
	fx.Records = append(fx.Records, &PlanRecord{At: now, Node: m.cfg.Node, Query: j.id, Plan: pin.Plan})
	if pin.Refused {
		j.capturing = nil // what was asked for may never come; with the next plan it is asked for anew
		m.dropWaiting(now, j, 0, ReasonRefused, fx)
	} else {
		m.dropWaiting(now, j, pin.buffer, ReasonOverrun, fx)
	}
	m.advance(now, j, fx)
}

// steps puts together what calls under a plan need.
func (m *JobManager) steps(j *job, p *Plan) []step {
	steps := make([]step, len(p.Stages))
	for i := range steps {
		s := &steps[i]
		s.node, s.model, s.service = p.Stages[i].Node, p.Stages[i].Model, j.query.Pipeline[i].Service
		s.parents, s.children = j.walk.parents[i], j.walk.children[i]
		if s.node != m.cfg.Node {
			s.link = m.meter(s.node)
			if s.parents == 0 {
				s.pad = p.Pad
			}
		}
	}
	return steps
}

// frameCaptured takes a frame. What no job wants is given back at once: the
// driver holds its pixels until then.
func (m *JobManager) frameCaptured(now Time, ev *FrameCaptured, fx *Effects) {
	j := m.jobs.get(ev.Query)
	if j == nil || j.plan == nil || j.state.Ended() || ev.CameraFrame < j.next {
		fx.Releases = append(fx.Releases, Release{ev.Query, ev.CameraFrame})
		return
	}
	f := m.takeFrame()
	f.job, f.plan = j, j.plan
	f.place = frameWaiting
	f.number, f.cameraFrame = j.number, ev.CameraFrame
	f.captured = min(ev.At, now)
	f.deadline = f.captured.Add(j.patience)
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
	} else if j.file && len(j.underWay)+j.waiting.len() >= j.plan.inFlight {
		return
	}
	j.capturing = j.plan
	fx.Captures = append(fx.Captures, Capture{j.id, j.cameraID, j.next, &j.plan.Plan})
}

// videoEnded lets a job end once its frames have.
func (m *JobManager) videoEnded(now Time, ev *VideoEnded, fx *Effects) {
	j := m.jobs.get(ev.Query)
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
	m.jobs.remove(j.id)
	at, _ := m.at(j.id)
	m.list = slices.Delete(m.list, at, at+1)
	m.forget(j.id)
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
