package live

import (
	"context"
	"strconv"
	"sync"
	"time"

	"vidq/core"
	"vidq/live/wire"
)

// keys are the idempotency keys of queries that this process has not heard of, as the query manager
// has told them.
type keys struct {
	mu  sync.Mutex
	of  map[core.QueryID]string
	ask core.Time // the manager is not asked before: it did not know
}

// keyOf returns the key that names a query's draws: its own in this run, which the query
// manager is asked for if nobody here knows it, else one made up of its number. sure says that it
// will be the same next time.
func (h *host) keyOf(ctx context.Context, run string, q core.QueryID) (key string, sure bool) {
	s := h.sys
	sure = true
	if run == s.run && q != 0 {
		known := s.query(q)
		net, far := h.net.(*remote)
		switch {
		case known != nil:
			key = known.Key
		case s.manager == nil && far:
			key, sure = s.keys.get(s.clock.Now(), q, func() (string, bool) { return net.key(ctx, q) })
		}
	}
	if key == "" {
		key = run + "/" + strconv.FormatUint(uint64(q), 10)
	}
	return key, sure
}

// get returns a query's key, which ask finds out; ok is false if it is not known yet.
func (k *keys) get(now core.Time, q core.QueryID, ask func() (string, bool)) (key string, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock() // others ask for the same
	if key, ok = k.of[q]; ok || now < k.ask {
		return key, ok
	}
	if key, ok = ask(); !ok {
		k.ask = now + core.Second
		return "", false
	}
	if k.of == nil || len(k.of) >= maxStages {
		k.of = map[core.QueryID]string{}
	}
	k.of[q] = key
	return key, true
}

// key asks the query manager for a query's key.
func (n *remote) key(ctx context.Context, q core.QueryID) (key string, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, time.Second) // a frame waits for it
	defer cancel()
	l, err := n.peer(n.s.managerID(), wire.PortManager).Queries(ctx, wire.Page{After: q - 1, Limit: 1})
	if err != nil || len(l.Queries) == 0 || core.QueryID(l.Queries[0].QueryID) != q {
		return "", false
	}
	if x := l.Queries[0].SubmitExtra; x != nil {
		key = x.Key
	}
	return key, true
}
