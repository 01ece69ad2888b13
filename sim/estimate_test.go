package sim

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/core/sched"
	"vidq/scenarios"
)

// estimates is a watch that keeps what heartbeats tell of a link.
type estimates struct {
	from, to core.NodeID
	got      []estimate
}

type estimate struct {
	at core.Time
	core.LinkEstimate
}

type listening struct {
	core.Backend
	s *Sim
	e *estimates
}

func (l *listening) Send(m *core.Send) {
	if h, ok := m.Msg.(*core.Heartbeat); ok && h.Node == l.e.from {
		for i := range h.Links {
			if h.Links[i].To == l.e.to {
				l.e.got = append(l.e.got, estimate{l.s.k.Now(), h.Links[i].LinkEstimate})
			}
		}
	}
	l.Backend.Send(m)
}

func (e *estimates) backend(s *Sim, _ core.NodeID, _ core.Part, b core.Backend) core.Backend {
	return &listening{b, s, e}
}
func (e *estimates) told(core.Time, core.NodeID, core.Event) {}
func (e *estimates) stored(core.Time, *core.Save)            {}
func (e *estimates) restored(core.Time, *core.Snapshot)      {}
func (e *estimates) crashed(core.NodeID)                     {}

// A link is cut to a tenth for half a minute and schedulers retreat to small frames. Estimates are
// unknown or right but for 10 s after a change, and right again soon after the cut.
func TestEstimatesFollowALink(t *testing.T) {
	const cut, back = 120 * core.Second, 150 * core.Second
	for _, name := range []string{"jellyfish", "jcab", "awstream"} {
		sc, err := scenarios.Load("face", []string{"duration=200s"})
		require.NoError(t, err)
		specs, err := sched.ParseSpecs(name)
		require.NoError(t, err)
		s, err := New(sc, Options{Scheduler: specs[0], Seed: 1})
		require.NoError(t, err)
		e := &estimates{from: "edge1", to: "cloud"}
		s.watch = e
		_, err = s.Run(context.Background())
		require.NoError(t, err)

		followed, known := core.Never, 0
		for _, x := range e.got {
			rate := 2.5e6
			if x.at >= cut && x.at < back {
				rate = 2.5e5
			}
			right := x.Samples > 0 && x.Rate > .8*rate && x.Rate < 1.2*rate
			if x.at >= back && right {
				followed = min(followed, x.at-back)
			}
			settled := x.at > 10*core.Second && x.at < cut || x.at > cut+10*core.Second && x.at < back || x.at > back+10*core.Second
			if settled && x.Samples > 0 {
				known++
				assert.True(t, right, "%s at %v: %+v", name, x.at, x.LinkEstimate)
			}
		}
		t.Logf("%s: known in %d of %d heartbeats, right %v after the cut", name, known, len(e.got), followed)
		assert.Less(t, followed, 10*core.Second, name)
	}
}
