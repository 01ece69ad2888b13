package kb_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/kb"
)

// goodService is a whole profile; the table below spoils it line by line.
const goodService = `title = "x"
input = "image"
[output]
base = 10
source = "s"
[gpu]
load = { seconds = 1, source = "s" }
[[model]]
name = "m"
accuracy = 1
source = "s"
[[model.on]]
class = "nano"
device = "gpu"
source = "s"
noise = { cv = 0.1, phi = 0.2, source = "s" }
laws = [ { at = "360p", a = 0.1 }, { at = "1080p", a = 0.3, b = 0.01 } ]
[[model.on]]
class = "rpi4"
like = "nano"
times = 2
device = "cpu"
source = "s"
`

func writeSet(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

func TestOwnProfile(t *testing.T) {
	s := open(t, writeSet(t, map[string]string{
		"x.toml":       goodService,
		"y.toml":       "like = \"x\"\ninput = \"crops\"\n",
		"set.toml":     "title = \"mine\"\nbase = [\"tx2-rack\"]\ncontent = \"faces\"\n",
		"classes.toml": strings.ReplaceAll(goodClass, "CLASS", "mine"),
	}))
	assert.Equal(t, "mine", s.Title())
	var names []string
	for _, i := range s.Services() {
		names = append(names, i.Name)
	}
	assert.Equal(t, []string{"face_alignment", "face_detection", "x", "y"}, names)
	m, ok := s.Model("x", 0, "rpi4")
	require.True(t, ok)
	l := m.Law(fullHD)
	assert.InDelta(t, .6, l.A, 1e-12)
	assert.InDelta(t, .02, l.B, 1e-12)
	assert.Equal(t, core.Second, m.Load)
	assert.Equal(t, "cpu", m.Device.String())
	assert.Equal(t, core.InputCrops, s.Input("y"))
	mid := m.Law(core.Resolution{Width: 1123, Height: 1000})
	assert.InDelta(t, .4, mid.A, 1e-3, "half way in pixels")
	assert.InDelta(t, .01, mid.B, 1e-4)
	double := m.Law(core.Resolution{Width: 3840, Height: 1080})
	assert.InDelta(t, 1.2, double.A, 1e-12, "in proportion beyond the largest")
	half := m.Law(core.Resolution{Width: 240, Height: 360})
	assert.InDelta(t, .1, half.A, 1e-12, "in proportion below the smallest")
	assert.Equal(t, m.Law(core.Resolution{Width: 480, Height: 360}), m.Law(core.Resolution{}))
	c, ok := s.Class("mine")
	require.True(t, ok)
	assert.Equal(t, core.Capacity{Cores: 2, Memory: 1e9}, c.Capacity)
	assert.Equal(t, core.RoleCloud, c.Role)
	assert.InDelta(t, 5, c.Watts(core.NodeLoad{CPU: .5}), 1e-12)
}

const goodClass = `[CLASS]
role = "cloud"
capacity = { cores = 2, memory_mb = 1000, source = "s" }
power = { idle = 3, per_core = 2, source = "s" }
host = { call_overhead = 0.001, encode_factor = 1, source = "s" }
`

func TestBadProfilesNameFileAndKey(t *testing.T) {
	spoil := func(old, text string) string {
		require.Contains(t, goodService, old)
		return strings.Replace(goodService, old, text, 1)
	}
	for _, row := range []struct{ name, file, text, want string }{
		{"unknown key", "x.toml", goodService + "tyme = 3\n", "x.toml: model.on.tyme: is not known here"},
		{"syntax", "x.toml", "title = \n", "x.toml:1"},
		{"wrong type", "x.toml", spoil(`a = 0.1 }`, `a = "fast" }`), "x.toml"},
		{"empty file", "x.toml", " ", "is empty"},
		{"no source", "x.toml", spoil("device = \"gpu\"\nsource = \"s\"", "device = \"gpu\""), "model[0].on[0].source: is missing"},
		{"no model", "x.toml", "input = \"image\"\n[output]\nsource=\"s\"\n", "model: is missing"},
		{"negative", "x.toml", spoil("a = 0.1", "a = -0.1"), "model[0].on[0].laws[0].a: is -0.1"},
		{"infinite", "x.toml", spoil("a = 0.1", "a = inf"), "laws[0].a: must be a finite number"},
		{"nan", "x.toml", spoil("cv = 0.1", "cv = nan"), "noise.cv: must be a finite number"},
		{"falling", "x.toml", spoil("a = 0.3", "a = 0.05"), "laws: falls from one resolution"},
		{"resolution", "x.toml", spoil(`"360p"`, `"361"`), "laws[0].at: resolution"},
		{"twice", "x.toml", spoil(`"360p"`, `"1080p"`), "two rows for one number of pixels"},
		{"class", "x.toml", spoil(`class = "nano"`, `class = "nono"`), "there is no node class nono"},
		{"like", "x.toml", spoil(`like = "nano"`, `like = "tx2-gpu"`), "on[1].like: there is no earlier row"},
		{"device", "x.toml", spoil(`device = "gpu"`, `device = "tpu"`), "device: is tpu"},
		{"accuracy", "x.toml", spoil("accuracy = 1", "accuracy = 0.9"), "must be 1 for the best model"},
		{"input", "x.toml", spoil(`input = "image"`, `input = "pixels"`), "input: is pixels"},
		{"service", "x.toml", "like = \"z\"\n", "there is no service z"},
		{"itself", "x.toml", "like = \"x\"\n", "there is no service x"},
		{"base", "set.toml", "base = [\"nothing\"]\n", "there is no such set"},
		{"content", "set.toml", "content = \"nothing\"\n", "there is no content class nothing"},
		{"role", "classes.toml", strings.Replace(goodClass, "cloud", "fog", 1), "role: is \"fog\""},
		{"cores", "classes.toml", strings.Replace(goodClass, "cores = 2", "cores = 0", 1), "capacity.cores"},
		{"codec", "codecs.toml", "[avi]\n", "avi.noise.source"},
		{"class of content", "content.toml", "[x]\n", "x.stream"},
		{"table", "y.pf", "360p\tedge\t0.1\n", "both .toml and .pf"},
	} {
		t.Run(row.name, func(t *testing.T) {
			files := map[string]string{"x.toml": goodService}
			files[row.file] = row.text
			_, err := kb.Open(writeSet(t, files), kb.Options{})
			require.Error(t, err)
			assert.ErrorContains(t, err, row.want)
			var ke *kb.Error
			require.ErrorAs(t, err, &ke)
			assert.NotEmpty(t, ke.File)
		})
	}
}

func TestOpenRefusesWhatIsNoSet(t *testing.T) {
	_, err := kb.Open("nothing", kb.Options{})
	assert.ErrorContains(t, err, "original-corrected", "tells what there is")
	_, err = kb.Open(t.TempDir(), kb.Options{})
	assert.ErrorContains(t, err, "holds no profile")
	_, err = kb.Open(filepath.Join(writeSet(t, map[string]string{"a.toml": "x"}), "a.toml"), kb.Options{})
	assert.ErrorContains(t, err, "is a file")
	dir := t.TempDir()
	set := "base = ['" + dir + "']\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "set.toml"), []byte(set), 0o600))
	_, err = kb.Open(dir, kb.Options{})
	assert.ErrorContains(t, err, "circle")
	_, err = kb.Open(writeSet(t, map[string]string{"big.toml": strings.Repeat("#", 2<<20)}), kb.Options{})
	assert.ErrorContains(t, err, "larger than 1 MB")
}

func TestReadPFNamesTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"360p\tedge":                           ":1: want resolution, role and seconds",
		"\n361\tedge\t1":                       ":2: resolution",
		"360p\thost\t1":                        "role is \"host\"",
		"360p\tedge\t0":                        "seconds is \"0\"",
		"360p\tedge\tNaN":                      "seconds is \"NaN\"",
		"360p\tedge\t1\n480x360\tedge\t2":      "second row",
		"":                                     "is empty",
		strings.Repeat("360p edge 1 ", 200000): "larger",
	} {
		_, err := kb.ReadPF(strings.NewReader(text), "x.pf")
		assert.ErrorContains(t, err, want)
	}
}
