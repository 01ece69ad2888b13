package video

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"vidq/core"
	"vidq/kb"
	"vidq/live/loop"
)

// Source is where a camera's frames come from. Its methods may be called by any
// number of goroutines.
type Source interface {
	// Next returns the newest frame that exists if its number is at least from, else
	// waits for the first one that is. A file (mode file) is read on: the first frame
	// at or after from is read now, and there is no way back. The error is ErrEnded
	// after the last frame, ErrClosed after Close or the end of the context of Open, ctx's
	// error, or what is wrong with the video. A network source that fails is opened
	// again, and Next waits meanwhile.
	Next(ctx context.Context, from int64) (Frame, error)
	// Close ends the source and all that belongs to it, and returns when it has ended.
	Close() error
}

// Errors of Next.
var (
	ErrEnded  = errors.New("the video has ended")
	ErrClosed = errors.New("the video source is closed")
)

// Frame is a camera frame. Several goroutines may use it; nobody may change it.
type Frame struct {
	Number  int64     // of the camera, as in the simulator; rises from frame to frame
	At      core.Time // of capture; never later than when the frame is handed out
	Picture *Picture
}

// Options say which video is meant, and how to get it.
type Options struct {
	Camera  core.Camera
	URL     string     // as the scenario tells it; "" = drawn
	Dir     string     // folder that a relative path belongs to; "" = the working directory
	Phase   core.Time  // when frame 0 of a live camera exists
	Content kb.Source  // what a drawn camera shows
	Seed    uint64     // of what is drawn
	Clock   loop.Clock // that capture times are told by

	// Dial opens connections of MJPEG cameras; nil = over the network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Patience bounds how long a source may take until its first picture, and from one
	// to the next; beyond it, it has failed. Default 10 s.
	Patience core.Time
	// Report is told of every failure that the source gets over by itself, and nil when
	// pictures come again. It must not block. nil = nobody.
	Report func(err error)
}

// maxPixels bounds a picture, as live/wire does.
const maxPixels = 64_000_000

// Open opens a camera's video. It lives until Close, or until ctx ends. A camera
// in the network need not be there yet. The error names the camera and tells what to change.
//
// A live source and a drawn one serve all queries of the camera. In mode file each query opens its
// own, since it reads at its own pace.
func Open(ctx context.Context, o Options) (Source, error) {
	if o.Patience <= 0 {
		o.Patience = 10 * core.Second
	}
	if o.Report == nil {
		o.Report = func(error) {}
	}
	s, err := open(ctx, &o)
	if err != nil {
		return nil, o.failed(err)
	}
	return s, nil
}

func open(ctx context.Context, o *Options) (Source, error) {
	if !(o.Camera.FPS > 0) {
		return nil, errors.New("its frame rate is not positive")
	}
	if n := o.Camera.Resolution.Pixels(); n < 1 || n > maxPixels {
		return nil, fmt.Errorf("its resolution has %d pixels; want 1 to %d", n, maxPixels)
	}
	at, err := locate(o.URL, o.Dir)
	if err != nil {
		return nil, err
	}
	k := kindOf(at)
	if k == nil {
		return nil, fmt.Errorf("nothing can read %s; a url is one of: %s", at.name(), known())
	}
	return k.open(ctx, o, at)
}

// failed is err as an error of the camera.
func (o *Options) failed(err error) error { return fmt.Errorf("camera %q: %w", o.Camera.ID, err) }

// report hands on why a source failed for now.
func (o *Options) report(err error) { o.Report(o.failed(err)) }

func (o *Options) patience() time.Duration { return time.Duration(o.Patience) }
