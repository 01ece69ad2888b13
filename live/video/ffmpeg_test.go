package video

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// film makes a video of n frames whose light is ten times their number. `make deps` installs ffmpeg.
func film(t testing.TB, name string, n, fps int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("ffmpeg", "-nostdin", "-loglevel", "error", "-framerate", strconv.Itoa(fps),
		"-i", filepath.Join(pictures(t, n), "%03d.jpg"), "-c:v", "mpeg4", "-q:v", "2", "-vf", "scale=128:96", path)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s (make deps installs ffmpeg)", out)
	return path
}

// children returns this process' children of a name.
func children(t testing.TB, name string) (pids []string) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, stat := range stats {
		b, err := os.ReadFile(stat)
		if err != nil {
			continue // has ended meanwhile
		}
		at := strings.LastIndexByte(string(b), ')')
		fields := strings.Fields(string(b[at+1:]))
		if strings.Contains(string(b[:at]), "("+name) && fields[1] == strconv.Itoa(os.Getpid()) {
			pids = append(pids, filepath.Base(filepath.Dir(stat)))
		}
	}
	return pids
}

// A file's frames come in their order and in the camera's size; the end is the end.
func TestFFmpegFile(t *testing.T) {
	o, reported := fileOptions(film(t, "-a b:c%d.mp4", 12, 10))
	s, err := Open(t.Context(), o)
	require.NoError(t, err)
	defer s.Close()
	all := rest(t, s, 0)
	require.Len(t, all, 12)
	for i, f := range all {
		assert.EqualValues(t, i, f.Number)
		assert.Equal(t, o.Camera.Resolution, f.Picture.Size())
		assert.InDelta(t, 10*i, light(t, f.Picture), 8)
	}
	assert.Empty(t, reported.texts())
	assert.Empty(t, children(t, "ffmpeg"))
}

// Camera frame k is what the video shows at k/fps, whatever the video's own rate.
func TestFFmpegRate(t *testing.T) {
	o, _ := fileOptions(film(t, "a.mp4", 12, 20))
	s, err := Open(t.Context(), o)
	require.NoError(t, err)
	defer s.Close()
	all := rest(t, s, 0)
	require.Len(t, all, 6)
	for i, f := range all {
		assert.InDelta(t, 20*i, light(t, f.Picture), 18)
	}
}

func TestFFmpegLoops(t *testing.T) {
	o, _ := fileOptions(film(t, "a.avi", 4, 10))
	o.Camera.Loop = true
	s, err := Open(t.Context(), o)
	require.NoError(t, err)
	for k := range int64(10) {
		f, err := s.Next(t.Context(), k)
		require.NoError(t, err)
		assert.Equal(t, k, f.Number)
		assert.InDelta(t, 10*(k%4), light(t, f.Picture), 8)
	}
	require.NoError(t, s.Close())
	assert.Empty(t, children(t, "ffmpeg"))
}

// A live camera plays the file in real time.
func TestFFmpegLive(t *testing.T) {
	o, _ := fileOptions(film(t, "a.mp4", 25, 50))
	o.Camera.Mode, o.Camera.FPS = core.ModeLive, 50
	s, err := Open(t.Context(), o)
	require.NoError(t, err)
	defer s.Close()
	from, frames := int64(0), 0
	for {
		f, err := s.Next(t.Context(), from)
		if errors.Is(err, ErrEnded) {
			break
		}
		require.NoError(t, err)
		assert.Equal(t, core.Time(f.Number)*20*core.Millisecond, f.At)
		assert.LessOrEqual(t, f.At, o.Clock.Now())
		from, frames = f.Number+1, frames+1
	}
	assert.Positive(t, frames)
	assert.GreaterOrEqual(t, o.Clock.Now(), 480*core.Millisecond)
}

// Closing a source kills its ffmpeg, in the middle of a video too.
func TestFFmpegIsKilled(t *testing.T) {
	o, _ := fileOptions(film(t, "a.mp4", 25, 1))
	o.Camera.FPS, o.Camera.Resolution = 1000, hd // 25,000 large pictures
	s, err := Open(t.Context(), o)
	require.NoError(t, err)
	_, err = s.Next(t.Context(), 3)
	require.NoError(t, err)
	require.Len(t, children(t, "ffmpeg"), 1)
	wait := make(chan error)
	go func() {
		_, err := s.Next(context.Background(), 1e6)
		wait <- err
	}()
	require.NoError(t, s.Close())
	require.ErrorIs(t, <-wait, ErrClosed)
	assert.Empty(t, children(t, "ffmpeg"))
}

