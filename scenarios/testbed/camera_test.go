package testbed

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"vidq/core"
	"vidq/core/result"
)

// TestFirstFrame: a camera so slow that its first frame lies beyond the range of time
// has none in a run; its phase once went below 0, from where counting frames had no end.
func TestFirstFrame(t *testing.T) {
	assert.Equal(t, core.Time(16_666_666), firstFrame(.5, 30))
	assert.Equal(t, core.Never, firstFrame(.5, 1e-300))
	assert.Equal(t, core.Never, firstFrame(.5, 5e-324))
	assert.Zero(t, firstFrame(0, 1e-300))
	for _, fps := range []float64{30, 1e-9, 1e-300} {
		assert.Zero(t, result.FrameIndex(0, firstFrame(.5, fps), fps))
	}
}
