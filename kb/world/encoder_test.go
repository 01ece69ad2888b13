package world

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/kb"
)

func encoderOf(t *testing.T) (Encoder, *kb.Set) {
	t.Helper()
	truth, err := kb.Open("measured", kb.Options{})
	require.NoError(t, err)
	return OpenEncoder(truth, "pedestrians", 30, Root(1, 0).Name("camera")), truth
}

func h264(fps float64, quality int) core.VideoConf {
	return core.VideoConf{Resolution: core.Resolution{Width: 1280, Height: 720}, FPS: fps, Encoder: "h264", Quality: quality}
}

// meanOf encodes every step-th camera frame of ten minutes.
func meanOf(e *Encoder, v core.VideoConf, step int64) float64 {
	sum, n := 0.0, 0.0
	for k := int64(0); k < 18000; k += step {
		sum += e.Encode(v, k)
		n++
	}
	return sum / n
}

// TestEncoderGaps shows that a frame is as large as the gap to the frame before it
// asks for, not as the rate says that was planned.
func TestEncoderGaps(t *testing.T) {
	for _, step := range []int64{1, 3, 6, 15, 30} {
		planned, truth := encoderOf(t)
		skipped, _ := encoderOf(t)
		fps := 30 / float64(step)
		want := truth.FrameBytes(h264(fps, 20), core.Content{Class: "pedestrians"})
		assert.InEpsilon(t, want, meanOf(&planned, h264(fps, 20), step), .02, "planned, %v frames/s", fps)
		assert.InEpsilon(t, want, meanOf(&skipped, h264(30, 20), step), .08, "of 30, %v frames/s", fps)
	}
	jpeg := h264(30, 75)
	jpeg.Encoder = "jpeg"
	a, _ := encoderOf(t)
	b, _ := encoderOf(t)
	for k := int64(0); k < 300; k++ {
		a.Encode(jpeg, k)
	}
	assert.Equal(t, a.Encode(jpeg, 330), b.Encode(jpeg, 330), "a JPEG knows of no frame before it")
}

// TestEncoderStreams shows what begins a stream, and that asking changes nothing.
func TestEncoderStreams(t *testing.T) {
	e, _ := encoderOf(t)
	key := e.Encode(h264(30, 20), 0)
	delta := e.Encode(h264(30, 20), 1)
	assert.Greater(t, key, 2*delta, "the first frame is a key frame")
	assert.Less(t, e.Encode(h264(10, 20), 3), key/2, "another rate goes on with the stream")
	next := e.Size(h264(10, 30), 6)
	assert.Equal(t, next, e.Size(h264(10, 30), 6))
	delta = e.Encode(h264(10, 20), 6)
	assert.Less(t, delta, key/2, "asking began no stream")
	assert.Greater(t, e.Encode(h264(10, 30), 9), 2*e.Encode(h264(10, 30), 12), "another quality begins one")
	late := e.Encode(h264(10, 30), 315) // the key frame of the group, 300, was dropped
	assert.Greater(t, late, 2*e.Encode(h264(10, 30), 318))
}
