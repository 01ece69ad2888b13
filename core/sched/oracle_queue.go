package sched

import "math"

// At how many instants of a slot a plan is evaluated, evenly spread.
const oracleInstants = 3

// instants holds a figure at each of a slot's instants.
type instants [oracleInstants]float64

// queue is whatever jobs wait for: the cores of a node, its gpu, the workers of a
// service there, one direction of a link.
type queue struct {
	capacity float64            // cores, slots or workers; 1 for a link
	shared   bool               // jobs share it, instead of one waiting for the other
	gain     float64            // by what the largest batch raises the capacity; 1 = no batches
	marginal float64            // cost of a further frame in a batch
	backlog  float64            // seconds that it needs at the start for what waits already
	load     instants           // of the capacity in use on average
	jobs     float64            // per second
	users    float64            // queries
	closed   instants           // seconds that a job finds under way of queries that wait for their own results
	loaded   int                // model that is loaded, or about to be; -1 = none
	reload   float64            // seconds to change over to another
	models   [maxModels]float64 // calls a second
}

// visit is what a job of a plan takes of a queue.
type visit struct {
	queue int32    // -1 = it waits for nobody: it only takes time
	stage int8     // -1 = before the first
	own   int8     // of the plan's takes, that of the queue
	aside bool     // the work is the visit's before: only the longer of the two waits counts
	need  float64  // of the capacity, while it is served
	work  instants // seconds
	sd    float64  // standard deviation of the work, relative to it
}

// erfcx is exp(x*x) * erfc(x) for x not much below 0.
func erfcx(x float64) float64 {
	if x > 6 {
		return 1 / (x * math.SqrtPi) * (1 - 1/(2*x*x))
	}
	x = max(x, -4)
	return math.Exp(x*x) * math.Erfc(x)
}

// overloaded is what a job waits, in seconds, where more is asked for than there is.
const overloaded = 1e3

// wait is how long, in seconds, a job waits at instant k of those at offsets, and
// how likely it is to wait at all. All load is counted, own is the query's part of
// it. A query's own frames come one after the other and do not meet.
//
// Cameras are periodic sources of jobs of nearly constant work. For N of them at one
// server of utilisation r the work that a job finds is, in heavy traffic, more than x
// with probability exp(-2x(x/N + 1-r)) (Roberts and Virtamo 1991, the superposition
// of periodic cell streams, in units of a job's work), whose mean is sqrt(N/8 * pi) *
// erfcx((1-r) * sqrt(N/2)): it stays finite at r = 1. In light traffic a job waits
// only if another is there, which the utilisation by the others stands for. Several
// servers wait for each other less by Sakasegawa's exponent (1977). Where jobs share a
// device each delays the other, by the smaller of the two: twice the waits of a queue.
func (q *queue) wait(k int, at float64, v *visit, own *take) (seconds, likely float64) {
	need := max(v.need, 1e-9)
	if !(q.capacity > 0) {
		return overloaded, 1
	}
	used := q.load[k] / q.capacity
	if r := q.changes(); r > 0 {
		used += q.reload * r / q.capacity
	}
	if used >= .98*q.gain {
		return overloaded * used, 1
	}
	others := max(q.load[k]-own.load[k], 0) / q.capacity
	if q.backlog > 0 {
		seconds = max(q.backlog-at*max(1-used, 0), 0)
	}
	servers := max(1, q.capacity/need)
	closed := max(q.closed[k]-own.closed[k], 0)
	if others > 1e-9 || closed > 0 {
		unit := v.work[k]
		if jobs := q.jobs - own.jobs; jobs > 1e-9 {
			unit = others * q.capacity / (jobs * need)
		}
		n := max(q.users-1, 1) + 1
		x := others * math.Sqrt(n*math.Pi/8) * erfcx((1-used/q.gain)*math.Sqrt(n/2))
		if servers > 1 {
			x *= math.Pow(min(others, 1), math.Sqrt(2*(servers+1))-2) / servers
		}
		if q.shared {
			x, unit = 2*x, min(unit, v.work[k])
			closed = min(closed, v.work[k])
		}
		seconds += x*unit + closed/servers
		likely = min(others+.5*closed/max(v.work[k], 1e-9), 1)
	}
	if q.gain > 1 && used > 1 {
		batch := (1 - q.marginal) / max(1/used-q.marginal, 1e-3)
		seconds += (batch - 1) * q.marginal * 1.5 * v.work[k]
		likely = 1
	}
	return seconds, likely
}

// changes is how often a second a worker has to change over to another model, where
// each takes what comes.
func (q *queue) changes() float64 {
	all, same := 0.0, 0.0
	for _, r := range q.models {
		all += r
		same += r * r
	}
	if all <= 0 {
		return 0
	}
	return max(all-same/all, 0)
}

// take is what a plan takes of a queue altogether.
type take struct {
	queue  int32
	model  int8
	load   instants
	jobs   float64
	calls  float64 // a second, those of video files too
	closed instants
}

// count adds what a plan takes, or gives it back with sign -1.
func (q *queue) count(t *take, sign float64) {
	for k := range t.load {
		q.load[k] += sign * t.load[k]
		q.closed[k] += sign * t.closed[k]
	}
	q.jobs += sign * t.jobs
	q.users += sign
	if t.model >= 0 {
		q.models[t.model] += sign * t.calls
	}
}
