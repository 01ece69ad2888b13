package kb_test

import (
	"encoding/csv"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/kb"
)

// awstream are the tables that the content classes were fitted to: F1 at quantiser
// 20 by width and frame rate (AWStream data, summary-data/offline.mot.csv and
// offline.darknet.csv).
var awstreamFPS = []float64{30, 10, 5, 3, 2, 1}

var awstream = []struct {
	class, file string
	decay       float64
	widths      []int
	table       [][]float64
}{
	{"pedestrians", "offline.mot.csv", .3, []int{640, 960, 1280, 1600, 1920}, [][]float64{
		{.114, .117, .112, .106, .107, .106},
		{.695, .690, .682, .670, .656, .614},
		{.826, .820, .806, .799, .790, .728},
		{.843, .844, .834, .811, .803, .736},
		{.897, .898, .881, .865, .844, .770},
	}},
	{"ar", "offline.darknet.csv", 2.1, []int{320, 640, 960, 1280, 1600, 1920}, [][]float64{
		{.686, .670, .621, .545, .470, .362},
		{.847, .807, .722, .618, .549, .367},
		{.887, .824, .733, .636, .541, .366},
		{.905, .837, .746, .644, .560, .380},
		{.918, .836, .745, .639, .557, .378},
		{.924, .843, .750, .638, .561, .376},
	}},
}

func detectionQuery() *core.Query { return &core.Query{Pipeline: core.Linear("object_detection")} }

func TestAWStreamTablesAreReproduced(t *testing.T) {
	s := open(t, "measured")
	for _, a := range awstream {
		over, cells := 0, 0
		for i, w := range a.widths {
			for j, fps := range awstreamFPS {
				v := core.VideoConf{
					Resolution: core.Resolution{Width: uint16(w), Height: uint16(w * 9 / 16)},
					FPS:        fps, Encoder: "h264", Quality: 20,
				}
				got := s.Accuracy(detectionQuery(), 30, v, []int{0}, core.Content{Class: a.class})
				assert.InDelta(t, a.table[i][j], got, .05, "%s %d px %v fps", a.class, w, fps)
				cells++
				if math.Abs(a.table[i][j]-got) > .03 {
					over++
				}
			}
		}
		assert.LessOrEqual(t, over, cells/10, "most cells of %s are within .03", a.class)
		t.Logf("%s: %d of %d cells off by more than .03", a.class, over, cells)
	}
}

func TestDecayIsTheLeastSquaresFit(t *testing.T) {
	s := open(t, "measured")
	for _, a := range awstream {
		decay, fresh, err := kb.FitDecay(a.table, awstreamFPS, 30)
		require.NoError(t, err)
		require.Len(t, fresh, len(a.widths))
		assert.Equal(t, a.decay, s.Decay(core.Content{Class: a.class}))
		assert.InEpsilon(t, a.decay, decay, .06, a.class)
		t.Logf("%s: least squares %.3f/s, fresh %.3f", a.class, decay, fresh)
	}
	_, _, err := kb.FitDecay(nil, awstreamFPS, 30)
	assert.Error(t, err)
	_, _, err = kb.FitDecay([][]float64{{1}}, awstreamFPS, 30)
	assert.Error(t, err)
}

