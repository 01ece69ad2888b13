package sched_test

import (
	"testing"

	"vidq/core"
	"vidq/core/result"

	"github.com/stretchr/testify/assert"
)

// On ten cameras and three edges with thin uplinks VideoEdge, which knows what
// links carry, serves nearly all; VideoStorm, which does not, sends to the cloud what the
// uplinks cannot carry. Where they can, machines chosen by score serve more frames than
// the cloud alone or the hosts alone, with all but the best accuracy.
func TestVideostormInTheSimulator(t *testing.T) {
	run := func(spec string, set ...string) *result.Run {
		return simulate(t, spec, "campus", core.Minute, append(set, "fault=[]")...)
	}
	edge, storm := run("videostorm[placement=videoedge]"), run("videostorm")
	assert.Greater(t, *edge.SLOTime.Joint, .9)
	assert.Greater(t, *edge.SLOTime.Joint, *storm.SLOTime.Joint+.2)

	fast := []string{"link.library-cloud.rate=1Gbit/s", "link.mensa-cloud.rate=1Gbit/s", "link.lab-cloud.rate=1Gbit/s"}
	storm = run("videostorm", fast...)
	assert.Greater(t, *storm.SLO.Joint, .9)
	assert.Greater(t, *storm.SLO.Joint, *run("static[plan=golden]", fast...).SLO.Joint+.1)
	assert.Greater(t, *storm.SLO.Joint, *run("static[plan=all-edge]", fast...).SLO.Joint+.1)
}
