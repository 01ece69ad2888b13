package store

import (
	"slices"
	"sync"

	"vidq/core"
)

// recent keeps the newest results of done frames of each query that has not ended. A query's
// ring is a suffix of those that are stored, without gaps.
type recent struct {
	size  int
	mu    sync.Mutex
	rings map[core.QueryID]*ring
}

// ring holds the newest results of a query; once full, next is its oldest.
type ring struct {
	items []Result
	next  int
}

// begin makes a query's ring, unless there is one.
func (r *recent) begin(id core.QueryID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rings == nil {
		r.rings = map[core.QueryID]*ring{}
	}
	if r.rings[id] == nil && r.size > 0 {
		r.rings[id] = &ring{}
	}
}

// end drops a query's ring.
func (r *recent) end(id core.QueryID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.rings, id)
}

// clear empties all rings.
func (r *recent) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.rings {
		*g = ring{}
	}
}

// add takes results in that have been stored. fresh says that none of them had
// been stored before; otherwise nothing is known, and the rings are emptied that
// they may be of.
func (r *recent) add(results []Result, fresh bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range results {
		g := r.rings[results[i].Obs.Query]
		switch {
		case g == nil:
		case !fresh:
			*g = ring{}
		case results[i].Outcome != core.OutcomeDone:
		case len(g.items) < r.size:
			g.items = append(g.items, results[i])
		default:
			g.items[g.next] = results[i]
			g.next = (g.next + 1) % r.size
		}
	}
}

// last returns the newest n results of done frames of a query, ascending; ok is false when
// memory does not hold as many.
func (r *recent) last(id core.QueryID, n int) (results []Result, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.rings[id]
	if g == nil || len(g.items) < n {
		return nil, false
	}
	all := slices.Concat(g.items[g.next:], g.items[:g.next])
	return all[len(all)-n:], true
}
