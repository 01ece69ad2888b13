package sim

import (
	"math"

	"vidq/core"
	"vidq/core/result"
	"vidq/kb"
	"vidq/kb/world"
	"vidq/scenarios"
)

// query is a query as the world sees it: the frames that its job holds, and
// those that nobody could take.
type query struct {
	id     core.QueryID
	cam    *camera
	held   []*held // captured and not released, oldest first
	few    [2]*held
	timer  Timer // the capture that is asked for
	ended  bool
	idle   bool        // no capture is asked for
	reason core.Reason // why

	want     int64     // camera frame of that capture
	cursor   int64     // first camera frame that is not accounted for
	read     core.Time // when the last frame was captured
	fps      float64   // of the last plan; before any plan the lowest knob
	transfer world.Key // of its transfers' jitter and loss
	sites    []site    // where its stages ran last, by stage

	video  core.VideoConf // of the capture that is asked for
	encode core.Time      // time to encode a frame as video
	judged uint64
	spec   *scenarios.Query
	judge  kb.Judge // of the results under the plan of revision judged

	encoder world.Encoder
	index   int // in the scenario
}

// held is a captured frame that its job has not released yet.
type held struct {
	frame    int64
	captured core.Time
	calls    uint32  // the newest attempt of a stage that is under way, plus 1; 0 = none
	bytes    float64 // of the frame as video encodes it; before it is encoded, what it would have been when it was captured
	scene    kb.Scene
	video    core.VideoConf
	encoded  bool
	models   [core.MaxStages]uint8
}

// find returns the held frame of that number, or nil.
func (q *query) find(frame int64) *held {
	for _, h := range q.held {
		if h.frame == frame {
			return h
		}
	}
	return nil
}

// newHeld returns a held frame to be filled in.
func (s *Sim) newHeld() *held {
	if n := len(s.freeHeld); n > 0 {
		h := s.freeHeld[n-1]
		s.freeHeld = s.freeHeld[:n-1]
		return h
	}
	return new(held)
}

// lost lets go of a held frame whose node is down. Its calls that are still under way
// are for nobody.
func (s *Sim) lost(h *held) {
	for next := h.calls; next != 0; {
		c := s.calls[next-1]
		next, c.held = c.older, nil
	}
	s.freeHeld = append(s.freeHeld, h)
}

// pause notes that from now on nobody takes the query's frames.
func (q *query) pause(s *Sim, why core.Reason) {
	s.k.Cancel(q.timer)
	if q.idle {
		q.account(s)
	}
	q.idle, q.reason = true, why
}

// lose is the end of the frames that the query's job held: its node is down.
func (q *query) lose(s *Sim) {
	now := s.k.Now()
	for _, h := range q.held {
		s.worldRecord(&core.FrameRecord{
			At: now, Node: q.cam.node.id, Query: q.id, Frame: -1, CameraFrame: h.frame, Captured: h.captured,
			Video: h.video, Gap: 1, Outcome: core.OutcomeDropped, Reason: core.ReasonNodeDown,
			ContentFrame: h.scene.Frame, Fresh: math.NaN(),
		})
		s.lost(h)
	}
	q.held = q.held[:0]
	q.pause(s, core.ReasonNodeDown)
}

// account counts the frames of an idle query that were due up to now.
func (q *query) account(s *Sim) { q.accountTo(s, s.k.Now()) }

func (q *query) accountTo(s *Sim, now core.Time) {
	if q.cam.mode != core.ModeLive || q.ended {
		return
	}
	if to := q.cam.next(now); to > q.cursor {
		s.col.Missed(q.id, q.reason, q.cursor, to, q.fps)
		q.cursor = to
	}
}

// farFrame is a frame number that no camera reaches.
const farFrame = int64(1) << 60

// readEvery is the least time between two frames of a file: of frames that are lost
// as soon as they are read, a job would read any number at one instant.
const readEvery = core.Millisecond

// capture does what a job's Capture asks for.
func (q *query) capture(s *Sim, c *core.Capture) {
	if q.ended {
		return
	}
	now := s.k.Now()
	if q.idle {
		q.account(s)
		q.idle = false
	}
	if v := c.Plan.Video; v != q.video {
		q.video, q.fps = v, v.FPS
		q.encode = s.truth.Encode(core.Target{Class: q.cam.node.class.Name, Role: core.RoleHost}, v)
	}
	cam := q.cam
	// A restarted job may ask for frames that died with the one before it: those
	// count as lost, and are not read again.
	q.want = core.Selected(max(c.From, q.cursor), q.fps, cam.fps)
	at := q.read.Add(readEvery)
	if cam.mode == core.ModeLive {
		if first := cam.next(now); q.want < first {
			q.want = core.Selected(first, q.fps, cam.fps)
		}
		at = core.Never
		if q.want < farFrame {
			at = result.FrameTime(q.want, cam.phase, cam.fps)
		}
	}
	s.k.Arm(q.timer, max(at, now))
}

