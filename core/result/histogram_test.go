package result

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"vidq/core"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nearestRank is the definition that Histogram approximates.
func nearestRank(sorted []core.Time, p float64) core.Time {
	return sorted[max(int(math.Ceil(p*float64(len(sorted))-1e-9)), 1)-1]
}

func TestHistogramQuantilesAreWithinATenthOfAPercent(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		var h Histogram
		n := 1 + r.IntN(400)
		values := make([]core.Time, n)
		var sum float64
		spread := r.Float64() * 40 // from all alike to everything an int64 holds
		for i := range values {
			values[i] = core.Time(math.Exp(r.Float64()*spread + r.Float64()*3))
			h.Add(values[i])
			sum += values[i].Seconds()
		}
		slices.Sort(values)
		for _, p := range []float64{0, .01, .05, .5, .9, .95, .99, 1} {
			want, got := nearestRank(values, p), h.Quantile(p)
			require.InEpsilonf(t, float64(want)+1, float64(got)+1, .001, "round %d p %v: want %d got %d", round, p, want, got)
		}
		require.Equal(t, values[n-1], h.Max())
		require.EqualValues(t, n, h.Count())
		require.InEpsilon(t, sum/float64(n)+1e-9, h.Mean()+1e-9, 1e-9)
	}
}

func TestHistogramBucketsFollowOneAnother(t *testing.T) {
	last := -1
	for _, v := range []core.Time{0, 1, 511, 512, 513, 1023, 1024, 1025, 1026, 2047, 2048, 1 << 40, 1<<63 - 1} {
		i := bucket(v)
		assert.GreaterOrEqual(t, i, last)
		last = i
		m := middle(i)
		assert.Equal(t, i, bucket(m), "the middle of %d's bucket lies in it", v)
		assert.LessOrEqual(t, math.Abs(float64(m-v)), float64(v)/1000)
	}
	for i := range 4 * octaveSize {
		assert.Equal(t, i, bucket(middle(i)))
	}
	assert.Less(t, last>>octaveBits, octaves)
}

func TestHistogramEdges(t *testing.T) {
	var h Histogram
	assert.Zero(t, h.Quantile(.5))
	assert.True(t, math.IsNaN(h.Mean()))
	h.Add(-5)
	assert.Zero(t, h.Quantile(1))
	h.Add(core.Never)
	assert.InEpsilon(t, float64(core.Never), float64(h.Quantile(1)), .001)
	assert.Equal(t, core.Never, h.Max())
}

func TestHistogramMergeIsCountingTogether(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var all, a, b Histogram
	for i := range 5000 {
		v := core.Time(r.ExpFloat64() * 1e8)
		all.Add(v)
		if i%3 == 0 {
			a.Add(v)
		} else {
			b.Add(v)
		}
	}
	a.Merge(&b)
	for p := 0.0; p <= 1; p += .01 {
		assert.Equal(t, all.Quantile(p), a.Quantile(p))
	}
	assert.Equal(t, all.Count(), a.Count())
	assert.InEpsilon(t, all.Mean(), a.Mean(), 1e-12)
}

func TestHistogramCarries(t *testing.T) {
	var h, sum Histogram
	for range 200_000 {
		h.Add(5)
	}
	h.Add(7)
	for range 3 {
		sum.Merge(&h)
	}
	assert.EqualValues(t, 600_003, sum.Count())
	assert.EqualValues(t, 5, sum.Quantile(600_000./600_003))
	assert.EqualValues(t, 7, sum.Quantile(600_001./600_003))
}

func TestRank(t *testing.T) {
	for _, c := range []struct {
		p    float64
		n    uint64
		want uint64
	}{{.95, 20, 19}, {.5, 1, 1}, {0, 7, 1}, {1, 7, 7}, {.05, 20, 1}, {.05, 21, 2}, {.99, 100, 99}, {.99, 101, 100}} {
		assert.Equal(t, c.want, rank(c.p, c.n), "%v of %d", c.p, c.n)
	}
}

func TestSharesQuantile(t *testing.T) {
	var s shares
	s.add(.9, 90)
	s.add(.2, 6)
	s.add(0, 4)
	assert.Equal(t, .2, s.quantile(.05, 0))
	assert.Equal(t, 0.0, s.quantile(.04, 0))
	assert.Equal(t, .9, s.quantile(.5, 0))
	var o shares
	o.add(2, 100) // clamped
	s.merge(&o)
	assert.Equal(t, 1.0, s.quantile(.75, 0))
}
