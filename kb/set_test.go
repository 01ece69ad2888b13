package kb_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/kb"
)

func TestSetsAreThoseThatAreDocumented(t *testing.T) {
	assert.Equal(t, []string{"devices", "measured", "original", "original-corrected", "tx2-rack"}, kb.Sets())
}

// ladder is resolutions ascending by pixels, beyond the measured ends too.
var ladder = []core.Resolution{
	{Width: 80, Height: 60},
	{Width: 320, Height: 240},
	{Width: 480, Height: 360},
	{Width: 640, Height: 360},
	{Width: 640, Height: 480},
	{Width: 960, Height: 540},
	{Width: 1280, Height: 720},
	{Width: 1600, Height: 900},
	{Width: 1920, Height: 1080},
	{Width: 3840, Height: 2160},
}

// TestConformance holds what every set must keep, on every service, model and class.
func TestConformance(t *testing.T) {
	for _, name := range kb.Sets() {
		t.Run(name, func(t *testing.T) {
			s := open(t, name)
			assert.Equal(t, name, s.Name())
			assert.NotEmpty(t, s.Title())
			require.NotEmpty(t, s.Services())
			for i, info := range s.Services() {
				if i > 0 {
					assert.Less(t, s.Services()[i-1].Name, info.Name)
				}
				assert.Equal(t, info.Input, s.Input(info.Name))
				conformService(t, s, info)
			}
			for _, c := range s.Classes() {
				conformClass(t, s, c)
			}
			for _, c := range s.ContentClasses() {
				conformContent(t, s, c)
			}
		})
	}
}

func conformService(t *testing.T, s *kb.Set, info core.ServiceInfo) {
	runs := 0
	for model := range info.Models {
		for _, class := range s.Classes() {
			c, _ := s.Class(class)
			m, ok := s.Model(info.Name, model, class)
			if !ok {
				continue
			}
			runs++
			if model > 0 {
				_, ok := s.Model(info.Name, 0, class)
				assert.True(t, ok, "%s on %s has model %d but not the best one", info.Name, class, model)
			}
			at := core.Target{Class: class, Role: c.Role}
			assert.Equal(t, m.Needs, s.Needs(info.Name, model, at))
			assert.LessOrEqual(t, m.Needs.CPU, c.Cores, "%s on %s", info.Name, class)
			assert.LessOrEqual(t, m.Needs.GPU, c.GPUs, "%s on %s", info.Name, class)
			assert.LessOrEqual(t, m.Needs.Memory, c.Memory, "%s on %s", info.Name, class)
			assert.Equal(t, m.Device == kb.DeviceGPU, m.Needs.GPU > 0, "%s on %s", info.Name, class)
			conformLaw(t, s, info.Name, model, at, m)
		}
	}
	assert.Positive(t, runs, "%s runs nowhere", info.Name)
	_, ok := s.Model(info.Name, len(info.Models), s.Classes()[0])
	assert.False(t, ok)
	for _, r := range ladder {
		few := s.OutputBytes(info.Name, r, core.Content{Known: true, Objects: 1, Area: .001})
		many := s.OutputBytes(info.Name, r, core.Content{Known: true, Objects: 9, Area: .001})
		assert.Less(t, few, many)
		assert.Positive(t, s.OutputBytes(info.Name, r, core.Content{}))
	}
}

func conformLaw(t *testing.T, s *kb.Set, service string, model int, at core.Target, m *kb.ServiceModel) {
	var last kb.Law
	for _, r := range ladder {
		l := m.Law(r)
		assert.GreaterOrEqual(t, l.A, last.A, "%s on %s at %v", service, at.Class, r)
		assert.GreaterOrEqual(t, l.B, last.B, "%s on %s at %v", service, at.Class, r)
		last = l
		assert.Positive(t, l.Mean(5))
		assert.LessOrEqual(t, l.Mean(5), l.Mean(9))
		w, ok := s.Work(service, model, at, r, 5)
		assert.True(t, ok)
		assert.Equal(t, core.FromSeconds(l.Mean(5)), w.Mean)
		assert.InDelta(t, m.CV*l.Mean(5), w.SD.Seconds(), 1e-8)
	}
	for n := 1; n < 33; n++ {
		assert.LessOrEqual(t, m.Batch(n), m.Batch(n+1))
		assert.LessOrEqual(t, m.Batch(n), float64(n)+1e-9, "a batch is never slower than one by one")
	}
	assert.Equal(t, 1.0, m.Batch(1))
	assert.Equal(t, 1.0, m.Batch(0))
}

