package video

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vidq/core"
)

// reader gives the pictures of one opening of a video in their order.
type reader interface {
	// read returns the next picture, an error of type broken for one that is there but
	// cannot be used, or io.EOF at the end. It gives up when the context ends that the
	// reader was opened with.
	read() (*Picture, error)
	close()
}

// opener opens a video at its beginning.
type opener func(ctx context.Context) (reader, error)

// broken is the error of one picture of a video that goes on.
type broken struct{ error }

// footage is a source that reads pictures which somebody else made.
type footage struct {
	*feed
	o      *Options
	name   string
	open   opener
	cancel context.CancelFunc
	done   chan struct{}
}

// newFootage starts a source. Endless says that there is no end by plan and that pictures
// come by themselves: a camera, not a file.
func newFootage(ctx context.Context, o *Options, at *location, endless bool, open opener) Source {
	ctx, cancel := context.WithCancel(ctx)
	r := &footage{feed: newFeed(), o: o, name: at.name(), open: open, cancel: cancel, done: make(chan struct{})}
	run := r.play
	switch {
	case o.Camera.Mode == core.ModeFile:
		run = r.readOn
	case endless:
		run = r.follow
	}
	go func() {
		defer close(r.done)
		defer cancel()
		if err := run(ctx); err != nil && ctx.Err() == nil {
			r.end(err)
			<-ctx.Done()
		}
		r.end(ErrClosed)
	}()
	return r
}

// Next implements Source.
func (r *footage) Next(ctx context.Context, from int64) (Frame, error) { return r.next(ctx, from) }

// Close implements Source.
func (r *footage) Close() error {
	r.cancel()
	<-r.done
	return nil
}

// opening is an opened video that fails when it is silent for too long.
type opening struct {
	reader
	r      *footage
	ctx    context.Context
	cancel context.CancelCauseFunc
	silent *time.Timer
	read0  bool // a picture was read
}

// begin opens the video.
func (r *footage) begin(ctx context.Context) (*opening, error) {
	p := &opening{r: r}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	p.silent = time.AfterFunc(r.o.patience(), func() {
		p.cancel(fmt.Errorf("there was no picture for %v", r.o.Patience))
	})
	var err error
	if p.reader, err = r.open(p.ctx); err != nil {
		err = p.explain(err)
		p.stop()
		return nil, err
	}
	return p, nil
}

func (p *opening) stop() {
	p.silent.Stop()
	p.cancel(nil)
	if p.reader != nil {
		p.close()
	}
}

// next reads a picture. One that is broken is reported and returned as nil.
func (p *opening) next() (*Picture, error) {
	if p.read0 {
		p.silent.Reset(p.r.o.patience())
	}
	pic, err := p.read()
	p.silent.Stop()
	p.read0 = true
	var b broken
	if errors.As(err, &b) {
		p.r.o.report(b.error)
		return nil, nil
	}
	return pic, p.explain(err)
}

// explain adds what is known of an error: which video, and that it was silent.
func (p *opening) explain(err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(p.ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return fmt.Errorf("%s: %w", p.r.name, err)
}