// helperVariable makes TestMain of a copy of this test program open a video, and stay.
const helperVariable = "VIDQ_TEST_VIDEO"

// helper opens a video and says so.
func helper(path string) {
	s, err := Open(context.Background(), Options{
		Camera: core.Camera{ID: "file", FPS: 1000, Resolution: hd, Mode: core.ModeFile}, URL: path,
	})
	if err == nil {
		_, err = s.Next(context.Background(), 1)
	}
	if err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		return
	}
	os.Stdout.WriteString("open\n")
	select {}
}

// ffmpeg dies with vidq, however that ends.
func TestFFmpegDiesWithParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // no other system ties a child to its parent
	}
	path := film(t, "orphan.mp4", 25, 1)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperVariable+"="+path)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line := make([]byte, 200)
	n, err := out.Read(line)
	require.NoError(t, err)
	require.Equal(t, "open\n", string(line[:n]))
	using := func() (pids []string) {
		all, err := filepath.Glob("/proc/[0-9]*/cmdline")
		require.NoError(t, err)
		for _, f := range all {
			if b, _ := os.ReadFile(f); strings.Contains(string(b), "file:"+path) {
				pids = append(pids, f)
			}
		}
		return pids
	}
	require.Len(t, using(), 1)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	assert.Eventually(t, func() bool { return len(using()) == 0 }, 10*time.Second, 10*time.Millisecond)
}

// What ffmpeg says last is the error; without ffmpeg it says what to install.
func TestFFmpegErrors(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "text.mp4", []byte("this is no video"))
	put(t, dir, "playlist.m3u8", []byte("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n"))
	for file, want := range map[string]string{
		"text.mp4":      "ffmpeg: ",
		"playlist.m3u8": "ffmpeg: ", // may name files only
	} {
		o, _ := fileOptions(filepath.Join(dir, file))
		s, err := Open(t.Context(), o)
		require.NoError(t, err)
		_, err = s.Next(t.Context(), 0)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, file)
		assert.NotContains(t, err.Error(), "\n")
		require.NoError(t, s.Close())
	}
	t.Setenv("PATH", dir)
	o, _ := fileOptions(filepath.Join(dir, "text.mp4"))
	_, err := Open(t.Context(), o)
	require.ErrorContains(t, err, "apt-get install ffmpeg")
	assert.Empty(t, children(t, "ffmpeg"))
}

// A video behind http is read by ffmpeg, which may speak http only.
func TestFFmpegOverHTTP(t *testing.T) {
	server := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(film(t, "a.mp4", 5, 10)))))
	defer server.Close()
	o, _ := fileOptions(server.URL + "/a.mp4")
	s, err := Open(t.Context(), o)
	require.NoError(t, err)
	defer s.Close()
	assert.Len(t, rest(t, s, 0), 5)
}

// A broadcast that ends is waited for again, and frames have the numbers of their arrival.
func TestFFmpegStream(t *testing.T) {
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.LocalAddr().String()
	require.NoError(t, free.Close())
	path := film(t, "a.mp4", 25, 10)
	o, reported := fileOptions("udp://" + address)
	o.Camera.Mode = core.ModeLive
	s, err := Open(t.Context(), o)
	require.NoError(t, err)
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	sender := exec.CommandContext(ctx, "ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-stream_loop", "-1", "-i", path,
		"-c:v", "mpeg2video", "-g", "5", "-f", "mpegts", "udp://"+address)
	require.NoError(t, sender.Start())
	defer sender.Wait()
	defer cancel()
	last := int64(-1)
	for range 5 {
		f, err := s.Next(t.Context(), last+1)
		require.NoError(t, err)
		assert.Greater(t, f.Number, last)
		assert.InDelta(t, f.At.Seconds(), float64(f.Number)/10, .2)
		last = f.Number
	}
	for _, text := range reported.texts() {
		assert.Contains(t, text, "udp://") // it may have been tried before the sender was there
	}
}
