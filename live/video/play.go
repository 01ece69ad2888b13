package video

import (
	"context"
	"errors"
	"io"

	"vidq/core/result"
)

// play shows a file as a camera would: from the frame at which it is opened on, one
// picture for each camera frame, at its time. Who is late catches up.
func (r *footage) play(ctx context.Context) error {
	k := max(lastFrame(r.o, r.o.Clock.Now()), 0)
	return r.passes(ctx, func(pic *Picture) error {
		at := result.FrameTime(k, r.o.Phase, r.o.Camera.FPS)
		if wait := at - r.o.Clock.Now(); wait > 0 && !pause(ctx, wait) {
			return ctx.Err()
		}
		if pic != nil {
			r.put(Frame{Number: k, At: at, Picture: pic})
		}
		k++
		return nil
	})
}

// readOn reads a file when somebody asks.
func (r *footage) readOn(ctx context.Context) error {
	want, err := r.want(ctx)
	if err != nil {
		return err
	}
	k, c := int64(0), &r.o.Camera
	return r.passes(ctx, func(pic *Picture) error {
		if c.Length > 0 && k >= c.Length && !c.Loop {
			return ErrEnded
		}
		if pic != nil && k >= want {
			r.put(Frame{Number: k, At: r.o.Clock.Now(), Picture: pic})
			if want, err = r.want(ctx); err != nil {
				return err
			}
		}
		k++
		return nil
	})
}

// passes reads a file to its end, again and again if the camera loops, and gives every
// picture to f, nil for a broken one, until f has an error.
func (r *footage) passes(ctx context.Context, f func(*Picture) error) error {
	for {
		used, err := r.pass(ctx, f)
		switch {
		case err != nil:
			return err
		case used == 0:
			return r.o.failed(errors.New(r.name + ": there is no picture in it that can be read"))
		case !r.o.Camera.Loop:
			return ErrEnded
		}
	}
}

// pass reads a file once and returns how many pictures of it could be used.
func (r *footage) pass(ctx context.Context, f func(*Picture) error) (used int, err error) {
	p, err := r.begin(ctx)
	if err != nil {
		return 0, r.o.failed(err)
	}
	defer p.stop()
	for {
		pic, err := p.next()
		if errors.Is(err, io.EOF) {
			return used, nil
		}
		if err != nil {
			return used, r.o.failed(err)
		}
		if pic != nil {
			used++
		}
		if err := f(pic); err != nil {
			return used, err
		}
	}
}
