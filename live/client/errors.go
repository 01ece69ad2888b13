package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"vidq/core"
	"vidq/live/wire"
)

// Unreachable says that no answer came, for another reason than that time was up: nobody
// listens, the connection broke, the certificate was not believed. The peer may
// have done what it was asked to, or not.
type Unreachable struct {
	Addr string
	Err  error
}

// Error tells who did not answer, and why.
func (e *Unreachable) Error() string { return fmt.Sprintf("no answer from %s: %v", e.Addr, e.Err) }

// Unwrap returns why.
func (e *Unreachable) Unwrap() error { return e.Err }

// lost is what a transport's error means: time is up, or the peer cannot be reached.
func (p Peer) lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("no answer from %s in time: %w", p.addr, context.Cause(ctx))
	}
	return &Unreachable{p.addr, err}
}

// CallError is what an error of Execute means to core; CallOK for nil. Of a call whose
// own time was up it is CallTimeout, which core finds out by itself.
func CallError(err error) core.CallError {
	var away *Unreachable
	var told *wire.Error
	switch {
	case err == nil:
		return core.CallOK
	case errors.As(err, &away):
		return core.CallUnreachable
	case errors.As(err, &told):
		if told.Status == wire.StatusDown {
			return core.CallUnreachable
		}
		switch told.HTTP {
		case http.StatusServiceUnavailable, http.StatusTooManyRequests:
			return core.CallRejected
		case http.StatusNotFound:
			return core.CallUnknown
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return core.CallTimeout
	}
	return core.CallFailed
}
