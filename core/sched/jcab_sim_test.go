package sched_test

import (
	"testing"

	"vidq/core"
	"vidq/core/result"

	"github.com/stretchr/testify/assert"
)

// What the paper claims: the latency is held in the mean, also where a bound can only just be
// met; v trades accuracy against how soon; and energy is saved at the cost of accuracy.
func TestJCABTrades(t *testing.T) {
	const until, bound = 100 * core.Second, "query.vehicles.constraint.latency=100ms"
	soon, usual := simulate(t, "jcab[v=.1]", "traffic", until, bound), simulate(t, "jcab", "traffic", until, bound)
	never := simulate(t, "jcab[v=1000]", "traffic", until, bound)
	assert.LessOrEqual(t, *usual.LatencyS.Mean, .101)
	assert.Less(t, *soon.LatencyS.Mean, *usual.LatencyS.Mean)
	assert.Less(t, *soon.Accuracy.Mean, *usual.Accuracy.Mean)
	assert.Greater(t, *never.LatencyS.Mean, .102)

	sparing := simulate(t, "jcab[energy_weight=.05]", "traffic", until)
	usual = simulate(t, "jcab", "traffic", until)
	assert.Less(t, joules(sparing), joules(usual))
	assert.Less(t, *sparing.Accuracy.Mean, *usual.Accuracy.Mean)
}

func joules(r *result.Run) (sum float64) {
	for i := range r.Nodes {
		sum += r.Nodes[i].EnergyJ
	}
	return sum
}
