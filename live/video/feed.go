package video

import (
	"context"
	"errors"
	"sync"
)

// feed hands the newest frame to whoever asks. Who writes never waits for who reads.
type feed struct {
	mu      sync.Mutex
	newest  Frame         // its Picture is nil before the first
	err     error         // that has ended it
	wanted  int64         // the highest number that somebody asked for; -1 = nobody asked
	changed chan struct{} // closed at the next change
	asked   chan struct{} // holds one when wanted has risen
}

func newFeed() *feed {
	return &feed{wanted: -1, changed: make(chan struct{}), asked: make(chan struct{}, 1)}
}

// put makes f the newest frame.
func (d *feed) put(f Frame) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.newest = f
	d.change()
}

// end makes err what is answered when the newest frame does not do. What ended it first
// counts, but for ErrClosed, which always does.
func (d *feed) end(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil || errors.Is(err, ErrClosed) {
		d.err = err
	}
	d.change()
}

func (d *feed) change() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// next waits for a frame that is not before from.
func (d *feed) next(ctx context.Context, from int64) (Frame, error) {
	for {
		f, changed, err := d.try(from)
		if f.Picture != nil || err != nil {
			return f, err
		}
		select {
		case <-ctx.Done():
			return Frame{}, ctx.Err()
		case <-changed:
		}
	}
}

// try returns a frame, an error, or what will be closed when there may be one.
func (d *feed) try(from int64) (Frame, <-chan struct{}, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case errors.Is(d.err, ErrClosed):
		return Frame{}, nil, d.err
	case d.newest.Picture != nil && d.newest.Number >= from:
		return d.newest, nil, nil
	case d.err != nil:
		return Frame{}, nil, d.err
	}
	if from > d.wanted {
		d.wanted = from
		select {
		case d.asked <- struct{}{}:
		default:
		}
	}
	return Frame{}, d.changed, nil
}

// want waits until somebody asks for more than there is, and returns for what.
func (d *feed) want(ctx context.Context) (int64, error) {
	for {
		d.mu.Lock()
		w, have := d.wanted, d.newest
		d.mu.Unlock()
		if w >= 0 && (have.Picture == nil || have.Number < w) {
			return w, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-d.asked:
		}
	}
}
