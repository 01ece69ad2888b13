package sched

import (
	"math"

	"vidq/core"
)

// trend is a level and a slope (Holt's linear method), with the spread about them.
type trend struct {
	n            int
	level, slope float64
	dev          float64
	at           core.Time
}

func (t *trend) add(x float64, at core.Time) {
	if t.n == 0 {
		t.level, t.at, t.n = x, at, 1
		return
	}
	dt := (at - t.at).Seconds()
	if dt <= 0 {
		return
	}
	t.n++
	t.at = at
	ahead := t.level + t.slope*dt
	gain := 1 - math.Exp(-dt/1.5)
	t.dev += min(gain, .3) * (math.Abs(x-ahead) - t.dev)
	level := ahead + gain*(x-ahead)
	slow := 1 - math.Exp(-dt/10)
	t.slope += slow * ((level-t.level)/dt - t.slope)
	t.level = level
}

// expect returns what is to be reckoned with in the next seconds.
func (t *trend) expect(seconds float64) float64 {
	return max(t.level+max(t.slope, 0)*seconds+.5*t.dev, 0)
}
