package core

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// small adds n calls of a given mean size from an instant on, one each 50 ms; every third is a tenth of that.
func (w *linkWorld) small(r *rand.Rand, from Time, n int, size, spread float64) {
	for i := range n {
		bytes := size * (1 + float64(spread*(2*r.Float64()-1)))
		if i%3 == 2 {
			bytes /= 10
		}
		w.add(from+Time(i)*50*Millisecond, bytes, 300, 5*Millisecond)
	}
}

func TestSmallTransfersTellTheRate(t *testing.T) {
	for _, rate := range []float64{1e6, 2.5e6, 1e7} {
		w := &linkWorld{rate: rate, delay: 10 * Millisecond, overhead: 2 * Millisecond, back: true}
		w.small(rand.New(rand.NewPCG(1, 2)), 0, 170, 12_000, .2)
		w.run(9 * Second)
		e := w.meter.estimate(9 * Second)
		t.Logf("%+v", e)
		require.Positive(t, e.Samples)
		assert.InEpsilon(t, rate, e.Rate, .1)
		assert.Less(t, e.Age, 2*Second)
		e = w.meter.estimate(19 * Second)
		assert.Zero(t, e.Samples, "too old")
		assert.Zero(t, e.Rate)
		assert.Zero(t, e.Least)
	}
}

// A link that is cut makes a query retreat to small frames. When it is back the estimate follows.
func TestEstimateFollowsALinkThatIsBack(t *testing.T) {
	const cut, full = 250e3, 2.5e6
	w := &linkWorld{delay: 10 * Millisecond, overhead: 2 * Millisecond, back: true, rateAt: func(now Time) float64 {
		if now < 10*Second {
			return cut
		}
		return full
	}}
	r := rand.New(rand.NewPCG(3, 4))
	w.add(0, 80_000, 300, 0)
	w.small(r, Second, 360, 10_000, .2)
	var before LinkEstimate
	followed := Never
	w.see = func(now Time) {
		switch e := w.meter.estimate(now); {
		case now < 10*Second:
			before = e
		case e.Samples > 0 && e.Rate > .8*full:
			followed = min(followed, now)
			assert.InEpsilon(t, full, e.Rate, .2)
		}
	}
	w.run(18 * Second)
	t.Logf("%+v, known again at %v", before, followed)
	require.Positive(t, before.Samples)
	assert.InEpsilon(t, cut, before.Rate, .2)
	assert.LessOrEqual(t, followed, 15*Second)
}

// Whatever the jitter, the sizes and the changes of the rate: once a second the estimate from
// the line is unknown or within 20% of a rate of its window; and what is said
// to be the least is less than the highest rate.
func TestSmallTransfersAreUnknownOrRight(t *testing.T) {
	told, wrong, seen := 0, 0, 0
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 5))
		a, b := 3e5*(1+30*r.Float64()*r.Float64()), 3e5*(1+30*r.Float64()*r.Float64())
		change := Time(r.IntN(int(12 * Second)))
		jitter := Time(r.IntN(int(8*Millisecond)) + 1)
		w := &linkWorld{delay: Time(r.IntN(int(30 * Millisecond))), overhead: Time(r.IntN(int(5 * Millisecond))), back: true}
		w.rateAt = func(now Time) float64 {
			if now < change {
				return a
			}
			return b
		}
		w.jitter = func() Time { return Time(r.IntN(int(jitter))) }
		w.small(r, 0, 120, 500+15_000*r.Float64(), .4*r.Float64())
		w.small(r, 6*Second, 120, 500+15_000*r.Float64(), .4*r.Float64())
		w.see = func(now Time) {
			e := w.meter.estimate(now)
			seen++
			require.LessOrEqual(t, e.Least, max(a, b))
			if _, n := w.meter.line.rate(); n == 0 {
				return
			}
			told++
			right := func(rate float64) bool { return e.Rate > .8*rate && e.Rate < 1.2*rate }
			if !right(a) && !right(b) || now < change && !right(a) || now > change+linkWindow && !right(b) {
				wrong++
			}
		}
		w.run(13 * Second)
	}
	t.Logf("told %d of %d times, wrong %d times", told, seen, wrong)
	assert.Greater(t, told, seen/5)
	assert.Zero(t, wrong)
}

// A change of plan, a jump of the latency or a lone outlier is no rate.
func TestSmallTransfersAreNotGuessedFrom(t *testing.T) {
	for name, point := range map[string]func(i int) (took Time, bytes float64){
		"equal":            func(int) (Time, float64) { return 16 * Millisecond, 10_000 },
		"one jump":         func(i int) (Time, float64) { return Time(16+i/30*12) * Millisecond, float64(10_000 * (1 + i/30)) },
		"faster if larger": func(i int) (Time, float64) { return Time(30-i%2*10) * Millisecond, float64(5000 + i%2*5000) },
		"scattered":        func(i int) (Time, float64) { return Time(20+i*7%13) * Millisecond, float64(5000 + i%5*500) },
		"few": func(i int) (Time, float64) {
			return Time(14+i%2*2*(1-min(i/6, 1))) * Millisecond, float64(5000 * (1 + i%2*(1-min(i/6, 1))))
		},
	} {
		var s linkLine
		for i := range 60 {
			took, bytes := point(i)
			s.add(Time(i)*50*Millisecond, took, bytes)
		}
		rate, _ := s.rate()
		assert.Zero(t, rate, name)
		assert.Positive(t, s.least(), name)
	}
	var s linkLine
	rate, n := s.rate()
	assert.Zero(t, rate)
	assert.Zero(t, n)
	assert.Zero(t, s.least())
}

func TestLineIsBounded(t *testing.T) {
	var s linkLine
	for i := range Time(10_000) {
		s.add(i*Millisecond, (10+i%7)*Millisecond, float64(1000+i%7*2000))
	}
	assert.LessOrEqual(t, len(s.points), linePoints)
	rate, n := s.rate()
	assert.InEpsilon(t, 2e6, rate, 1e-9)
	assert.Equal(t, len(s.points), n)
	assert.Zero(t, testing.AllocsPerRun(10, func() { s.add(10*Second, Millisecond, 1); s.rate(); s.least() }))
}
