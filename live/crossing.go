package live

import (
	"slices"
	"sync"

	"vidq/core"
	"vidq/live/client"
)

// crossings are a host's calls that are under way over real links, to tell which had theirs to
// themselves.
type crossings struct {
	mu    sync.Mutex
	calls map[int][]*call // by node
}

func (x *crossings) enter(c *call) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.calls == nil {
		x.calls = map[int][]*call{}
	}
	others := x.calls[c.stage.to]
	for _, o := range others {
		o.shared, c.shared = true, true
	}
	x.calls[c.stage.to] = append(others, c)
}

func (x *crossings) leave(c *call) {
	x.mu.Lock()
	defer x.mu.Unlock()
	all := x.calls[c.stage.to]
	if i := slices.Index(all, c); i >= 0 {
		x.calls[c.stage.to] = slices.Delete(all, i, i+1)
	}
}

// What a call over a real link is judged by.
const (
	crossingBytes = 16_000 // of a body that takes more than a moment to arrive
	crossingBlur  = 4      // a time is known well if what is not accounted for is no more than one part in so many
)

// crossed takes in what a call over a real link was like, from when it was sent to when it was
// answered, and returns for how long the answer was under way: half of the connection's smallest round trip
// until its first byte was here, and reading the rest. Where no round trip is known that is not told either: half of
// a call's own, or its share by bytes, would make latency look like a rate.
//
// What went by until there was a connection for the first byte is preparation: a connection's making is
// not the transfer of what is sent over it.
//
// Of a call that had the link to itself there are two views: its round trip without all that is known of it,
// which programs that wait for their turn at either end make longer; and how long the service's node
// saw the body arrive, which they make shorter or longer. Where both agree the latter is told, and the
// rest is waiting; else neither is worth an estimate. Calls that shared the link, or whose server does not tell, have one view only.
func (c *call) crossed(sent, answered core.Time, x *client.Executed) (back core.Time) {
	c.Sent, c.Got = float64(x.Sent), float64(x.Got)
	ready := core.Time(x.Ready)
	c.encode = sent - c.began + ready
	if x.RTT <= 0 {
		return 0
	}
	rtt := core.Time(x.RTT)
	back = rtt/2 + core.Time(x.Reading)
	a := x.TaskAnswer
	if a == nil || a.Arrival <= 0 || c.shared || c.Sent < crossingBytes {
		return back
	}
	there := answered - sent - ready - a.Service - a.Queue - back
	excess := max(there-rtt/2-a.Arrival, 0)
	c.blurred = excess > a.Arrival/crossingBlur
	a.Queue += excess
	return back
}
