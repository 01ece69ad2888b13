package testbed

import (
	"math"

	"vidq/core"
	"vidq/core/result"
	"vidq/kb"
	"vidq/kb/world"
	"vidq/scenarios"
)

// Stream is what one query makes of its camera: which camera frames it takes, how
// large they are encoded, what its results are worth, and the frames that nobody
// could take. A frame that the query's job waits for is wanted; while it waits for none, the
// stream is paused and live frames pass by. It belongs to one goroutine at a time.
type Stream struct {
	Cam    *Camera
	paused bool
	ended  bool
	reason core.Reason // why it is paused

	want   int64     // camera frame that is waited for
	cursor int64     // first camera frame that is not accounted for
	read   core.Time // when the last frame was taken
	fps    float64   // of the last plan; before any plan the lowest knob

	video    core.VideoConf // of the frame that is waited for
	encode   core.Time      // time to encode a frame as video
	truth    *kb.Set
	class    string // of the host
	judged   uint64
	judge    kb.Judge // of the results under the plan of revision judged
	encoder  world.Encoder
	transfer world.Key // of its transfers' jitter and loss

	Spec  *scenarios.Query
	Index int // in the scenario, -1 = not of it
}

// Frame is a camera frame that was taken for a query.
type Frame struct {
	Number   int64
	Captured core.Time
	Bytes    float64 // of the frame as Video encodes it; before it is encoded, what it would have been when it was captured
	Scene    kb.Scene
	Video    core.VideoConf
	Encoded  bool
	Models   [core.MaxStages]uint8 // that its stages were asked of
}

// Missed are the live camera frames [From, To) of which nobody could take those that
// FPS selects: what result.Collector.Missed is told. Without frames it is empty.
type Missed struct {
	From, To int64
	FPS      float64
	Reason   core.Reason
}

// Stream begins the stream of query i of the scenario.
func (t *Testbed) Stream(i int) Stream {
	s := t.StreamOf(&t.Scenario.Queries[i])
	s.Index = i
	return s
}

// StreamOf begins the stream of a query that need not be the scenario's, but is of one of
// its cameras. Its key names its draws.
func (t *Testbed) StreamOf(spec *scenarios.Query) Stream {
	cam := &t.Cameras[t.cameraOf[spec.Camera]]
	first := int64(0)
	if cam.Mode == core.ModeLive {
		first = cam.Next(spec.Start)
	}
	return Stream{
		Index: -1, Spec: spec, Cam: cam, fps: t.LowestFPS(), paused: true, reason: core.ReasonNoPlan,
		cursor: first, truth: t.Truth, class: t.Nodes[cam.Node].Class.Name,
		transfer: t.Keys.transfer.Name(spec.Key),
		encoder:  world.OpenEncoder(t.Truth, cam.Spec.Class, cam.Spec.FPS, cam.size),
	}
}

// Info is what the query's books begin with.
func (s *Stream) Info() result.QueryInfo {
	return result.QueryInfo{
		Key: s.Spec.Key, Node: s.Spec.Node, Mode: s.Cam.Mode, CameraFPS: s.Cam.FPS, CameraPhase: s.Cam.Phase,
		Constraint: s.Spec.Constraint, Start: s.Spec.Start,
	}
}

// Paused reports whether nobody waits for a frame.
func (s *Stream) Paused() bool { return s.paused }

// Ended reports whether the query has ended.
func (s *Stream) Ended() bool { return s.ended }

// Cursor is the first camera frame that is not accounted for.
func (s *Stream) Cursor() int64 { return s.cursor }

// Pause notes that from now on nobody takes the query's frames, and why.
func (s *Stream) Pause(now core.Time, why core.Reason) (m Missed) {
	if s.paused {
		m = s.Account(now)
	}
	s.paused, s.reason = true, why
	return m
}

// Account counts the frames that passed by up to now while the stream was paused.
func (s *Stream) Account(now core.Time) (m Missed) {
	if s.Cam.Mode != core.ModeLive || s.ended || !s.paused {
		return Missed{}
	}
	if to := s.Cam.Next(now); to > s.cursor {
		m = Missed{s.cursor, to, s.fps, s.reason}
		s.cursor = to
	}
	return m
}

// End ends the stream: later frames are not the query's.
func (s *Stream) End(now core.Time) (m Missed) {
	if s.paused {
		m = s.Account(now)
	}
	s.ended = true
	return m
}

// farFrame is a frame number that no camera reaches.
const farFrame = int64(1) << 60

// readEvery is the least time between two frames of a file: of frames that are lost
// as soon as they are read, a job would read any number at one instant.
const readEvery = core.Millisecond

