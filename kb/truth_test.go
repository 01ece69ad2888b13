package kb_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/kb"
	"vidq/kb/world"
)

var fullHD = core.Resolution{Width: 1920, Height: 1080}

// goldenRuns are the original's recorded runs and what the profile's laws and
// overheads must add up to: the fit of the true time.
var goldenRuns = []struct {
	class, file string
	a, b        float64 // seconds, per face
	share       float64 // of recorded delays within .3 s
}{
	{"rack-gpu", "20230606_16_49_35_headup_detect_delay_test_0.3_0.9_rack-pure-cloud-gpu-golden.csv", .1774, .01475, 1},
	{"rack-cpu", "20230606_14_07_27_headup_detect_delay_test_0.3_0.9_rack-pure-cloud-cpu-golden.csv", .1328, .02591, .91},
	{"tx2-gpu", "20230606_16_28_39_headup_detect_delay_test_0.3_0.9_tx2-pure-edge-gpu-golden.csv", .2297, .05310, .05},
	{"tx2-cpu", "20230606_17_10_02_headup_detect_delay_test_0.3_0.9_tx2-pure-edge-cpu-golden.csv", .6490, .36781, 0},
}

// recordedUnit is what the original's recorded delay is of the true time: it
// divides by the gap between frames + 1.
const recordedUnit = .5

// warmup rows are skipped when a law is fitted.
const warmup = 3

// host is the stages of the face pipeline on one node and what the node adds to
// every frame: one encoding and two calls.
type host struct {
	detect, align *kb.ServiceModel
	overhead      float64 // seconds
}

func newHost(t *testing.T, s *kb.Set, class string) host {
	t.Helper()
	var h host
	var ok bool
	h.detect, ok = s.Model("face_detection", 0, class)
	require.True(t, ok)
	h.align, ok = s.Model("face_alignment", 0, class)
	require.True(t, ok)
	c, ok := s.Class(class)
	require.True(t, ok)
	golden := core.VideoConf{Resolution: fullHD, FPS: 30, Encoder: "jpeg", Quality: 90}
	h.overhead = (s.Encode(core.Target{Class: class}, golden) + 2*c.CallOverhead).Seconds()
	return h
}

func TestWorkAndOverheadsAddUpToTheFit(t *testing.T) {
	s := open(t, "tx2-rack")
	for _, run := range goldenRuns {
		h := newHost(t, s, run.class)
		d, a := h.detect.Law(fullHD), h.align.Law(fullHD)
		assert.InDelta(t, run.a, d.A+a.A+h.overhead, 2e-4, run.class)
		assert.InDelta(t, run.b, d.B+a.B, 2e-5, run.class)
	}
}

func readRun(t *testing.T, path string) []kb.RunRow {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	rows, err := kb.ReadRun(f, path)
	require.NoError(t, err)
	return rows
}

func TestFitRepeatsTheProfile(t *testing.T) {
	s := open(t, "tx2-rack")
	for _, run := range goldenRuns {
		path, ok := data(t, "peer-runs", run.file)
		if !ok {
			return
		}
		rows := readRun(t, path)
		fit, err := kb.FitRun(rows, warmup, 1/recordedUnit)
		require.NoError(t, err)
		assert.InEpsilon(t, run.a, fit.A, .002, run.class)
		assert.InEpsilon(t, run.b, fit.B, .002, run.class)
		h := newHost(t, s, run.class)
		var faces []float64
		for _, r := range kb.Deduplicate(rows, warmup) {
			faces = append(faces, r.Objects)
		}
		cv := kb.StageCV(fit.CV, h.overhead, h.detect.Law(fullHD), h.align.Law(fullHD), faces)
		for _, m := range []*kb.ServiceModel{h.detect, h.align} {
			assert.InDelta(t, cv, m.CV, 5e-4, run.class)
			assert.InDelta(t, fit.Phi, m.Phi, .001, run.class)
		}
		t.Logf("%s: %+v", run.class, fit)
	}
}

