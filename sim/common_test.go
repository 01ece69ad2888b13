package sim_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/core/sched"
	"vidq/scenarios"
	"vidq/sim"
)

// works keeps what the frames of one query took.
type works struct {
	query core.QueryID
	key   string
	of    map[string]core.QueryID
	took  map[int64][2]core.Time // by camera frame: compute, transfer
}

func (w *works) Query(q core.QueryID, key string) { w.of[key] = q }

func (w *works) Record(r core.Record) {
	if r, ok := r.(*core.FrameRecord); ok && r.Outcome == core.OutcomeDone && r.Query == w.of[w.key] {
		w.query = r.Query
		w.took[r.CameraFrame] = [2]core.Time{r.Breakdown[4], r.Breakdown[2]}
	}
}

func worksOf(t *testing.T, name, scheduler string, set ...string) *works {
	t.Helper()
	sc, err := scenarios.Load(name, append([]string{"duration=40s", "warmup=1s"}, set...))
	require.NoError(t, err)
	specs, err := sched.ParseSpecs(scheduler)
	require.NoError(t, err)
	w := &works{key: "face/headup", of: map[string]core.QueryID{}, took: map[int64][2]core.Time{}}
	_, err = sim.Run(context.Background(), sc, sim.Options{Scheduler: specs[0], Seed: 1, Sink: w})
	require.NoError(t, err)
	require.NotEmpty(t, w.took)
	return w
}

// TestCommonRandomNumbers shows that what a frame meets does not hang on the number
// that its query happened to get, nor on what other queries do elsewhere.
func TestCommonRandomNumbers(t *testing.T) {
	const plan = "static[plan=given,place=[cloud],fps=5]"
	live := []string{"camera.classroom.mode=live", "link.edge1-cloud.jitter=20ms", `query.headup.start=2s`}
	alone := worksOf(t, "face", plan, live...)
	// A second query that is accepted first, at a camera of the cloud's own.
	crowded := worksOf(t, "face", plan, append(live,
		`camera=[{ id = "classroom", node = "edge1", mode = "live", fps = 30, resolution = "1080p", content = "classroom" }, { id = "hall", node = "cloud", mode = "live", fps = 30, resolution = "1080p", content = "classroom" }]`,
		`query=[{ id = "headup", camera = "classroom", start = "2s", pipeline = ["face_detection", "face_alignment"], constraint = { delay = "300ms", accuracy = 0.9 } }, { id = "other", camera = "hall", pipeline = ["face_detection"], constraint = { accuracy = 0.1 } }]`,
		"node.cloud.services={ face_detection = 8, face_alignment = 8 }", "node.cloud.gpus=64", "node.cloud.cores=64")...)
	require.NotEqual(t, alone.query, crowded.query, "the other one was accepted first")
	same := 0
	for k, took := range alone.took {
		if other, ok := crowded.took[k]; ok {
			assert.InDelta(t, took[0].Seconds(), other[0].Seconds(), 1e-6, "work of camera frame %d", k)
			assert.InDelta(t, took[1].Seconds(), other[1].Seconds(), 1e-6, "transfer of camera frame %d", k)
			same++
		}
	}
	require.Greater(t, same, 50)
}
