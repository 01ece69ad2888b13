package sched_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"vidq/core"
)

// An oracle knows what nobody was told: with a belief that is wrong by factors it
// meets every bound that can be met.
func TestOracleKnowsTheTruth(t *testing.T) {
	run := simulate(t, "oracle", "face", core.Minute, "kb.bias=2", "fault=[]")
	assert.Greater(t, *run.SLOTime.Joint, .98)
}

// It leaves a node before it dies: of all frames only those of the dead node's own
// cameras are lost.
func TestOracleLooksAhead(t *testing.T) {
	run := simulate(t, "oracle", "campus", 130*core.Second)
	for i := range run.Queries {
		if q := &run.Queries[i]; q.Node != "lab" {
			assert.Greater(t, *q.SLOTime.Joint, .995, "query %s", q.Key)
		}
	}
}
