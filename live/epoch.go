package live

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"vidq/live/client"
	"vidq/live/wire"
	"vidq/scenarios/testbed"
)

// epochBackoff is how long is waited before the query manager is asked again, at first
// and at most.
const (
	epochBackoff    = 250 * time.Millisecond
	epochBackoffMax = 2 * time.Second
)

// Epoch asks the query manager of another process for the instant from which it counts the
// testbed's time, until it answers or ctx ends. The node's clock is to begin there, too: cameras'
// frames then have the same numbers and times in all processes.
func Epoch(ctx context.Context, o *Options) (time.Time, error) {
	bed, err := testbed.Open(o.Scenario, o.Seed)
	if err != nil {
		return time.Time{}, err
	}
	b := newBook(bed, o.PortBase)
	c := client.New(client.Options{Token: o.HTTP.Token, TLS: o.HTTP.ClientTLS})
	defer c.Close()
	manager := c.Peer(b.at(bed.Nodes[bed.Manager].ID, wire.PortManager), false)
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	for wait := epochBackoff; ; wait = min(2*wait, epochBackoffMax) {
		h, err := manager.Health(ctx)
		switch {
		case err == nil && h.EpochUnixNS != 0:
			return time.Unix(0, h.EpochUnixNS), nil
		case err == nil:
			return time.Time{}, fmt.Errorf("%s does not tell its time; is it a query manager of vidq, of this version?", manager.Addr())
		case wait == epochBackoff && ctx.Err() == nil:
			log.Warn("waiting for the query manager", "at", manager.Addr(), "error", err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return time.Time{}, ctx.Err()
		}
	}
}
