package video

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/kb"
	"vidq/live/loop"
)

// drawnOptions are those of a drawn camera in mode file.
func drawnOptions(t testing.TB, content string, size core.Resolution) Options {
	t.Helper()
	src, err := kb.OpenContent(content, "", 30, 1, "cam")
	require.NoError(t, err)
	return Options{
		Camera:  core.Camera{ID: "cam", FPS: 30, Resolution: size, Mode: core.ModeFile},
		Content: src, Seed: 1, Clock: loop.NewClock(),
	}
}

var hd = core.Resolution{Width: 1920, Height: 1080}

// BenchmarkDraw tells how many frames of 1080p a drawn camera makes on one core.
func BenchmarkDraw(b *testing.B) {
	for _, content := range []string{"classroom", "street", "traffic", "dashcam"} {
		b.Run(content, func(b *testing.B) {
			s, err := Open(b.Context(), drawnOptions(b, content, hd))
			require.NoError(b, err)
			defer s.Close()
			k, objects := int64(600), 0
			look := func() {
				f, err := s.Next(b.Context(), k)
				require.NoError(b, err)
				_, err = f.Picture.Image()
				require.NoError(b, err)
				o, _ := f.Picture.Objects()
				objects += len(o)
				k++
			}
			look() // draws the scenery
			b.ReportAllocs()
			for b.Loop() {
				look()
			}
			require.Positive(b, objects)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
		})
	}
}

// BenchmarkEncode tells what the store's work takes: from 1080p to each resolution.
func BenchmarkEncode(b *testing.B) {
	s, err := Open(b.Context(), drawnOptions(b, "classroom", hd))
	require.NoError(b, err)
	defer s.Close()
	f, err := s.Next(b.Context(), 600)
	require.NoError(b, err)
	m, err := f.Picture.Image()
	require.NoError(b, err)
	for _, size := range core.Resolutions() {
		b.Run("resize-"+size.String(), func(b *testing.B) {
			for b.Loop() {
				require.Equal(b, int(size.Width), Resize(m, size).Rect.Dx())
			}
		})
		b.Run("jpeg-"+size.String(), func(b *testing.B) {
			small, n := Resize(m, size), 0
			for b.Loop() {
				data, err := EncodeJPEG(small, 90)
				require.NoError(b, err)
				n = len(data)
			}
			b.ReportMetric(float64(n), "jpeg-bytes")
		})
	}
}
