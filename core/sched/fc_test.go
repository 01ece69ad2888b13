package sched

import (
	"math"
	"slices"
	"testing"

	"vidq/core"
	"vidq/core/sched/schedtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newTestFC(t *testing.T, params map[string]any) *fc {
	t.Helper()
	s, err := New(Spec{Name: "fc", Params: params}, Deps{})
	require.NoError(t, err)
	return s.(*fc)
}

const fcBound = 33 * core.Millisecond

// frames feeds frames of so many ms until the controller moves, at most n.
func (s *fc) frames(st *fcState, ms float64, n int) (frames, move int) {
	for i := range n {
		if m := s.add(st, ms/1000, fcBound); m != 0 {
			return i + 1, m
		}
	}
	return n, 0
}

// The published constants, on a window that is filled with equal frames.
func TestFCThresholds(t *testing.T) {
	s := newTestFC(t, nil)
	late := func(e float64) float64 { return 33 + math.Pow(e, .8) } // ms of a frame with error e
	for _, c := range []struct {
		ms           float64
		frames, move int
	}{
		{33, 200, 0},
		{28.1, 200, 0},           // a little less than 5 ms early: never
		{27.99, 50, 1},           // at 5 ms early: when the window is full
		{22.99, 25, 1},           // a window that is not full counts as well
		{late(2.49), 200, 0},     // 2.07 ms late
		{late(2.51), 50, -1},     // 2.09 ms late
		{late(12.6), 10, -1},     // 7.6 ms late
		{33 + 47.6 + .01, 1, -1}, // one frame can be enough: 47.6^1.25 = 125
	} {
		frames, move := s.frames(&fcState{}, c.ms, 200)
		assert.Equal(t, []int{c.frames, c.move}, []int{frames, move}, "%v ms", c.ms)
	}
	// Late frames weigh more: half 4 ms early, half 3.9 ms late is too late.
	off := newTestFC(t, map[string]any{"down": 0.7})
	st := &fcState{}
	for range 25 {
		st.push(-4, 50)
		st.push(math.Pow(3.9, 1.25), 50)
	}
	assert.Greater(t, st.sum(), .7*50)
	assert.Equal(t, -1, off.add(st, .033, fcBound))
}

// The same latency relative to the bound is the same error, unless scaling is off.
func TestFCScalesWithTheBound(t *testing.T) {
	a, b := &fcState{}, &fcState{}
	s := newTestFC(t, nil)
	s.add(a, .030, fcBound)
	s.add(b, .300, 10*fcBound)
	assert.InDelta(t, a.errors[0], b.errors[0], 1e-9)
	assert.InDelta(t, -3, a.errors[0], 1e-9)
	s = newTestFC(t, map[string]any{"deadline": "0s"})
	c := &fcState{}
	s.add(c, .300, 10*fcBound)
	assert.InDelta(t, -30, c.errors[0], 1e-9)
}

// The filter, by hand: errors are averaged with .6, and a value weighs as its
// error does among the last ten.
func TestFCFilter(t *testing.T) {
	var f errorFilter
	assert.Equal(t, 10., f.smooth(10))
	assert.Equal(t, 10., f.smooth(10), "no error yet")
	// error 10, averaged .6*0 + .4*10 = 4: the largest, so the value is the estimate
	assert.InDelta(t, 20, f.smooth(20), 1e-12)
	// error 5: .6*4 + .4*5 = 4.4, the largest
	assert.InDelta(t, 25, f.smooth(25), 1e-12)
	// error 0: 2.64 of 4.4
	assert.InDelta(t, 25, f.smooth(25), 1e-12)
	// error 1: .6*2.64 + .4*1 = 1.984 of 4.4
	assert.InDelta(t, 25+1.984/4.4, f.smooth(26), 1e-12)
}

// dayu's port: bound .3 s, theta .5, 20 frames.
func TestFCDayu(t *testing.T) {
	s := newTestFC(t, map[string]any{"variant": "dayu"})
	const at, top = 3, 9
	for name, c := range map[string]struct {
		first, then float64 // seconds
		n           int     // of first
		want        int
	}{
		"all .28":                       {.28, 0, 20, at + 1},
		"all .31":                       {.31, 0, 20, at / 2},
		"all .295":                      {.295, 0, 20, at},
		"half .2 s late, and it holds":  {.25, .5, 10, at},
		"a quarter twice, and it rises": {.25, .6, 15, at + 1},
		"not full":                      {.1, 0, 19, at},
	} {
		v := schedtest.Regular(1, 2)
		q := &v.Queries[0]
		q.Query.Constraint = core.Constraint{Latency: 300 * core.Millisecond}
		q.Observations = nil
		for i := range 20 {
			o := core.Observation{Latency: core.FromSeconds(c.first)}
			if i >= c.n {
				if c.then == 0 {
					break
				}
				o.Latency = core.FromSeconds(c.then)
			}
			q.Observations = append(q.Observations, o)
		}
		assert.Equal(t, c.want, s.halving(v, q, &fcState{}, 300*core.Millisecond, at, top), name)
	}
}

// In closed loop each variant climbs while frames are early and settles below the
// bound or swings about it: dayu's, which does not empty its window, more.
func TestFCClosedLoop(t *testing.T) {
	run := func(params map[string]any, slow func(round int) float64) (changes int, levels []int) {
		v := schedtest.Regular(1, 2)
		q := &v.Queries[0]
		q.Query.Constraint = core.Constraint{Latency: 500 * core.Millisecond}
		s := newTestFC(t, params)
		var d core.Decision
		var p core.Prediction
		for round := range 120 {
			d.Reset()
			s.Schedule(v, &d)
			require.NoError(t, schedtest.Check(v, &d))
			changes += schedtest.Advance(v, &d)
			require.True(t, p.Predict(v.Predictor, v, q, &q.Plan))
			schedtest.Observe(q, 10, core.FromSeconds(p.Latency.Seconds()*slow(round)/2), 3)
			levels = append(levels, slices.Index(v.Knobs.Resolutions, q.Plan.Video.Resolution))
		}
		return changes, levels
	}
	_, levels := run(nil, func(int) float64 { return .2 })
	assert.Equal(t, 0, levels[0], "it starts at the bottom")
	assert.Equal(t, 3, levels[119], "and climbs to the top")
	_, levels = run(nil, func(round int) float64 {
		if round < 60 {
			return .2
		}
		return 20
	})
	assert.Equal(t, 3, levels[59])
	assert.Equal(t, 0, levels[119], "as low as it can")
	assert.Less(t, slices.Index(levels, 2), slices.Index(levels, 3), "step by step")
	even := func(int) float64 { return 1.35 }
	own, _ := run(nil, even)
	port, _ := run(map[string]any{"variant": "dayu"}, even)
	t.Logf("changes: vsa-proto %d, dayu %d", own, port)
	assert.Greater(t, port, own)
}
