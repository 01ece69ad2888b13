package result

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// mserByDefinition is the textbook's double sum.
func mserByDefinition(values []float64) int {
	var x []float64
	for i := 0; i+5 <= len(values); i += 5 {
		x = append(x, (values[i]+values[i+1]+values[i+2]+values[i+3]+values[i+4])/5)
	}
	best, least := 0, math.Inf(1)
	for d := 0; 2*d <= len(x); d++ {
		mean, squares := 0.0, 0.0
		for _, v := range x[d:] {
			mean += v / float64(len(x)-d)
		}
		for _, v := range x[d:] {
			squares += (v - mean) * (v - mean)
		}
		if z := squares / float64(len(x)-d) / float64(len(x)-d); z < least {
			best, least = d, z
		}
	}
	return best * 5
}

func TestMSER5FollowsTheDefinition(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		v := make([]float64, 50+r.IntN(300))
		rise := float64(r.IntN(100)) + 1
		for i := range v {
			v[i] = 10 - 8*math.Exp(-float64(i)/rise) + r.NormFloat64()
		}
		want := mserByDefinition(v)
		cut, ok := MSER5(v)
		if n := len(v) / 5; want/5 == n/2 {
			assert.False(t, ok, "seed %d", seed)
			continue
		}
		assert.True(t, ok, "seed %d", seed)
		assert.Equal(t, want, cut, "seed %d", seed)
	}
}

func TestMSER5(t *testing.T) {
	step := func(n, at int) []float64 {
		v := make([]float64, n)
		for i := at; i < n; i++ {
			v[i] = .1 // adds up with rounding
		}
		return v
	}
	ramp := func(n int) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = float64(i)
		}
		return v
	}
	for _, c := range []struct {
		name   string
		values []float64
		cut    int
		ok     bool
	}{
		{"nothing to cut", step(100, 0), 0, true},
		{"constant but for rounding after the cut", step(1000, 150), 150, true},
		{"the cut of a step is the step", step(100, 20), 20, true},
		{"a batch that holds the step is cut too", step(100, 21), 25, true},
		{"still moves at the half", ramp(100), 0, false},
		{"too short", step(49, 10), 0, false},
		{"values beyond the last whole batch do not count", append(step(100, 20), 9, 9, 9, 9), 20, true},
		{"empty", nil, 0, false},
	} {
		cut, ok := MSER5(c.values)
		assert.Equal(t, c.cut, cut, c.name)
		assert.Equal(t, c.ok, ok, c.name)
	}
}

// TestMSER5RemovesTheBias starts an AR(1) process far from its mean: what is left
// after the cut has a mean much nearer to it.
func TestMSER5RemovesTheBias(t *testing.T) {
	const runs, n = 200, 500
	raw, cleaned := 0.0, 0.0
	for seed := range uint64(runs) {
		r := rand.New(rand.NewPCG(seed, 4))
		v, x := make([]float64, n), 20.0
		for i := range v {
			x = .9*x + r.NormFloat64()
			v[i] = x
		}
		cut, ok := MSER5(v)
		if !ok {
			cut = len(v) / 2
		}
		raw += NewStat(v).Mean / runs
		cleaned += NewStat(v[cut:]).Mean / runs
	}
	assert.InDelta(t, 20/(1-.9)/n, raw, .1, "the sum of 20 * .9^i over n")
	assert.Less(t, math.Abs(cleaned), raw/4)
}
