package main

import (
	"sync"

	"vidq/core"

	"github.com/schollz/progressbar/v3"
)

// bar shows on a terminal how much of the simulated time has been played, over all
// runs of a command. A nil bar shows nothing.
type bar struct {
	mu     sync.Mutex
	runs   int // all that the bar stands for
	before int // those of batches before
	length []core.Time
	played []core.Time // of the batch's jobs
	sum    float64     // runs of the batch, by what has been played of each
	view   *progressbar.ProgressBar
}

const barSteps = 1000

// progressBar makes a bar of so many runs; nil where nobody would see it.
func (a *app) progressBar(name string, runs int, quiet bool) *bar {
	if !a.terminal || quiet {
		return nil
	}
	return &bar{
		runs: max(runs, 1),
		view: progressbar.NewOptions(barSteps, progressbar.OptionSetWriter(a.stderr), progressbar.OptionSetDescription(name),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(30)),
	}
}

// begin tells that an experiment's jobs are next.
func (b *bar) begin(e *experiment) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.before += len(b.played)
	b.sum = 0
	b.played = make([]core.Time, len(e.jobs))
	b.length = make([]core.Time, len(e.jobs))
	for i := range e.jobs {
		b.length[i] = e.jobs[i].until
		if b.length[i] == 0 {
			b.length[i] = e.world(i).Duration
		}
		b.length[i] = max(b.length[i], 1)
	}
}

// set tells that the batch's job i has been played up to now.
func (b *bar) set(i int, now core.Time) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sum += (now - b.played[i]).Seconds() / b.length[i].Seconds()
	b.played[i] = now
	share := (float64(b.before) + b.sum) / float64(b.runs)
	// A terminal that does not take the bar is no reason to stop.
	_ = b.view.Set(min(int(share*barSteps), barSteps-1))
}

func (b *bar) done() {
	if b != nil {
		_ = b.view.Finish() // as above
	}
}
