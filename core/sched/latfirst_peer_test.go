package sched

import (
	"math"
	"testing"

	"vidq/core"
	"vidq/core/sched/schedtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The gain of the original's controller grows with uptime.
func TestPeerGain(t *testing.T) {
	for uptime, want := range map[float64]float64{1: 1.11, 3: 1.3033, 10: 2.001, 30: 4.0003, 60: 7.0002, 300: 31.0, 600: 61.0, 3600: 361.0} {
		assert.InDelta(t, want, 1+.1*uptime+.01/uptime, 1e-4)
		e := 2.4 / want // u = 2.4 rounds to 2, 2.6 to 3
		assert.Equal(t, 2, peerLevel(e, uptime))
		assert.Equal(t, 3, peerLevel(2.6/want, uptime))
	}
}

func TestPeerLevel(t *testing.T) {
	uptimes := [3]float64{3, 30, 600}
	for _, c := range []struct {
		delay float64
		want  [3]int
	}{
		{.35, [3]int{0, 0, -3}},
		{.31, [3]int{0, 0, -1}},
		{.25, [3]int{0, 0, 3}},
		{.10, [3]int{0, 1, 3}},
	} {
		for i, uptime := range uptimes {
			assert.Equal(t, c.want[i], peerLevel(.3-c.delay, uptime), "delay %v at %v s", c.delay, uptime)
		}
	}
	for u, want := range map[float64]float64{.5: 0, 1.5: 2, 2.5: 2, -.5: 0} {
		assert.Equal(t, want, math.RoundToEven(u))
	}
}

type coldPlan struct {
	fps        float64
	resolution string
	host       int
}

// What the original's enumeration gives for (face_detection, face_alignment):
// with its knowledge base as shipped, whose second table it does not find, and
// with both tables.
func TestPeerColdStart(t *testing.T) {
	for _, c := range []struct {
		delay, accuracy     float64
		original, correct   coldPlan
		originalD, correctD float64
	}{
		{.1, .9, coldPlan{20, "480p", 1}, coldPlan{10, "480p", 1}, .1347, .100},
		{.1, .8, coldPlan{20, "480p", 1}, coldPlan{10, "480p", 1}, .1347, .100},
		{.2, .9, coldPlan{30, "480p", 1}, coldPlan{20, "480p", 1}, .202, .200},
		{.3, .9, coldPlan{30, "480p", 2}, coldPlan{30, "480p", 1}, .324, .300},
		{.3, .8, coldPlan{30, "480p", 2}, coldPlan{30, "480p", 1}, .324, .300},
		{.5, .9, coldPlan{30, "720p", 2}, coldPlan{30, "720p", 1}, .764, .605},
		{.8, .9, coldPlan{30, "1080p", 1}, coldPlan{30, "720p", 2}, 1.298, 1.005},
		{1, .9, coldPlan{30, "1080p", 1}, coldPlan{30, "720p", 2}, 1.298, 1.005},
		{2, .9, coldPlan{30, "1080p", 2}, coldPlan{30, "1080p", 2}, 2.314, 2.601},
		{5, .9, coldPlan{30, "1080p", 2}, coldPlan{30, "1080p", 2}, 2.314, 2.601},
		{5, .8, coldPlan{1, "360p", 1}, coldPlan{1, "360p", 1}, .139 / 30, .207 / 30},
	} {
		for _, corrected := range []bool{false, true} {
			want, delay := c.original, c.originalD
			if corrected {
				want, delay = c.correct, c.correctD
			}
			v, q := peerView(c.delay, c.accuracy, corrected)
			var d core.Decision
			new(latfirstPeer).Schedule(v, &d)
			require.Len(t, d.Plans, 1)
			p := d.Plans[0].Plan
			got := coldPlan{p.Video.FPS, p.Video.Resolution.String(), 0}
			sum := 0.0
			for i, a := range p.Stages {
				role := core.RoleCloud
				if a.Node == q.Query.Node {
					got.host++
					role = core.RoleHost
				}
				w, _ := v.Predictor.Work(q.Query.Pipeline[i].Service, 0, core.Target{Role: role}, p.Video.Resolution, -1)
				sum += w.Mean.Seconds()
			}
			assert.Equal(t, want, got, "D %v, accuracy %v, corrected %v", c.delay, c.accuracy, corrected)
			if c.delay < 5 || c.accuracy == .8 {
				assert.InDelta(t, delay, sum*p.Video.FPS/30, 6e-4, "D %v, corrected %v", c.delay, corrected)
			}
		}
	}
}

func peerView(delay, accuracy float64, corrected bool) (*core.View, *core.QueryView) {
	v := schedtest.Regular(0, 2)
	v.Predictor = &schedtest.Predictor{Corrected: corrected}
	q := schedtest.AddQuery(v, "edge-000", core.ModeFile, core.Constraint{Delay: core.FromSeconds(delay), Accuracy: accuracy}, "face_detection", "face_alignment")
	return v, q
}

// The original's feedback, one knob at a time.
func TestPeerFeedback(t *testing.T) {
	host, cloud := core.NodeID("edge-000"), core.NodeID("cloud-000")
	type plan struct {
		fps        float64
		resolution string
		a, b       core.NodeID
	}
	keep := plan{}
	for name, c := range map[string]struct {
		now       plan
		accuracy  float64
		uptime    core.Time
		roundTrip core.Time // of the whole frame
		gap       int64
		known     bool
		size      float64
		want      plan
	}{
		"late and stable: slower":             {now: plan{10, "720p", host, host}, accuracy: .9, roundTrip: 2 * core.Second, gap: 3, known: true, want: plan{5, "720p", host, host}},
		"late at 1 fps: last stage offloaded": {now: plan{1, "720p", host, host}, accuracy: .9, roundTrip: 60 * core.Second, gap: 30, known: true, want: plan{1, "720p", host, cloud}},
		"late at 1 fps: then the first":       {now: plan{1, "720p", host, cloud}, accuracy: .9, roundTrip: 60 * core.Second, gap: 30, known: true, want: plan{1, "720p", cloud, cloud}},
		"late at 1 fps, all in the cloud":     {now: plan{1, "720p", cloud, cloud}, accuracy: .9, roundTrip: 60 * core.Second, gap: 30, known: true, want: plan{1, "480p", cloud, cloud}},
		"late at the bottom":                  {now: plan{1, "360p", cloud, cloud}, accuracy: .9, roundTrip: 60 * core.Second, gap: 30, known: true, want: keep},
		"late, objects unknown: offload":      {now: plan{10, "720p", host, host}, accuracy: .9, roundTrip: 2 * core.Second, gap: 3, want: plan{10, "720p", host, cloud}},
		"late, unknown, in the cloud: slower": {now: plan{10, "720p", cloud, cloud}, accuracy: .9, roundTrip: 2 * core.Second, gap: 3, want: plan{5, "720p", cloud, cloud}},
		"the first frame has no gap":          {now: plan{10, "720p", host, host}, accuracy: .9, roundTrip: 296 * core.Millisecond, gap: 0, known: true, want: keep},
		"slack, accurate: slower":             {now: plan{10, "720p", host, host}, accuracy: .9, roundTrip: 400 * core.Millisecond, gap: 3, known: true, want: plan{5, "720p", host, host}},
		"slack, accurate, unknown":            {now: plan{10, "720p", host, host}, accuracy: .9, roundTrip: 400 * core.Millisecond, gap: 3, want: keep},
		"slack 1, inaccurate: sharper":        {now: plan{10, "720p", host, host}, accuracy: .95, uptime: 30 * core.Second, roundTrip: 400 * core.Millisecond, gap: 3, known: true, want: plan{10, "1080p", host, host}},
		"slack 3, inaccurate: faster":         {now: plan{10, "720p", host, host}, accuracy: .95, roundTrip: 400 * core.Millisecond, gap: 3, known: true, want: plan{20, "720p", host, host}},
		"slack 3, at 30 fps: sharper":         {now: plan{30, "720p", host, host}, accuracy: .95, roundTrip: 400 * core.Millisecond, gap: 3, known: true, want: plan{30, "1080p", host, host}},
		"at the original's own time zero":     {now: plan{30, "720p", host, host}, accuracy: .95, uptime: -1, roundTrip: 400 * core.Millisecond, gap: 3, known: true, want: keep},
		"a rate that is no knob":              {now: plan{24, "720p", host, host}, accuracy: .95, roundTrip: 400 * core.Millisecond, gap: 3, known: true, want: keep},
	} {
		t.Run(name, func(t *testing.T) {
			v, q := peerView(.3, c.accuracy, true)
			v.Now = 600 * core.Second
			if c.uptime != 0 {
				v.Now = max(c.uptime, 0)
			}
			r, err := core.ParseResolution(c.now.resolution)
			require.NoError(t, err)
			q.Plan = core.Plan{
				Revision: 4, InFlight: 1, Buffer: 1, Video: core.VideoConf{Resolution: r, FPS: c.now.fps, Encoder: "jpeg", Quality: 90},
				Stages: []core.Assignment{{Node: c.now.a}, {Node: c.now.b}},
			}.Seal()
			q.Observations = []core.Observation{{RoundTrip: core.Hour, Gap: 1}, {RoundTrip: c.roundTrip, Gap: c.gap, Known: c.known, Size: c.size}}
			var d core.Decision
			new(latfirstPeer).Schedule(v, &d)
			if c.want == keep {
				assert.Empty(t, d.Plans)
				return
			}
			require.Len(t, d.Plans, 1)
			p := d.Plans[0].Plan
			assert.Equal(t, c.want, plan{p.Video.FPS, p.Video.Resolution.String(), p.Stages[0].Node, p.Stages[1].Node})
			require.NoError(t, schedtest.Check(v, &d))
		})
	}
}