// TestTruthReproducesTheGoldenRuns simulates the faces of all rows, every stage on
// the host and no link, and compares mean and share within .3 s with the
// statistics of all rows but the first, in the recorded unit.
func TestTruthReproducesTheGoldenRuns(t *testing.T) {
	s := open(t, "tx2-rack")
	const seeds, bound = 20, .3
	for _, run := range goldenRuns {
		path, ok := data(t, "peer-runs", run.file)
		if !ok {
			return
		}
		rows := readRun(t, path)
		var mean, share float64
		for _, r := range rows[1:] {
			mean += r.Delay / float64(len(rows)-1)
			if r.Delay <= bound {
				share += 1 / float64(len(rows)-1)
			}
		}
		assert.InDelta(t, run.share, share, .005, run.class)
		h := newHost(t, s, run.class)
		var simMean, simShare float64
		for seed := range uint64(seeds) {
			m, sh := h.simulate(rows, seed, bound)
			simMean += m / seeds
			simShare += sh / seeds
		}
		assert.InEpsilon(t, mean, simMean, .02, "%s: mean", run.class)
		assert.InDelta(t, run.share, simShare, .02, "%s: share", run.class)
		assert.InDelta(t, share, simShare, .02, "%s: share", run.class)
		t.Logf("%-8s recorded mean %.4f share %.4f, simulated %.4f %.4f", run.class, mean, share, simMean, simShare)
	}
}

// simulate returns the mean recorded delay and the share within bound.
func (h host) simulate(rows []kb.RunRow, seed uint64, bound float64) (mean, share float64) {
	root := world.Root(seed, 0)
	noise := [2]world.Noise{}
	stages := [2]*kb.ServiceModel{h.detect, h.align}
	for i, m := range stages {
		noise[i] = world.NewNoise(world.WorkKey(root, "q", i), m.Phi)
	}
	for k, r := range rows {
		d := h.overhead
		for i, m := range stages {
			z := noise[i].At(int64(k), 0)
			d += world.WorkTime(m.Law(fullHD).Mean(r.Objects), m.CV, z).Seconds()
		}
		d *= recordedUnit
		mean += d / float64(len(rows))
		if d <= bound {
			share += 1 / float64(len(rows))
		}
	}
	return mean, share
}

func TestDeduplicateKeepsTheLastOfEqualDelays(t *testing.T) {
	rows := []kb.RunRow{{1, 7, 9}, {2, 7, 1}, {3, 8, 1}, {4, 9, 2}, {5, 9, 1}}
	assert.Equal(t, []kb.RunRow{{3, 8, 1}, {4, 9, 2}, {5, 9, 1}}, kb.Deduplicate(rows, 1))
	assert.Empty(t, kb.Deduplicate(rows, 9))
}

func TestFitFindsTheLawThatMadeTheRows(t *testing.T) {
	var rows []kb.RunRow
	noise := world.NewNoise(world.WorkKey(world.Root(1, 0), "q", 0), .3)
	law := kb.Law{A: .2, B: .05}
	for k := range int64(4000) {
		n := float64(k % 17)
		rows = append(rows, kb.RunRow{float64(k), n, law.Mean(n) * (1 + .04*noise.At(k, 0)) / 2})
	}
	fit, err := kb.FitRun(rows, 0, 2)
	require.NoError(t, err)
	assert.InDelta(t, law.A, fit.A, .003)
	assert.InDelta(t, law.B, fit.B, .0005)
	assert.InDelta(t, .04, fit.CV, .002)
	assert.InDelta(t, .3, fit.Phi, .05)
	_, err = kb.FitRun(rows[:2], 0, 2)
	assert.Error(t, err)
}

func TestReadRunNamesTheLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.csv")
	for text, want := range map[string]string{
		"":                                 "is empty",
		"a,b\n1,2\n":                       "has no column frame_id",
		"frame_id,total,delay\n":           "has no rows",
		"frame_id,total,delay\n1,2\n":      "wrong number of fields",
		"frame_id,total,delay\n1,x,2\n":    `:2: "x" is not a number`,
		"frame_id,total,delay\n1,NaN,.3\n": `:2: "NaN" is not a number`,
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		f, err := os.Open(path)
		require.NoError(t, err)
		_, err = kb.ReadRun(f, path)
		assert.ErrorContains(t, err, want, fmt.Sprintf("%q", text))
		f.Close()
	}
}
