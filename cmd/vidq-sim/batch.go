package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"vidq/core"
	"vidq/core/result"
)

// batch runs an experiment's jobs, several at a time. Jobs share nothing, so what
// comes out does not depend on how many.
type batch struct {
	app        *app
	experiment *experiment
	workers    int
	bar        *bar // may be nil
}

// run returns the runs in the order of the jobs. A job that fails ends the others,
// and the first failure in that order is returned. When ctx is cancelled the runs under way end with
// what they have and the rest is left out.
func (b *batch) run(ctx context.Context) ([]*result.Run, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n := len(b.experiment.jobs)
	runs, errs := make([]*result.Run, n), make([]error, n)
	next := make(chan int)
	b.bar.begin(b.experiment)
	var wg sync.WaitGroup
	for range min(b.workers, n) {
		wg.Go(func() {
			for i := range next {
				if runs[i], errs[i] = b.one(ctx, i); errs[i] != nil {
					cancel()
				}
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()

	had := []*result.Run{}
	for i := range n {
		if errs[i] != nil && !errors.Is(errs[i], context.Canceled) {
			j := &b.experiment.jobs[i]
			return nil, fmt.Errorf("%s: %s, seed %d: %w", b.experiment.world(i).Name, j.scheduler, j.seed, errs[i])
		}
		if runs[i] != nil && errs[i] == nil {
			had = append(had, runs[i])
		}
	}
	return had, nil
}

// one runs job i. A run that does not notice an interrupt (a decision may last, or its world
// is still being made) is given up and left out.
func (b *batch) one(ctx context.Context, i int) (*result.Run, error) {
	j := b.experiment.jobs[i]
	var files *runFiles
	if f := b.experiment.folder; f != nil {
		var err error
		if files, err = f.tables.begin(i, j); err != nil {
			return nil, err
		}
		j.sink, j.frames = files, files
	}
	h := newHearing()
	j.progress = func(now core.Time) {
		h.begun.Store(true)
		if ctx.Err() != nil {
			h.notice()
		} else {
			b.bar.set(i, now)
		}
	}
	var r *result.Run
	var err error
	if !interruptible(ctx, h, func() { r, err = b.app.simulate(ctx, b.experiment.world(i), j) }) {
		if files != nil {
			b.experiment.folder.tables.omit(i)
		}
		return nil, ctx.Err()
	}
	if files != nil {
		if e := files.close(); err == nil {
			err = e
		}
		b.experiment.folder.tables.done(i)
	}
	if err == nil {
		err = r.Check()
	}
	return r, err
}
