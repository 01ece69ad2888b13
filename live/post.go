package live

import (
	"context"
	"errors"
	"sync"
	"time"

	"vidq/core"
	"vidq/live/wire"
)

// userNode names users in addresses.
const userNode core.NodeID = "user"

// message sends a control message over the links of the testbed, to be delivered when it
// arrives; deliver must not block.
func (s *System) message(from, to core.NodeID, m core.Message, deliver func()) {
	a, b := s.bed.Node(from), s.bed.Node(to)
	if from == userNode || to == userNode {
		a, b = s.bed.Manager, s.bed.Manager
	}
	if a >= 0 && b >= 0 {
		s.links.Message(a, b, m, deliver)
	}
}

// tell sends a request on its way, and posts the answer to the machine that asks.
func (s *System) tell(l *life, net Network, from, to core.Address, letter *Letter) {
	s.message(from.Node, to.Node, letter.Msg, func() {
		s.group.Go(func() {
			ctx, cancel := context.WithTimeout(l.ctx, time.Duration(answerTimeout))
			defer cancel()
			a, err := net.Tell(ctx, to, letter)
			switch {
			case err == nil && a != nil:
				l.loop.Post(&core.Received{From: to, Msg: a})
			case err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
				s.o.Log.Debug("a control message was not taken", "from", from.Node, "to", to.Node, "error", err)
			}
		})
	})
}

// counts remembers what the last stages of frames counted until their results have been
// handed over, since core does not know.
type counts struct {
	mu   sync.Mutex
	said map[frameOf]wire.Counts
	ring []frameOf // in the order in which they came
	next int
}

// frameOf names a camera frame of a query.
type frameOf struct {
	query core.QueryID
	frame int64
}

// countsKept is how many frames' counts are remembered: as many as results may wait.
const countsKept = 10_000

func (c *counts) add(f frameOf, n wire.Counts) {
	if n == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.said == nil {
		c.said = map[frameOf]wire.Counts{}
	}
	if len(c.ring) < countsKept {
		c.ring = append(c.ring, f)
	} else {
		delete(c.said, c.ring[c.next])
		c.ring[c.next] = f
		c.next = (c.next + 1) % countsKept
	}
	c.said[f] = n
}

func (c *counts) get(f frameOf) wire.Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said[f]
}

// of returns the counts of a batch of results.
func (c *counts) of(m *core.SyncResults) func(i int) wire.Counts {
	return func(i int) wire.Counts {
		r := &m.Results[i]
		return c.get(frameOf{r.Obs.Query, r.CameraFrame})
	}
}
