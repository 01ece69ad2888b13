package core_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// A driver takes no frames for a refused query, so the capture that was asked for
// before may be forgotten: the same plan, served again, asks anew.
func TestRefusedQueryIsServedAgain(t *testing.T) {
	r := jmStart(t, jmConfig()).job("live", nil)
	r.frame(1, 0)
	require.Len(t, r.captures, 2)
	p := jmPlan(2, "edge1", "cloud")
	p.Refused = true
	r.get(&core.UpdatePlan{Incarnation: 7, Query: 1, Plan: p.Seal()})
	require.Len(t, r.captures, 2, "no further frame is asked for")
	r.get(&core.UpdatePlan{Incarnation: 7, Query: 1, Plan: jmPlan(3, "edge1", "cloud")})
	require.Len(t, r.captures, 3)
	assert.Equal(t, int64(1), r.captures[2].From)
}
