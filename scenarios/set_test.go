package scenarios

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

func replace(text, old, with string) string {
	if !strings.Contains(text, old) {
		panic("the text does not hold " + old)
	}
	return strings.Replace(text, old, with, 1)
}

func TestSet(t *testing.T) {
	for _, c := range []struct {
		set  []string
		want any
		got  func(s *Scenario) any
	}{
		{[]string{"duration=90s"}, 90 * core.Second, func(s *Scenario) any { return s.Duration }},
		{[]string{`duration="90s"`}, 90 * core.Second, func(s *Scenario) any { return s.Duration }},
		{[]string{"duration=1m", "duration=2m"}, 2 * core.Minute, func(s *Scenario) any { return s.Duration }},
		{[]string{"seed=42"}, uint64(42), func(s *Scenario) any { return s.Seed }},
		{[]string{"name=7"}, "7", func(s *Scenario) any { return s.Name }},
		{[]string{"kb.noise=.3"}, .3, func(s *Scenario) any { return s.KB.Noise }},
		{[]string{"kb.staleness=1500ms"}, 1500 * core.Millisecond, func(s *Scenario) any { return s.KB.Staleness }},
		{[]string{"kb.belief=original"}, "original", func(s *Scenario) any { return s.KB.Belief }},
		{[]string{"camera.classroom.fps=10"}, 10., func(s *Scenario) any { return s.Cameras[0].FPS }},
		{[]string{"camera.classroom.loop=true"}, true, func(s *Scenario) any { return s.Cameras[0].Loop }},
		{[]string{"camera.classroom.resolution=960x540"}, core.Resolution{Width: 960, Height: 540}, func(s *Scenario) any { return s.Cameras[0].Resolution }},
		{[]string{"link.edge1-cloud.rate=5Mbit/s"}, 625e3, func(s *Scenario) any { return s.Links[0].Rate }},
		{[]string{"link.cloud-edge1.rate=5Mbit/s"}, 625e3, func(s *Scenario) any { return s.Links[0].Rate }},
		{[]string{"query.headup.constraint.delay=200ms"}, 200 * core.Millisecond, func(s *Scenario) any { return s.Queries[0].Constraint.Delay }},
		{[]string{"query.headup.constraint={accuracy=.5}"}, nil, nil},
		{[]string{"query.headup.constraint={accuracy=0.5}"}, core.Constraint{Accuracy: .5}, func(s *Scenario) any { return s.Queries[0].Constraint }},
		{[]string{`query.headup.pipeline=["face_detection"]`}, core.Linear("face_detection"), func(s *Scenario) any { return s.Queries[0].Pipeline }},
		{[]string{"scheduler.name=latfirst", "scheduler.latfirst.mode=peer"}, "latfirst[mode=peer]", func(s *Scenario) any { return s.Scheduler.Spec.String() }},
		{[]string{"scheduler.name=static[fps=5]", "scheduler.static.fps=10", "scheduler.static.plan=golden"}, "static[fps=5,plan=golden]", func(s *Scenario) any { return s.Scheduler.Spec.String() }},
		{[]string{"scheduler.decision_time.constant=1ms"}, core.Millisecond, func(s *Scenario) any { return s.Scheduler.DecisionTime.Constant }},
		{[]string{"knobs.fps=[1, 2]"}, []float64{1, 2}, func(s *Scenario) any { return s.Scheduler.Knobs.FPS }},
		{[]string{"settings.retries=0"}, -1, func(s *Scenario) any { return s.Settings.Retries }},
		{[]string{"node.edge1.services.face_detection=3"}, 3, func(s *Scenario) any { return s.Nodes[1].Services[0].Workers }},
		{[]string{"node.edge1.services.face_detection.batch=8"}, Service{"face_detection", 1, 8, 64, 0}, func(s *Scenario) any { return s.Nodes[1].Services[0] }},
		{[]string{`node.edge1.services=["face_detection"]`, "node.edge1.workers=5"}, []Service{{"face_detection", 5, 1, 64, 0}}, func(s *Scenario) any { return s.Nodes[1].Services }},
		{[]string{"camera.classroom.count=3", "query.headup.count=3"}, 3, func(s *Scenario) any { return len(s.Queries) }},
		{[]string{"camera.classroom.count=3", "query.headup.camera=classroom-2"}, core.CameraID("classroom-2"), func(s *Scenario) any { return s.Queries[0].Camera }},
		{[]string{"store.delay=1ms"}, core.Millisecond, func(s *Scenario) any { return s.Store.Delay }},
	} {
		t.Run(strings.Join(c.set, " "), func(t *testing.T) {
			if c.got == nil {
				_, err := Load(writeScenario(t, small), c.set)
				require.Error(t, err)
				return
			}
			assert.Equal(t, c.want, c.got(load(t, small, c.set...)))
		})
	}
}

const counted = `
name = "counted"
duration = "1m"
kb = { truth = "tx2-rack" }
scheduler = { name = "static" }
[[node]]
id = "cloud"
role = "cloud"
class = "rack-gpu"
services = { face_detection = 2 }
[[node]]
id = "edge"
count = 3
role = "edge"
class = "tx2-gpu"
services = { face_detection = 1 }
[[link]]
between = ["edge-*", "cloud"]
rate = "20Mbit/s"
[[link]]
between = ["edge-*", "edge-*"]
rate = "1Gbit/s"
[[camera]]
id = "cam"
count = 4
nodes = "edge-*"
content = "classroom"
[[query]]
id = "q"
count = 4
camera = "cam"
pipeline = ["face_detection"]
constraint = { latency = "1s" }
[[fault]]
at = "1s"
node = "edge-2"
[[fault]]
id = "late"
at = "2s"
node = "edge-3"
`

