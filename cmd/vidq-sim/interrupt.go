package main

import (
	"context"
	"errors"
	"time"
)

// What an interrupted command ends with.
var (
	errInterrupted = errors.New("interrupted: the results are those until then, marked \"interrupted\"")
	errNothing     = errors.New("interrupted before there was any result")
)

// giveUp is how long something that has not noticed an interrupt is waited for.
const giveUp = 100 * time.Millisecond

// interruptible calls f and returns true when f has returned. When ctx is cancelled
// and f has neither returned nor closed noticed (which may be nil) giveUp later, it
// returns false; f then goes on until the process ends, and nothing of it may be
// looked at.
func interruptible(ctx context.Context, noticed <-chan struct{}, f func()) bool {
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
	select {
	case <-done:
	case <-noticed:
		<-done
	case <-time.After(giveUp):
		return false
	}
	return true
}
