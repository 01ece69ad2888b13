package video

import (
	"context"
	"errors"
	"io"
	"time"

	"vidq/core"
	"vidq/core/result"
	"vidq/kb/world"
)

// Bounds of the time until a camera that failed is tried again.
const (
	backoffFirst = core.Second / 2
	backoffMost  = 30 * core.Second
)

// follow reads a camera that gives pictures when it likes, and comes back to it
// whenever it fails, until ctx ends.
func (r *footage) follow(ctx context.Context) error {
	failures := int64(0)
	for {
		seen, err := r.connection(ctx, failures > 0)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if seen {
			failures = 0
		}
		r.o.report(err)
		if !pause(ctx, r.o.backoff(failures)) {
			return ctx.Err()
		}
		failures++
	}
}

// connection follows one opening to its end.
func (r *footage) connection(ctx context.Context, failed bool) (seen bool, err error) {
	p, err := r.begin(ctx)
	if err != nil {
		return false, err
	}
	defer p.stop()
	for {
		pic, err := p.next()
		switch {
		case errors.Is(err, io.EOF):
			return seen, errors.New(r.name + ": the stream ended")
		case err != nil:
			return seen, err
		case pic == nil:
			continue
		}
		if failed && !seen {
			r.o.Report(nil)
		}
		seen = true
		r.arrived(pic)
	}
}

// arrived gives a picture the number of its arrival. A camera's own clock differs from the
// scenario's, and pictures come early and late, so a number may be behind by one
// frame, in order that none is left out; it is never ahead. What comes faster than the camera's
// rate replaces what has the same number.
func (r *footage) arrived(pic *Picture) {
	now := r.o.Clock.Now()
	k := lastFrame(r.o, now)
	if k < 0 {
		return // before frame 0
	}
	if last := r.newest; last.Picture != nil { // only this goroutine writes it
		k = min(max(last.Number+1, k-1), k)
	}
	r.put(Frame{Number: k, At: now, Picture: pic})
}

// lastFrame returns the newest camera frame that exists at now; -1 = none.
func lastFrame(o *Options, now core.Time) int64 {
	return result.FrameIndex(now.Add(1), o.Phase, o.Camera.FPS) - 1
}

// backoff is the time until the camera is tried again after so many failures in a row:
// doubled each time, and drawn from its upper half, so that a thousand cameras do not all come back at once.
func (o *Options) backoff(failures int64) core.Time {
	d := backoffFirst << min(failures, 10)
	u := world.Root(o.Seed, 0).Name("reconnect").Name(string(o.Camera.ID)).With(uint64(failures)).Uniform()
	return core.Time(float64(min(d, backoffMost)) * (.5 + u/2))
}

// pause waits and reports whether it could.
func pause(ctx context.Context, d core.Time) bool {
	t := time.NewTimer(time.Duration(d))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
