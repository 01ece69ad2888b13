package kb_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/kb"
)

func rate(t testing.TB, text string) *kb.Rate {
	t.Helper()
	r, err := kb.ReadRate([]byte(text), "trace")
	require.NoError(t, err)
	return r
}

func TestConstantRate(t *testing.T) {
	r := kb.Constant(125)
	bps, until := r.At(core.Hour)
	assert.Equal(t, 125.0, bps)
	assert.Equal(t, core.Never, until)
	assert.Equal(t, 125.0, r.Mean())
	assert.Zero(t, r.Length())
}

func TestRateIsPiecewiseConstantAndLoops(t *testing.T) {
	r := rate(t, "# vidq network: length_s=4\nt_s,rate_bps\n10,8\n11,0\n13.5,80\n")
	assert.Equal(t, 4*core.Second, r.Length())
	assert.InDelta(t, (1*1+2.5*0+.5*10)/4, r.Mean(), 1e-12)
	const ms = core.Millisecond
	for _, row := range []struct {
		at    core.Time
		bps   float64
		until core.Time
	}{
		{-5, 1, 1000 * ms},
		{0, 1, 1000 * ms},
		{1000*ms - 1, 1, 1000 * ms},
		{1000 * ms, 0, 3500 * ms},
		{3499 * ms, 0, 3500 * ms},
		{3500 * ms, 10, 4000 * ms},
		{4000 * ms, 1, 5000 * ms},
		{400_000*ms + 1200*ms, 0, 403_500 * ms},
	} {
		bps, until := r.At(row.at)
		assert.Equal(t, row.bps, bps, "at %v", row.at)
		assert.Equal(t, row.until, until, "at %v", row.at)
	}
	_, until := r.At(core.Never - 1)
	assert.Equal(t, core.Never, until, "saturates")
	assert.Zero(t, testing.AllocsPerRun(100, func() { r.At(399 * core.Second) }))
}

// TestRateFindsItsPiece walks through uneven pieces from change to change.
func TestRateFindsItsPiece(t *testing.T) {
	var text strings.Builder
	text.WriteString("t_s,rate_bps\n")
	at := []string{"0", "0.001", "0.0015", "10", "10.25", "99", "99.000002"}
	for i, x := range at {
		text.WriteString(x + "," + string(rune('1'+i)) + "\n")
	}
	r := rate(t, text.String())
	now := core.Time(0)
	for lap := range 3 {
		for i := range at {
			bps, until := r.At(now)
			require.Equal(t, float64(i+1)/8, bps, "lap %d piece %d", lap, i)
			mid, u := r.At(now + (until-now)/2)
			require.Equal(t, bps, mid)
			require.Equal(t, until, u)
			require.Greater(t, until, now)
			now = until
		}
		require.Equal(t, r.Length()*core.Time(lap+1), now)
	}
}

func TestNetworkForms(t *testing.T) {
	for _, row := range []struct {
		name, text string
		length     core.Time
		mbps       []float64 // at the middle of each second
	}{
		{"norway", "0.0\t2.5\n1.0\t0\n2.0\t4\n", 3 * core.Second, []float64{2.5, 0, 4, 2.5}},
		{"fcc", "10.0 0.8\n15.0 0.4\n", 10 * core.Second, []float64{.8, .8, .8, .8, .8, .4}},
		{"nyu", "1.06,Mbits/sec\n500,Kbits/sec\n0.00,bits/sec\n", 3 * core.Second, []float64{1.06, .5, 0, 1.06}},
		{"starlink", "timestamp_start_dl,download,timestamp_start_ul,upload\n" +
			"2024-04-19 16:23:00.000,17,2024-04-19 16:23:00.1,5\n" +
			"2024-04-19 16:23:01.000,18,2024-04-19 16:23:01.1,6\n" +
			"2024-04-19 16:23:01.000,18,2024-04-19 16:23:01.1,6\n" +
			"2024-04-19 16:24:02.000,19,2024-04-19 16:24:02.1,7\n", 11 * core.Second, []float64{17, 18, 18, 18, 18, 18, 19}},
		{"lumos", "downstream_bandwidth,bitrate,chunk_size,app_throughput,delivery_time\n" +
			"50M,300,15,364,.04\n50M,300,615,2000,.3\n50M,300,590,4000,.15\n50M,300,610,8000,.08\n", 6 * core.Second, []float64{2, 2, 4, 4, 8, 8}},
		{"own", "t_s,rate_bps\n0,1e6\n1,2e6\n", 2 * core.Second, []float64{1, 2, 1}},
	} {
		t.Run(row.name, func(t *testing.T) {
			check := func(r *kb.Rate) {
				assert.Equal(t, row.length, r.Length())
				for i, want := range row.mbps {
					bps, _ := r.At(core.Time(i)*core.Second + core.Second/2)
					assert.InDelta(t, want, bps*8/1e6, 1e-9, "second %d", i)
				}
			}
			check(rate(t, row.text))
			var out bytes.Buffer
			require.NoError(t, kb.ImportNetwork(&out, strings.NewReader(row.text), "log", ""))
			check(rate(t, out.String()))
			p := writeTemp(t, "trace.csv", row.text)
			r, err := kb.OpenRate(p)
			require.NoError(t, err)
			check(r)
		})
	}
}

