package core

import (
	"cmp"
	"hash/fnv"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// JobManager is the agent of a node: it joins the query manager, tells it once a
// heartbeat how the node is, and serves the queries whose cameras the node holds.
// Each is a job, which takes frames, walks them through its pipeline by calls to
// services (its own node's or others') and reports their results.
//
// The first event is a Timer; from then on the machine asks for its own timers by
// Wake. It never has more than a few wakes under way, whatever its load.
type JobManager struct {
	cfg     JobManagerConfig
	set     Settings
	manager Address
	rng     rand.PCG // of phases and jitter

	jobs   queryTable[*job]
	list   []*job   // ascending by query
	frames []*frame // by id - dueFrames
	free   []*frame
	ended  []QueryID // the last queries that were stopped, a ring
	endAt  int

	due     deadlines
	armed   Time // the earliest wake that has not come, Never if there is none
	results resultRing
	meters  []*linkMeter // ascending by node
	charges chargeQueue

	started   bool
	joined    bool
	joinedAt  uint64 // heartbeats up to here were sent before the last JoinAck
	joinPause Time
	heartbeat Heartbeat // of which each heartbeat is a copy
	beatAt    Time
}

// The ids of the table of deadlines.
const (
	dueJoin int32 = iota
	dueHeartbeat
	dueSync
	dueCharge
	dueFrames // and one for each frame from here on
)

// endedKept bounds the queries that are remembered as stopped, so that a request
// to begin them that was long under way does not bring them back.
const endedKept = 1024

// NewJobManager returns the agent of a node that has just started. It keeps c,
// whose slices must not be changed afterwards.
func NewJobManager(c JobManagerConfig) *JobManager {
	m := &JobManager{
		cfg: c, set: c.Settings.WithDefaults(), manager: Address{c.Manager, PartManager},
		armed: Never,
	}
	m.results = newResultRing(&m.set)
	h := fnv.New64a()
	h.Write([]byte(c.Node)) // an fnv hash's Write never fails
	m.rng.Seed(c.Seed, h.Sum64()^uint64(c.Incarnation))
	for range dueFrames {
		m.due.add()
	}
	m.heartbeat = Heartbeat{Node: c.Node, Incarnation: c.Incarnation, Capacity: c.Capacity}
	for _, s := range c.Services {
		m.heartbeat.Services = append(m.heartbeat.Services, ServiceSample{ServiceView: s})
	}
	return m
}

// Step takes an event in and puts what is to be done into fx. It panics on an
// event that is not a job manager's.
func (m *JobManager) Step(now Time, ev Event, fx *Effects) {
	switch ev := ev.(type) {
	case *StageDone:
		m.stageDone(now, ev, fx)
	case *FrameCaptured:
		m.frameCaptured(now, ev, fx)
	case *Timer:
		m.timer(now, fx)
	case *Received:
		m.received(now, ev.Msg, fx)
	case *VideoEnded:
		m.videoEnded(now, ev, fx)
	case *Sampled:
		m.sampled(now, ev, fx)
	default:
		panic("core: JobManager got an event that is not its own")
	}
	if at := m.due.next(); at < m.armed {
		m.armed = at
		fx.Wakes = append(fx.Wakes, Wake{max(at, now)})
	}
}

// timer does all that is due.
func (m *JobManager) timer(now Time, fx *Effects) {
	if m.armed <= now {
		m.armed = Never
	}
	if !m.started {
		m.started = true
		m.beatAt = now.Add(m.below(m.set.Heartbeat) + 1)
		m.due.set(dueHeartbeat, m.beatAt)
		m.join(now, fx)
	}
	for {
		id, ok := m.due.pop(now)
		if !ok {
			return
		}
		switch id {
		case dueJoin:
			m.sendJoin(now, fx)
		case dueHeartbeat:
			m.beat(now, fx)
		case dueSync:
			m.syncDue(now, fx)
		case dueCharge:
			m.nextCharge(now, fx)
		default:
			m.frameDue(now, m.frames[id-dueFrames], fx)
		}
	}
}

// Runtime returns the runtime context of a query's last frames at this node; ok
// is false when the node has no such job.
func (m *JobManager) Runtime(q QueryID) (info RuntimeInfo, ok bool) {
	j := m.jobs.get(q)
	if j == nil {
		return RuntimeInfo{}, false
	}
	return j.window.Info(), true
}

// Jobs returns the state of every job, ascending by query.
func (m *JobManager) Jobs() []JobStatus {
	s := make([]JobStatus, len(m.list))
	for i, j := range m.list {
		s[i] = j.status()
	}
	return s
}

// at returns where query id is, or would be, in the list of jobs.
func (m *JobManager) at(id QueryID) (int, bool) {
	return slices.BinarySearchFunc(m.list, id, func(j *job, id QueryID) int { return cmp.Compare(j.id, id) })
}

// forget remembers that a query was stopped.
func (m *JobManager) forget(id QueryID) {
	if slices.Contains(m.ended, id) {
		return
	}
	if len(m.ended) < endedKept {
		m.ended = append(m.ended, id)
		return
	}
	m.ended[m.endAt] = id
	m.endAt = (m.endAt + 1) % endedKept
}

// meter returns the meter of the link to a node.
func (m *JobManager) meter(to NodeID) *linkMeter {
	at, ok := slices.BinarySearchFunc(m.meters, to, func(l *linkMeter, n NodeID) int { return cmp.Compare(l.to, n) })
	if !ok {
		m.meters = slices.Insert(m.meters, at, &linkMeter{to: to})
	}
	return m.meters[at]
}

// foldLinks brings the link estimates up to date. Transfers that began after the
// oldest call under way may still overlap with it.
func (m *JobManager) foldLinks(now Time) {
	for _, l := range m.meters {
		l.horizon = now
	}
	for _, j := range m.list {
		for _, f := range j.underWay {
			for i := range f.stages {
				if l := f.plan.steps[i].link; l != nil && f.stages[i].phase == stageCalled {
					l.horizon = min(l.horizon, f.stages[i].since)
				}
			}
		}
	}
	for _, l := range m.meters {
		l.fold(now, l.horizon)
	}
}

// tell sends a message to the query manager.
func (m *JobManager) tell(msg Message, fx *Effects) {
	fx.Sends = append(fx.Sends, Send{m.manager, msg})
}

// below draws a time in [0, t).
func (m *JobManager) below(t Time) Time {
	hi, _ := bits.Mul64(m.rng.Uint64(), uint64(t))
	return Time(hi)
}

// jitter draws a pause of one to one and a half times t, so that nodes which
// lost the manager at one instant do not come back at one instant.
func (m *JobManager) jitter(t Time) Time { return t + m.below(t/2+1) }

// longer doubles a pause, up to sixteen times the first.
func (m *JobManager) longer(t Time) Time { return min(2*t, 16*m.set.ResendAfter) }