// TestAWStreamFiguresAreTheData compares the quoted tables, and the sizes in the
// codecs, with the published files.
func TestAWStreamFiguresAreTheData(t *testing.T) {
	s := open(t, "measured")
	for _, a := range awstream {
		path, ok := data(t, "awstream", a.file)
		if !ok {
			return
		}
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		r := csv.NewReader(strings.NewReader(string(b)))
		r.TrimLeadingSpace = true
		rows, err := r.ReadAll()
		require.NoError(t, err)
		n := 0
		for _, row := range rows[1:] {
			var v [5]float64 // Mbit/s, width, skip, quantiser, accuracy
			for i := range v {
				v[i], err = strconv.ParseFloat(row[i], 64)
				require.NoError(t, err)
			}
			fps := 30 / (v[2] + 1)
			if v[3] <= 40 {
				conf := core.VideoConf{
					Resolution: core.Resolution{Width: uint16(v[1]), Height: uint16(v[1] * 9 / 16)},
					FPS:        fps, Encoder: "h264", Quality: int(v[3]),
				}
				got := s.FrameBytes(conf, core.Content{Class: a.class}) * 8 * fps / 1e6
				assert.InEpsilon(t, v[0], got, 1e-6, "%s %v", a.class, row)
				n++
			}
			for i, w := range a.widths {
				for j, f := range awstreamFPS {
					if v[3] == 20 && v[1] == float64(w) && math.Abs(fps-f) < 1e-9 {
						assert.InDelta(t, v[4], a.table[i][j], 5e-4)
					}
				}
			}
		}
		assert.Equal(t, len(a.widths)*30, n)
	}
}

func TestFreshByObjectSize(t *testing.T) {
	s := open(t, "tx2-rack")
	faces := core.Linear("face_detection", "face_alignment")
	fresh := func(res string, side float64) float64 {
		r, err := core.ParseResolution(res)
		require.NoError(t, err)
		c := core.Content{Known: true, Class: "faces", Area: side * side / (1920 * 1080)}
		return s.Fresh(faces, core.VideoConf{Resolution: r, Encoder: "jpeg", Quality: 90}, nil, c)
	}
	for _, row := range []struct {
		res                  string
		small, typical, huge float64 // faces of 24, 48 and 200 px at 1080p
	}{
		{"1080p", 1, 1, 1},
		{"720p", .82, .884, 1},
		{"480p", .49, .695, 1},
		{"360p", .37, .568, 1},
	} {
		assert.InDelta(t, row.small, fresh(row.res, 24), .03, row.res)
		assert.InDelta(t, row.typical, fresh(row.res, 48), .01, row.res)
		assert.InDelta(t, row.huge, fresh(row.res, 200), .01, row.res)
	}
	unknown := s.Fresh(faces, core.VideoConf{Resolution: core.Resolution{Width: 1280, Height: 720}, Quality: 90}, nil, core.Content{})
	assert.InDelta(t, .884, unknown, .01, "content that is not known is typical")
}

func TestFreshByModelAndQuality(t *testing.T) {
	s := open(t, "measured")
	p := core.Linear("object_detection")
	c := core.Content{Class: "pedestrians"}
	best := core.VideoConf{Resolution: fullHD, Encoder: "jpeg", Quality: 90}
	assert.Equal(t, 1.0, s.Fresh(p, best, []int{0}, c))
	assert.InDelta(t, .864, s.Fresh(p, best, []int{1}, c), 1e-9)
	assert.InDelta(t, .7, s.Fresh(p, best, []int{2}, c), 1e-9)
	assert.Zero(t, s.Fresh(p, best, []int{3}, c), "a model that does not exist")
	assert.Zero(t, s.Fresh(p, best, []int{-1}, c))
	last := 2.0
	for _, q := range []int{95, 90, 75, 60, 50, 30, 10} {
		best.Quality = q
		f := s.Fresh(p, best, nil, c)
		assert.LessOrEqual(t, f, last, "JPEG quality %d", q)
		last = f
	}
}

func TestDecayFollowsMotion(t *testing.T) {
	s := open(t, "measured")
	at := func(motion float64) float64 {
		return s.Decay(core.Content{Known: true, Class: "pedestrians", Motion: motion})
	}
	assert.InDelta(t, .3, at(0), 1e-9, "not known")
	assert.InDelta(t, .3, at(.36), 1e-9)
	assert.InDelta(t, .6, at(.72), 1e-9)
	assert.InDelta(t, .075, at(1e-6), 1e-9, "bounded below")
	assert.InDelta(t, 1.2, at(1e6), 1e-9, "bounded above")
}

