package video

import (
	"context"
	"errors"
	"image"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

func conf(width, height uint16, quality int) *core.VideoConf {
	return &core.VideoConf{Resolution: core.Resolution{Width: width, Height: height}, FPS: 5, Encoder: "jpeg", Quality: quality}
}

// slow is a picture that takes a second to be seen, and counts how often it is.
func slow(looked *atomic.Int64, err error) *Picture {
	m := image.NewYCbCr(image.Rect(0, 0, 64, 48), image.YCbCrSubsampleRatio420)
	return &Picture{size: core.Resolution{Width: 64, Height: 48}, memory: 1000, look: func() (*image.YCbCr, error) {
		looked.Add(1)
		time.Sleep(time.Second)
		return m, err
	}}
}

// Whoever asks for a variant, and when, it is made once.
func TestStoreEncodesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStore(0)
		defer s.Close()
		var looked, own atomic.Int64
		for range 3 { // queries
			require.NoError(t, s.Hold("cam", Frame{Number: 7, Picture: slow(&looked, nil)}))
		}
		var wg sync.WaitGroup
		got := make([]Encoded, 12)
		for i := range got {
			wg.Go(func() {
				var err error
				got[i], err = s.Encoded(t.Context(), "cam", 7, conf(32, 24, 50))
				assert.NoError(t, err)
				if !got[i].Shared {
					own.Add(1)
				}
			})
		}
		wg.Wait()
		assert.EqualValues(t, 1, looked.Load())
		assert.EqualValues(t, 1, own.Load())
		for _, e := range got {
			assert.Same(t, &got[0].JPEG[0], &e.JPEG[0])
			assert.Equal(t, core.Second, e.Took)
		}
		p, err := NewJPEG("", got[0].JPEG)
		require.NoError(t, err)
		assert.Equal(t, core.Resolution{Width: 32, Height: 24}, p.Size())

		// Another rate is no other variant; another quality and another size are.
		v := conf(32, 24, 50)
		v.FPS = 30
		e, err := s.Encoded(t.Context(), "cam", 7, v)
		require.NoError(t, err)
		assert.True(t, e.Shared)
		for _, v := range []*core.VideoConf{conf(32, 24, 51), conf(24, 32, 50)} {
			e, err = s.Encoded(t.Context(), "cam", 7, v)
			require.NoError(t, err)
			assert.False(t, e.Shared)
		}
		assert.EqualValues(t, 3, looked.Load())
	})
}

// Who has waited long enough leaves; the encoding goes on for the others, also when the frame is given up.
func TestStoreWaitsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStore(0)
		defer s.Close()
		var looked atomic.Int64
		require.NoError(t, s.Hold("cam", Frame{Number: 7, Picture: slow(&looked, nil)}))
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/4)
		defer cancel()
		other := make(chan error)
		go func() {
			_, err := s.Encoded(t.Context(), "cam", 7, conf(32, 24, 50))
			other <- err
		}()
		_, err := s.Encoded(ctx, "cam", 7, conf(32, 24, 50))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second/4, time.Since(began))
		require.True(t, s.Release("cam", 7))
		frames, bytes := s.Usage()
		assert.Zero(t, frames)
		assert.Zero(t, bytes)
		require.NoError(t, <-other)
		assert.Equal(t, time.Second, time.Since(began))
		assert.EqualValues(t, 1, looked.Load())
		_, bytes = s.Usage()
		assert.Zero(t, bytes, "nobody holds what was encoded")
		_, err = s.Encoded(t.Context(), "cam", 7, conf(32, 24, 50))
		require.ErrorIs(t, err, ErrNotHeld)
	})
}

func TestStoreCountsQueries(t *testing.T) {
	s := NewStore(0)
	defer s.Close()
	p, err := NewJPEG("a.jpg", flat(t, 64, 48, 90))
	require.NoError(t, err)
	require.NoError(t, s.Hold("cam", Frame{Number: 7, At: 5, Picture: p}))
	require.NoError(t, s.Hold("cam", Frame{Number: 7, At: 6}), "the picture is there")
	require.NoError(t, s.Hold("other", Frame{Number: 7, Picture: p}))
	e, err := s.Encoded(t.Context(), "cam", 7, conf(64, 48, 50))
	require.NoError(t, err)
	frames, bytes := s.Usage()
	assert.Equal(t, 2, frames)
	assert.Equal(t, 2*(int64(len(p.JPEG()))+3*64*48)+int64(len(e.JPEG)), bytes)
	require.True(t, s.Release("cam", 7))
	f, err := s.Frame("cam", 7)
	require.NoError(t, err, "one query still holds it")
	assert.EqualValues(t, 5, f.At)
	require.True(t, s.Release("cam", 7))
	_, err = s.Frame("cam", 7)
	require.ErrorIs(t, err, ErrNotHeld)
	require.ErrorContains(t, err, `camera "cam", frame 7`)
	assert.False(t, s.Release("cam", 7), "once too often")
	require.True(t, s.Release("other", 7))
	_, bytes = s.Usage()
	assert.Zero(t, bytes)
}

