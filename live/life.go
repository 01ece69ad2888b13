package live

import (
	"context"
	"errors"
	"net/http"

	"vidq/core"
	"vidq/live/loop"
	"vidq/live/wire"
)

// life is a machine from a start of its node to the end: its loop, and those who wait for
// its answers.
type life struct {
	ctx      context.Context // of all that goes on for the machine
	cancel   context.CancelCauseFunc
	loop     *loop.Loop
	exchange exchange
}

// errDown is why a life ends whose node has gone down: it answers nobody any more.
var errDown = errors.New("the node is down")

func newLife() *life {
	l := new(life)
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	return l
}

// post hands an event to the machine.
func (l *life) post(ctx context.Context, ev core.Event) error {
	if l.loop.Post(ev) {
		return nil
	}
	return l.gone(ctx)
}

// gone is the answer of a machine whose life has ended: none, if its node is down, as if
// there were no such node.
func (l *life) gone(ctx context.Context) error {
	if errors.Is(context.Cause(l.ctx), errDown) {
		<-ctx.Done()
		return ctx.Err()
	}
	return loop.ErrStopped
}

// away is the answer of a node that has no life now: none, if a fault keeps it down; else that it has
// not begun yet, or is no more.
func (h *host) away(ctx context.Context) error {
	h.mu.Lock()
	down := h.downs > 0
	h.mu.Unlock()
	if down {
		return silence(ctx)
	}
	e := wire.Errorf(http.StatusServiceUnavailable, "node %q is not up yet; try again", h.id)
	e.RetryAfter = core.Second
	return e
}

// silence waits until ctx ends: nobody answers.
func silence(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
