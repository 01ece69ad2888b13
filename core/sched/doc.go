// Package sched holds the scheduling algorithms, one per file, and the registry
// that finds them by name.
//
// # Reading guide
//
//   - registry.go: Register, New, Names, Describe. params.go types and checks the
//     parameters, spec.go reads and writes them as name[key=value,...], search.go
//     tells what a search over them tries.
//   - place.go: where a stage may run, which node a query is assigned to and which
//     it uses while that is down; what the plans of different schedulers have in
//     common.
//   - memory.go: what a scheduler remembers of each query.
//   - static.go, random.go: the trivial baselines.
//   - latfirst.go: the original's scheduler in two modes. latfirst_peer.go is what
//     it does, latfirst_fixed.go what it meant to do; there latfirst_table.go holds
//     the predictions and what corrects them, latfirst_search.go ranks the plans.
//   - round_robin.go, pid.go, fc.go, awstream.go, chameleon.go, videostorm.go, jcab.go,
//     cwd.go, jellyfish.go, adamec.go: baselines from the literature, each with what
//     its paper does, where it deviates and the source of every constant; files that begin with
//     the same name are parts of it. home.go, bound.go and link.go are what
//     several of them share.
//   - oracle.go: an upper bound, which alone is told the truth; its parts are in
//     files that begin with the same name.
//   - vidq.go: our own. vidq_observe.go learns from what the frames of a round
//     told, into figures.go (the work of services), vidq_links.go (rates),
//     vidq_latency.go (what calls take beside) and vidq_query.go (objects; the settings that are worth trying);
//     vidq_beat.go knows when cameras take their frames and what these meet at a station,
//     vidq_weigh.go predicts what a plan is worth under the load of the others (system.go),
//     vidq_fork.go what branches of one frame wait for each other,
//     vidq_search.go looks for a query's best plan, vidq_choice.go lets queries
//     respond in turn, vidq_anew.go makes all choices anew in a shortage.
//   - schedtest: views, a predictor with known answers and checks, for tests and
//     benchmarks.
//
// # How to write a scheduler
//
// Write one file; no other code needs to be touched, and then make golden writes the
// documentation again. The list, the help text, the scenario files, the conformance
// suite and the benchmarks find it by themselves.
//
//	package sched
//
//	import "vidq/core"
//
//	func init() {
//		Register("cautious", "every stage on the host at a fixed rate", cautiousConfig{FPS: 5},
//			func(c cautiousConfig, _ Deps) (core.Scheduler, error) { return core.PerQuery(&cautious{c}), nil })
//	}
//
//	type cautiousConfig struct {
//		FPS float64 `toml:"fps" knob:"fps" min:"0.1" max:"120" doc:"analysed frames per second"`
//	}
//
//	type cautious struct{ cautiousConfig }
//
//	func (s *cautious) Plan(v *core.View, q *core.QueryView) (core.Plan, bool) {
//		name, quality, ok := encoder(&v.Knobs, "")
//		if !ok || q.Plan.Revision > 0 {
//			return core.Plan{}, false // what has a plan keeps it
//		}
//		p := core.Plan{Video: core.VideoConf{FPS: s.FPS, Encoder: name, Quality: quality}, InFlight: 1, Buffer: 1}
//		...
//		return p, true
//	}
//
// A scheduler that looks at all queries at once implements core.Scheduler itself.
// Either way:
//
//   - What a search over a parameter tries is a quarter of its default to four times it, or
//     all its choices, or what the scenarios have. Where that makes no sense (a default of 0 that
//     stands for something, what would be cheating) a tag search says better.
//   - It learns from the View alone, time included, and from what it remembers.
//     It draws from Deps.Seed and ids, never from the order of a map. The same
//     views give the same decisions.
//   - It changes nothing in the View and keeps nothing of it: the manager reuses
//     the memory. Slices in a Plan are its own, made anew when the plan changes.
//   - Its plans can be carried out: usable says whether a stage may run at a node.
//     There may be no nodes, no links, no knobs; a query's Camera may be nil and
//     its host unknown. A query that cannot be served is left alone.
//   - It allocates nothing while no plan changes.
//
// The conformance suite holds all of that on hundreds of random views.
//
// # What vidq maximises, and why that beats a controller
//
// It maximises the number of results that meet every bound of their query: the sum
// over queries of the probability that a result does, as predicted for the joint
// load. Then, far behind, accuracy above the bound (nobody measures it, so what is
// spare is best spent on it), short latencies and idle machines.
//
// A controller of the PID kind acts on the measured delay. It learns of a violation
// when it has happened; from one number it cannot tell whether objects became more, a link slower or
// another query took the machine, nor which of its knobs helps against that; and
// each query's controller sees the others as noise. A model that is corrected by every call
// tells these causes apart, because a call tells work, wait and transfer; it extrapolates the number of
// objects; and it knows before a plan is tried what it would do to the others. What it cannot
// know it does not trust: predictions are probabilities, whose spread is what was
// seen of their errors.
//
// # Deviations of latfirst's mode fixed
//
// It is the original's idea with these decisions of our own. The set-point is 0.9
// of the bound and the controlled quantity the round's 95th percentile, because
// frames are judged one by one. A frame's delay is reckoned with the fewest camera
// frames that it can stand for. The integral starts anew when the error changes
// its sign. The controller says when to act and in which direction; what to do is
// taken from all plans ranked anew, with the belief scaled by what the query's own
// calls took; single knobs are moved only where no plan is predicted to do. After a
// late plan it waits two periods before it tries a better one, twice as long each
// time that such a try was late.
package sched
