package kb_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"vidq/core"
	"vidq/kb/world"
)

func TestJPEGSizesAreTheMeasuredOnes(t *testing.T) {
	s := open(t, "measured")
	for quality, want := range map[int][4]float64{90: {29e3, 43e3, 109e3, 275e3}, 75: {18e3, 25e3, 59e3, 121e3}} {
		for i, r := range core.Resolutions() {
			for _, fps := range []float64{1, 30} {
				v := core.VideoConf{Resolution: r, FPS: fps, Encoder: "jpeg", Quality: quality}
				assert.InDelta(t, want[i], s.FrameBytes(v, core.Content{}), 1e-6)
			}
		}
	}
	v := core.VideoConf{Resolution: fullHD, Encoder: "jpeg", Quality: 83}
	assert.InDelta(t, math.Sqrt(275e3*121e3), s.FrameBytes(v, core.Content{}), 9e3, "half way as a logarithm")
	v.Quality = 0
	assert.InDelta(t, 426e3, s.FrameBytes(v, core.Content{}), 1, "no quality is the best")
	v.Quality, v.Encoder = 90, "unheard of"
	assert.InDelta(t, 275e3, s.FrameBytes(v, core.Content{}), 1, "an unknown codec is JPEG")
	v.Resolution = core.Resolution{Width: 3840, Height: 2160}
	assert.InDelta(t, 4*275e3, s.FrameBytes(v, core.Content{}), 1, "in proportion beyond")
}

func TestEncodingFollowsTheClass(t *testing.T) {
	s := open(t, "measured")
	v := core.VideoConf{Resolution: fullHD, Encoder: "jpeg", Quality: 90}
	assert.Equal(t, 6*core.Millisecond, s.Encode(core.Target{Class: "rack-cpu"}, v))
	assert.Equal(t, 12*core.Millisecond, s.Encode(core.Target{Class: "tx2-gpu"}, v))
	assert.Equal(t, 6*core.Millisecond, s.Encode(core.Target{Class: "nobody's"}, v))
	v.Quality = 75
	assert.Less(t, s.Encode(core.Target{Class: "rack-cpu"}, v), 6*core.Millisecond)
}

// TestFramesOfAVideoAreNotRateOverFPS holds that key frames are larger and that
// the mean over whole groups of pictures, with noise, is the mean size.
func TestFramesOfAVideoAreNotRateOverFPS(t *testing.T) {
	s := open(t, "measured")
	noise := world.Root(1, 0).Stream()
	for _, row := range []struct {
		fps   float64
		gop   int64
		ratio float64
	}{{30, 300, 4.4}, {10, 100, 2.8}, {1, 10, 2.7}} {
		v := core.VideoConf{Resolution: fullHD, FPS: row.fps, Encoder: "h264", Quality: 20}
		c := core.Content{Class: "pedestrians"}
		mean := s.FrameBytes(v, c)
		z := s.Sizer(v, c)
		assert.InDelta(t, row.ratio, z.Bytes(0, 0)/z.Bytes(1, 0), 1e-9)
		assert.Equal(t, z.Bytes(0, 0), z.Bytes(row.gop, 0))
		assert.Equal(t, z.Bytes(1, 0), z.Bytes(row.gop-1, 0))
		assert.Equal(t, z.Bytes(5, .7), s.FrameSize(v, c, 5, .7))
		sum, sq := 0.0, 0.0
		n := row.gop * (200_000 / row.gop)
		for k := range n {
			b := z.Bytes(k, noise.Normal())
			sum, sq = sum+b, sq+b*b
		}
		assert.InEpsilon(t, mean, sum/float64(n), .01, "%v fps", row.fps)
	}
	// 16.1 Mbit/s at 30 fps, 11.7 at 10, 3.3 at 1: far from proportional.
	at := func(fps float64) float64 {
		return s.FrameBytes(core.VideoConf{Resolution: fullHD, FPS: fps, Encoder: "h264", Quality: 20}, core.Content{}) * fps * 8 / 1e6
	}
	assert.InDelta(t, 16.13, at(30), 1e-9)
	assert.InDelta(t, 11.65, at(10), 1e-9)
	assert.InDelta(t, 3.28, at(1), 1e-9)
	assert.InDelta(t, 3.28/2, at(.5), 1e-9, "below the table's rates frames stay as large")
}

func TestSizesFallWithQualityAndRiseWithPixels(t *testing.T) {
	s := open(t, "measured")
	for _, class := range []string{"pedestrians", "ar"} {
		for _, e := range s.Encoders() {
			for _, fps := range []float64{1, 4, 10, 25, 30} {
				for _, r := range ladder[1:] {
					last := math.Inf(1)
					for _, q := range e.Qualities {
						b := s.FrameBytes(core.VideoConf{Resolution: r, FPS: fps, Encoder: e.Name, Quality: q}, core.Content{Class: class})
						assert.Less(t, b, last, "%s %d at %v", e.Name, q, r)
						last = b
					}
				}
				last := 0.0
				for _, r := range ladder {
					b := s.FrameBytes(core.VideoConf{Resolution: r, FPS: fps, Encoder: e.Name, Quality: e.Qualities[1]}, core.Content{Class: class})
					assert.Greater(t, b, last, "%s at %v", e.Name, r)
					last = b
				}
			}
		}
	}
}
