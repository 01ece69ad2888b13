package sched_test

import (
	"testing"

	"vidq/core"

	"github.com/stretchr/testify/assert"
)

// Profiling is work that the nodes really do, and a lower target costs less of
// everything.
func TestChameleonInTheSimulator(t *testing.T) {
	cloud := func(spec string, set ...string) (utilization float64) {
		run := simulate(t, spec, "campus", core.Minute, append(set, "fault=[]", "link.library-cloud.rate=1Gbit/s", "link.mensa-cloud.rate=1Gbit/s", "link.lab-cloud.rate=1Gbit/s")...)
		for i := range run.Nodes {
			if run.Nodes[i].ID == "cloud" {
				utilization = *run.Nodes[i].Utilization
			}
		}
		return utilization
	}
	charged, free := cloud("chameleon"), cloud("chameleon[charge=false]")
	assert.Greater(t, charged, free+.2)
	demanding := []string{"query.path.constraint.accuracy=.9", "query.square.constraint.accuracy=.9", "query.gate.constraint.accuracy=.9"}
	assert.Greater(t, cloud("chameleon[charge=false]", demanding...), 1.5*free)
}
