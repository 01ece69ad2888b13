package video

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

func TestKinds(t *testing.T) {
	dir := pictures(t, 1)
	put(t, dir, "-x.mp4", nil)
	for url, want := range map[string]string{
		"": "drawn", dir: "folder", ".": "folder", "file://" + dir: "folder", "./-x.mp4": "ffmpeg",
		"000.jpg": "ffmpeg", "file://" + filepath.Join(dir, "000.jpg"): "ffmpeg",
		"http://camera/video": "mjpeg", "HTTPS://camera/a.mjpg": "mjpeg", "http://camera:8080": "mjpeg",
		"http://host/a/b.MP4?x=1": "ffmpeg", "https://host/live.m3u8": "ffmpeg",
		"rtsp://user:secret@camera/1": "ffmpeg", "rtsps://camera/1": "ffmpeg", "udp://0.0.0.0:5000": "ffmpeg",
	} {
		at, err := locate(url, dir)
		require.NoError(t, err, url)
		k := kindOf(at)
		require.NotNil(t, k, url)
		assert.Equal(t, want, k.name, url)
		assert.NotContains(t, at.name(), "secret")
	}
}

func TestOpenRefuses(t *testing.T) {
	for url, want := range map[string]string{
		"gopher://host/x":          "nothing can read gopher://host/x; a url is one of: none, for a camera that is drawn",
		"-i":                       "begins with -",
		"a\nb":                     "control character",
		"missing.mp4":              "its video is not there",
		"http:///path":             "names no host",
		"http://user:secret@h:x/%": "the url cannot be read",
		"file://elsewhere/x.mp4":   "its video is not there",
		t.TempDir():                "holds no picture",
	} {
		o, _ := fileOptions(url)
		o.Dir = t.TempDir()
		_, err := Open(t.Context(), o)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, `camera "file": `)
		assert.NotContains(t, err.Error(), "secret")
	}
	o, _ := fileOptions("")
	_, err := Open(t.Context(), o)
	require.ErrorContains(t, err, "neither a url nor a content")
	o.Camera.FPS = 0
	_, err = Open(t.Context(), o)
	require.ErrorContains(t, err, "rate")
	o.Camera.FPS, o.Camera.Resolution = 1, core.Resolution{Width: 65535, Height: 65535}
	_, err = Open(t.Context(), o)
	require.ErrorContains(t, err, "pixels")
}
