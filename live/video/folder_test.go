package video

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/live/loop"
)

// pictures makes a folder of pictures, whose light is ten times their number.
func pictures(t testing.TB, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		put(t, dir, fmt.Sprintf("%03d.jpg", i), flat(t, 16, 16, uint8(10*i)))
	}
	return dir
}

func put(t testing.TB, dir, name string, b []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
}

func fileOptions(url string) (Options, *reports) {
	r := &reports{}
	return Options{
		Camera: core.Camera{ID: "file", FPS: 10, Resolution: core.Resolution{Width: 64, Height: 48}, Mode: core.ModeFile},
		URL:    url, Clock: loop.NewClock(), Report: r.add,
	}, r
}

func TestFolder(t *testing.T) {
	dir := pictures(t, 6)
	m := image.NewNRGBA(image.Rect(0, 0, 7, 5))
	for i := range m.Pix {
		m.Pix[i] = 200
	}
	m.Set(3, 2, color.NRGBA{200, 200, 200, 255})
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, m))
	put(t, dir, "006.PNG", b.Bytes())
	put(t, dir, "notes.txt", []byte("no picture"))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "007.jpg"), 0o700))
	o, _ := fileOptions(filepath.Base(dir))
	o.Dir = filepath.Dir(dir)
	s, err := Open(t.Context(), o)
	require.NoError(t, err)
	defer s.Close()
	f, err := s.Next(t.Context(), 2)
	require.NoError(t, err)
	assert.EqualValues(t, 2, f.Number)
	assert.InDelta(t, 20, light(t, f.Picture), 2)
	all := rest(t, s, 3)
	require.Len(t, all, 4)
	last := all[3].Picture
	assert.Nil(t, last.JPEG())
	assert.Equal(t, core.Resolution{Width: 7, Height: 5}, last.Size())
	assert.InDelta(t, 200, light(t, last), 60)
	_, err = s.Next(t.Context(), 100)
	require.ErrorIs(t, err, ErrEnded)
}

// A file that is no picture is told of and its frame left out; one that is torn fails when it is looked at.
func TestFolderWithBrokenImages(t *testing.T) {
	dir := pictures(t, 4)
	put(t, dir, "001.jpg", []byte("no picture"))
	put(t, dir, "002.jpg", flat(t, 640, 480, 90)[:900])
	o, reported := fileOptions(dir)
	s, err := Open(t.Context(), o)
	require.NoError(t, err)
	defer s.Close()
	all := rest(t, s, 0)
	require.Len(t, all, 3)
	assert.Equal(t, []int64{0, 2, 3}, []int64{all[0].Number, all[1].Number, all[2].Number})
	_, err = all[1].Picture.Image()
	require.ErrorContains(t, err, "002.jpg: the picture is broken")
	require.Len(t, reported.texts(), 1)
	assert.Contains(t, reported.texts()[0], `camera "file": `)
	assert.Contains(t, reported.texts()[0], "001.jpg")
}

// A loop counts on, and one of rubbish ends.
func TestFolderLoops(t *testing.T) {
	o, _ := fileOptions(pictures(t, 3))
	o.Camera.Loop = true
	s, err := Open(t.Context(), o)
	require.NoError(t, err)
	for k := range int64(10) {
		f, err := s.Next(t.Context(), k)
		require.NoError(t, err)
		assert.Equal(t, k, f.Number)
		assert.InDelta(t, 10*(k%3), light(t, f.Picture), 2)
	}
	require.NoError(t, s.Close())
	dir := t.TempDir()
	put(t, dir, "a.jpg", []byte("rubbish"))
	o.URL = dir
	s, err = Open(t.Context(), o)
	require.NoError(t, err)
	_, err = s.Next(t.Context(), 0)
	require.ErrorContains(t, err, "there is no picture in it that can be read")
	_, err = s.Next(t.Context(), 0)
	require.ErrorContains(t, err, `camera "file"`)
	require.NoError(t, s.Close())
	// A folder that goes away between two rounds is an error that says so.
	o.URL = pictures(t, 1)
	s, err = Open(t.Context(), o)
	require.NoError(t, err)
	_, err = s.Next(t.Context(), 0)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(o.URL))
	_, err = s.Next(t.Context(), 1)
	require.ErrorContains(t, err, "no such file")
	require.NoError(t, s.Close())
}

func TestFolderEnds(t *testing.T) {
	o, _ := fileOptions(pictures(t, 5))
	o.Camera.Length = 3
	s, err := Open(t.Context(), o)
	require.NoError(t, err)
	defer s.Close()
	assert.Len(t, rest(t, s, 0), 3)
}

// In mode live a file plays at the camera's rate, from when it is opened on.
func TestFolderLive(t *testing.T) {
	dir := pictures(t, 20)
	synctest.Test(t, func(t *testing.T) {
		o, _ := fileOptions(dir)
		o.Camera.Mode, o.Phase, o.Clock = core.ModeLive, 50*core.Millisecond, loop.NewClock()
		time.Sleep(time.Second)
		s, err := Open(t.Context(), o)
		require.NoError(t, err)
		for i := range int64(5) {
			f, err := s.Next(t.Context(), 10+i)
			require.NoError(t, err)
			require.Equal(t, 10+i, f.Number)
			assert.Equal(t, core.Time(1050+100*i)*core.Millisecond, f.At)
			assert.Equal(t, f.At, o.Clock.Now())
			assert.InDelta(t, 10*(i+1), light(t, f.Picture), 2, "the first picture was the frame of its opening")
		}
		time.Sleep(time.Second) // nobody looks
		synctest.Wait()
		f, err := s.Next(t.Context(), 15)
		require.NoError(t, err)
		assert.EqualValues(t, 24, f.Number)
		_, err = s.Next(t.Context(), 100)
		require.ErrorIs(t, err, ErrEnded)
		assert.Equal(t, 2850*core.Millisecond, o.Clock.Now())
		require.NoError(t, s.Close())
	})
}
