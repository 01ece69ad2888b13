package video

import (
	"crypto/sha256"
	"image"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/kb"
	"vidq/live/loop"
)

// objectsAt returns what frame k of a drawn camera shows.
func objectsAt(t testing.TB, s Source, k int64) []Object {
	t.Helper()
	f, err := s.Next(t.Context(), k)
	require.NoError(t, err)
	require.Equal(t, k, f.Number)
	o, known := f.Picture.Objects()
	require.True(t, known)
	return o
}

// pixels returns a hash of a frame's picture.
func pixels(t testing.TB, s Source, k int64) [32]byte {
	t.Helper()
	f, err := s.Next(t.Context(), k)
	require.NoError(t, err)
	m, err := f.Picture.Image()
	require.NoError(t, err)
	return sha256.Sum256(append(append(append([]byte{}, m.Y...), m.Cb...), m.Cr...))
}

// What a camera is said to show is what is drawn: as many objects, whole, of the mean size.
func TestDrawnTruth(t *testing.T) {
	for _, content := range kb.Generators() {
		for _, size := range []core.Resolution{hd, {Width: 640, Height: 480}, {Width: 321, Height: 123}} {
			o := drawnOptions(t, content, size)
			s, err := Open(t.Context(), o)
			require.NoError(t, err)
			for k := int64(0); k < 9000; k += 91 {
				sc, objects := o.Content.Scene(k), objectsAt(t, s, k)
				require.Len(t, objects, int(math.Round(sc.Objects)), "%s %v frame %d", content, size, k)
				area := 0
				for _, b := range objects {
					if b.Box.Empty() || !b.Box.In(image.Rect(0, 0, int(size.Width), int(size.Height))) {
						require.Fail(t, "outside", "%s %v", content, b.Box)
					}
					area += b.Box.Dx() * b.Box.Dy()
				}
				// Rounding is carried on from box to box, so only that of the last one is left.
				want := sc.Area * sc.Objects * float64(size.Pixels())
				side := math.Sqrt(sc.Area*1.5*float64(size.Pixels())) + 1
				require.InDelta(t, want, float64(area), side, "%s %v frame %d", content, size, k)
			}
			require.NoError(t, s.Close())
		}
	}
}

// constant is content that does not change.
type constant kb.Scene

func (c constant) Scene(int64) kb.Scene { return kb.Scene(c) }