func conformClass(t *testing.T, s *kb.Set, name string) {
	c, ok := s.Class(name)
	require.True(t, ok)
	at := core.Target{Class: name}
	idle, full := s.Power(at, core.NodeLoad{}), s.Power(at, core.NodeLoad{CPU: 1, GPU: 1})
	assert.Equal(t, c.Power.Idle, idle)
	assert.Greater(t, full, idle)
	assert.Equal(t, full, s.Power(at, core.NodeLoad{CPU: 3, GPU: 2}), "a load is at most 1")
	for _, e := range s.Encoders() {
		last := core.Time(-1)
		for _, r := range ladder {
			d := s.Encode(at, core.VideoConf{Resolution: r, Encoder: e.Name, Quality: e.Qualities[0]})
			assert.GreaterOrEqual(t, d, last, "%s at %v", name, r)
			last = d
		}
	}
}

func conformContent(t *testing.T, s *kb.Set, class string) {
	q := &core.Query{Pipeline: core.Linear(s.Services()[0].Name)}
	for _, c := range []core.Content{
		{Class: class},
		{Known: true, Class: class, Objects: 3, Area: 1e-5, Motion: .1},
		{Known: true, Class: class, Objects: 3, Area: .3, Motion: 10, Stable: true},
	} {
		golden := core.VideoConf{Resolution: fullHD, FPS: 30, Encoder: "jpeg", Quality: 90}
		best := s.Accuracy(q, 30, golden, []int{0}, c)
		assert.InDelta(t, 1, best, 1e-12, class)
		for _, e := range s.Encoders() {
			for _, quality := range e.Qualities {
				for _, fps := range []float64{.1, 1, 5, 10, 20, 30, 60} {
					last := 0.0
					for _, r := range ladder {
						v := core.VideoConf{Resolution: r, FPS: fps, Encoder: e.Name, Quality: quality}
						a := s.Accuracy(q, 30, v, []int{0}, c)
						assert.True(t, a >= 0 && a <= best, "%s: accuracy %v of %+v", class, a, v)
						assert.GreaterOrEqual(t, a, last, "%s: more pixels, less accuracy, at %+v", class, v)
						last = a
					}
				}
			}
		}
		assert.False(t, math.IsNaN(s.Decay(c)) || s.Decay(c) < 0)
	}
}

// originalTable is the original's knowledge base (profile/*.pf): seconds at
// 360p, 480p, 720p and 1080p.
var originalTable = map[string]map[core.Role][4]float64{
	"face_detection": {core.RoleEdge: {.117, .162, .382, 1.157}, core.RoleCloud: {.022, .040, .069, .141}},
	"face_alignment": {core.RoleEdge: {.190, .238, .623, 1.444}, core.RoleCloud: {.090, .138, .223, .444}},
}

// checkOriginal compares a set with the original's tables; alignment names the
// table that face_alignment answers with.
func checkOriginal(t *testing.T, s *kb.Set, alignment string) {
	tables := map[string]string{
		"face_detection": "face_detection", "face_alignment": alignment, "car_detection": "face_detection",
		"pedestrian_detection": "face_detection", "object_detection": "face_detection",
	}
	for service, table := range tables {
		for i, r := range core.Resolutions() {
			for _, role := range []core.Role{core.RoleEdge, core.RoleCloud, core.RoleHost} {
				want := role
				if role == core.RoleHost {
					want = core.RoleEdge
				}
				w, ok := s.Work(service, 0, core.Target{Class: "whatever", Role: role}, r, 12)
				require.True(t, ok)
				assert.Equal(t, core.FromSeconds(originalTable[table][want][i]), w.Mean, "%s at %v on %v", service, r, role)
				assert.Zero(t, w.SD)
			}
		}
		assert.Equal(t, service == "face_alignment", s.Input(service) == core.InputCrops)
	}
	edge, ok := s.Model("face_detection", 0, "tx2-gpu")
	require.True(t, ok, "a class answers with its role's column")
	assert.InDelta(t, 1.157, edge.Law(fullHD).A, 1e-12)
	cloud, ok := s.Model("face_detection", 0, "rack-cpu")
	require.True(t, ok)
	assert.InDelta(t, .141, cloud.Law(fullHD).A, 1e-12)
	assert.Zero(t, s.Encode(core.Target{}, core.VideoConf{Resolution: fullHD}))
}

func TestOriginal(t *testing.T) {
	checkOriginal(t, open(t, "original"), "face_detection")
	checkOriginal(t, open(t, "original-corrected"), "face_alignment")
}

