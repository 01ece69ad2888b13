package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vidq/core/coretest"
	"vidq/core/result"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDocumentIsRepeatable runs commands twice and with different numbers of workers:
// the documents agree in every byte but those of wall, and frames are conserved.
func TestDocumentIsRepeatable(t *testing.T) {
	seeds := 1 + coretest.Cases(9)
	for name, args := range map[string][]string{
		"face": {
			"scenarios/face.toml", "--scheduler", "static[plan=golden],latfirst[mode=peer],latfirst",
			"--seeds", strconv.Itoa(seeds), "--json", "-",
		},
		"campus": {"campus", "--scheduler", "random,latfirst", "--seeds", "2", "--until", fmt.Sprint(coretest.Cases(120), "s"), "--json", "-"},
		"city":   {"city", "--set", "warmup=1s", "--seeds", "2", "--until", "3s", "--json", "-"},
	} {
		t.Run(name, func(t *testing.T) {
			first := succeed(t, args...)
			want := withoutWall(t, first)
			for _, workers := range []string{"1", "5"} {
				got := withoutWall(t, succeed(t, append(args, "--workers", workers)...))
				require.True(t, want == got, "with %s workers", workers) // a difference would be megabytes
			}
			var d result.Document
			require.NoError(t, json.Unmarshal([]byte(first), &d))
			require.NotEmpty(t, d.Runs)
			for _, r := range d.Runs {
				conserved(t, &r.Frames)
				for i := range r.Queries {
					conserved(t, &r.Queries[i].Frames)
				}
			}
			if name == "face" {
				fixedBeatsPeer(t, &d, seeds)
			}
		})
	}
}

// withoutWall cuts a document's text off before its last key.
func withoutWall(t *testing.T, text string) string {
	t.Helper()
	require.True(t, json.Valid([]byte(text)))
	repeats, _, found := strings.Cut(text, ",\n  \"wall\": {")
	require.True(t, found)
	return repeats
}

func conserved(t *testing.T, f *result.Frames[int64]) {
	t.Helper()
	assert.Positive(t, f.Captured)
	assert.GreaterOrEqual(t, f.Captured, f.Due)
	assert.Equal(t, f.Due, f.Done+f.Dropped+f.Failed+f.InFlight)
}

// fixedBeatsPeer holds that on each world latfirst serves face better than the original
// that it is the correction of.
func fixedBeatsPeer(t *testing.T, d *result.Document, seeds int) {
	t.Helper()
	joint := map[string]map[uint64]float64{}
	for _, r := range d.Runs {
		if joint[r.Scheduler] == nil {
			joint[r.Scheduler] = map[uint64]float64{}
		}
		joint[r.Scheduler][r.Seed] = *r.SLOTime.Joint
	}
	peer, fixed := joint["latfirst[mode=peer]"], joint["latfirst[mode=fixed]"]
	require.Len(t, peer, seeds)
	require.Len(t, fixed, seeds)
	for seed := range peer {
		assert.Greater(t, fixed[seed], peer[seed], "seed %d", seed)
	}
	t.Logf("slo_time.joint by seed: peer %v, fixed %v", peer, fixed)
}

// TestPercentilesAreThoseOfTheFrames compares the latencies of the document with those
// of frames.csv: the percentiles, which a histogram tells, within .1%.
func TestPercentilesAreThoseOfTheFrames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	var d result.Document
	require.NoError(t, json.Unmarshal([]byte(succeed(t, "campus", "--until", "3m", "--out", dir, "--json", "-")), &d))
	_, frames := readTable(t, filepath.Join(dir, "frames.csv"))
	var latency []float64
	sum := 0.0
	for _, f := range frames {
		if f["outcome"] == "done" && number(t, f["captured_s"]) >= d.Runs[0].WarmupS {
			latency = append(latency, number(t, f["latency_s"]))
			sum += latency[len(latency)-1]
		}
	}
	slices.Sort(latency)
	n := len(latency)
	require.EqualValues(t, d.Runs[0].Frames.Done, n)
	require.Greater(t, n, 1000)
	got := d.Runs[0].LatencyS
	assert.InEpsilon(t, sum/float64(n), *got.Mean, 1e-9)
	assert.InDelta(t, latency[n-1], *got.Max, 0)
	for percent, p := range map[int]*float64{50: got.P50, 95: got.P95, 99: got.P99} {
		rank := (percent*n + 99) / 100 // rounded up
		assert.InEpsilon(t, latency[rank-1], *p, .001, "p%d", percent)
	}
}
