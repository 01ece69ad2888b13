package sidechan

import (
	"context"
	"errors"
	"sync"

	"vidq/core"
)

// Channel shows the queries of a node. It may be used by any number of goroutines,
// and has none of its own.
type Channel struct {
	mu     sync.Mutex
	hubs   map[core.QueryID]*hub
	closed bool
}

// New returns a channel without queries.
func New() *Channel { return &Channel{hubs: map[core.QueryID]*hub{}} }

// Open lets a query be watched, before there is anything to see. A query that is open stays as it is.
func (c *Channel) Open(id core.QueryID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hubs[id] == nil && !c.closed {
		c.hubs[id] = &hub{changed: make(chan struct{})}
	}
}

// Show shows a frame to those who watch the query. It never waits; of a query that is not open
// nothing is shown. The channel owns s from then on.
func (c *Channel) Show(id core.QueryID, s Shot) {
	if h := c.find(id); h != nil {
		h.show(&shot{Shot: s})
	}
}

// Watched reports whether anybody watches the query: if not, nobody need fetch what it would show.
func (c *Channel) Watched(id core.QueryID) bool {
	h := c.find(id)
	return h != nil && h.watched()
}

// End closes the query's streams and forgets it.
func (c *Channel) End(id core.QueryID) {
	c.mu.Lock()
	h := c.hubs[id]
	delete(c.hubs, id)
	c.mu.Unlock()
	if h != nil {
		h.end()
	}
}

// Close ends all queries; none can be opened any more.
func (c *Channel) Close() {
	c.mu.Lock()
	hubs := c.hubs
	c.hubs, c.closed = nil, true
	c.mu.Unlock()
	for _, h := range hubs {
		h.end()
	}
}

func (c *Channel) find(id core.QueryID) *hub {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hubs[id]
}

// hub is a query that can be watched.
type hub struct {
	mu      sync.Mutex
	newest  *shot // nil before the first
	ended   bool
	viewers int
	changed chan struct{} // closed at the next change
}

// errEnded ends a stream whose query has ended.
var errEnded = errors.New("the query has ended")

func (h *hub) show(s *shot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ended {
		h.newest = s
		h.change()
	}
}

func (h *hub) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	h.change()
}

func (h *hub) change() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// enter counts a viewer, who leaves again.
func (h *hub) enter() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.viewers++
}

func (h *hub) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.viewers--
}

func (h *hub) watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.viewers > 0
}

// next waits for a shot that is newer than the last one a viewer has seen.
func (h *hub) next(ctx context.Context, seen *shot) (*shot, error) {
	for {
		h.mu.Lock()
		newest, ended, changed := h.newest, h.ended, h.changed
		h.mu.Unlock()
		switch {
		case newest != seen:
			return newest, nil
		case ended:
			return nil, errEnded
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-changed:
		}
	}
}
