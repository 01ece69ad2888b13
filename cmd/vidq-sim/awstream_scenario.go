package main

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"vidq/core"
	"vidq/internal/cli"
	"vidq/kb"
)

// awPolicy is one of the systems that AWStream's evaluation compares.
type awPolicy struct {
	name  string                                // of the scenario's file
	title string                                // in the table
	sent  bool                                  // its published accuracy counts the frames that were sent, not all of the camera
	top   func(a *kb.AWStream) core.VideoConf   // the most demanding configuration
	table func(a *kb.AWStream) (string, string) // name and table of the scheduler
}

// awPolicies are the systems, in the published order of latency, highest first. Their
// parameters are those of the published systems' public code; awQueue is the exception.
var awPolicies = []awPolicy{
	{"tcp", "TCP", true, func(a *kb.AWStream) core.VideoConf { return a.TCP }, func(a *kb.AWStream) (string, string) {
		return "static", fmt.Sprintf("plan = \"all-cloud\"\nresolution = %q\nfps = %v\nquality = %d\nbuffer = -1\n",
			a.TCP.Resolution.String(), a.TCP.FPS, a.TCP.Quality)
	}},
	{"jetstream", "JetStream", false, func(a *kb.AWStream) core.VideoConf { return a.Manual[len(a.Manual)-1] }, func(a *kb.AWStream) (string, string) {
		return "jetstream", awMonitor + "profile = " + awList(a.Manual)
	}},
	{"jetstream++", "JetStream++", false, func(a *kb.AWStream) core.VideoConf { return a.Profile[len(a.Profile)-1] }, func(a *kb.AWStream) (string, string) {
		return "jetstream", awMonitor + "profile = " + awList(a.Profile)
	}},
	{"awstream", "AWStream", true, func(a *kb.AWStream) core.VideoConf { return a.Profile[len(a.Profile)-1] }, func(a *kb.AWStream) (string, string) {
		return "awstream", "sender = \"published\"\ninterval = \"100ms\"\nalpha = 0.9\nhold = \"1.5s\"\nqueue = \"" + awQueue +
			"\"\nbuffer = -1\nprofile = " + awList(a.Profile)
	}},
}

// awQueue is how much of a sender's queue is congestion. In AWStream's code it is what
// TCP's send buffer, whose size is not told, does not take.
const awQueue = "200ms"

// awMonitor is how often JetStream looks at its queue: with a frame of the camera, every
// 33 ms in its source, when 50 ms have passed since the last look.
const awMonitor = "step = \"66ms\"\n"

// awWorker is a sender of the evaluation, with half its round trip time to the server.
type awWorker struct{ name, delay string }

// awWorkers are N. Virginia, Ohio and Oregon (SIGCOMM 2018, section 6.3: round trips of
// 65.2, 22.2 and 50.3 ms to N. California).
var awWorkers = []awWorker{{"virginia", "32.6ms"}, {"ohio", "11.1ms"}, {"oregon", "25.15ms"}}

// awLongest is the longest round trip, seconds.
const awLongest = 0.0652

// awSchedule is the bandwidth that the shaping lets through and when: 25 Mbit/s in the
// background; what is in force after the cuts as measured (section 6.3 says 7.5 and 5
// Mbit/s, of which the payload gets less).
var awSchedule = []struct {
	at   int // s
	rate float64
}{{0, 25}, {awCut, 7.2}, {awSecondCut, 4.8}, {awFree, 23.9}, {awEnd, 23.9}}

const (
	awCut       = 200
	awSecondCut = 380
	awFree      = 440
	awEnd       = 640
)

// awCameraFPS is the frame rate of the evaluation's videos.
const awCameraFPS = 30

// awClass is the content class of an application.
var awClass = map[string]string{"mot": "pedestrians", "darknet": "ar"}

func awList(videos []core.VideoConf) string {
	var b strings.Builder
	b.WriteString("[\n")
	for _, v := range videos {
		fmt.Fprintf(&b, "  \"%dx%d %v %s %d\",\n", v.Resolution.Width, v.Resolution.Height, v.FPS, v.Encoder, v.Quality)
	}
	return b.String() + "]\n"
}