func TestFolderOfPFFilesIsTheOriginal(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("face_detection.pf", "360p\tedge\t0.117\n480p\tedge\t0.162\n720p\tedge\t0.382\n1080p\tedge\t1.157\n"+
		"360p\tcloud\t0.022\n480p\tcloud\t0.040\n720p\tcloud\t0.069\n1080p\tcloud\t0.141")
	write("face_aligment.pf", "360p\tedge\t0.190\n\n1080p\tcloud\t0.444\n")
	s := open(t, dir)
	checkOriginal(t, s, "face_detection")
	_, ok := s.Work("face_aligment", 0, core.Target{Role: core.RoleEdge}, fullHD, 1)
	assert.True(t, ok, "the misspelled file is a service of its own")
	v := core.VideoConf{Resolution: core.Resolutions()[1], FPS: 10}
	assert.Equal(t, open(t, "original").Accuracy(detectionQuery(), 30, v, nil, core.Content{}), s.Accuracy(detectionQuery(), 30, v, nil, core.Content{}))
	write("face_alignment.pf", "360p\tedge\t0.190\n480p\tedge\t0.238\n720p\tedge\t0.623\n1080p\tedge\t1.444\n"+
		"360p\tcloud\t0.090\n480p\tcloud\t0.138\n720p\tcloud\t0.223\n1080p\tcloud\t0.444")
	checkOriginal(t, open(t, dir), "face_alignment")
	if profiles, ok := data(t, "peer-runs", "profile"); ok {
		checkOriginal(t, open(t, profiles), "face_detection")
	}
	write("x.toml", "")
	_, err := kb.Open(dir, kb.Options{})
	assert.ErrorContains(t, err, "both")
}

func TestOptionsPerturbTheWork(t *testing.T) {
	at := core.Target{Class: "tx2-gpu"}
	work := func(o kb.Options, service string, r core.Resolution) float64 {
		s, err := kb.Open("measured", o)
		require.NoError(t, err)
		w, ok := s.Work(service, 0, at, r, 10)
		require.True(t, ok)
		return w.Mean.Seconds()
	}
	true1 := work(kb.Options{}, "face_detection", fullHD)
	assert.InEpsilon(t, .5*true1, work(kb.Options{Bias: -.5}, "face_detection", fullHD), 1e-6)
	noisy := kb.Options{Noise: .3, Seed: 7}
	a := work(noisy, "face_detection", fullHD)
	assert.NotEqual(t, true1, a)
	assert.Equal(t, a, work(noisy, "face_detection", fullHD), "the same in every run of a seed")
	assert.NotEqual(t, a, work(kb.Options{Noise: .3, Seed: 8}, "face_detection", fullHD))
	r := core.Resolutions()[0]
	assert.NotEqual(t, a/true1, work(noisy, "face_detection", r)/work(kb.Options{}, "face_detection", r))
	sum, sq := 0.0, 0.0
	const seeds = 25
	for seed := range uint64(seeds) {
		z := math.Log(work(kb.Options{Noise: .3, Seed: seed}, "face_detection", fullHD)/true1) / .3
		sum, sq = sum+z, sq+z*z
	}
	assert.InDelta(t, 0, sum/seeds, .7)
	assert.InDelta(t, 1, sq/seeds, .9)
	for _, o := range []kb.Options{{Noise: -1}, {Noise: math.NaN()}, {Bias: -1}, {Bias: math.NaN()}} {
		_, err := kb.Open("measured", o)
		assert.Error(t, err, "%+v", o)
	}
}

