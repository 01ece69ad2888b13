package kb_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/kb"
)

const clipHead = "# vidq video: frame_rate=30\nresolution,fps,encoder,quality,rate_bps,accuracy\n"

func clipSet(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files["set.toml"] = "base = [\"devices\"]\n"
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return dir
}

var tenFPS = core.VideoConf{Resolution: core.Resolution{Width: 1920, Height: 1080}, FPS: 10, Encoder: "h264", Quality: 20}

// What is measured of a configuration stands for codec and content class, and for
// no other configuration.
func TestClips(t *testing.T) {
	dir := clipSet(t, map[string]string{"video.csv": clipHead + "1080p,10,h264,20,8000000,0.8\n"})
	s, err := kb.Open(dir, kb.Options{})
	require.NoError(t, err)
	c := core.Content{Class: "pedestrians"}
	assert.InDelta(t, 1e5, s.FrameBytes(tenFPS, c), 1e-6, "8 Mbit/s over 10 frames a second")
	q := &core.Query{Pipeline: core.Pipeline{{Service: "pedestrian_detection"}}}
	assert.InDelta(t, .8, s.Accuracy(q, 30, tenFPS, nil, c), 1e-9, "ageing is part of it")
	j := s.Judge(q.Pipeline, tenFPS, nil)
	assert.Greater(t, j.Fresh(c), .8)
	sum, n := 0.0, int64(100)
	sizer := s.Sizer(tenFPS, c)
	for k := range n {
		sum += sizer.Bytes(k, 0)
	}
	assert.InDelta(t, 1e5, sum/float64(n), 1500, "around the mean as the codec does; key frames are larger")
	other := tenFPS
	other.Quality = 30
	base, err := kb.Open("devices", kb.Options{})
	require.NoError(t, err)
	assert.Equal(t, base.FrameBytes(other, c), s.FrameBytes(other, c))
	assert.Equal(t, base.Accuracy(q, 30, other, nil, c), s.Accuracy(q, 30, other, nil, c))
}

// Recorded frames are replayed, and so are their results.
func TestClipFrames(t *testing.T) {
	frames := "# vidq video: frame_rate=30\nresolution,fps,encoder,quality,frame,bytes,right,wrong,missed\n" +
		"1080p,10,h264,20,1,0,8,0,2\n1080p,10,h264,20,2,0,8,0,2\n1080p,10,h264,20,3,300,8,0,2\n" +
		"1080p,10,h264,20,4,0,10,0,0\n1080p,10,h264,20,5,0,9,0,1\n1080p,10,h264,20,6,100,8,0,2\n"
	dir := clipSet(t, map[string]string{"video.csv": clipHead + "1080p,10,h264,20,8000000,0.8\n", "frames.csv": frames})
	s, err := kb.Open(dir, kb.Options{})
	require.NoError(t, err)
	sizer := s.Sizer(tenFPS, core.Content{})
	assert.Equal(t, []float64{300, 100, 300}, []float64{sizer.Bytes(0, 1), sizer.Bytes(1, 1), sizer.Bytes(2, 1)})
	assert.Equal(t, 200., s.FrameBytes(tenFPS, core.Content{}))
	pipe := core.Pipeline{{Service: "pedestrian_detection"}}
	j := s.Judge(pipe, tenFPS, nil)
	assert.InDelta(t, 1, j.FreshOf(0, core.Content{}), 1e-9, "the frame after the one that was sent")
	assert.InDelta(t, 16./18, j.FreshOf(1, core.Content{}), 1e-9)
	f := func(found float64) float64 { return 2 * found / (2*found + 10 - found) }
	want := (4*f(8) + f(10) + f(9)) / 6
	assert.InDelta(t, want, s.Accuracy(&core.Query{Pipeline: pipe}, 30, tenFPS, nil, core.Content{}), 1e-6, "of all camera frames")
	assert.Positive(t, j.Decay(core.Content{}))
}

// Wrong tables end with file, line and what is wrong.
func TestClipErrors(t *testing.T) {
	for _, c := range []struct{ video, frames, want string }{
		{"resolution,fps\n", "", "must begin with"},
		{"# vidq video: frame_rate=0\n", "", "frame_rate"},
		{"# vidq video: frame_rate=30\nresolution\n", "", "want the columns resolution,fps"},
		{clipHead + "1080p,10,h264,20,0,0.8\n", "", "video.csv:3: rate_bps"},
		{clipHead + "1080p,10,h264,20,1,1.8\n", "", "accuracy must be"},
		{clipHead + "wide,10,h264,20,1,.8\n", "", "resolution:"},
		{clipHead + "1080p,-1,h264,20,1,.8\n", "", "fps"},
		{clipHead + "1080p,1,h264,x,1,.8\n", "", "quality"},
		{clipHead + "1080p,1,h264,2,NaN,.8\n", "", "rate_bps: \"NaN\" is not a number"},
		{clipHead + "1080p,1,h264,2,1,.8\n1080p,1,h264,2,1,.8\n", "", "two rows"},
		{clipHead + "1080p,10,h264,20,1,.8\n", "1080p,10,h264,30,1,5\n", "does not have"},
		{clipHead + "1080p,10,h264,20,1,.8\n", "1080p,10,h264,20,2,5\n", "frame must be 1"},
		{clipHead + "1080p,10,h264,20,1,.8\n", "1080p,10,h264,20,1,0\n", "sends no frame"},
		{clipHead + "1080p,10,h264,20,1,.8\n", "1080p,10,h264,20,1,-1\n", "negative"},
	} {
		files := map[string]string{"video.csv": c.video}
		if c.frames != "" {
			files["frames.csv"] = "# vidq video: frame_rate=30\nresolution,fps,encoder,quality,frame,bytes\n" + c.frames
		}
		_, err := kb.Open(clipSet(t, files), kb.Options{})
		var e *kb.Error
		require.ErrorAs(t, err, &e, c.want)
		assert.Contains(t, strings.ReplaceAll(err.Error(), "\\", "/"), c.want)
	}
}
