package sim

import (
	"testing"

	"vidq/core/result"
	"vidq/core/sched"
	"vidq/scenarios"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNoTraceChangesNothingElse holds that a run whose records are not hashed is the same run.
func TestNoTraceChangesNothingElse(t *testing.T) {
	s, err := scenarios.Load("campus", nil)
	require.NoError(t, err)
	run := func(noTrace bool) *result.Run {
		r, err := Run(t.Context(), s, Options{Scheduler: sched.Spec{Name: "latfirst"}, Seed: 3, NoTrace: noTrace})
		require.NoError(t, err)
		return r
	}
	hashed, plain := run(false), run(true)
	assert.Len(t, hashed.TraceSHA256, 64)
	assert.Empty(t, plain.TraceSHA256)
	plain.TraceSHA256 = hashed.TraceSHA256
	assert.Equal(t, hashed, plain)
}
