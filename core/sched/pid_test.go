package sched

import (
	"math"
	"testing"

	"vidq/core"
	"vidq/core/sched/schedtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newTestPID(t *testing.T, params map[string]any) *pid {
	t.Helper()
	s, err := New(Spec{Name: "pid", Params: params}, Deps{})
	require.NoError(t, err)
	return s.(*pid)
}

// The control law, by hand: gains 1, .1 and .01, set-point .9, a period of 3 s.
func TestPIDControlLaw(t *testing.T) {
	s := newTestPID(t, nil)
	v := &core.View{Now: core.Second, Period: 3 * core.Second}
	st := &pidState{}
	update := func(x float64) float64 {
		u := s.update(v, st, x)
		v.Now += v.Period
		return u
	}
	assert.InDelta(t, .5+.1*1.5, update(.45), 1e-12, "e = .5; no slope at first")
	assert.InDelta(t, .2+.1*2.1+.01*(-.3/3/2), update(.72), 1e-12)
	for range 20 {
		update(.09)
	}
	assert.Equal(t, pidIntegral, st.integral, "clamped")
	assert.Less(t, update(.99), 0., "what was spared does not hide that it is late now")
	assert.InDelta(t, -.1*3, st.integral, 1e-12)
	st.saturated = -1
	update(1.8)
	assert.InDelta(t, -.1*3, st.integral, 1e-12, "nothing left to do: it does not wind up")
	v.Now += core.Hour
	st.saturated = 0
	update(1.8)
	assert.InDelta(t, -.3-3, st.integral, 1e-12, "a pause counts as one period")
}

// A ladder ascends in share and accuracy, and nothing that is left out is better
// than what is in it.
func TestPIDLadder(t *testing.T) {
	v := schedtest.Regular(1, 2)
	q := &v.Queries[0]
	s := newTestPID(t, map[string]any{"knobs": []string{"fps", "resolution", "quality", "model"}})
	stages, ok := homes(v, q.Query, 0, "cloud", nil)
	require.True(t, ok)
	k := s.values(v, q)
	require.Len(t, k.models, 3)
	l := k.build(v, q, stages)
	require.Greater(t, len(l), 5)
	for i := 1; i < len(l); i++ {
		assert.Greater(t, l[i].share, l[i-1].share)
		assert.Greater(t, l[i].accuracy, l[i-1].accuracy)
	}
	assert.Equal(t, core.VideoConf{Resolution: core.Resolutions()[3], FPS: 30, Encoder: "jpeg", Quality: 90}, l[len(l)-1].video)
	for _, fps := range v.Knobs.FPS {
		for _, r := range v.Knobs.Resolutions {
			one := &pidValues{fps: []float64{fps}, resolutions: []core.Resolution{r}, encoder: "jpeg", qualities: []int{90}, models: []int{0}, inFlight: 1}
			x := one.build(v, q, stages)[0]
			beaten := false
			for _, y := range l {
				beaten = beaten || y.share <= x.share && y.accuracy >= x.accuracy
			}
			assert.True(t, beaten, "%v", x)
		}
	}
	_, err := New(Spec{Name: "pid", Params: map[string]any{"knobs": []string{"resoluton"}}}, Deps{})
	assert.EqualError(t, err, `scheduler pid: knobs: want fps, resolution, quality or model, got "resoluton" (did you mean "resolution"?)`)
}

// plant runs a query in closed loop in a world that takes factor(round) times as
// long as the belief says, with frames that vary by a tenth. It returns the share of
// rounds that were late and how often the plan changed, in the rounds from warm on.
func plant(t *testing.T, s *pid, rounds, warm int, factor func(round int) float64) (late float64, changes int, last float64) {
	t.Helper()
	v := schedtest.Regular(1, 2)
	v.Queries[0].Query.Constraint.Accuracy = 0
	var d core.Decision
	var p core.Prediction
	for round := range rounds {
		d.Reset()
		s.Schedule(v, &d)
		require.NoError(t, schedtest.Check(v, &d))
		if n := schedtest.Advance(v, &d); round >= warm {
			changes += n
		}
		q := &v.Queries[0]
		require.True(t, p.Predict(v.Predictor, v, q, &q.Plan))
		trip := core.FromSeconds(p.RoundTrip.Seconds() * factor(round) / 2)
		schedtest.Observe(q, 12, trip, 3)
		for i := range q.Observations {
			o := &q.Observations[i]
			o.RoundTrip = core.FromSeconds(o.RoundTrip.Seconds() * (1 + .1*math.Sin(float64(7*i+round))))
		}
		last = q.Observations[0].Delay().Seconds() / .3
		if last > 1 && round >= warm {
			late++
		}
	}
	return late / float64(rounds-warm), changes, last
}

// What it is for: it finds the bound whatever the belief says, reacts when the
// world gets slower and recovers when it gets faster, and then keeps still.
func TestPIDHoldsTheBound(t *testing.T) {
	for _, factor := range []float64{.3, 1, 3} {
		late, changes, x := plant(t, newTestPID(t, nil), 100, 40, func(int) float64 { return factor })
		assert.LessOrEqual(t, late, .05, "factor %g", factor)
		assert.LessOrEqual(t, changes, 4, "factor %g", factor)
		assert.Greater(t, x, .2, "factor %g: it does not hide at the bottom", factor)
	}
	slow := func(round int) float64 {
		if round >= 40 && round < 80 {
			return 2.5
		}
		return 1
	}
	late, _, x := plant(t, newTestPID(t, nil), 140, 0, slow)
	assert.LessOrEqual(t, late, .1)
	assert.Greater(t, x, .4, "it has recovered")
}

// The set-point lies between two rungs: without the guard the controller is late
// again and again.
func TestPIDGuardEndsTheLimitCycle(t *testing.T) {
	steady := func(int) float64 { return 1.3 }
	with, changes, _ := plant(t, newTestPID(t, nil), 200, 20, steady)
	without, more, _ := plant(t, newTestPID(t, map[string]any{"guard": false, "dwell": 0}), 200, 20, steady)
	t.Logf("late %.3f with, %.3f without; changes %d, %d", with, without, changes, more)
	assert.Less(t, with, .02)
	assert.Greater(t, without, .1)
	assert.Less(t, changes, more/4)
}

// No results at all count as lateness.
func TestPIDTakesSilenceForLateness(t *testing.T) {
	v := schedtest.Regular(1, 2)
	s := newTestPID(t, map[string]any{"start": "highest"})
	var d core.Decision
	s.Schedule(v, &d)
	schedtest.Advance(v, &d)
	q := &v.Queries[0]
	best := q.Plan.Video
	changes := 0
	for range 30 {
		q.State, q.Applied = core.StateRunning, q.Plan.Revision
		d.Reset()
		s.Schedule(v, &d)
		changes += schedtest.Advance(v, &d)
	}
	assert.Greater(t, changes, 1)
	assert.Less(t, q.Plan.Video.FPS*float64(q.Plan.Video.Resolution.Pixels()), best.FPS*float64(best.Resolution.Pixels())/10)
}
