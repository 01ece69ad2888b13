package result

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPairedByTheTextbook takes Student's own example: the additional hours of sleep
// that two drugs gave to ten patients (The probable error of a mean, Biometrika 6,
// 1908). The mean difference is 1.58, t = 4.0621, so that half the 95% interval is
// 1.58/4.0621 * t(.975, 9) = .8799; R prints .7001142 to 2.4598858 for
// t.test(extra ~ group, paired = TRUE).
func TestPairedByTheTextbook(t *testing.T) {
	a := []float64{1.9, .8, 1.1, .1, -.1, 4.4, 5.5, 1.6, 4.6, 3.4}
	b := []float64{.7, -1.6, -.2, -1.2, -.1, 3.4, 3.7, .8, 0, 2.0}
	d := Paired(a, b)
	assert.Equal(t, 10, d.N)
	assert.InDelta(t, 1.58, d.Mean, 1e-12)
	assert.InDelta(t, .8798858, *d.CI95, 1e-6)
	assert.True(t, d.Above())
	assert.False(t, Paired(b, a).Above())
	assert.Nil(t, Paired(nil, nil))
}

// TestPairingNarrows shows what common worlds are for: what moves both falls out of
// the difference.
func TestPairingNarrows(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const trials = 4000
	covered, narrower := 0, 0
	for range trials {
		a, b := make([]float64, 10), make([]float64, 10)
		for i := range a {
			world := r.NormFloat64()
			a[i], b[i] = world+.3+.1*r.NormFloat64(), world+.1*r.NormFloat64()
		}
		d := Paired(a, b)
		if d.Mean-*d.CI95 <= .3 && .3 <= d.Mean+*d.CI95 {
			covered++
		}
		if *d.CI95 < *NewStat(a).CI95 {
			narrower++
		}
	}
	assert.InDelta(t, .95, float64(covered)/trials, .0138) // four standard errors
	assert.Equal(t, trials, narrower)
}

func TestAboveAndPrecise(t *testing.T) {
	ci := func(x float64) *float64 { return &x }
	for _, c := range []struct {
		s              *Stat
		above, precise bool
	}{
		{nil, false, false},
		{&Stat{Mean: 1, N: 1}, false, false}, // no interval
		{&Stat{Mean: 1, CI95: ci(.05)}, true, true},
		{&Stat{Mean: 1, CI95: ci(.06)}, true, false},
		{&Stat{Mean: 1, CI95: ci(1)}, false, false},
		{&Stat{Mean: -1, CI95: ci(.05)}, false, true},
		{&Stat{Mean: .002, CI95: ci(.0005)}, true, true}, // the floor
		{&Stat{CI95: ci(0)}, false, true},
	} {
		assert.Equal(t, c.above, c.s.Above(), "%+v", c.s)
		assert.Equal(t, c.precise, c.s.Precise(.05, .0005), "%+v", c.s)
	}
}

func TestRanks(t *testing.T) {
	assert.Equal(t, []float64{3, 1, 2}, Ranks([]float64{.1, .9, .5}))
	assert.Equal(t, []float64{1.5, 4, 1.5, 3}, Ranks([]float64{1, 0, 1, .5}))
	assert.Equal(t, []float64{2, 2, 2}, Ranks([]float64{7, 7, 7}))
	assert.Empty(t, Ranks(nil))
}

func TestObservationsAreTheFiguresByKey(t *testing.T) {
	stat := reflect.TypeFor[*Stat]()
	assert.Equal(t, keys(reflect.TypeFor[Figures](), "", func(t reflect.Type) bool { return t == stat }), figureKeys())
	assert.Len(t, figureKeys(), len(new(Figures).slots()))

	p95, joint := .25, .75
	r := &Run{Scheduler: "x", Seed: 3}
	r.LatencyS.P95, r.SLOTime.Joint, r.PlanChanges = &p95, &joint, 12
	got := map[string]float64{}
	for _, o := range r.Observations() {
		_, twice := got[o.Metric]
		require.False(t, twice, o.Metric)
		got[o.Metric] = o.Value
	}
	assert.Equal(t, .25, got["latency_s.p95"])
	assert.Equal(t, .75, got["slo_time.joint"])
	assert.Equal(t, 12.0, got["plan_changes"])
	assert.NotContains(t, got, "latency_s.p50", "a null is no observation")

	of := map[string]float64{}
	s := Summarize([]*Run{r})
	s[0].Each(func(metric string, s *Stat) { of[metric] = s.Mean })
	assert.Equal(t, got, of)
}