func TestUpload(t *testing.T) {
	text := "timestamp_start_dl,download,timestamp_start_ul,upload\n2024-04-19 16:23:00.0,17,2024-04-19 16:23:00.1,5\n"
	r, err := kb.OpenRate(writeTemp(t, "s.csv", text) + "#up")
	require.NoError(t, err)
	assert.InDelta(t, 5e6/8, r.Mean(), 1e-6)
	var out bytes.Buffer
	require.NoError(t, kb.ImportNetwork(&out, strings.NewReader(text), "s.csv", "starlink-up"))
	assert.Equal(t, "# vidq network: length_s=1\nt_s,rate_bps\n0.000000,5000000\n", out.String())
	assert.ErrorContains(t, kb.ImportNetwork(&out, strings.NewReader(text), "s.csv", "moon"), `there is no form "moon"`)
	for _, f := range kb.NetworkForms() {
		assert.NotEmpty(t, f[1], f[0])
	}
}

func TestBadNetworkTracesNameTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "is empty",
		"hello world out there\n":       ":1: looks like none of the forms",
		"# vidq\n\nis a testbed\n":      ":1: looks like none of the forms",
		"repository: here\n":            ":1: looks like none of the forms",
		"0 1\n1 x\n":                    `:2: rate "x" is not a number`,
		"0 1\nx 1\n":                    `:2: time "x" is not a number`,
		"0 1\n1 -2\n":                   ":2: rate is negative",
		"0 1\n0 2\n":                    ":2: the time does not rise",
		"0 1\n1e-9 2\n":                 ":2: the time does not rise",
		"0 1\n1 2 3\n":                  ":2: want seconds and Mbit/s",
		"0 0\n1 0\n":                    "every rate is 0",
		"0 1\n1 1e300\n":                ":2: rate is out of range",
		"0 1\n1 Inf\n":                  ":2: rate",
		"1,Mbits/sec\n1,furlongs\n":     ":2: want a rate and its unit",
		"t_s,rate_bps\n":                "has no rows",
		"t_s,rate_bps\n0\n":             ":2: has too few fields",
		"t_s,rate_bps,x\n0,1,2\n1,,2\n": ":3: rate",
		"# vidq network: length_s=0\n":  ":1: \"length_s=0\"",
		"# vidq network: length_s=1\nt_s,rate_bps\n0,1\n2,2\n": "its length is out of range",
		"timestamp_start_dl,download\nx,1\n":                   ":2: \"x\" is not a time",
		"app_throughput,bitrate\n1,2\n":                        "has no column chunk_size",
		"app_throughput,bitrate,chunk_size\n1,0,9\n":           ":2: bitrate",
	} {
		_, err := kb.OpenRate(writeTemp(t, "trace", text))
		assert.ErrorContains(t, err, want, "%q", text)
		assert.Error(t, kb.ImportNetwork(&bytes.Buffer{}, strings.NewReader(text), "log", ""), "%q", text)
	}
	_, err := kb.OpenRate(filepath.Join(t.TempDir(), "missing"))
	assert.ErrorContains(t, err, "no such file")
	_, err = kb.OpenRate(t.TempDir())
	assert.ErrorContains(t, err, "is a folder")
	big := writeTemp(t, "big", "")
	require.NoError(t, os.Truncate(big, 100<<20))
	_, err = kb.OpenRate(big)
	assert.ErrorContains(t, err, "larger than 64 MB")
}

// TestRealNetworkLogs opens every log as it is, and its import gives the same.
func TestRealNetworkLogs(t *testing.T) {
	dir, ok := data(t, "network")
	if !ok {
		return
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	require.NoError(t, err)
	n := 0
	for _, f := range files {
		if base := filepath.Base(f); base == "SOURCE.txt" || base == "README.md" {
			continue
		}
		n++
		r, err := kb.OpenRate(f)
		require.NoError(t, err)
		assert.Greater(t, r.Mean(), 1e4, f)
		assert.Greater(t, r.Length(), 100*core.Second, f)
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		var out bytes.Buffer
		require.NoError(t, kb.ImportNetwork(&out, bytes.NewReader(b), f, ""))
		imported := rate(t, out.String())
		assert.InEpsilon(t, r.Mean(), imported.Mean(), 1e-5, f)
		assert.InDelta(t, r.Length().Seconds(), imported.Length().Seconds(), 1e-6, f)
	}
	assert.Greater(t, n, 30)
}

func BenchmarkRate(b *testing.B) {
	var text strings.Builder
	text.WriteString("t_s,rate_bps\n")
	for i := range 5000 {
		text.WriteString(itoa(i) + ",1e6\n")
	}
	r := rate(b, text.String())
	b.ReportAllocs()
	t, sum := core.Time(0), 0.0
	for b.Loop() {
		bps, until := r.At(t)
		sum += bps
		t = until
	}
	require.Positive(b, sum)
}
