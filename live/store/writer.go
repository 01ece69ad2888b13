package store

import (
	"context"
	"sync"
	"time"

	"vidq/core"
)

// Writer makes saves durable from a goroutine of its own, all that wait in one
// transaction, and answers each. It also sees to the store's retention, one step
// between two transactions.
type Writer struct {
	s      *Store
	answer func(core.Saved)
	done   chan struct{} // closed when the goroutine has ended
	wake   chan struct{} // holds a token when there is something to do
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	queue  []waiting
	weight int // changes that wait, results counted singly
	closed bool
}

// waiting is a save that waits for its turn. One that was refused keeps its place,
// so that answers come in order.
type waiting struct {
	save   core.Save
	weight int
	err    string // "" = not refused
}

// NewWriter starts a Writer. answer is called once for each save, in the order of
// the saves, by the Writer's goroutine: as long as it does not return nothing else
// is written.
func (s *Store) NewWriter(answer func(core.Saved)) *Writer {
	w := &Writer{s: s, answer: answer, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	go w.run()
	return w
}

// Save asks for a save to be made durable. It does not block: when too much waits
// already, or the Writer is closed, the save is refused in its turn. After Close
// has returned nobody answers any more.
func (w *Writer) Save(sv *core.Save) {
	n := waiting{save: *sv, weight: weigh(sv)}
	w.mu.Lock()
	switch {
	case w.closed:
		n = waiting{save: core.Save{ID: sv.ID}, err: w.s.Name() + ": " + ErrClosed.Error()}
	case w.weight > 0 && w.weight+n.weight > w.s.o.Queue:
		n = waiting{save: core.Save{ID: sv.ID}, err: w.s.Name() + ": the store is too slow: " + itoa(int64(w.weight)) + " changes wait for it"}
	}
	w.weight += n.weight
	w.queue = append(w.queue, n)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// weigh counts a save's changes, results singly.
func weigh(sv *core.Save) int {
	n := len(sv.Changes)
	for i := range sv.Changes {
		if r := sv.Changes[i].Result; r != nil {
			n += len(r.Results)
		}
	}
	return n
}

// Close has everything that waits made durable, and ends the Writer. When ctx
// ends before, what still waits is refused, and the error is that of ctx.
func (w *Writer) Close(ctx context.Context) error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	select {
	case <-w.done:
		w.cancel()
		return nil
	case <-ctx.Done():
		w.cancel()
		<-w.done
		return ctx.Err()
	}
}

// run commits what waits, and deletes what is not kept when it is time.
func (w *Writer) run() {
	defer close(w.done)
	every := w.s.o.Retention.Every
	timer := time.NewTimer(every)
	defer timer.Stop()
	sweeping := false
	for {
		group, closed := w.take()
		w.commit(group)
		switch {
		case closed && len(group) == 0:
			return
		case sweeping && !closed:
			if sweeping = w.retain(); !sweeping {
				timer.Reset(every)
			}
		case len(group) > 0:
		default:
			select {
			case <-w.wake:
			case <-timer.C:
				sweeping = true
			}
			continue
		}
		select { // also under load
		case <-timer.C:
			sweeping = true
		default:
		}
	}
}

// take takes from the queue what goes into one transaction.
func (w *Writer) take() (group []waiting, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, sum := 0, 0
	for n < len(w.queue) && (n == 0 || sum+w.queue[n].weight <= w.s.o.Batch) {
		sum += w.queue[n].weight
		n++
	}
	group, w.weight = w.queue[:n:n], w.weight-sum
	if w.queue = w.queue[n:]; len(w.queue) == 0 {
		w.queue = nil // the group's memory goes with it
	}
	return group, w.closed
}

// commit makes a group durable, and answers. What is wrong with one save does not
// harm the others: it is found before, or they are tried again one by one.
func (w *Writer) commit(group []waiting) {
	batches := make([]*batch, 0, len(group))
	for i := range group {
		g := &group[i]
		if g.err != "" {
			continue
		}
		b, err := encode(g.save.Changes)
		if err != nil {
			g.err = (&Error{Store: w.s.Name(), Err: err}).Error()
			continue
		}
		batches = append(batches, b)
	}
	if len(batches) > 0 {
		err := w.s.commit(w.ctx, batches)
		single := err != nil && len(batches) > 1 && !general(err)
		at := 0
		for i := range group {
			g := &group[i]
			if g.err != "" {
				continue
			}
			if single {
				err = w.s.commit(w.ctx, batches[at:at+1])
			}
			at++
			if err != nil {
				g.err = err.Error()
			}
		}
	}
	for i := range group {
		w.answer(core.Saved{ID: group[i].save.ID, Err: group[i].err})
	}
}

// retain deletes one step, and reports whether there is more.
func (w *Writer) retain() bool {
	more, err := w.s.Retain(w.ctx)
	if err != nil {
		w.s.o.Logger.Error("old results could not be deleted", "store", w.s.Name(), "error", err)
	}
	return more && err == nil
}
