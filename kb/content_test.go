package kb_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/kb"
)

func content(t testing.TB, ref string, fps float64) kb.Source {
	t.Helper()
	s, err := kb.OpenContent(ref, "", fps, 1, "cam")
	require.NoError(t, err)
	return s
}

func TestClassroomFillsAsInTheRuns(t *testing.T) {
	for seed := range uint64(5) {
		s, err := kb.OpenContent("classroom", "", 30, seed, "cam")
		require.NoError(t, err)
		for i, want := range []float64{7.4, 8.8, 10.7, 12.5, 13.6, 15.8, 16.4, 17.5, 18.7} {
			sum := 0.0
			for k := range int64(100) {
				sum += s.Scene(int64(i)*100 + k).Objects
			}
			assert.InDelta(t, want, sum/100, .5, "frames from %d", i*100)
		}
		sum := 0.0
		for k := int64(1000); k < 11000; k++ {
			sum += s.Scene(k).Objects
		}
		assert.InDelta(t, 18.7, sum/1e4, .1, "stays full")
		area := s.Scene(0).Area * 1920 * 1080
		assert.InDelta(t, 48, math.Sqrt(area), 3, "a face's side at 1080p")
		assert.Equal(t, int64(123), s.Scene(123).Frame)
	}
}

func TestGeneratorsArePureAndSane(t *testing.T) {
	set := open(t, "measured")
	for _, name := range kb.Generators() {
		for _, fps := range []float64{.5, 7, 30, 1e6} {
			a, b := content(t, name, fps), content(t, name, fps)
			other, err := kb.OpenContent(name, "", fps, 1, "other")
			require.NoError(t, err)
			var forward []kb.Scene
			differs := false
			const frames = 500
			for k := range int64(frames) {
				s := a.Scene(k * 29)
				forward = append(forward, s)
				assert.Contains(t, set.ContentClasses(), s.Class)
				require.True(t, s.Objects >= 0 && s.Objects == math.Floor(s.Objects) && s.Objects < 100, "%+v", s)
				require.True(t, s.Area >= 0 && s.Area < 1 && s.Motion >= 0 && (s.Objects == 0 || s.Area > 0 && s.Motion > 0), "%+v", s)
				differs = differs || s != other.Scene(k*29)
			}
			for k := int64(frames) - 1; k >= 0; k-- { // any order
				require.Equal(t, forward[k], b.Scene(k*29), name)
			}
			if fps <= 30 {
				assert.Equal(t, name != "empty", differs, "%s: cameras see different things", name)
			}
			assert.Equal(t, a.Scene(0), a.Scene(-5))
		}
		s := content(t, name, 30)
		assert.Zero(t, testing.AllocsPerRun(100, func() { s.Scene(4711) }), name)
	}
	_, err := kb.OpenContent("clasroom", "", 30, 1, "c")
	assert.ErrorContains(t, err, "classroom")
	_, err = kb.OpenContent("classroom", "", 0, 1, "c")
	assert.Error(t, err)
}

func writeTemp(t *testing.T, name, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(p, []byte(text), 0o600))
	return p
}

func TestTraceWithoutARateGoesByItsTimes(t *testing.T) {
	p := writeTemp(t, "t.csv", "t_s,obj_n,obj_size,obj_shift,obj_stable\n5.0,1,.1,0,0\n5.5,2,.2,.5,1\n6.0,3,.3,0,0\n")
	s := content(t, p, 4) // length 1.5 s, begins at 5.0
	var n []float64
	for k := range int64(14) {
		n = append(n, s.Scene(k).Objects)
	}
	assert.Equal(t, []float64{1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3, 1, 1}, n)
	assert.Equal(t, kb.Scene{Frame: 1, Objects: 2, Area: .2, Motion: .5, Stable: true}, s.Scene(2))
	c := s.Scene(2).Content()
	assert.True(t, c.Known && c.Stable)
	assert.Zero(t, testing.AllocsPerRun(100, func() { s.Scene(4711) }))
}

func TestTraceWithARate(t *testing.T) {
	var text strings.Builder
	text.WriteString("# by hand\n# vidq content: frame_rate=7 class=faces\nobj_n,t_s,obj_size,obj_shift,obj_stable,frame\n")
	for i := range 795 {
		fmt.Fprintf(&text, "%d,%.3f,.1,0,0,%d\n", i, float64(i)/7, i+1)
	}
	p := writeTemp(t, "t.csv", text.String())
	for _, fps := range []float64{7, 25, 30} {
		s := content(t, p, fps)
		for k := range int64(60_000) {
			want := k * 7 / int64(fps) % 795
			if got := s.Scene(k); got.Frame != want+1 || got.Objects != float64(want) {
				require.Fail(t, "wrong frame", "camera frame %d: want %d, got %+v", k, want+1, got)
			}
		}
		assert.Equal(t, "faces", s.Scene(0).Class)
		assert.Zero(t, testing.AllocsPerRun(100, func() { s.Scene(4711) }))
	}
}

