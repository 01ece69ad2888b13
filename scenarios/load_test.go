package scenarios

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// small is a scenario that tests change.
const small = `
name = "small"
duration = "1m"
[kb]
truth = "tx2-rack"
[scheduler]
name = "static"
[[node]]
id = "cloud"
role = "cloud"
class = "rack-gpu"
services = { face_detection = 2, face_alignment = 2 }
[[node]]
id = "edge1"
role = "edge"
class = "tx2-gpu"
services = { face_detection = 1, face_alignment = 1 }
[[link]]
between = ["edge1", "cloud"]
rate = "20Mbit/s"
delay = "10ms"
[[camera]]
id = "classroom"
node = "edge1"
fps = 30
content = "classroom"
[[query]]
id = "headup"
camera = "classroom"
pipeline = ["face_detection", "face_alignment"]
constraint = { latency = "300ms", accuracy = 0.9 }
`

func writeScenario(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func load(t *testing.T, text string, set ...string) *Scenario {
	t.Helper()
	s, err := Load(writeScenario(t, text), set)
	require.NoError(t, err)
	return s
}

func TestSmall(t *testing.T) {
	s := load(t, small)
	assert.Equal(t, "small", s.Name)
	assert.Equal(t, core.Minute, s.Duration)
	assert.Equal(t, uint64(1), s.Seed)
	assert.Equal(t, KB{Belief: "tx2-rack", Truth: "tx2-rack"}, s.KB, "the belief is the truth unless it is said")
	assert.Equal(t, core.NodeID("cloud"), s.Manager)
	assert.Equal(t, 3*core.Second, s.Scheduler.Period)
	assert.Equal(t, "static", s.Scheduler.Spec.String())
	assert.Equal(t, core.Knobs{
		FPS: []float64{1, 5, 10, 20, 30}, Resolutions: core.Resolutions(),
		Encoders: []core.Encoder{{Name: "jpeg", Qualities: []int{90, 75}}},
	}, s.Scheduler.Knobs)
	assert.Equal(t, core.Settings{}.WithDefaults(), s.Settings.WithDefaults(), "the defaults are core's")
	assert.Equal(t, []Service{{Name: "face_detection", Workers: 1, MaxBatch: 1, Queue: 64}, {Name: "face_alignment", Workers: 1, MaxBatch: 1, Queue: 64}}, s.Nodes[1].Services)
	assert.Equal(t, Link{ID: "edge1-cloud", From: "edge1", To: "cloud", Both: true, Rate: 2.5e6, Delay: 10 * core.Millisecond}, s.Links[0])
	assert.Equal(t, core.ModeLive, s.Cameras[0].Mode)
	assert.Equal(t, core.Time(-1), s.Cameras[0].Phase)
	q := s.Queries[0]
	assert.Equal(t, "small/headup", q.Key)
	assert.Equal(t, core.NodeID("edge1"), q.Node)
	assert.Equal(t, core.Linear("face_detection", "face_alignment"), q.Pipeline)
	assert.Equal(t, core.Constraint{Latency: 300 * core.Millisecond, Accuracy: .9}, q.Constraint)
	assert.Equal(t, core.Never, q.Stop)
	assert.Equal(t, core.Query{Key: "small/headup", Node: "edge1", Camera: "classroom", Pipeline: q.Pipeline, Constraint: q.Constraint}, q.Core())
	l, reversed := s.Link("cloud", "edge1")
	assert.Same(t, &s.Links[0], l)
	assert.True(t, reversed)
	assert.NoError(t, s.Validate())
}

// TestEverything loads a file that has every key.
func TestEverything(t *testing.T) {
	s, err := Load("testdata/everything.toml", nil)
	require.NoError(t, err)
	assert.Equal(t, core.DecisionTime{Constant: 5 * core.Millisecond, PerQuery: 10 * core.Microsecond}, s.Scheduler.DecisionTime)
	assert.Equal(t, core.Capacity{Cores: 4, GPUs: .5, Memory: 4 << 30}, s.Node("edge-1").Capacity)
	assert.Equal(t, []Service{{"face_detection", 2, 4, 16, 0}, {"face_alignment", 3, 1, 64, 0}}, s.Node("edge-2").Services)
	require.Len(t, s.Links, 4, "two edges with the cloud, and between them one way and back")
	assert.Equal(t, "edge-2-cloud", s.Links[1].ID)
	assert.Equal(t, []core.NodeID{"edge-1", "edge-2"}, []core.NodeID{s.Links[2].From, s.Links[2].To})
	assert.False(t, s.Links[2].Both)
	require.Len(t, s.Cameras, 4)
	assert.Equal(t, core.NodeID("edge-2"), s.Camera("street-2").Node)
	assert.Equal(t, core.NodeID("edge-1"), s.Camera("street-3").Node)
	assert.Equal(t, core.Camera{
		ID: "room", Node: "edge-1", Mode: core.ModeFile, FPS: 25, Resolution: core.Resolution{Width: 960, Height: 540},
		Length: 834, Loop: true, Kind: "people in a room",
	}, s.Camera("room").Camera)
	assert.Equal(t, core.Time(0), s.Camera("street-1").Phase)
	require.Len(t, s.Queries, 4)
	assert.Equal(t, core.CameraID("street-3"), s.Queries[2].Camera)
	assert.Equal(t, 5*core.Second, s.Queries[2].Start, "1s + 2 * 2s")
	assert.Equal(t, core.Pipeline{
		{Name: "faces", Service: "face_detection"},
		{Name: "left", Service: "face_alignment", Parents: []int{0}},
		{Name: "right", Service: "face_alignment", Parents: []int{0}},
		{Name: "join", Service: "face_alignment", Parents: []int{1, 2}},
	}, s.Queries[3].Pipeline)
	assert.Equal(t, 50*core.Second, s.Queries[3].Stop)
	assert.Equal(t, -1, s.Settings.Retries, "none")
	kinds := []string{FaultNodeDown, FaultLinkDown, FaultLinkDegraded, FaultServiceDown, FaultServiceSlow, FaultMessageLoss, FaultStore, FaultCrash}
	require.Len(t, s.Faults, len(kinds))
	for i, k := range kinds {
		assert.Equal(t, k, s.Faults[i].Kind, "fault %d", i+1)
	}
	assert.Equal(t, core.Never, s.Faults[0].For)
	assert.Equal(t, Fault{ID: "squeeze", At: 3 * core.Second, For: core.Second, Kind: FaultLinkDegraded, Link: [2]core.NodeID{"cloud", "edge-1"}, Rate: 125e3, Delay: core.Second, Loss: .1}, s.Faults[2])
	assert.Equal(t, core.Second, s.Faults[7].For)
	assert.Equal(t, core.NodeID("cloud"), s.Faults[7].Node, "the manager's node")
	assert.Equal(t, "edge-1/face_detection", s.Faults[4].Target())
	assert.Equal(t, "cloud-edge-1", s.Faults[2].Target())
}

// TestExtremes loads what is legal though nobody would want it.
func TestExtremes(t *testing.T) {
	ten := load(t, small, "duration=10y", "camera.classroom.fps=1e6", "query.headup.constraint.latency=1ns", "settings.frame_timeout=1ns", "settings.backoff=1ns")
	assert.Equal(t, 3650*24*core.Hour, ten.Duration)
	assert.InDelta(t, 1e6, ten.Cameras[0].FPS, 0)
	assert.Equal(t, core.Nanosecond, ten.Queries[0].Constraint.Latency)
	none := load(t, small, "camera=[]", "query=[]")
	assert.Empty(t, none.Cameras)
	zero := load(t, small, "camera.classroom.count=0", "query.headup.count=0")
	assert.Empty(t, zero.Cameras)
	assert.Empty(t, zero.Queries)
}

func TestShippedNames(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"face", "face.toml", "scenarios/face.toml", "./face.toml", "./scenarios/face.toml"} {
		s, err := Load(name, nil)
		require.NoError(t, err, name)
		assert.Equal(t, "face", s.Name)
		assert.Equal(t, name, s.File)
	}
	_, err := Load("elsewhere/face.toml", nil)
	require.Error(t, err, "another folder's file is not the shipped one")
	require.NoError(t, os.WriteFile("face.toml", []byte(small), 0o600))
	s, err := Load("face.toml", nil)
	require.NoError(t, err)
	assert.Equal(t, "small", s.Name, "a file that is there wins")
	s, err = Load("face", nil)
	require.NoError(t, err)
	assert.Equal(t, "face", s.Name, "the bare name is the shipped one")
	require.NoError(t, os.WriteFile("mine", []byte(small), 0o600))
	_, err = Load("mine", nil)
	require.NoError(t, err, "a file need not have an extension")
}

// TestFilesAreRelativeToTheScenario and, from --set, to the working directory.
func TestFilesAreRelativeToTheScenario(t *testing.T) {
	dir, cwd := t.TempDir(), t.TempDir()
	t.Chdir(cwd)
	trace := lteTrace()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rate.csv"), trace, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(cwd, "other.csv"), trace, 0o600))
	path := filepath.Join(dir, "s.toml")
	require.NoError(t, os.WriteFile(path, []byte(replace(small, `delay = "10ms"`, `trace = "rate.csv"`)), 0o600))
	s, err := Load(path, nil)
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(dir, "rate.csv"), s.Links[0].TraceFile)
	assert.NotNil(t, s.Links[0].Trace)
	s, err = Load(path, []string{"link.cloud-edge1.trace=other.csv"})
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(cwd, "other.csv"), s.Links[0].TraceFile)
	_, err = Load(path, []string{"link.cloud-edge1.trace=rate.csv"})
	require.Error(t, err)
	assert.Equal(t, `--set link.cloud-edge1.trace=rate.csv: link.edge1-cloud.trace: "rate.csv" cannot be read: no such file or directory`, err.Error())
}
