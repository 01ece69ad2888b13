package sched

import (
	"encoding/csv"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vidq/core"
	"vidq/core/sched/schedtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// published reads one of AWStream's own profiles: Mbit/s, width, frames skipped
// between two, quantiser, accuracy. Rates are bytes per second.
func published(t *testing.T, name string) (all []awConfig) {
	t.Helper()
	f, err := os.Open("../../../shared/data/awstream/" + name)
	if err != nil {
		t.Skip("AWStream's published data is not here: ", err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.TrimLeadingSpace = true
	rows, err := r.ReadAll()
	require.NoError(t, err)
	for _, row := range rows[1:] {
		var x [5]float64
		for i := range x {
			x[i], err = strconv.ParseFloat(strings.TrimSpace(row[i]), 64)
			require.NoError(t, err)
		}
		all = append(all, awConfig{
			video: core.VideoConf{
				Resolution: core.Resolution{Width: uint16(x[1]), Height: uint16(x[1] * 9 / 16)}, FPS: 30 / (x[2] + 1), Encoder: "h264", Quality: int(x[3]),
			},
			rate: x[0] * 1e6 / 8, accuracy: x[4],
		})
	}
	return all
}

// What the paper's own profile of pedestrian detection gives for a delivery rate
// under congestion.
func TestAWStreamPublishedProfile(t *testing.T) {
	front := pareto(published(t, "offline.mot.csv"))
	var w awShares
	w.share([]awProfile{front})
	require.Len(t, w.totals, len(front))
	for _, c := range []struct{ available, rate, accuracy float64 }{
		{.95, .90, .782}, {5, 2.11, .846}, {7, 6.32, .865}, {.1, .09, .575},
	} {
		got := front[w.below(c.available*1e6/8)]
		assert.InDelta(t, c.rate, got.rate*8/1e6, 1e-9, "%v Mbit/s", c.available)
		assert.InDelta(t, c.accuracy, got.accuracy, 1e-9, "%v Mbit/s", c.available)
	}
	got := front[w.below(.95e6/8)].video
	assert.Equal(t, core.VideoConf{Resolution: core.Resolution{Width: 1600, Height: 900}, FPS: 2, Encoder: "h264", Quality: 30}, got)
}

func randomProfiles(r *rand.Rand) []awProfile {
	profiles := make([]awProfile, 1+r.IntN(4))
	for i := range profiles {
		all := make([]awConfig, 1+r.IntN(12))
		for k := range all {
			all[k] = awConfig{rate: math.Floor(r.Float64() * 1000), accuracy: math.Floor(r.Float64()*100) / 100}
		}
		profiles[i] = pareto(all)
	}
	return profiles
}

// A front has no configuration that another one beats, and every other is beaten.
func TestPareto(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		all := make([]awConfig, 1+r.IntN(30))
		for k := range all {
			all[k] = awConfig{rate: float64(r.IntN(10)), accuracy: float64(r.IntN(10))}
		}
		front := pareto(slices.Clone(all))
		for _, c := range all {
			beaten := 0
			for _, f := range front {
				if f.rate <= c.rate && f.accuracy >= c.accuracy {
					beaten++
				}
			}
			if slices.Contains(front, c) {
				assert.Equal(t, 1, beaten, "by itself alone")
			} else {
				assert.Positive(t, beaten)
			}
		}
	}
}

// The shares are the paper's heuristic: done step by step for each capacity, it
// gives the same; and the worst accuracy is the best possible one, by trying all.
func TestAWStreamMaxMin(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		profiles := randomProfiles(r)
		var w awShares
		w.share(profiles)
		capacity := r.Float64() * 1000 * float64(len(profiles))

		at := make([]int, len(profiles))
		for _, i := range w.steps[:w.below(capacity)] {
			at[i]++
		}
		want, exhausted := make([]int, len(profiles)), make([]bool, len(profiles))
		total := func(at []int) (sum float64) {
			for i := range at {
				sum += profiles[i][at[i]].rate
			}
			return sum
		}
		for {
			worst := -1
			for i := range want {
				if !exhausted[i] && (worst < 0 || profiles[i][want[i]].accuracy < profiles[worst][want[worst]].accuracy) {
					worst = i
				}
			}
			if worst < 0 {
				break
			}
			if want[worst]+1 == len(profiles[worst]) {
				exhausted[worst] = true
				continue
			}
			if want[worst]++; total(want) >= capacity {
				want[worst]--
				break
			}
		}
		require.Equal(t, want, at)
		if total(at) < capacity {
			require.InDelta(t, bestWorst(profiles, capacity, nil), worstOf(profiles, at), 1e-9)
		}
	}
}

func worstOf(profiles []awProfile, at []int) float64 {
	worst := math.Inf(1)
	for i := range at {
		worst = min(worst, profiles[i][at[i]].accuracy)
	}
	return worst
}

// bestWorst tries all allocations below the capacity.
func bestWorst(profiles []awProfile, capacity float64, at []int) float64 {
	if len(at) == len(profiles) {
		sum := 0.0
		for i := range at {
			sum += profiles[i][at[i]].rate
		}
		if sum >= capacity {
			return math.Inf(-1)
		}
		return worstOf(profiles, at)
	}
	best := math.Inf(-1)
	for k := range profiles[len(at)] {
		best = max(best, bestWorst(profiles, capacity, append(at[:len(at):len(at)], k)))
	}
	return best
}

// The state machine with one application of five configurations, of 1 to 5 MB/s.
func TestAWStreamStates(t *testing.T) {
	c := awstreamConfig{Alpha: .9, Spike: 1.5, ProbeGain: 1.25, ProbeTime: 2 * core.Second, Hold: 10 * core.Second}
	app := &awApp{}
	for i := range 5 {
		app.profile = append(app.profile, awConfig{rate: float64(i+1) * 1e6, accuracy: float64(i)})
	}
	l := &awLink{apps: []awMember{{nil, app}}}
	l.shares.share([]awProfile{app.profile})
	now := core.Second
	step := func(s awSignals, state awState, at int, why string) {
		t.Helper()
		s.needed = l.shares.totals[l.n] // frames are of the size that the profile says
		l.advance(&c, now, &s)
		assert.Equal(t, state, l.state, why)
		assert.Equal(t, at, app.at, why)
		now += core.Second
	}
	empty := func(mb float64) awSignals { return awSignals{known: true, empty: true, rate: mb * 1e6} }
	congested := func(mb float64) awSignals { return awSignals{known: true, congested: true, rate: mb * 1e6} }
	step(awSignals{}, awStartup, 0, "nothing is known")
	step(empty(1), awStartup, 1, "a step for each empty queue")
	step(empty(2), awStartup, 2, "")
	step(awSignals{known: true, rate: 3e6}, awStartup, 2, "the queue is not empty")
	step(empty(3), awStartup, 3, "")
	step(congested(3.4), awDegrade, 2, "3 < .9 * 3.4")
	step(congested(2.9), awDegrade, 1, "2 < .9 * 2.9")
	step(awSignals{known: true, rate: 2e6}, awDegrade, 1, "draining")
	step(empty(2), awSteady, 1, "drained")
	step(congested(9), awDegrade, 0, "a rate above what is sent is none of the link's: 1 < .9 * 2")
	step(congested(0), awDegrade, 0, "nothing is below the cheapest")
	step(empty(1), awSteady, 0, "")
	step(empty(1), awProbe, 1, "")
	step(empty(1), awProbe, 1, "not long enough")
	step(empty(1.9), awSteady, 1, "2 MB/s were delivered")
	step(empty(2), awProbe, 2, "the next follows at once")
	step(congested(2.3), awSteady, 1, "back")
	for range 9 {
		step(empty(2), awSteady, 1, "hold")
	}
	step(empty(2), awProbe, 2, "")
	for range 3 {
		step(empty(2), awProbe, 2, "no congestion, but no more is delivered either")
	}
	step(empty(2), awSteady, 1, "that is no success")
	l.retry = 0
	for range 8 {
		now += 3 * core.Second
		l.advance(&c, now, &awSignals{known: true, empty: true, rate: 9e6, needed: 5e6})
	}
	assert.Equal(t, 4, app.at)
	step(empty(9), awSteady, 4, "nothing is left to be probed for")
}

// A probe of many improves as many as there are; one that fails makes the next
// half as large.
func TestAWStreamProbesOfMany(t *testing.T) {
	v := schedtest.Regular(8, 2)
	s, err := New(Spec{Name: "awstream"}, Deps{})
	require.NoError(t, err)
	a := s.(*awstream)
	var d core.Decision
	a.Schedule(v, &d)
	require.Len(t, a.links, 1)
	l := a.links[0]
	require.Len(t, d.Plans, 8)
	l.state, l.stride = awSteady, 8
	var sizes []int
	for range 4 {
		for i := range l.apps {
			l.apps[i].q = &v.Queries[i]
		}
		l.retry = 0
		l.advance(&a.awstreamConfig, v.Now, &awSignals{known: true, empty: true})
		sizes = append(sizes, l.n)
		l.advance(&a.awstreamConfig, v.Now, &awSignals{known: true, congested: true})
	}
	assert.Equal(t, []int{8, 4, 2, 1}, sizes)
}

// A query that leaves frees its share, one that comes begins with the cheapest
// configuration, and the others keep what they have as far as the order allows.
func TestAWStreamMembers(t *testing.T) {
	v := schedtest.Regular(3, 2)
	s, err := New(Spec{Name: "awstream"}, Deps{})
	require.NoError(t, err)
	a := s.(*awstream)
	var d core.Decision
	look := func() {
		d.Reset()
		a.Schedule(v, &d)
		require.NoError(t, schedtest.Check(v, &d))
		schedtest.Advance(v, &d)
		for i := range v.Queries {
			schedtest.Observe(&v.Queries[i], 3, 10*core.Millisecond, 3)
			for k := range v.Queries[i].Observations {
				v.Queries[i].Observations[k].At = v.Now + core.Time(k)
			}
		}
	}
	for range 40 {
		look()
	}
	l := a.links[0]
	require.Greater(t, l.n, 3)
	need := func() (sum float64) {
		for i := range v.Queries {
			app := a.rows[i].state
			sum += app.profile[app.at].rate
		}
		return sum
	}
	before := need()
	schedtest.AddQuery(v, "edge-000", core.ModeFile, core.Constraint{}, "face_detection")
	look()
	assert.Len(t, l.apps, 4)
	assert.InDelta(t, before, need(), .35*before)
	assert.NotZero(t, v.Queries[3].Plan.Revision)
	v.Queries = v.Queries[2:]
	look()
	assert.Len(t, l.apps, 2)
	v.Queries = nil
	look()
	assert.Empty(t, a.links)
}
