package live

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"vidq/core"
	"vidq/live/client"
	"vidq/live/wire"
)

func TestCrossing(t *testing.T) {
	const ms = core.Millisecond
	// A frame of 100 kB that was 40 ms under way, over a link of 2 ms there and back, and worked on for 5 ms.
	type told struct {
		encode, wait, back core.Time
		blurred            bool
	}
	frame := client.Network{Ready: 3 * time.Millisecond, RTT: 2 * time.Millisecond, Reading: time.Millisecond}
	for name, c := range map[string]struct {
		took    core.Time // from when it was sent
		network client.Network
		sent    int64
		arrival core.Time
		shared  bool
		want    told
	}{
		"both ends agree":           {51 * ms, frame, 100_000, 39 * ms, false, told{13 * ms, ms, 2 * ms, false}},
		"an end was late":           {61 * ms, frame, 100_000, 39 * ms, false, told{13 * ms, 11 * ms, 2 * ms, true}},
		"the server looked late":    {51 * ms, frame, 100_000, 20 * ms, false, told{13 * ms, 20 * ms, 2 * ms, true}},
		"others were under way":     {61 * ms, frame, 100_000, 39 * ms, true, told{13 * ms, 0, 2 * ms, false}},
		"the server does not tell":  {61 * ms, frame, 100_000, 0, false, told{13 * ms, 0, 2 * ms, false}},
		"too small to take a while": {20 * ms, frame, 1000, ms / 10, false, told{13 * ms, 0, 2 * ms, false}},
		"the network does not tell": {51 * ms, client.Network{}, 100_000, 39 * ms, false, told{10 * ms, 0, 0, false}},
	} {
		t.Run(name, func(t *testing.T) {
			x := client.Executed{TaskAnswer: &wire.TaskAnswer{Service: 5 * ms, Arrival: c.arrival}, Sent: c.sent, Got: 500, Network: c.network}
			k := &call{began: 90 * ms, shared: c.shared}
			back := k.crossed(100*ms, 100*ms+c.took, &x)
			assert.Equal(t, c.want, told{k.encode, x.Queue, back, k.blurred})
			assert.Equal(t, [2]float64{float64(c.sent), 500}, [2]float64{k.Sent, k.Got})
		})
	}
}

func TestCrossingsMeet(t *testing.T) {
	var x crossings
	at := func(node int) *call { return &call{stage: &hostedStage{to: node}} }
	a, b, c, d := at(1), at(2), at(1), at(1)
	x.enter(a)
	x.enter(b)
	assert.False(t, a.shared || b.shared, "they go to two nodes")
	x.enter(c)
	x.leave(a)
	x.leave(c)
	x.enter(d)
	x.leave(d)
	x.leave(b)
	assert.True(t, a.shared && c.shared)
	assert.False(t, b.shared || d.shared)
	assert.Empty(t, x.calls[1])
}
