package sched

import (
	"math"
	"testing"

	"vidq/core"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseConfigs(t *testing.T) {
	got, err := parseConfigs("profile", []string{"1920x1080 10 h264 20", "720p 2.5 jpeg 90"})
	require.NoError(t, err)
	assert.Equal(t, []core.VideoConf{
		{Resolution: core.Resolution{Width: 1920, Height: 1080}, FPS: 10, Encoder: "h264", Quality: 20},
		{Resolution: core.Resolution{Width: 1280, Height: 720}, FPS: 2.5, Encoder: "jpeg", Quality: 90},
	}, got)
	for _, bad := range []string{"", "1080p 10 h264", "wide 10 h264 20", "1080p 0 h264 20", "1080p 10 h264 x", "1080p 10 h264 101"} {
		for _, name := range []string{"jetstream", "awstream"} {
			_, err := New(Spec{Name: name, Params: map[string]any{"profile": []any{bad}}}, Deps{})
			var e *Error
			require.ErrorAs(t, err, &e, bad)
			assert.Equal(t, "profile", e.Key)
		}
	}
}

// backlog is the queue of a sender of 10 frames of 100 kB a second over 1 MB/s, of
// which the newest that got through was captured at 1 s and left the queue at 2 s.
func backlog() *sendQueue {
	q := &sendQueue{known: true, drain: 5e5, last: gotFrame{captured: core.Second, at: 2 * core.Second}}
	q.plans = []sentPlan{{fps: 10, bytes: 1e5}}
	return q
}

// The queue is what was captured since the newest frame that got through, less what
// the link took since.
func TestSendQueue(t *testing.T) {
	at := 2*core.Second + core.Millisecond
	r := backlog().pending(at, at-core.Second/5, 1)
	assert.InDelta(t, 1e6-500, r.left, 1, "ten frames, one of them on its way for 1 ms")
	assert.InDelta(t, 9e5, r.waiting, 1, "the others")
	assert.InDelta(t, 2e5, r.came, 1, "two in 200 ms")
	r = backlog().pending(at, at, 4)
	assert.InDelta(t, 1e6-500-1.5e5, r.left, 1, "of four that share the link 0, 1/4, 2/4 and 3/4 are sent")
	q := backlog()
	q.plans = append(q.plans, sentPlan{from: core.Second + core.Second/2, fps: 2, bytes: 1000})
	r = q.pending(at, at, 1)
	assert.InDelta(t, 5e5+1000-500, r.left, 1, "frames keep the plan that they were captured under")
	assert.Zero(t, (&sendQueue{}).pending(at, 0, 1))
}

// The link's rate is told by the time between frames that queue, and by a frame's own
// where none was before it.
func TestSendQueueRate(t *testing.T) {
	q := &sendQueue{rtt: 20 * core.Millisecond}
	q.got = []gotFrame{{sent: 0, at: core.Second, bytes: 1e6}}
	q.measure()
	assert.InDelta(t, 1e6/.98, q.drain, 1)
	q.got = append(q.got, gotFrame{sent: core.Second / 2, at: 3 * core.Second / 2, bytes: 1e6})
	q.measure()
	assert.InDelta(t, 2e6, q.drain, 1)
}

func TestJetstreamRatio(t *testing.T) {
	s := &jetstream{jetstreamConfig: jetstreamConfig{Queue: 1, Step: 50 * core.Millisecond, Ahead: 8}}
	st := &jsQuery{}
	assert.True(t, math.IsInf(s.ratio(core.Second, 1, st), 1), "nothing came")
	at := 2*core.Second + core.Millisecond
	st = &jsQuery{queue: *backlog(), held: [jsWindow]float64{9e5, 9e5, 9e5}}
	assert.InDelta(t, 1+1e5/(8./3*2e5), s.ratio(at, 1, st), 1e-9, "100 kB are left; 100 kB came per 75 ms")
	st = &jsQuery{queue: *backlog()}
	assert.Zero(t, s.ratio(at, 1, st), "it grew by 900 kB")
}

// Down by as much as the ratio says, up half the way to the first that does not fit.
func TestJetstreamSteps(t *testing.T) {
	st := &jsQuery{}
	for _, rate := range []float64{1, 2, 3, 4, 6, 8, 12} {
		st.levels = append(st.levels, awConfig{rate: rate})
	}
	for _, c := range []struct {
		at    int
		ratio float64
		want  int
	}{{0, 9, 1}, {1, 1.2, 2}, {1, 9, 4}, {1, 3.5, 3}, {5, 9, 6}, {6, 9, 6}} {
		st.at = c.at
		assert.Equal(t, c.want, st.up(c.ratio), "from %d at %v", c.at, c.ratio)
	}
}