// onCapture takes the frame that was asked for: it exists now.
func (s *Sim) onCapture(q *query) {
	cam := q.cam
	if q.ended || !cam.node.up {
		return
	}
	now := s.k.Now()
	if cam.mode == core.ModeFile {
		if spec := &cam.spec.Camera; spec.Length > 0 && !spec.Loop && q.want >= spec.Length {
			s.col.Captured(q.id, now, spec.Length)
			s.ev.ended = core.VideoEnded{Query: q.id}
			cam.node.step(&s.ev.ended)
			return
		}
		s.col.Captured(q.id, now, q.want+1)
	}
	q.cursor, q.read = q.want+1, now
	h := s.newHeld()
	h.frame, h.captured, h.calls, h.encoded = q.want, now, 0, false
	h.scene, h.video, h.bytes = cam.scene(q.want), q.video, q.encoder.Size(q.video, q.want)
	q.held = append(q.held, h)
	s.ev.captured = core.FrameCaptured{Query: q.id, CameraFrame: q.want, At: now, Bytes: h.bytes}
	cam.node.step(&s.ev.captured)
}

// encodedFrame is how many frames of camera frames below k an encoding at fps has.
func (q *query) encodedFrame(k int64, fps float64) int64 {
	if fps < q.cam.fps {
		return core.SelectedIn(0, k, fps, q.cam.fps)
	}
	return k
}

// release gives a frame up, and with it the encodings that nobody else holds and
// the calls for it that are still under way.
func (q *query) release(s *Sim, frame int64) {
	for i, h := range q.held {
		if h.frame != frame {
			continue
		}
		s.abandon(h)
		s.freeHeld = append(s.freeHeld, h)
		q.held = q.held[:i+copy(q.held[i:], q.held[i+1:])]
		break
	}
	q.cam.drop(frame)
}

// onDurable learns from what has become durable that a query was accepted or has
// ended: that is so even if the manager dies before it can tell.
func (s *Sim) onDurable(changes []core.Change) {
	for i := range changes {
		c := &changes[i]
		if c.Kind != core.ChangeQuery {
			continue
		}
		q := s.query(c.Query.Query.ID)
		if q == nil {
			if index, ok := s.specOf[c.Query.Query.Key]; ok {
				s.register(index, c.Query.Query.ID)
			}
			continue
		}
		if c.Query.State.Ended() && !q.ended {
			if q.idle {
				q.account(s)
			}
			q.ended = true
			s.k.Cancel(q.timer)
			s.col.Ended(q.id, s.k.Now())
		}
	}
}

// register begins the books of query i of the scenario under its id.
func (s *Sim) register(i int, id core.QueryID) {
	for len(s.queries) <= int(id) {
		s.queries = append(s.queries, nil)
	}
	spec := &s.sc.Queries[i]
	cam := s.cameraOf[spec.Camera]
	first := int64(0)
	if cam.mode == core.ModeLive {
		first = cam.next(spec.Start)
	}
	q := &query{
		index: i, id: id, spec: spec, cam: cam, fps: s.lowestFPS(), idle: true, reason: core.ReasonNoPlan,
		cursor: first, sites: make([]site, len(spec.Pipeline)),
		transfer: s.keys.transfer.Name(spec.Key),
		encoder:  world.OpenEncoder(s.truth, cam.spec.Class, cam.spec.FPS, cam.size),
		timer:    s.k.NewTimer(key(kindCapture, i, 0), uint32(id)),
	}
	q.held = q.few[:0]
	s.queries[id] = q
	cam.queries = append(cam.queries, q)
	s.registered[i] = true
	s.col.Query(id, result.QueryInfo{
		Key: spec.Key, Node: spec.Node, Mode: cam.mode, CameraFPS: cam.fps, CameraPhase: cam.phase,
		Constraint: spec.Constraint, Start: spec.Start,
	})
}

// query returns the query of that id, or nil.
func (s *Sim) query(id core.QueryID) *query {
	if id < core.QueryID(len(s.queries)) {
		return s.queries[id]
	}
	return nil
}
