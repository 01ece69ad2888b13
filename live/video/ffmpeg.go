package video

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

func init() {
	register(&kind{
		name: "ffmpeg",
		doc:  "a video file; rtsp://, rtsps://, rtmp://, srt:// or udp://HOST/...; http:// to a video file or a playlist (.mp4, .m3u8): read by the program ffmpeg",
		claim: func(at *location) int {
			switch {
			case at.url == nil:
				return min(len(at.path), 1)
			case ffmpegSchemes[at.scheme] == "":
				return 0
			case strings.HasPrefix(at.scheme, "http"):
				return 2 * min(1, slices.Index(videoFiles, at.ext)+1)
			}
			return 1
		},
		open: func(ctx context.Context, o *Options, at *location) (Source, error) {
			program, err := exec.LookPath("ffmpeg")
			if err != nil {
				return nil, fmt.Errorf("%s is read by the program ffmpeg, which is not there; install it (apt-get install ffmpeg)", at.name())
			}
			args := ffmpegArgs(o, at)
			return newFootage(ctx, o, at, at.endless(), func(ctx context.Context) (reader, error) {
				return startFFmpeg(ctx, program, at.name(), args)
			}), nil
		},
	})
}

// ffmpegSchemes are the protocols that ffmpeg may speak for a url: those that it needs and no
// other, as a playlist could name any.
var ffmpegSchemes = map[string]string{
	"rtsp":  "rtsp,rtp,udp,tcp",
	"rtsps": "rtsps,rtsp,rtp,srtp,udp,tcp,tls",
	"rtmp":  "rtmp,tcp",
	"srt":   "srt",
	"udp":   "udp,rtp",
	"http":  "http,tcp",
	"https": "https,http,tcp,tls,crypto",
}

// videoFiles are the extensions that tell a video file from an MJPEG camera behind http.
var videoFiles = []string{"m3u8", "mpd", "mp4", "mkv", "webm", "mov", "avi", "ts", "m4v", "flv"}

// endless reports whether a url is a camera or a broadcast, not a file: pictures
// come by themselves.
func (at *location) endless() bool {
	return at.url != nil && (!strings.HasPrefix(at.scheme, "http") || at.ext == "m3u8" || at.ext == "mpd")
}

// ffmpegArgs are ffmpeg's arguments: pictures of the camera's size as JPEGs, one after
// the other, to its standard output. A file is brought to the camera's rate, so that camera frame k shows
// what the video shows at k/fps; a stream is given as it comes.
func ffmpegArgs(o *Options, at *location) []string {
	c := &o.Camera
	args := []string{"-nostdin", "-hide_banner", "-loglevel", "error"}
	input, allowed := "file:"+at.path, "file" // without file: a path could be taken for a protocol
	if at.url != nil {
		input, allowed = at.url.String(), ffmpegSchemes[at.scheme]
	}
	args = append(args, "-protocol_whitelist", allowed)
	if strings.HasPrefix(at.scheme, "rtsp") {
		args = append(args, "-rtsp_transport", "tcp") // UDP loses parts of pictures
	}
	filter := fmt.Sprintf("scale=%d:%d", c.Resolution.Width, c.Resolution.Height)
	if at.endless() {
		// Without a bound ffmpeg looks at a stream for 5 s before it shows any of it.
		args = append(args, "-fflags", "nobuffer", "-analyzeduration", "1000000", "-i", input, "-fps_mode", "passthrough")
	} else {
		args = append(args, "-i", input)
		filter = "fps=" + strconv.FormatFloat(c.FPS, 'f', -1, 64) + "," + filter
	}
	return append(args, "-map", "0:v:0", "-vf", filter,
		"-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "2", "-f", "image2pipe", "-flush_packets", "1", "pipe:1")
}

// ffmpeg is a running ffmpeg.
type ffmpeg struct {
	*splitter
	cancel context.CancelFunc
	stderr tail
	out    io.Closer
	ended  chan struct{}
	err    error // of its end
}

// startFFmpeg starts the program. It is killed when ctx ends, when it is closed and,
// where the system can, when vidq dies.
func startFFmpeg(ctx context.Context, program, name string, args []string) (reader, error) {
	ctx, cancel := context.WithCancel(ctx)
	f := &ffmpeg{cancel: cancel, ended: make(chan struct{})}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr = &f.stderr
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = attributes()
	r, w := io.Pipe()
	cmd.Stdout = w
	f.splitter, f.out = newSplitter(name, r), r
	started := make(chan error)
	go func() {
		defer close(f.ended)
		// The system kills a child when the thread ends that made it, so that thread must stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		f.err = cmd.Wait()
		w.CloseWithError(io.EOF)
	}()
	if err := <-started; err != nil {
		cancel()
		return nil, fmt.Errorf("ffmpeg does not start: %w", err)
	}
	return f, nil
}

// read returns the next picture. Where ffmpeg failed the error is its last line.
func (f *ffmpeg) read() (*Picture, error) {
	p, err := f.next()
	if !errors.Is(err, io.EOF) {
		return p, err
	}
	<-f.ended
	if f.err == nil {
		return nil, io.EOF
	}
	if line := f.stderr.last(); line != "" {
		return nil, errors.New("ffmpeg: " + line)
	}
	return nil, fmt.Errorf("ffmpeg: %w", f.err)
}

func (f *ffmpeg) close() {
	f.cancel()
	_ = f.out.Close() // what is still under way is not wanted
	<-f.ended
}

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	const most = 4096
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if len(t.b) > most {
		t.b = append(t.b[:0], t.b[len(t.b)-most:]...)
	}
	return len(p), nil
}

// last returns the last line that is not empty.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := bytes.TrimSpace(t.b)
	return string(bytes.ToValidUTF8(bytes.TrimSpace(b[bytes.LastIndexByte(b, '\n')+1:]), []byte("?")))
}
