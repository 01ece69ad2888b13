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

// What an oracle is told in advance is what the world does when the time has come.
func TestTruthComesTrue(t *testing.T) {
	for _, name := range []string{"traffic", "campus", "face"} {
		t.Run(name, func(t *testing.T) {
			sc, err := scenarios.Load(name, nil)
			require.NoError(t, err)
			s, err := New(sc, Options{Scheduler: sched.Spec{Name: "static"}, Seed: 1, Until: 3 * core.Minute})
			require.NoError(t, err)
			told := truth{s.bed.Truth, s}
			const ahead = 5 * core.Second
			type promise struct {
				rate float64
				up   bool
			}
			promised := map[core.Time][]promise{}
			kept := 0
			s.o.Progress = func(now core.Time) {
				for i, p := range promised[now] {
					d := s.directions[i]
					assert.InDelta(t, d.w.Rate(now), p.rate, 1, "rate of link %d at %v", i, now)
					if now > core.Second {
						assert.Equal(t, d.to.up, p.up, "node %s at %v", d.to.id, now)
					}
					kept++
				}
				var all []promise
				for _, d := range s.directions {
					rate, until := told.Rate(d.from.id, d.to.id, now+ahead)
					assert.Greater(t, until, now+ahead)
					all = append(all, promise{rate, told.Slow(d.to.id, "", now+ahead) > 0})
				}
				promised[now+ahead] = all
			}
			_, err = s.Run(context.Background())
			require.NoError(t, err)
			assert.Greater(t, kept, 100)
			for _, q := range s.queries {
				if q == nil {
					continue
				}
				scene, ok := told.Scene(q.id, s.k.Now())
				assert.True(t, ok)
				if q.cam.bed.Spec.Mode == core.ModeLive {
					assert.Equal(t, q.cam.bed.Scene(q.cam.bed.Next(s.k.Now())).Content(), scene.Content)
				}
			}
		})
	}
}
