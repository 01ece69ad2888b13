package sched_test

import (
	"testing"

	"vidq/core"

	"github.com/stretchr/testify/assert"
)

// What the paper claims: nearly all frames are on time whatever the bound, and what gives is the
// accuracy. (Between these bounds there are some at which a network fits in one round and not in the
// next; the worker then loads over and over, and that takes seconds here.)
func TestJellyfishKeepsBudgets(t *testing.T) {
	last := 2.
	for _, bound := range []string{"200ms", "100ms", "60ms"} {
		run := simulate(t, "jellyfish", "campus", 100*core.Second,
			"query.path.constraint.latency="+bound, "query.square.constraint.latency="+bound, "query.gate.constraint.latency="+bound)
		t.Logf("%s: %.3f on time, accuracy %.3f", bound, *run.SLO.Latency, *run.Accuracy.Mean)
		assert.GreaterOrEqual(t, *run.SLO.Latency, .95)
		assert.LessOrEqual(t, *run.Accuracy.Mean, last+.005)
		last = *run.Accuracy.Mean
	}
}