// TestSetCounted addresses what a count or a pattern makes, all of it or one.
func TestSetCounted(t *testing.T) {
	s := load(t, counted, "camera.cam.fps=5", "camera.cam-3.fps=7", "link.edge-*-cloud.rate=8Mbit/s", "link.cloud-edge-2.rate=16Mbit/s",
		"query.q-2.constraint.latency=2s", "node.edge-1.services.face_detection=9", "fault.1.at=5s", "fault.late.node=edge-1")
	var fps, rates []float64
	var workers []int
	var bounds []core.Time
	for i := range s.Cameras {
		fps = append(fps, s.Cameras[i].FPS)
		bounds = append(bounds, s.Queries[i].Constraint.Latency)
	}
	for i := range s.Links {
		rates = append(rates, s.Links[i].Rate)
	}
	for i := range s.Nodes {
		workers = append(workers, s.Nodes[i].Services[0].Workers)
	}
	assert.Equal(t, []float64{5, 5, 7, 5}, fps)
	assert.Equal(t, []float64{1e6, 2e6, 1e6, 125e6, 125e6, 125e6}, rates)
	assert.Equal(t, "edge-2-edge-3", s.Links[5].ID, "all pairs, each once")
	assert.Equal(t, []int{2, 9, 1, 1}, workers, "the others of the count keep theirs")
	assert.Equal(t, []core.Time{core.Second, 2 * core.Second, core.Second, core.Second}, bounds)
	assert.Equal(t, 5*core.Second, s.Faults[0].At)
	assert.Equal(t, core.NodeID("edge-1"), s.Faults[1].Node)
	again := load(t, s.Text)
	assert.Equal(t, forget(s), forget(again), "the text as run gives the same scenario")
	assert.Equal(t, s.Text, again.Text)
	assert.Contains(t, s.Text, "between = [\"edge-*\", \"edge-*\"]", "what no single setting touched is written as it was")
}

// TestSetErrorsAreOneLine: whatever is in a setting.
func TestSetErrorsAreOneLine(t *testing.T) {
	_, err := Load(writeScenario(t, small), []string{"name=a\nb"})
	assertMessage(t, `--set "name=a\nb": "a\nb" is no name: want one line without a slash`, err)
	_, err = Load(writeScenario(t, small), []string{"camera.classroom.kind=caf\xe9"})
	assertMessage(t, "--set ...: is not UTF-8", err)
}

func TestSetErrors(t *testing.T) {
	for set, want := range map[string]string{
		"duration":                             "want KEY=VALUE, such as camera.classroom.fps=10",
		"=3":                                   "want KEY=VALUE, such as camera.classroom.fps=10",
		"camera..fps=3":                        "want KEY=VALUE, such as camera.classroom.fps=10",
		"duraton=1m":                           `unknown key "duraton"; known here: ... (did you mean "duration"?)`,
		"duration=1 minute":                    `unknown unit "minute": ... (did you mean "m"?)`,
		"duration=250":                         "want a span of time with a unit ...",
		"camera.clasroom.fps=10":               `there is no camera "clasroom"; there is classroom (did you mean "classroom"?)`,
		"camera.classroom.fsp=10":              `unknown key "fsp"; known here: ... (did you mean "fps"?)`,
		"camera.classroom.fps=-1":              "must be above 0, got -1",
		"camera.classroom.fps=fast":            "want a number, got a string",
		"camera.classroom=fast":                "names a whole camera: add one of its keys",
		"camera.classroom.fps.x=1":             "camera.classroom.fps has no keys below it",
		"camera.classroom.node=edge2":          `there is no node "edge2" (did you mean "edge1"?)`,
		"link.edge1-clowd.rate=5Mbit/s":        `there is no link "edge1-clowd"; there is edge1-cloud (did you mean "edge1-cloud"?)`,
		"link.edge1-cloud.rate=5mbit/s":        `unknown unit "mbit/s": ... (did you mean "Mbit/s"?)`,
		"scheduler.latfrist.mode=peer":         `scheduler.latfrist: unknown scheduler "latfrist" (did you mean "latfirst"?)`,
		"scheduler.latfirst.mod=peer":          `unknown parameter (did you mean "mode"?)`,
		"scheduler.latfirst.mode.x=peer":       "scheduler.latfirst.mode has no keys below it",
		"scheduler.name=nobody":                `unknown scheduler "nobody"`,
		"scheduler.name=static,random":         "names 2 schedulers; a scenario has one",
		"fault.3.at=1s":                        `there is no fault "3"; there is none`,
		"node.edge1.services.face_detecton=1":  `there is no service "face_detecton" in the truth "tx2-rack"; class "tx2-gpu" runs face_alignment, face_detection (did you mean "face_detection"?)`,
		"node.edge1.services.face_detection=x": "want a number of workers or a table of settings, got a string",
		"query.headup.pipeline=[":              "is no TOML value: [",
		"kb.truth=nowhere/at.all":              `"nowhere/at.all" cannot be read: no such file or directory`,
		"seed=-1":                              "must not be negative",
		"seed=99999999999999999999":            "want an integer, got a string",
	} {
		t.Run(set, func(t *testing.T) {
			_, err := Load(writeScenario(t, small), []string{set})
			assertMessage(t, "--set "+set+": "+want, err)
		})
	}
}

// forget drops what differs between a file and its text as run.
func forget(s *Scenario) *Scenario {
	c := *s
	c.File, c.Shipped, c.Text = "", "", ""
	return &c
}