func TestBadTracesNameTheLine(t *testing.T) {
	head := "t_s,obj_n,obj_size,obj_shift,obj_stable\n"
	for text, want := range map[string]string{
		"":                                      "is empty",
		"a,b\n":                                 "has no column t_s",
		head:                                    "has no rows",
		head + "0,1,.1,0\n":                     ":2: wrong number of fields",
		head + "0,x,.1,0,0\n":                   `:2: obj_n: "x" is not a number`,
		head + "0,-1,.1,0,0\n":                  ":2: obj_n is out of range",
		head + "0,1,1.5,0,0\n":                  "obj_size must be a fraction",
		head + "0,1,.1,-1,0\n":                  "obj_shift is negative",
		head + "0,1,.1,0,0\n0,1,.1,0,0\n":       ":3: t_s does not rise",
		"# vidq content: frame_rate=0\n" + head: ":1: frame_rate",
		"# vidq content: fps=3\n" + head:        ":1: fps: is not known here",
	} {
		_, err := kb.OpenContent(writeTemp(t, "t.csv", text), "", 30, 1, "c")
		assert.ErrorContains(t, err, want, "%q", text)
	}
	_, err := kb.OpenContent("missing.csv", t.TempDir(), 30, 1, "c")
	assert.ErrorContains(t, err, "no such file")
	_, err = kb.OpenContent("./", t.TempDir(), 30, 1, "c")
	assert.ErrorContains(t, err, "is a folder")
	big := writeTemp(t, "big.csv", "")
	require.NoError(t, os.Truncate(big, 100<<20))
	_, err = kb.OpenContent(big, "", 30, 1, "c")
	assert.ErrorContains(t, err, "larger than 64 MB")
}

// gtText is five frames of two people: 1 walks half a box height per frame, 2
// stands and comes in frame 3; one row of each frame is to be ignored.
const gtText = `1,1,10,20,20,40,1,-1,-1,-1
2,1,30,20,20,40,1,-1,-1,-1
3,1,50,20,20,40,1,-1,-1,-1
3,2,0,0,10,20,1,-1,-1,-1
1,9,0,0,500,500,0,-1,-1,-1
4,2,0,0,10,20,1,-1,-1,-1
`

func TestImportMOT(t *testing.T) {
	var out bytes.Buffer
	info := kb.SeqInfo{FrameRate: 10, Frames: 5, Width: 100, Height: 80, Class: "pedestrians"}
	require.NoError(t, kb.ImportMOT(&out, strings.NewReader(gtText), "gt.txt", info))
	assert.Equal(t, `# vidq content: frame_rate=10 class=pedestrians image=100x80
t_s,obj_n,obj_size,obj_shift,obj_stable,frame
0.000,1,0.100000,0.0000,0,1
0.100,1,0.100000,5.0000,0,2
0.200,2,0.062500,5.0000,0,3
0.300,1,0.025000,0.0000,0,4
0.400,0,0.000000,0.0000,0,5
`, out.String())
	s := content(t, writeTemp(t, "c.csv", out.String()), 30)
	assert.Equal(t, kb.Scene{Frame: 3, Objects: 2, Area: .0625, Motion: 5, Class: "pedestrians"}, s.Scene(6))
	assert.Equal(t, int64(1), s.Scene(15).Frame, "begins again")
}

func TestImportMOTFileReadsSeqinfo(t *testing.T) {
	dir := t.TempDir()
	gt := filepath.Join(dir, "gt", "gt.txt")
	require.NoError(t, os.Mkdir(filepath.Dir(gt), 0o700))
	require.NoError(t, os.WriteFile(gt, []byte(gtText), 0o600))
	var out bytes.Buffer
	assert.ErrorContains(t, kb.ImportMOTFile(&out, gt, kb.SeqInfo{}), "frameRate: is not known")
	assert.ErrorContains(t, kb.ImportMOTFile(&out, gt, kb.SeqInfo{FrameRate: 5}), "size is not known")
	ini := "[Sequence]\nname=x\nframeRate=10\nseqLength=5\nimWidth=100\nimHeight=80\nimExt=.jpg\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "seqinfo.ini"), []byte(ini), 0o600))
	require.NoError(t, kb.ImportMOTFile(&out, gt, kb.SeqInfo{}))
	assert.Contains(t, out.String(), "frame_rate=10 image=100x80")
	out.Reset()
	require.NoError(t, kb.ImportMOTFile(&out, gt, kb.SeqInfo{FrameRate: 20}))
	assert.Contains(t, out.String(), "frame_rate=20", "what is given wins")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "seqinfo.ini"), []byte("frameRate=no"), 0o600))
	assert.ErrorContains(t, kb.ImportMOTFile(&out, gt, kb.SeqInfo{}), "seqinfo.ini:1: frameRate")
}