// The newest is refused when there is no room, and what is held stays.
func TestStoreIsBounded(t *testing.T) {
	p, err := NewJPEG("", flat(t, 64, 48, 90))
	require.NoError(t, err)
	s := NewStore(2*p.memory + 300)
	defer s.Close()
	for k := range int64(2) {
		require.NoError(t, s.Hold("cam", Frame{Number: k, Picture: p}))
	}
	err = s.Hold("cam", Frame{Number: 2, Picture: p})
	require.ErrorIs(t, err, ErrFull)
	require.ErrorContains(t, err, `camera "cam", frame 2: the frame store is full: `)
	require.NoError(t, s.Hold("cam", Frame{Number: 1, Picture: p}), "is there already")
	// A variant that does not fit is refused too, and made when there is room.
	_, err = s.Encoded(t.Context(), "cam", 0, conf(64, 48, 90))
	require.ErrorIs(t, err, ErrFull)
	_, bytes := s.Usage()
	assert.Equal(t, 2*p.memory, bytes)
	require.True(t, s.Release("cam", 1))
	require.True(t, s.Release("cam", 1))
	_, err = s.Encoded(t.Context(), "cam", 0, conf(64, 48, 90))
	require.NoError(t, err)
}

func TestStoreRefuses(t *testing.T) {
	s := NewStore(0)
	var looked atomic.Int64
	p, err := NewJPEG("cut.jpg", flat(t, 640, 480, 90)[:900])
	require.NoError(t, err)
	require.NoError(t, s.Hold("cam", Frame{Number: 1, Picture: p}))
	require.NoError(t, s.Hold("cam", Frame{Number: 2, Picture: slow(&looked, errors.New("torn"))}))
	for _, c := range []struct {
		frame int64
		v     *core.VideoConf
		want  string
	}{
		{1, conf(32, 24, 50), `camera "cam", frame 1: cut.jpg: the picture is broken`},
		{2, conf(32, 24, 50), `camera "cam", frame 2: torn`},
		{2, conf(32, 24, 0), "quality 0"},
		{2, conf(32, 24, 101), "quality 101"},
		{2, conf(0, 24, 50), "resolution"},
		{2, conf(65535, 65535, 50), "resolution"},
		{2, &core.VideoConf{Encoder: "h264", Quality: 20}, `"h264" encodes no single frames`},
	} {
		_, err := s.Encoded(t.Context(), "cam", c.frame, c.v)
		require.ErrorContains(t, err, c.want)
	}
	assert.EqualValues(t, 1, looked.Load())
	s.Close()
	require.ErrorIs(t, s.Hold("cam", Frame{Number: 3, Picture: p}), ErrClosed)
	_, err = s.Encoded(t.Context(), "cam", 1, conf(32, 24, 50))
	require.ErrorIs(t, err, ErrClosed)
	assert.False(t, s.Release("cam", 1))
}

// A picture keeps its light, its colours and its edges in another size.
func TestResize(t *testing.T) {
	for _, ratio := range []image.YCbCrSubsampleRatio{
		image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420,
		image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410,
	} {
		m := image.NewYCbCr(image.Rect(0, 0, 203, 101), ratio)
		for y := range 101 {
			for x := range 203 {
				if m.Y[m.YOffset(x, y)] = 40; x >= 101 {
					m.Y[m.YOffset(x, y)] = 200
				}
				m.Cb[m.COffset(x, y)], m.Cr[m.COffset(x, y)] = 90, 160
			}
		}
		for _, size := range []core.Resolution{{Width: 100, Height: 50}, {Width: 57, Height: 33}, {Width: 400, Height: 333}, {Width: 1, Height: 1}, {Width: 7, Height: 300}} {
			d := Resize(m, size)
			require.Equal(t, image.Pt(int(size.Width), int(size.Height)), d.Rect.Size())
			sum, stained := 0, 0
			for y := range d.Rect.Dy() {
				for x := range d.Rect.Dx() {
					sum += int(d.Y[d.YOffset(x, y)])
					if c := d.COffset(x, y); d.Cb[c] != 90 || d.Cr[c] != 160 {
						stained++
					}
				}
			}
			assert.Zero(t, stained, "%v %v", ratio, size)
			mean := float64(sum) / float64(size.Pixels())
			assert.InDelta(t, (101*40+102*200.)/203, mean, 1.5, "%v", size)
			if size.Width > 50 {
				w := d.Rect.Dx()
				assert.EqualValues(t, 40, d.Y[w/2-w/50-1])
				assert.EqualValues(t, 200, d.Y[w/2+w/50+1])
			}
		}
	}
	m := image.NewYCbCr(image.Rect(0, 0, 20, 10), image.YCbCrSubsampleRatio420)
	assert.Same(t, m, Resize(m, core.Resolution{Width: 20, Height: 10}))
}

// On a machine that is too slow, what waits for its turn is given up with its frame, and all of it
// with the store.
func TestStoreMakesNothingThatNobodyWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStore(0)
		var looked atomic.Int64
		n := int64(cap(s.workers))
		errs := make([]error, 3*n)
		for k := range 3 * n {
			require.NoError(t, s.Hold("cam", Frame{Number: k, Picture: slow(&looked, nil)}))
			go func() { _, errs[k] = s.Encoded(t.Context(), "cam", k, conf(64, 48, 50)) }()
			synctest.Wait()
		}
		for k := n; k < 2*n; k++ {
			require.True(t, s.Release("cam", k))
		}
		time.Sleep(1500 * time.Millisecond) // the first n are done, the released ones passed over, the last n at work
		assert.Equal(t, 2*n, looked.Load())
		go func() { _, _ = s.Encoded(t.Context(), "cam", 0, conf(32, 24, 50)) }()
		synctest.Wait()
		start := time.Now()
		s.Close()
		assert.Equal(t, 500*time.Millisecond, time.Since(start), "what is at work is waited for")
		assert.Equal(t, 2*n, looked.Load(), "and what is not is not begun")
		synctest.Wait()
		for k := range 3 * n {
			if k >= n && k < 2*n {
				assert.ErrorIs(t, errs[k], ErrNotHeld)
			} else {
				assert.NoError(t, errs[k])
			}
		}
	})
}