func openConstant(t testing.TB, c constant, seed uint64, id core.CameraID) Source {
	t.Helper()
	o := drawnOptions(t, "empty", core.Resolution{Width: 640, Height: 360})
	o.Content, o.Seed, o.Camera.ID = c, seed, id
	s, err := Open(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// A trace may tell anything.
func TestDrawnExtremes(t *testing.T) {
	for _, c := range []struct {
		constant
		n int
	}{
		{constant{Objects: 1e6, Area: 1e-9, Motion: 1}, maxActors},
		{constant{Objects: 3, Area: 1, Motion: 1e300, Class: "faces"}, 3},
		{constant{Objects: .4, Area: .1}, 0},
		{constant{Objects: .5, Area: .1}, 1},
		{constant{Objects: 5, Class: "what nobody knows"}, 5},
		{constant{Objects: 2, Area: .9, Motion: .5, Class: "ar"}, 2},
		{constant{Objects: math.NaN()}, 0},
		{constant{Objects: math.Inf(1), Area: 1e-6}, maxActors},
	} {
		s := openConstant(t, c.constant, 1, "cam")
		for _, k := range []int64{0, 1 << 40, 1 << 61} {
			assert.Len(t, objectsAt(t, s, k), c.n)
			pixels(t, s, k)
		}
	}
}

// A frame depends on the seed, the camera and its number, not on what was asked before.
func TestDrawnRepeats(t *testing.T) {
	c := constant{Objects: 12, Area: .01, Motion: .5, Class: "pedestrians"}
	a, b := openConstant(t, c, 1, "cam"), openConstant(t, c, 1, "cam")
	var forward [][32]byte
	for k := range int64(5) {
		forward = append(forward, pixels(t, a, 100*k))
	}
	for k := int64(4); k >= 0; k-- {
		assert.Equal(t, forward[k], pixels(t, b, 100*k))
	}
	assert.NotEqual(t, forward[0], forward[1])
	assert.NotEqual(t, pixels(t, a, 1), pixels(t, a, 2), "noise")
	assert.NotEqual(t, forward[1], pixels(t, openConstant(t, c, 2, "cam"), 100))
	assert.NotEqual(t, forward[1], pixels(t, openConstant(t, c, 1, "other"), 100))
}

// Objects move at about the content's speed, and hold still when it does.
func TestDrawnMotion(t *testing.T) {
	for _, class := range []string{"faces", "pedestrians", "vehicles"} {
		for _, motion := range []float64{0, .2, 1} {
			c := constant{Objects: 40, Area: typicalArea(class), Motion: motion, Class: class}
			s := openConstant(t, c, 1, "cam")
			sum, n := 0.0, 0
			for k := int64(300); k < 600; k += 3 {
				before, after := objectsAt(t, s, k), objectsAt(t, s, k+3)
				for i := range before {
					// Drawn in one order, as nothing moves up or down. Who turned or began anew is left out.
					d := math.Abs(float64(after[i].Box.Min.X - before[i].Box.Min.X))
					if h := float64(before[i].Box.Dy()); d < 20*h {
						sum += d / h
						n++
					}
				}
			}
			got := sum / float64(n) * 10 // per second
			assert.InDelta(t, motion, got, .25*motion+1e-9, class)
		}
	}
}

// Objects stand out: where one is the picture is another than without it.
func TestDrawnIsSeen(t *testing.T) {
	for _, class := range []string{"faces", "pedestrians", "vehicles"} {
		c := constant{Objects: 9, Area: .004, Class: class}
		full, none := openConstant(t, c, 1, "cam"), openConstant(t, constant{Class: class}, 1, "cam")
		f, err := full.Next(t.Context(), 0)
		require.NoError(t, err)
		e, err := none.Next(t.Context(), 0)
		require.NoError(t, err)
		m, _ := f.Picture.Image()
		empty, _ := e.Picture.Image()
		objects, _ := f.Picture.Objects()
		for _, o := range objects {
			differ := 0
			for y := o.Box.Min.Y; y < o.Box.Max.Y; y++ {
				for x := o.Box.Min.X; x < o.Box.Max.X; x++ {
					if d := int(m.Y[m.YOffset(x, y)]) - int(empty.Y[m.YOffset(x, y)]); d > 8 || d < -8 {
						differ++
					}
				}
			}
			assert.Greater(t, differ, o.Box.Dx()*o.Box.Dy()/4, "%s at %v", class, o.Box)
		}
	}
}

// A live camera's frames exist at phase + k/fps, for as many readers as there are.
func TestDrawnLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := drawnOptions(t, "street", core.Resolution{Width: 64, Height: 48})
		o.Camera.Mode, o.Camera.FPS, o.Phase, o.Clock = core.ModeLive, 10, 30*core.Millisecond, loop.NewClock()
		s, err := Open(t.Context(), o)
		require.NoError(t, err)
		for k := range int64(3) {
			f, err := s.Next(t.Context(), k)
			require.NoError(t, err)
			assert.Equal(t, k, f.Number)
			assert.Equal(t, core.Time(30+100*k)*core.Millisecond, f.At)
			assert.Equal(t, f.At, o.Clock.Now())
		}
		time.Sleep(time.Second) // a slow reader is given the newest
		f, err := s.Next(t.Context(), 3)
		require.NoError(t, err)
		assert.EqualValues(t, 12, f.Number)
		assert.Equal(t, 1230*core.Millisecond, f.At)
		wait := make(chan error)
		go func() {
			_, err := s.Next(t.Context(), 1000)
			wait <- err
		}()
		synctest.Wait()
		require.NoError(t, s.Close())
		require.ErrorIs(t, <-wait, ErrClosed)
		_, err = s.Next(t.Context(), 0)
		require.ErrorIs(t, err, ErrClosed)
	})
}

func TestDrawnFile(t *testing.T) {
	o := drawnOptions(t, "street", core.Resolution{Width: 64, Height: 48})
	o.Camera.Length = 3
	s, err := Open(t.Context(), o)
	require.NoError(t, err)
	defer s.Close()
	assert.Len(t, rest(t, s, 0), 3)
	o.Camera.Loop = true
	s, err = Open(t.Context(), o)
	require.NoError(t, err)
	defer s.Close()
	assert.NotEmpty(t, objectsAt(t, s, 500))
}
