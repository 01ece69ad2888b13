package sched_test

import (
	"testing"

	"vidq/core"
	"vidq/core/result"

	"github.com/stretchr/testify/assert"
)

// What the paper claims is effective throughput, frames within their bounds per second: far more
// than with all stages on the server where uplinks are scarce.
func TestCWDEffectiveThroughput(t *testing.T) {
	effective := func(r *result.Run) float64 { return *r.SLO.Latency * float64(r.Frames.Due) / (r.DurationS - r.WarmupS) }
	const until = core.Minute
	server := simulate(t, "static[plan=all-cloud]", "campus", until)
	cwd := simulate(t, "cwd", "campus", until)
	t.Logf("%.0f of %.0f frames/s in time, all-cloud %.0f", effective(cwd), float64(cwd.Frames.Due)/(cwd.DurationS-cwd.WarmupS), effective(server))
	assert.Greater(t, effective(cwd), 2.5*effective(server))
}
