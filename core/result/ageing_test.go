package result

import (
	"math"
	"math/rand/v2"
	"testing"

	"vidq/core"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGeometricIsTheSum(t *testing.T) {
	for _, x := range []float64{0, 5e-324, 1e-300, 1e-13, 1e-12, 1e-9, 1e-5, .001, .1, 1, 10, 1000} {
		for _, n := range []int64{1, 2, 3, 30, 1000} {
			want := 0.0
			for j := range n {
				want += math.Exp(-x * float64(j))
			}
			assert.InEpsilon(t, want, geometric(x, math.Exp(-x), n), 1e-9, "x %v n %d", x, n)
		}
	}
}

func TestClockCountsFramesInAnInterval(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		phase := core.Time(r.Int64N(int64(core.Second)))
		fps := []float64{30, 29.97, 1, 25, .3, 1000, 1e6}[r.IntN(7)]
		k := r.Int64N(1 << r.IntN(30))
		at := FrameTime(k, phase, fps)
		require.Equal(t, k, FrameIndex(at, phase, fps), "frame at %d is at or after its own time", k)
		require.Equal(t, k+1, FrameIndex(at+1, phase, fps))
		if k > 0 {
			require.Equal(t, k, FrameIndex(at-1, phase, fps))
		}
	}
	assert.Zero(t, FrameIndex(0, 5, 30))
	assert.Positive(t, FrameIndex(core.Never, 0, 30))
}

func TestAged(t *testing.T) {
	assert.Equal(t, .8, aged(.8, 3, 0))
	assert.Equal(t, .8, aged(.8, 0, core.Second))
	assert.InDelta(t, .8*math.Exp(-.5), aged(.8, .5, core.Second), 1e-15)
	assert.Zero(t, aged(.8, .5, core.Second+1))
}

func TestSpreadKeepsWeightAndMean(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 500 {
		var s shares
		v, x, n := r.Float64(), r.Float64()*.2, 1+r.Int64N(40)
		s.spread(v, math.Exp(-x), n)
		require.Equal(t, n, s.n)
		sum, exact := 0.0, v*geometric(x, math.Exp(-x), n)
		for i, c := range s.count {
			sum += float64(i) / 1000 * float64(c)
		}
		require.InDelta(t, exact/float64(n), sum/float64(n), .012)
	}
}