// Ask answers a job's Capture: it tells when the frame exists, not before now;
// core.Never = no such frame comes. The stream must not have ended.
func (s *Stream) Ask(now core.Time, c *core.Capture) (at core.Time, m Missed) {
	if s.paused {
		m = s.Account(now)
		s.paused = false
	}
	if v := c.Plan.Video; v != s.video {
		s.video, s.fps = v, v.FPS
		s.encode = s.truth.Encode(core.Target{Class: s.class, Role: core.RoleHost}, v)
	}
	cam := s.Cam
	// A restarted job may ask for frames that died with the one before it: those
	// count as lost, and are not read again.
	s.want = core.Selected(max(c.From, s.cursor), s.fps, cam.FPS)
	at = s.read.Add(readEvery)
	if cam.Mode == core.ModeLive {
		if first := cam.Next(now); s.want < first {
			s.want = core.Selected(first, s.fps, cam.FPS)
		}
		at = core.Never
		if s.want < farFrame {
			at = result.FrameTime(s.want, cam.Phase, cam.FPS)
		}
	}
	return max(at, now), m
}

// Take takes the frame that was asked for into f. false = the video has no such
// frame. read is how many frames of a file have been read by then.
func (s *Stream) Take(now core.Time, f *Frame) (read int64, ok bool) {
	if spec := &s.Cam.Spec.Camera; s.Cam.Mode == core.ModeFile && spec.Length > 0 && !spec.Loop && s.want >= spec.Length {
		return spec.Length, false
	}
	s.TakeFrame(now, s.want, f)
	return s.cursor, true
}

// Want is the camera frame that is waited for.
func (s *Stream) Want() int64 { return s.want }

// TakeFrame takes camera frame k, captured at an instant, into f: of a video, which may have dropped the
// one that was asked for.
func (s *Stream) TakeFrame(at core.Time, k int64, f *Frame) {
	s.cursor, s.read = k+1, at
	f.Number, f.Captured, f.Encoded = k, at, false
	f.Scene, f.Video, f.Bytes = s.Cam.Scene(k), s.video, s.encoder.Size(s.video, k)
}

// Encode makes f what v encodes it as, if it is not yet.
func (s *Stream) Encode(f *Frame, v *core.VideoConf) {
	if !f.Encoded || !SameEncoding(&f.Video, v) {
		f.Video, f.Encoded, f.Bytes = *v, true, s.encoder.Encode(*v, f.Number)
	}
}

// EncodeTime is the host's work for encoding a frame.
func (s *Stream) EncodeTime(v *core.VideoConf) core.Time {
	if SameEncoding(v, &s.video) {
		return s.encode
	}
	return s.truth.Encode(core.Target{Class: s.class, Role: core.RoleHost}, *v)
}

// Transfers returns the key of the draws of a camera frame's transfers; see AttemptKey.
func (s *Stream) Transfers(frame int64) world.Key { return s.transfer.With(uint64(frame)) }

// Judge fills in what only the world knows of a frame's outcome: what was before the
// camera, and what the result is worth. f is nil where the frame is not known.
func (s *Stream) Judge(f *Frame, r *core.FrameRecord) {
	r.ContentFrame = f.Scene.Frame
	if r.Outcome != core.OutcomeDone {
		return
	}
	if s.judged != r.Revision { // a revision is one configuration and choice of models
		s.judged = r.Revision
		var models [core.MaxStages]int
		n := len(s.Spec.Pipeline)
		for i := range n {
			models[i] = int(f.Models[i])
		}
		s.judge = s.truth.Judge(s.Spec.Pipeline, r.Video, models[:n])
	}
	c := f.Scene.Content()
	r.Fresh, r.Decay = s.judge.FreshOf(s.encodedFrame(f.Number, r.Video.FPS), c), s.judge.Decay(c)
}

// encodedFrame is how many frames of camera frames below k an encoding at fps has.
func (s *Stream) encodedFrame(k int64, fps float64) int64 {
	if fps < s.Cam.FPS {
		return core.SelectedIn(0, k, fps, s.Cam.FPS)
	}
	return k
}

// LostFrame is the record of a frame that died with its node at now.
func LostFrame(now core.Time, node core.NodeID, query core.QueryID, f *Frame) *core.FrameRecord {
	return &core.FrameRecord{
		At: now, Node: node, Query: query, Frame: -1, CameraFrame: f.Number, Captured: f.Captured,
		Video: f.Video, Gap: 1, Outcome: core.OutcomeDropped, Reason: core.ReasonNodeDown,
		ContentFrame: f.Scene.Frame, Fresh: math.NaN(),
	}
}

// Shown is the world's record of a frame: what was before the camera.
type Shown core.FrameRecord

// AppendBinary appends the record's fixed binary form.
func (r *Shown) AppendBinary(b []byte) []byte {
	b = append(b, 'W')
	for _, v := range [...]uint64{uint64(r.Query), uint64(r.CameraFrame), uint64(r.ContentFrame), math.Float64bits(r.Fresh), math.Float64bits(r.Decay)} {
		b = append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24), byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56))
	}
	return b
}
