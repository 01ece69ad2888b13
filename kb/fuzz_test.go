package kb_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/kb"
)

func itoa(i int) string { return strconv.Itoa(i) }

// seed adds texts to a fuzz target; they run as its unit tests.
func seed(f *testing.F, texts ...string) {
	for _, s := range append(texts, "", "\x00", "\n\n\n", "1,2,3", "\xff\xfe,", "a=b=c", "NaN,Inf,-Inf", "[", "\"") {
		f.Add([]byte(s))
	}
}

func FuzzReadPF(f *testing.F) {
	seed(f, "360p\tedge\t0.1\n1080p\tcloud\t2\n", "1x1 edge 1e-300", "65535x65535 cloud 1e300")
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, err := kb.ReadPF(bytes.NewReader(b), "x.pf")
		for _, r := range rows {
			require.True(t, err == nil && r.Seconds > 0 && r.Resolution.Pixels() > 0)
		}
	})
}

func FuzzReadRun(f *testing.F) {
	seed(f, "frame_id,total,delay\n1,7,.3\n2,8,.4\n3,9,.5\n4,9,.5\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, err := kb.ReadRun(bytes.NewReader(b), "run.csv")
		if err == nil {
			_, _ = kb.FitRun(rows, 1, 2) // must not panic
		}
	})
}

func FuzzReadTrace(f *testing.F) {
	head := "t_s,obj_n,obj_size,obj_shift,obj_stable\n"
	seed(f, head+"0,1,.1,0,0\n.5,2,.1,0,1\n", "# vidq content: frame_rate=7 class=x\n"+head+"0,1,.1,0,0\n",
		"# vidq content: frame_rate=1e-9\n"+head+"0,1,.1,0,0\n", head+"-1e9,1,.1,0,0\n1e9,1,.1,0,0\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		tr, err := kb.ReadTrace(bytes.NewReader(b), "t.csv")
		if err != nil {
			return
		}
		for _, fps := range []float64{1e-3, 30, 1e6} {
			s := tr.At(fps)
			for _, k := range []int64{0, 1, 29, 1 << 40, math.MaxInt64} {
				sc := s.Scene(k)
				require.True(t, sc.Objects >= 0 && sc.Area >= 0 && sc.Area <= 1)
			}
		}
	})
}

func FuzzImportMOT(f *testing.F) {
	seed(f, gtText, "1,1,1e308,1e308,1e6,1e6,1\n2,1,-1e308,-1e308,1e6,1e6,1\n", "1000,1,0,0,0,0,1\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		info := kb.SeqInfo{FrameRate: 25, Frames: 1000, Width: 640, Height: 480}
		var out bytes.Buffer
		if kb.ImportMOT(&out, bytes.NewReader(b), "gt.txt", info) != nil {
			return
		}
		tr, err := kb.ReadTrace(&out, "import")
		require.NoError(t, err, "what is written can be read")
		require.Equal(t, 1000, tr.Frames())
	})
}

func FuzzReadSeqInfo(f *testing.F) {
	seed(f, "[Sequence]\nframeRate=7\nseqLength=795\nimWidth=768\nimHeight=576\n", "seqLength=1e99")
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := kb.ReadSeqInfo(bytes.NewReader(b), "seqinfo.ini")
		require.True(t, err != nil || s.FrameRate >= 0 && s.Frames >= 0)
	})
}

func FuzzReadRate(f *testing.F) {
	seed(f, "0 1\n1 2\n", "1,Mbits/sec\n0,bits/sec\n", "t_s,rate_bps\n0,1\n5,0\n",
		"# vidq network: length_s=9\nt_s,rate_bps\n0,1\n5,0\n", "0 1\n1e10 1\n", "-1e10 1\n1e10 1\n",
		"timestamp_start_dl,download\n2024-04-19 16:23:00.0,17\n2024-04-19 16:23:01.0,17\n",
		"bitrate,chunk_size,app_throughput\n300,1200,500\n300,1200,600\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := kb.ReadRate(b, "trace")
		if err != nil {
			return
		}
		now := core.Time(0)
		for range 50 {
			bps, until := r.At(now)
			require.True(t, bps >= 0 && !math.IsInf(bps, 0) && until > now)
			now = until
		}
		var out bytes.Buffer
		if kb.ImportNetwork(&out, bytes.NewReader(b), "trace", "") == nil {
			_, err := kb.ReadRate(out.Bytes(), "import")
			require.NoError(t, err, "what is written can be read")
		}
	})
}

func FuzzProfile(f *testing.F) {
	seed(f, goodService, "like = \"face_detection\"\n", "[[model]]\n[[model.on]]\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "x.toml"), b, 0o600))
		s, err := kb.Open(dir, kb.Options{Noise: .1})
		if err != nil {
			return
		}
		for _, class := range s.Classes() {
			if m, ok := s.Model("x", 0, class); ok {
				require.True(t, m.Law(fullHD).Mean(3) > 0)
			}
		}
	})
}

func FuzzSharedProfiles(f *testing.F) {
	for _, name := range []string{"classes.toml", "codecs.toml", "content.toml"} {
		b, err := os.ReadFile(filepath.Join("profiles", name))
		require.NoError(f, err)
		f.Add(name, b)
		f.Add(name, []byte("[x]\n"))
		f.Add(name, []byte("x = 1\n"))
	}
	f.Add("codecs.toml", []byte("[x]\n[[x.level]]\nfps=[0]\n[[x.level.stream]]\nname=\"static\"\nmbps={1080p=[]}\n"))
	f.Add("content.toml", []byte("[x]\n[x.quality]\nquantiser=[]\nfactor=[]\n[[x.level]]\n"))
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		switch name {
		case "classes.toml", "codecs.toml", "content.toml":
		default:
			return
		}
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "x.toml"), []byte(goodService), 0o600))
		s, err := kb.Open(dir, kb.Options{})
		if err != nil {
			return
		}
		for _, e := range s.Encoders() {
			for _, c := range s.ContentClasses() {
				v := core.VideoConf{Resolution: fullHD, FPS: 10, Encoder: e.Name, Quality: 50}
				require.False(t, math.IsNaN(s.FrameSize(v, core.Content{Class: c}, 3, .1)))
				a := s.Accuracy(detectionQuery(), 30, v, nil, core.Content{Class: c})
				require.True(t, a >= 0 && a <= 1, "accuracy %v", a)
			}
		}
	})
}
