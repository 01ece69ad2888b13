package sim_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/scenarios"
)

// Who was told the truth is marked, and nobody else is.
func TestTruthIsMarked(t *testing.T) {
	sc, err := scenarios.Load("face", nil)
	require.NoError(t, err)
	require.True(t, runOf(t, sc, 20*core.Second, "oracle", 1).Truth)
	require.False(t, runOf(t, sc, 20*core.Second, "vidq", 1).Truth)
}