func TestBadGroundTruthNamesTheLine(t *testing.T) {
	info := kb.SeqInfo{FrameRate: 10, Frames: 5, Width: 100, Height: 80}
	for text, want := range map[string]string{
		"":                          "is empty",
		"1,1,0,0,5,5\n":             ":1: want frame,id",
		"\n1,1,0,0,x,5,1\n":         `:2: "x" is not a number`,
		"0,1,0,0,5,5,1\n":           "frame 0",
		"6,1,0,0,5,5,1\n":           "beyond the sequence's 5",
		"1,1,0,0,-5,5,1\n":          "width and a height",
		"1.5,1,0,0,5,5,1\n":         "whole number",
		"99999999999,1,0,0,5,5,1\n": "whole number",
		strings.Repeat("1", 2<<20):  "too long",
	} {
		err := kb.ImportMOT(&bytes.Buffer{}, strings.NewReader(text), "gt.txt", info)
		assert.ErrorContains(t, err, want)
	}
}

// TestImportOfRealGroundTruth shows that the camera frame at t shows gt frame
// 1 + floor(t*frameRate) mod seqLength with the objects that gt.txt counts there,
// and that size and motion are those of the traces derived elsewhere.
func TestImportOfRealGroundTruth(t *testing.T) {
	for _, seq := range []struct {
		name   string
		rate   int64
		frames int64
	}{{"PETS09-S2L1", 7, 795}, {"TUD-Stadtmitte", 25, 179}} {
		path, ok := data(t, "content", "motchallenge-gt", seq.name, "gt.txt")
		if !ok {
			return
		}
		var out bytes.Buffer
		require.NoError(t, kb.ImportMOTFile(&out, path, kb.SeqInfo{}))
		got := content(t, writeTemp(t, "c.csv", out.String()), 30)
		gt, err := os.ReadFile(path)
		require.NoError(t, err)
		count := make([]float64, seq.frames+1)
		for _, line := range strings.Fields(string(gt)) {
			f := strings.Split(line, ",")
			if f[6] != "0" {
				var n int64
				fmt.Sscan(f[0], &n)
				count[n]++
			}
		}
		for k := range int64(20_000) {
			frame := 1 + k*seq.rate/30%seq.frames
			s := got.Scene(k)
			if s.Frame != frame || s.Objects != count[frame] {
				require.Fail(t, "wrong frame", "camera frame %d: want %d with %v, got %+v", k, frame, count[frame], s)
			}
		}
		ref, ok := data(t, "content", "traces", seq.name+".csv")
		if !ok {
			return
		}
		// The derived trace's times are rounded: ask in the middle of each frame.
		a, b := content(t, ref, 2*float64(seq.rate)), content(t, writeTemp(t, "c.csv", out.String()), 2*float64(seq.rate))
		for k := int64(1); k < 2*seq.frames; k += 2 {
			assert.Equal(t, a.Scene(k).Objects, b.Scene(k).Objects)
			assert.InDelta(t, a.Scene(k).Area, b.Scene(k).Area, 2e-6)
			assert.InDelta(t, a.Scene(k).Motion, b.Scene(k).Motion, 2e-3)
		}
	}
}

func TestRealTracesOpen(t *testing.T) {
	dir, ok := data(t, "content", "traces")
	if !ok {
		return
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	require.NoError(t, err)
	assert.NotEmpty(t, files)
	for _, f := range files {
		s := content(t, f, 30)
		for k := range int64(1000) {
			s.Scene(k * 31)
		}
	}
}

func BenchmarkScene(b *testing.B) {
	for _, name := range kb.Generators() {
		b.Run(name, func(b *testing.B) {
			s := content(b, name, 30)
			b.ReportAllocs()
			k, n := int64(0), 0.0
			for b.Loop() {
				k++
				n += s.Scene(k).Objects
			}
			require.True(b, n > 0 || name == "empty" || name == "corridor")
		})
	}
}