// TestMeanAgeingIsTheSum compares the closed form with selecting frames one by one.
func TestMeanAgeingIsTheSum(t *testing.T) {
	for _, camera := range []float64{5, 25, 30} {
		for _, fps := range []float64{.5, 1, 2, 3, 7, 10, 20, 29.97, 30, 60} {
			for _, decay := range []float64{0, .3, 2.1, 50} {
				const frames = 30_000
				sum, last := 0.0, int64(0)
				next := core.Selected(1, fps, camera)
				for k := range int64(frames) {
					if k == next {
						last, next = k, core.Selected(k+1, fps, camera)
					}
					if age := float64(k-last) / camera; age <= kb.MaxAge+1e-9 {
						sum += math.Exp(-decay * age)
					}
				}
				assert.InDelta(t, sum/frames, kb.MeanAgeing(decay, fps, camera), 2e-3,
					"decay %v, %v of %v fps", decay, fps, camera)
			}
		}
	}
	assert.Zero(t, kb.MeanAgeing(1, 0, 30))
	assert.Zero(t, kb.MeanAgeing(1, math.NaN(), 30))
	assert.Equal(t, 1.0, kb.MeanAgeing(1, 120, 30))
}

// TestFacesFollowTheMeasuredRecall compares the class of faces with the recall
// of OpenCV's cascade alt2 on drawn faces, relative to that at 1080p.
func TestFacesFollowTheMeasuredRecall(t *testing.T) {
	recall := []float64{.54, .66, .84, .95} // at 360p, 480p, 720p and 1080p
	s := open(t, "tx2-rack")
	c := content(t, "classroom", 30).Scene(0).Content()
	c.Area = 48. * 48 / (1920 * 1080)
	for i, r := range core.Resolutions() {
		v := core.VideoConf{Resolution: r, Encoder: "jpeg", Quality: 90}
		assert.InDelta(t, recall[i]/recall[3], s.Fresh(core.Linear("face_detection"), v, nil, c), 2e-3, r)
	}
}

// TestOriginalsAccuracyIsTheContents: the original's tables tell seconds only.
func TestOriginalsAccuracyIsTheContents(t *testing.T) {
	truth := open(t, "tx2-rack")
	q := &core.Query{Pipeline: core.Linear("face_detection", "face_alignment")}
	for _, name := range []string{"original", "original-corrected"} {
		s := open(t, name)
		for _, r := range core.Resolutions() {
			v := core.VideoConf{Resolution: r, FPS: 10, Encoder: "jpeg", Quality: 90}
			known := core.Content{Known: true, Class: "faces", Objects: 7, Area: .0008, Motion: .1}
			assert.Equal(t, truth.Accuracy(q, 30, v, []int{0, 0}, known), s.Accuracy(q, 30, v, []int{0, 0}, known))
			assert.Equal(t, truth.Accuracy(q, 30, v, nil, core.Content{Class: "faces"}), s.Accuracy(q, 30, v, nil, core.Content{}),
				"content that is not told is faces")
		}
	}
}

func TestJudgeSaysWhatTheSetSays(t *testing.T) {
	for _, name := range kb.Sets() {
		s := open(t, name)
		p := core.Linear("face_detection", "face_alignment")
		for _, v := range []core.VideoConf{
			{Resolution: fullHD, FPS: 30, Encoder: "jpeg", Quality: 90},
			{Resolution: core.Resolution{Width: 640, Height: 480}, FPS: 5, Encoder: "h264", Quality: 25},
		} {
			j := s.Judge(p, v, []int{0, 0})
			for _, class := range append(s.ContentClasses(), "", "nothing", "ar") {
				c := core.Content{Known: true, Class: class, Objects: 4, Area: .002, Motion: .3}
				assert.Equal(t, s.Fresh(p, v, []int{0, 0}, c), j.Fresh(c))
				assert.Equal(t, s.Decay(c), j.Decay(c))
			}
		}
	}
}
