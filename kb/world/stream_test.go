package world

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// moments returns the mean, the variance, the skewness and the excess kurtosis.
func moments(x []float64) (mean, variance, skew, kurt float64) {
	n := float64(len(x))
	for _, v := range x {
		mean += v / n
	}
	for _, v := range x {
		d := v - mean
		variance += d * d / n
		skew += d * d * d / n
		kurt += d * d * d * d / n
	}
	return mean, variance, skew / math.Pow(variance, 1.5), kurt/(variance*variance) - 3
}

func TestKeysTellDrawsApart(t *testing.T) {
	root := Root(1, 0)
	seen := map[Key]bool{}
	for _, k := range []Key{
		root, Root(1, 1), Root(2, 0), root.Name("a"), root.Name("b"), root.Name(""), root.With(0), root.With(1),
		root.With(0).With(1), root.With(1).With(0), root.With(1 << 63), root.With(math.MaxUint64),
	} {
		assert.False(t, seen[k])
		seen[k] = true
	}
	assert.Equal(t, root.Name("a").With(3), Root(1, 0).Name("a").With(3))
	for q := range uint64(100) {
		for f := range uint64(1000) {
			k := root.Name("grid").With(q).With(f)
			require.False(t, seen[k])
			seen[k] = true
		}
	}
}

// TestDrawsAreDistributedAsTheySay takes neighbouring keys, the worst case for a
// hash, and accepts within 4 standard deviations of each estimate.
func TestDrawsAreDistributedAsTheySay(t *testing.T) {
	const n = 200_000
	family := Root(7, 0).Name("test")
	stream := family.Stream()
	sd := func(v float64) float64 { return 4 * math.Sqrt(v/n) }
	for name, f := range map[string]func(i uint64) float64{
		"keyed":  func(i uint64) float64 { return family.With(i).Normal() },
		"stream": func(uint64) float64 { return stream.Normal() },
	} {
		x := make([]float64, n)
		beyond := map[float64]float64{1: 0, 2: 0, 3: 0, zigTail: 0}
		for i := range x {
			x[i] = f(uint64(i))
			for b := range beyond {
				if math.Abs(x[i]) > b {
					beyond[b]++
				}
			}
		}
		mean, variance, skew, kurt := moments(x)
		assert.InDelta(t, 0, mean, sd(1), name)
		assert.InDelta(t, 1, variance, sd(2), name)
		assert.InDelta(t, 0, skew, sd(6), name)
		assert.InDelta(t, 0, kurt, sd(24), name)
		for b, c := range beyond {
			p := math.Erfc(b / math.Sqrt2)
			assert.InDelta(t, p, c/n, sd(p*(1-p)), "%s: beyond %v", name, b)
		}
	}
	for name, f := range map[string]func(i uint64) float64{
		"keyed":  func(i uint64) float64 { return family.With(i).Exp() },
		"stream": func(uint64) float64 { return stream.Exp() },
	} {
		x := make([]float64, n)
		for i := range x {
			x[i] = f(uint64(i))
			require.GreaterOrEqual(t, x[i], 0.0)
		}
		mean, variance, _, _ := moments(x)
		assert.InDelta(t, 1, mean, sd(1), name)
		assert.InDelta(t, 1, variance, sd(8), name)
	}
	u, product := 0.0, 0.0
	for i := range uint64(n) {
		a, b := family.With(i).Uniform(), family.With(i+1).Uniform()
		u += a / n
		product += (a - .5) * (b - .5) / n
	}
	assert.InDelta(t, .5, u, sd(1.0/12))
	assert.InDelta(t, 0, product, sd(1.0/144), "neighbours are independent")
}

func TestNoiseIsCorrelatedAsItSays(t *testing.T) {
	const n = 200_000
	for _, phi := range []float64{0, .2, .4, .8} {
		noise := NewNoise(WorkKey(Root(3, 0), "q", 0), phi)
		z := make([]float64, n)
		for i := range z {
			z[i] = noise.At(int64(i), 0)
		}
		want := 1 - math.Pow(phi, 16)
		mean, variance, _, _ := moments(z)
		slack := 4 * math.Sqrt((1+phi)/(1-phi)/n)
		assert.InDelta(t, 0, mean, slack, "phi %v", phi)
		assert.InDelta(t, want, variance, 2*slack, "phi %v", phi)
		for lag := 1; lag <= 9; lag++ {
			c := 0.0
			for i := lag; i < n; i++ {
				c += z[i] * z[i-lag] / float64(n-lag)
			}
			r := 0.0
			if lag < 8 {
				r = math.Pow(phi, float64(lag)) * (1 - math.Pow(phi, float64(16-2*lag))) / want
			}
			assert.InDelta(t, r, c/variance, 2*slack, "phi %v lag %d", phi, lag)
		}
	}
}

func TestNoiseIsARandomAccessDraw(t *testing.T) {
	key := WorkKey(Root(3, 0), "q", 0)
	straight := NewNoise(key, .3)
	var want []float64
	for k := range int64(200) {
		want = append(want, straight.At(k, 0))
	}
	jumping := NewNoise(key, .3)
	for k := int64(199); k >= 0; k -= 3 {
		jumping.At(k*7%200, 0)
		assert.Equal(t, want[k], jumping.At(k, 0), "whatever was asked for before")
	}
	fresh := NewNoise(key, .3)
	assert.Equal(t, want[0], fresh.At(0, 0), "frames before the first have innovations too")
	assert.NotZero(t, fresh.e[7])

	assert.NotEqual(t, want[5], fresh.At(5, 1))
	assert.NotEqual(t, fresh.At(5, 2), fresh.At(5, 1))
	assert.Equal(t, fresh.At(5, 1), straight.At(5, 1))
	for _, other := range []Key{WorkKey(Root(4, 0), "q", 0), WorkKey(Root(3, 1), "q", 0), WorkKey(Root(3, 0), "r", 0), WorkKey(Root(3, 0), "q", 1)} {
		n := NewNoise(other, .3)
		assert.NotEqual(t, want[5], n.At(5, 0))
	}
}

func TestWorkTime(t *testing.T) {
	assert.Equal(t, 100*core.Millisecond, WorkTime(.1, .2, 0))
	assert.Equal(t, 120*core.Millisecond, WorkTime(.1, .2, 1))
	assert.Equal(t, 10*core.Millisecond, WorkTime(.1, .5, -3), "never below a tenth of the mean")
}

func TestDrawsDoNotAllocate(t *testing.T) {
	noise := NewNoise(WorkKey(Root(3, 0), "q", 0), .3)
	k := int64(0)
	sum := 0.0
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		k++
		s := Root(1, 2).Name("arrivals").With(uint64(k)).Stream()
		sum += noise.At(k, 0) + noise.At(k, 1) + s.Exp() + s.Normal()
	}))
}

func BenchmarkNoise(b *testing.B) {
	for name, step := range map[string]int64{"every frame": 1, "every sixth": 6, "far apart": 100} {
		b.Run(name, func(b *testing.B) {
			noise := NewNoise(WorkKey(Root(3, 0), "q", 0), .3)
			b.ReportAllocs()
			k, sum := int64(0), 0.0
			for b.Loop() {
				k += step
				sum += noise.At(k, 0)
			}
			require.NotZero(b, sum)
		})
	}
}
