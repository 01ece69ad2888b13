package video

import (
	"context"
	"errors"
	"image"
	"sync"
	"time"

	"vidq/core"
	"vidq/core/result"
)

func init() {
	register(&kind{
		name: "drawn",
		doc:  "none, for a camera that is drawn from its content",
		claim: func(at *location) int {
			if at.url == nil && at.path == "" {
				return 1
			}
			return 0
		},
		open: func(ctx context.Context, o *Options, _ *location) (Source, error) { return newDrawn(ctx, o) },
	})
}

// drawn is a camera whose pictures are drawn: frame k is a function of the seed, the
// camera and k alone.
type drawn struct {
	o      *Options
	stage  *stage
	ctx    context.Context
	cancel context.CancelFunc
}

func newDrawn(ctx context.Context, o *Options) (Source, error) {
	if o.Content == nil {
		return nil, errors.New("it has neither a url nor a content to draw")
	}
	d := &drawn{o: o, stage: newStage(o)}
	d.ctx, d.cancel = context.WithCancel(ctx)
	return d, nil
}

// Close implements Source.
func (d *drawn) Close() error {
	d.cancel()
	return nil
}

// Next implements Source. In mode file any frame may be asked for at any time.
func (d *drawn) Next(ctx context.Context, from int64) (Frame, error) {
	from = max(from, 0)
	c := &d.o.Camera
	if d.ctx.Err() != nil {
		return Frame{}, ErrClosed
	}
	if c.Mode == core.ModeFile {
		if c.Length > 0 && from >= c.Length && !c.Loop {
			return Frame{}, ErrEnded
		}
		return Frame{Number: from, At: d.o.Clock.Now(), Picture: d.picture(from)}, nil
	}
	for {
		now := d.o.Clock.Now()
		if k := lastFrame(d.o, now); k >= from {
			return Frame{Number: k, At: result.FrameTime(k, d.o.Phase, c.FPS), Picture: d.picture(k)}, nil
		}
		timer := time.NewTimer(d.o.Clock.Until(result.FrameTime(from, d.o.Phase, c.FPS)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return Frame{}, ctx.Err()
		case <-d.ctx.Done():
			timer.Stop()
			return Frame{}, ErrClosed
		}
	}
}

// picture returns what frame k shows, which is drawn when somebody looks.
func (d *drawn) picture(k int64) *Picture {
	size := d.o.Camera.Resolution
	objects := sync.OnceValue(func() []Object { return objectsOf(d.stage.actors(k)) })
	return &Picture{
		name: string(d.o.Camera.ID), size: size, memory: int64(size.Pixels()) * 3 / 2,
		objects: objects,
		look:    sync.OnceValues(func() (*image.YCbCr, error) { return d.stage.draw(k), nil }),
	}
}

func objectsOf(a []actor) []Object {
	all := make([]Object, len(a))
	for i := range a {
		all[i] = a[i].Object
	}
	return all
}
