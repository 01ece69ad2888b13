package sched

import (
	"math"

	"vidq/core"
)

// way is how long a result is under way to some point: what it certainly takes,
// what it waits on average, how likely it is to wait at all, and the variance of
// the rest.
type way struct{ sure, wait, none, variance float64 }

func (w *way) mean() float64 { return w.sure + w.wait }

// worth is what an option is worth to its query while all that is counted, the
// option included, goes on: the share of the slot in which a result is in force
// that meets all bounds, with a little for its accuracy, less a little for what the
// others are left without.
func (c *client) worth(s *slot, i int) float64 {
	o := &c.options[i]
	if o.setting < 0 {
		return -o.change
	}
	met := 0.0
	for k := range oracleInstants {
		latency, trips := c.walk(s, o, k)
		met += c.meets(o, k, &latency, &trips)
	}
	return met/oracleInstants*(1+oracleAccuracy*o.accuracy) - o.cost - o.change
}

// walk follows a frame of instant k through the pipeline, and returns how long its
// result takes and what the stages' round trips sum up to.
func (c *client) walk(s *slot, o *option, k int) (latency, trips way) {
	var done [core.MaxStages]way
	visits, takes := c.visits[o.visits[0]:o.visits[1]], c.takes[o.takes[0]:o.takes[1]]
	pipe := c.q.Query.Pipeline
	begin := way{none: 1}
	trips.none = 1
	stage, at := int8(-1), 0
	for {
		w := begin
		if stage >= 0 {
			w = way{none: 1}
			for j, p := range pipe[stage].Parents {
				if j == 0 || done[p].mean() > w.mean() {
					w = done[p]
				}
			}
			if len(pipe[stage].Parents) == 0 {
				w = begin
			}
		}
		last := 0.0
		for ; at < len(visits) && visits[at].stage == stage; at++ {
			v := &visits[at]
			wait, likely := 0.0, 0.0
			if v.queue >= 0 {
				wait, likely = s.queues[v.queue].wait(k, s.after[k], v, &takes[v.own])
			}
			if v.aside {
				wait = max(wait-last, 0)
			} else {
				w.sure += v.work[k]
				trips.sure += v.work[k]
				last = wait
			}
			variance := v.sd * v.work[k] * v.sd * v.work[k]
			w.wait, w.none, w.variance = w.wait+wait, w.none*(1-likely), w.variance+variance
			trips.wait, trips.none, trips.variance = trips.wait+wait, trips.none*(1-likely), trips.variance+variance
		}
		if stage < 0 {
			begin = w
		} else {
			done[stage] = w
			if w.mean() > latency.mean() {
				latency = w
			}
		}
		if stage++; int(stage) >= len(pipe) {
			return latency, trips
		}
	}
}

// within is the probability that w takes at most bound seconds: an exponential wait
// beside normal noise, the latter by a quadrature of three points.
func (w *way) within(bound float64) float64 {
	if math.IsInf(bound, 1) {
		return 1
	}
	sd := math.Sqrt(w.variance) + .01*w.sure + 1e-4
	likely := 1 - w.none
	p := 0.0
	for i, weight := range [3]float64{1. / 6, 2. / 3, 1. / 6} {
		rest := bound - w.sure - float64(i-1)*math.Sqrt(3)*sd
		if rest < 0 {
			continue
		}
		x := 1.0
		if likely > 0 && w.wait > 0 {
			x -= likely * math.Exp(-rest*likely/w.wait)
		}
		p += weight * x
	}
	return p
}

// accuracyOff is the standard deviation of an accuracy about what is worked out
// of it: content moves within a slot.
const accuracyOff = .004

// meets is the share of time in which a result of instant k's kind is in force and
// meets all bounds.
func (c *client) meets(o *option, k int, latency, trips *way) float64 {
	x, bound := &c.settings[o.setting], &c.q.Query.Constraint
	gap := max(c.q.Camera.FPS/x.fps, 1)
	met, fresh := 1.0, 1.0 // for how many seconds a result is in force at most
	if b := bound.Delay.Seconds(); b > 0 {
		n := math.Floor(gap) // gaps that are no whole number are in turn shorter and longer
		longer := (gap - n) * (n + 1) / gap
		met *= (1-longer)*trips.within(b*n) + longer*trips.within(b*(n+1))
	}
	if c.live {
		met *= c.inTime(x, k, latency)
		fresh = max(1-latency.mean(), 0)
	} else {
		if b := bound.Latency.Seconds(); b > 0 {
			met *= latency.within(b)
		}
		if bound.Accuracy > 0 {
			met *= normal((x.accuracy[k] - bound.Accuracy) / accuracyOff)
		}
	}
	return met * min(fresh*c.q.Camera.FPS/gap, 1)
}

// inTime is the probability that a live result meets the bounds of latency and
// accuracy. A result serves whole camera frames: it ages up to the first one after it
// came, so that the bound of accuracy is one of latency too, at a multiple of the
// camera's interval. The accuracy's error is taken in by a quadrature of three points.
func (c *client) inTime(x *oracleSetting, k int, latency *way) float64 {
	b := math.Inf(1)
	if l := c.q.Query.Constraint.Latency.Seconds(); l > 0 {
		b = l
	}
	bound := c.q.Query.Constraint.Accuracy
	if bound <= 0 {
		return latency.within(b)
	}
	met, last, at := 0.0, math.Inf(-1), 0.0
	for i, weight := range [3]float64{1. / 6, 2. / 3, 1. / 6} {
		over := math.Log(max(x.accuracy[k]+float64(i-1)*math.Sqrt(3)*accuracyOff, 1e-9) / bound)
		if over < 0 {
			continue
		}
		latest := b
		if d := c.decay[k]; d > 0 {
			latest = min(b, math.Floor(over/d*c.q.Camera.FPS)/c.q.Camera.FPS)
		}
		if latest != last {
			last, at = latest, latency.within(latest)
		}
		met += weight * at
	}
	return met
}