// TestEmbeddedSetsAreSharedAndStayAsTheyAre opens everything at once, with and
// without errors, and on top of a set that others hold.
func TestEmbeddedSetsAreSharedAndStayAsTheyAre(t *testing.T) {
	pf := t.TempDir() // a folder that is based on an embedded set and changes its services' inputs
	require.NoError(t, os.WriteFile(filepath.Join(pf, "set.toml"), []byte("base = [\"devices\"]\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(pf, "face_detection.pf"), []byte("360p edge 0.117\n"), 0o600))
	before := map[string]string{}
	for _, name := range kb.Sets() {
		before[name] = figures(open(t, name))
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for _, name := range append(kb.Sets(), pf) {
				a, err := kb.Open(name, kb.Options{})
				assert.NoError(t, err)
				b, err := kb.Open(name, kb.Options{Bias: .5, Noise: .1, Seed: uint64(i)})
				assert.NoError(t, err)
				assert.NotEqual(t, figures(a), figures(b))
				c, err := kb.Open(name, kb.Options{})
				assert.NoError(t, err)
				assert.Equal(t, name != pf, a == c, "an embedded set is read once, a folder as it is now: %s", name)
			}
		})
	}
	wg.Wait()
	for _, name := range kb.Sets() {
		assert.Equal(t, before[name], figures(open(t, name)))
	}
}

// figures prints what the set says of work and inputs.
func figures(s *kb.Set) string {
	var b strings.Builder
	for _, info := range s.Services() {
		fmt.Fprintln(&b, info)
		for _, class := range s.Classes() {
			for model := range info.Models {
				if m, ok := s.Model(info.Name, model, class); ok {
					fmt.Fprintln(&b, class, *m)
				}
			}
		}
	}
	return b.String()
}

func TestUnknownThingsAreToldOrZero(t *testing.T) {
	s := open(t, "tx2-rack")
	_, ok := s.Work("face_detection", 0, core.Target{Class: "rpi4"}, fullHD, 1)
	assert.False(t, ok, "no profile for the class")
	_, ok = s.Work("nothing", 0, core.Target{Class: "tx2-gpu"}, fullHD, 1)
	assert.False(t, ok)
	_, ok = s.Class("nothing")
	assert.False(t, ok)
	assert.Zero(t, s.Power(core.Target{Class: "nothing"}, core.NodeLoad{CPU: 1}))
	assert.Zero(t, s.OutputBytes("nothing", fullHD, core.Content{}))
	assert.Equal(t, core.Needs{}, s.Needs("nothing", 0, core.Target{}))
	assert.Equal(t, core.InputImage, s.Input("nothing"))
}

// Schedulers are told the batch law that the world has.
func TestBatchLaw(t *testing.T) {
	differ := map[float64]bool{}
	for _, name := range kb.Sets() {
		s := open(t, name)
		for _, info := range s.Services() {
			for _, class := range s.Classes() {
				c, _ := s.Class(class)
				for model := range info.Models {
					w, ok := s.Work(info.Name, model, core.Target{Class: class, Role: c.Role}, fullHD, 3)
					m, runs := s.Model(info.Name, model, class)
					require.Equal(t, runs, ok)
					if !ok {
						continue
					}
					differ[w.Marginal] = true
					assert.Equal(t, 1.0, w.Batch(1))
					for n := range 9 {
						assert.Equal(t, m.Batch(n), w.Batch(n))
					}
				}
			}
		}
	}
	assert.True(t, differ[1], "a cpu gains nothing")
	assert.Greater(t, len(differ), 1, "a gpu does")
	w := core.Work{Marginal: .25}
	assert.Equal(t, []float64{1, 1, 1.25, 2}, []float64{w.Batch(-1), w.Batch(1), w.Batch(2), w.Batch(5)})
}

func TestHotMethodsDoNotAllocate(t *testing.T) {
	s := open(t, "measured")
	q := detectionQuery()
	v := core.VideoConf{Resolution: fullHD, FPS: 10, Encoder: "h264", Quality: 25}
	c := core.Content{Known: true, Class: "ar", Objects: 3, Area: .01, Motion: 1}
	at, models := core.Target{Class: "nano"}, []int{1}
	sizer, judge := s.Sizer(v, c), s.Judge(q.Pipeline, v, models)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		s.Work("object_detection", 1, at, v.Resolution, 3)
		s.Encode(at, v)
		s.FrameBytes(v, c)
		s.FrameSize(v, c, 7, .3)
		sizer.Bytes(8, -.1)
		judge.Fresh(c)
		judge.Decay(c)
		s.OutputBytes("face_detection", v.Resolution, c)
		s.Accuracy(q, 30, v, models, c)
		s.Fresh(q.Pipeline, v, models, c)
		s.Decay(c)
		s.Needs("object_detection", 0, at)
		s.Power(at, core.NodeLoad{CPU: .5})
		m, _ := s.Model("object_detection", 0, "nano")
		m.Law(v.Resolution)
	}))
}

func BenchmarkPredictor(b *testing.B) {
	s := open(b, "measured")
	q := detectionQuery()
	v := core.VideoConf{Resolution: fullHD, FPS: 10, Encoder: "jpeg", Quality: 90}
	c := core.Content{Known: true, Class: "pedestrians", Objects: 3, Area: .01, Motion: 1}
	at, models := core.Target{Class: "nano"}, []int{1}
	sizer, judge := s.Sizer(v, c), s.Judge(q.Pipeline, v, models)
	m, _ := s.Model("object_detection", 0, "nano")
	sum := 0.0
	for name, f := range map[string]func() float64{
		"Work":     func() float64 { w, _ := s.Work("object_detection", 1, at, fullHD, 3); return float64(w.Mean) },
		"Law":      func() float64 { return m.Law(fullHD).A },
		"Accuracy": func() float64 { return s.Accuracy(q, 30, v, models, c) },
		"Fresh":    func() float64 { return s.Fresh(q.Pipeline, v, models, c) },
		"Judge":    func() float64 { return judge.Fresh(c) },
		"Sizer":    func() float64 { return sizer.Bytes(3, .1) },
		"Output":   func() float64 { return s.OutputBytes("face_detection", fullHD, c) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sum += f()
			}
		})
	}
	require.Positive(b, sum)
}
