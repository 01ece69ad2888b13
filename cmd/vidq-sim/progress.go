package main

import (
	"sync"

	"vidq/core"

	"github.com/schollz/progressbar/v3"
)

// bar shows on a terminal how much of the simulated time has been played, over all
// runs of an experiment. A nil bar shows nothing.
type bar struct {
	mu     sync.Mutex
	played []core.Time // by job
	length core.Time   // of a run
	sum    core.Time
	view   *progressbar.ProgressBar
}

const barSteps = 1000

func (a *app) progressBar(e *experiment) *bar {
	length := e.jobs[0].until
	if length == 0 {
		length = e.scenario.Duration
	}
	return &bar{
		played: make([]core.Time, len(e.jobs)),
		length: max(length, 1),
		view: progressbar.NewOptions(barSteps, progressbar.OptionSetWriter(a.stderr), progressbar.OptionSetDescription(e.scenario.Name),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(30)),
	}
}

// set tells that job i has been played up to now.
func (b *bar) set(i int, now core.Time) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sum += now - b.played[i]
	b.played[i] = now
	share := float64(b.sum) / float64(b.length) / float64(len(b.played))
	// A terminal that does not take the bar is no reason to stop.
	_ = b.view.Set(min(int(share*barSteps), barSteps-1))
}

func (b *bar) done() {
	if b != nil {
		_ = b.view.Finish() // as above
	}
}
