package sched_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/core/result"
	"vidq/core/sched"
	"vidq/scenarios"
	"vidq/sim"
)

// The whole range of wrong beliefs costs vidq a few frames at the start, not its
// bounds.
func TestVidqUnderWrongBelief(t *testing.T) {
	for _, bias := range []float64{-.7, -.5, 0, 1, 2} {
		t.Run(fmt.Sprint("bias=", bias), func(t *testing.T) {
			run := simulate(t, "vidq", "face", 2*core.Minute, fmt.Sprint("kb.bias=", bias), "fault=[]")
			assert.GreaterOrEqual(t, *run.SLOTime.Joint, .93)
		})
	}
}

// With noise in every figure of the belief it still serves what can be served: two
// of the ten cameras are dead for 45 of the 300 seconds.
func TestVidqUnderNoisyBelief(t *testing.T) {
	run := simulate(t, "vidq", "campus", 5*core.Minute, "kb.noise=.3")
	assert.GreaterOrEqual(t, *run.SLOTime.Joint, .93)
}

// When nothing happens it leaves the plans alone.
func TestVidqIsCalm(t *testing.T) {
	early := simulate(t, "vidq", "suite/stable", 20*core.Second)
	late := simulate(t, "vidq", "suite/stable", 2*core.Minute)
	assert.Equal(t, early.PlanChanges, late.PlanChanges)
	assert.GreaterOrEqual(t, *late.SLOTime.Joint, .99)
}

// Nor does it move twelve cameras of which no two fit well together, once they have found
// their places.
func TestVidqSettles(t *testing.T) {
	early := simulate(t, "vidq", "suite/imbalance", 30*core.Second)
	late := simulate(t, "vidq", "suite/imbalance", 59*core.Second)
	assert.Equal(t, early.PlanChanges, late.PlanChanges)
	assert.GreaterOrEqual(t, *late.SLOTime.Joint, .97)
}

// Of what it serves after its first seconds it misses few, however wrong the belief was.
func TestVidqMissesAreThoseItExpects(t *testing.T) {
	for _, bias := range []float64{-.7, 0, 2} {
		t.Run(fmt.Sprint("bias=", bias), func(t *testing.T) {
			run := simulate(t, "vidq", "suite/stable", core.Minute, fmt.Sprint("kb.bias=", bias))
			assert.LessOrEqual(t, 1-*run.SLO.Latency, .03)
		})
	}
}

// A link that jitters is no slow link: hosts that need the cloud go on to use it.
func TestVidqOverALinkThatJitters(t *testing.T) {
	for _, jitter := range []string{"0ms", "30ms"} {
		t.Run(jitter, func(t *testing.T) {
			run := simulate(t, "vidq", "testdata/jitter.toml", 90*core.Second, "link.edge-*-cloud.jitter="+jitter)
			assert.GreaterOrEqual(t, *run.SLOTime.Joint, .97)
		})
	}
}

// News that are late tell of plans that are gone. It waits for those of the present ones, and
// stays with what serves, however wrong the belief was.
func TestVidqWaitsForNews(t *testing.T) {
	run := simulate(t, "vidq", "suite/belief", 90*core.Second, "kb.staleness=5s",
		"query.aisle.count=3", "camera.aisle.count=3", "query.ramp.count=3", "camera.ramp.count=3")
	assert.GreaterOrEqual(t, *run.SLOTime.Joint, .95)
	assert.LessOrEqual(t, run.PlanChanges, int64(15))
}

// It knows that the branches of a frame are in each other's way, and finds the places at which
// they are not.
func TestVidqKnowsForks(t *testing.T) {
	run := simulate(t, "vidq", "testdata/fork.toml", 90*core.Second)
	assert.GreaterOrEqual(t, *run.SLOTime.Joint, .9)
	assert.LessOrEqual(t, run.PlanChanges, int64(40))
}

func simulate(t *testing.T, scheduler, scenario string, until core.Time, set ...string) *result.Run {
	t.Helper()
	sc, err := scenarios.Load(scenario, set)
	require.NoError(t, err)
	specs, err := sched.ParseSpecs(scheduler)
	require.NoError(t, err)
	run, err := sim.Run(context.Background(), sc, sim.Options{Scheduler: specs[0], Seed: 1, Until: until})
	require.NoError(t, err)
	require.NoError(t, run.Check())
	return run
}
