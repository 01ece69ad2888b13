package core_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// sink is the least that a driver can be: it counts.
type sink struct {
	records, captures, invokes, releases, sends, wakes int
	done                                               int
	call                                               core.CallRef
	acks                                               []core.SyncAck
}

func (s *sink) Record(r core.Record) {
	s.records++
	if f, ok := r.(*core.FrameRecord); ok && f.Outcome == core.OutcomeDone {
		s.done++
	}
}
func (s *sink) Save(*core.Save)       {}
func (s *sink) Capture(*core.Capture) { s.captures++ }
func (s *sink) Invoke(i *core.Invoke) { s.invokes++; s.call = i.Ref }
func (s *sink) Release(*core.Release) { s.releases++ }
func (s *sink) Wake(*core.Wake)       { s.wakes++ }
func (s *sink) Send(x *core.Send) {
	s.sends++
	if b, ok := x.Msg.(*core.SyncResults); ok {
		s.acks = append(s.acks, core.SyncAck{Incarnation: b.Incarnation, Seq: b.First + uint64(len(b.Results)) - 1})
	}
}

// frameLoop feeds a job manager with live frames of many cameras in turn, whose
// two stages (the first on another node) are answered at once.
type frameLoop struct {
	m       *core.JobManager
	fx      core.Effects
	sink    sink
	now     core.Time
	frames  []int64 // by job
	turn    int
	ev      core.FrameCaptured
	done    core.StageDone
	timer   core.Timer
	message core.Received
}

func newFrameLoop(tb testing.TB, jobs int) *frameLoop {
	cameras := []core.Camera{{ID: "c", Node: "edge1", FPS: 30, Resolution: core.Resolution{Width: 1920, Height: 1080}}}
	l := &frameLoop{frames: make([]int64, jobs)}
	l.m = core.NewJobManager(core.JobManagerConfig{Node: "edge1", Incarnation: 1, Manager: "cloud", Cameras: cameras, Seed: 1})
	l.step(&l.timer)
	for i := range jobs {
		q := core.Query{
			ID: core.QueryID(i + 1), Node: "edge1", Camera: "c", Pipeline: core.Linear("face_detection", "face_alignment"),
			Constraint: core.Constraint{Latency: 300 * core.Millisecond},
		}
		l.message.Msg = &core.SubmitJob{Incarnation: 1, Query: q, Plan: core.Plan{
			Revision: 1, Video: core.VideoConf{Resolution: core.Resolution{Width: 640, Height: 480}, FPS: 30, Encoder: "jpeg", Quality: 90},
			Stages: []core.Assignment{{Node: "cloud"}, {Node: "edge1"}}, InFlight: 1, Buffer: 1,
		}.Seal()}
		l.step(&l.message)
	}
	require.Equal(tb, jobs, l.sink.captures)
	return l
}

func (l *frameLoop) step(ev core.Event) {
	l.m.Step(l.now, ev, &l.fx)
	l.fx.Drain(&l.sink)
}

// frame takes one frame through.
func (l *frameLoop) frame() {
	job := l.turn
	l.turn = (l.turn + 1) % len(l.frames)
	l.ev = core.FrameCaptured{Query: core.QueryID(job + 1), CameraFrame: l.frames[job], At: l.now, Bytes: 40_000}
	l.frames[job]++
	l.step(&l.ev)
	for s := range 2 {
		l.now += 20 * core.Microsecond
		l.done = core.StageDone{
			Ref: l.sink.call, Sent: 40_000, Got: 5000, Objects: 9, Area: 4000, Counted: s == 0,
			Work: 10 * core.Microsecond, Wait: core.Microsecond, Encode: core.Microsecond, Return: core.Microsecond,
		}
		l.step(&l.done)
	}
	if l.turn == 0 {
		l.step(&l.timer)
	}
	for i := range l.sink.acks {
		l.message.Msg = &l.sink.acks[i]
		l.step(&l.message)
	}
	l.sink.acks = l.sink.acks[:0]
}

// BenchmarkJobFrame is the whole of a frame's way through a job of two stages:
// three steps, three records, a result.
func BenchmarkJobFrame(b *testing.B) {
	for _, jobs := range []int{1, 50, 1000} {
		b.Run("jobs="+strconv.Itoa(jobs), func(b *testing.B) {
			l := newFrameLoop(b, jobs)
			for range 10_000 {
				l.frame()
			}
			before := l.sink.done
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				l.frame()
			}
			b.StopTimer()
			require.Equal(b, b.N, l.sink.done-before)
			require.Equal(b, l.sink.done, l.sink.releases)
		})
	}
}

func TestFramesDoNotAllocate(t *testing.T) {
	l := newFrameLoop(t, 20)
	for range 20_000 {
		l.frame()
	}
	done := l.sink.done
	perFrame := testing.AllocsPerRun(20_000, l.frame)
	assert.Less(t, perFrame, 0.05, "batches of results alone may allocate")
	assert.Equal(t, 20_001, l.sink.done-done)
	assert.Less(t, l.sink.wakes, l.sink.done/10, "a call does not cost a wake")
}