// writeAWStream makes a folder of an application: knowledge base, the link's trace and
// a scenario for each policy. It returns the scenarios' files.
func writeAWStream(a *kb.AWStream, dir string) ([]string, error) {
	if err := a.WriteSets(dir, awClass[a.App]); err != nil {
		return nil, err
	}
	var trace strings.Builder
	trace.WriteString("# vidq network: length_s=" + strconv.Itoa(awEnd) + "\nt_s,rate_bps\n")
	for _, s := range awSchedule[:len(awSchedule)-1] {
		fmt.Fprintf(&trace, "%d,%v\n", s.at, 1e6*s.rate)
	}
	files := map[string]string{"link.csv": trace.String()}
	var scenarios []string
	for _, p := range awPolicies {
		files[p.name+".toml"] = awScenario(a, &p)
		scenarios = append(scenarios, filepath.Join(dir, p.name+".toml"))
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(files[name]), 0o644); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, name), cli.Bare(err))
		}
	}
	return scenarios, nil
}

// awScenario is the scenario of a policy: a camera that sends to a server.
func awScenario(a *kb.AWStream, p *awPolicy) string {
	var fps []float64
	var resolutions, qualities []string
	for _, v := range a.Videos() {
		fps = append(fps, v.FPS)
		resolutions = append(resolutions, fmt.Sprintf("%05d %q", v.Resolution.Width, fmt.Sprintf("%dx%d", v.Resolution.Width, v.Resolution.Height)))
		qualities = append(qualities, fmt.Sprintf("%02d", v.Quality))
	}
	slices.Sort(fps)
	slices.Sort(resolutions)
	slices.Sort(qualities)
	fps, resolutions, qualities = slices.Compact(fps), slices.Compact(resolutions), slices.Compact(qualities)
	for i := range resolutions {
		resolutions[i] = resolutions[i][6:]
	}
	name, table := p.table(a)
	table = fmt.Sprintf("in_flight = %d\n", awWindow(a, p)) + table
	return fmt.Sprintf(awScenarioText, p.title, a.App, name, name, table, strings.Join(strings.Fields(fmt.Sprint(fps)), ", "),
		strings.Join(resolutions, ", "), strings.Join(qualities, ", "), awWorkers[0].delay, awClass[a.App])
}

// awWindow is how many frames are under way at once: the one that is being sent and as
// many of the most demanding configuration as the link holds, 25 Mbit/s in the longest
// round trip. TCP has no such bound; with fewer the sender would wait for answers, with
// more its frames share the link, which TCP sends one after the other.
func awWindow(a *kb.AWStream, p *awPolicy) int {
	top := p.top(a)
	rate, _ := a.Sustained(top)
	return 1 + int(math.Ceil(1e6*awSchedule[0].rate*awLongest/(rate/top.FPS)))
}

const awScenarioText = `# %s of AWStream's evaluation (SIGCOMM 2018, section 6.3), application %s.
duration = "640s"
manager = "worker"
[kb]
belief = "./belief"
truth = "./world"
[scheduler]
name = "%s"
period = "1s"
[scheduler.%s]
%s
[knobs]
fps = %s
resolutions = [%s]
[[knobs.encoder]]
name = "h264"
qualities = [%s]
[[node]]
id = "worker"
role = "edge"
class = "machine"
[[node]]
id = "server"
role = "cloud"
class = "machine"
services = { analysis = { workers = 16, queue = 10000 } }
[[link]]
between = ["worker", "server"]
delay = "%s"
trace = "./link.csv"
[[camera]]
id = "video"
node = "worker"
fps = 30
resolution = "1920x1080"
content = "street"
class = "%s"
[[query]]
id = "stream"
camera = "video"
pipeline = ["analysis"]
[settings] # nothing is given up, however late
frame_timeout = "1h"
stage_timeout = "1h"
max_buffer = 100000
sync_every = "1ms"
`
