package scenarios

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/kb"
)

// lteTrace makes traces/lte.csv: ten minutes of an LTE uplink of a vehicle, one value
// a second. The published logs that it is like (the city bus and the elevated train of the
// NYU-METS data set, Mei et al., PAM 2019) have per second a standard deviation of the
// logarithm of about 1.0, a correlation of logarithms of .5 to .8 after 1 s, .2 to .5 after
// 10 s and .1 to .25 after 30 s, and hardly any rate in .5 to 1% of the seconds. Here: a slow and a fast part of
// the logarithm, and outages of 2 s in the mean. The spread is that of a modem with a roof
// antenna, .8; the median is meant to be 10 Mbit/s (8 in what the seed gives).
func lteTrace() []byte {
	const (
		seconds = 600
		median  = 10.0 // Mbit/s
		slowSD  = .7
		fastSD  = .4
		phi     = .96 // of the slow part, per second
		begin   = 1. / 300
		end     = 1. / 2
		floor   = .05 // Mbit/s in an outage
	)
	r := rand.New(rand.NewPCG(4, 1))
	var b bytes.Buffer
	fmt.Fprintf(&b, "# vidq network: length_s=%d\nt_s,rate_bps\n", seconds)
	slow, out := r.NormFloat64()*slowSD, false
	for i := range seconds {
		slow = phi*slow + math.Sqrt(1-phi*phi)*slowSD*r.NormFloat64()
		rate := median * math.Exp(slow+fastSD*r.NormFloat64())
		if p := r.Float64(); out {
			out = p >= end
		} else {
			out = p < begin
		}
		if out {
			rate = floor
		}
		fmt.Fprintf(&b, "%d,%.0f\n", i, 1e6*min(rate, 75)) // category 4, the common modem: 50 Mbit/s up, some have 75
	}
	return b.Bytes()
}

// TestTraces compares the shipped trace with its generator and with the statistics
// that it is to have.
func TestTraces(t *testing.T) {
	if *update {
		require.NoError(t, os.WriteFile("traces/lte.csv", lteTrace(), 0o644))
	}
	have, err := os.ReadFile("traces/lte.csv")
	require.NoError(t, err)
	assert.Equal(t, string(lteTrace()), string(have), "go test ./scenarios -update writes it again")
	assert.Contains(t, Traces(), "lte")

	r, err := kb.ReadRate(have, "lte.csv")
	require.NoError(t, err)
	assert.Equal(t, 600*core.Second, r.Length())
	var x, logs []float64
	for i := range 600 {
		rate, until := r.At(core.Time(i) * core.Second)
		assert.Equal(t, core.Time(i+1)*core.Second, until)
		x = append(x, rate*8/1e6)
		logs = append(logs, math.Log(rate*8/1e6))
	}
	mean, sd := moments(logs)
	correlation := func(k int) (c float64) {
		for i := range len(logs) - k {
			c += (logs[i] - mean) * (logs[i+k] - mean) / float64(len(logs)-k) / (sd * sd)
		}
		return c
	}
	assert.InDelta(t, .85, sd, .25)
	assert.InDelta(t, .6, correlation(1), .2)
	assert.InDelta(t, .35, correlation(10), .2)
	slices.Sort(x)
	assert.InDelta(t, 10, x[300], 3, "median")
	assert.Less(t, x[2], .1, "there are outages")
	assert.Greater(t, x[12], .5, "of at most 2% of the time")
}

func moments(x []float64) (mean, sd float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		sd += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, math.Sqrt(sd)
}
