package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// What an interrupted command ends with.
var (
	errInterrupted = errors.New("interrupted: the results are those until then, marked \"interrupted\"")
	errNothing     = errors.New("interrupted before there was any result")
)

// giveUp is how long a run that has begun and has not noticed an interrupt is waited for.
const giveUp = 100 * time.Millisecond

// hearing is how far something is with noticing an interrupt.
type hearing struct {
	begun   atomic.Bool   // it has results, which ending early would leave
	noticed chan struct{} // closed when it is ending early
	once    sync.Once
}

func newHearing() *hearing { return &hearing{noticed: make(chan struct{})} }

func (h *hearing) notice() { h.once.Do(func() { close(h.noticed) }) }

// interruptible calls f, unless ctx is cancelled already, and returns true when f has
// returned. When ctx is cancelled and f has not noticed giveUp later, it returns false; f
// then goes on until the process ends, and nothing of it may be looked at. What has not
// begun, or never will (h is nil), has nothing to give yet and is not waited for.
func interruptible(ctx context.Context, h *hearing, f func()) bool {
	if ctx.Err() != nil {
		return false
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
	}
	if h == nil || !h.begun.Load() {
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
	select {
	case <-done:
	case <-h.noticed:
		<-done
	case <-time.After(giveUp):
		return false
	}
	return true
}
