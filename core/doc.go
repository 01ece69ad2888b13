// Package core is the control plane of a testbed for video query scheduling, as
// state machines that are told what time it is and what happened, and answer with
// what they want done. It never waits, reads a clock, opens anything or draws
// randomness of its own: the same events give the same effects, in a simulator's
// virtual time as in real time.
//
// # Words
//
// A Query asks for a Pipeline of services on a Camera's video under a Constraint.
// Its camera is at a node, the query's host. A Plan serves it: a VideoConf that
// says how the video is cut down (resolution, frame rate, encoder, quality), and
// an Assignment of a node and a model for each Stage. Plans carry a revision that
// only rises. A Scheduler decides plans in rounds: it sees a View and fills in a
// Decision. What frames taught is an Observation each, and a RuntimeInfo over a
// window of them. A Predictor tells what a plan would cost and bring; the one
// that schedulers are given is the belief, which may be wrong.
//
// QueryManager is the machine of the whole: nodes, queries, rounds, results. It
// is durable. JobManager is the machine of a node: it runs a job for each query
// whose camera it holds, and takes each frame through the query's pipeline.
//
// # The contract of a machine
//
// A driver calls Step with the time, one Event and an Effects, then has its
// Backend do the effects with Effects.Drain. Answers come back as later events.
// Time never goes back between steps, and a machine is stepped by one goroutine at
// a time. To start a machine, tell it a Timer; it asks for more with Wake.
//
//   - Messages may be lost, repeated, delayed and reordered: incarnations of
//     nodes, revisions of plans and numbers of results tell the new from the old,
//     and the manager compares every heartbeat with what it wants (see
//     manager_repair.go). A lost message heals within two heartbeats.
//   - What is acknowledged is durable: Save is answered by Saved, and only then
//     does a query count as accepted, a result as received, a plan as given.
//   - A frame runs under the plan that was in force when it was captured, to its
//     end. For each FrameCaptured there is one FrameRecord and one Release.
//   - Everything that is reported of a run is in Records, and Chain hashes them.
//
// # Where to begin
//
// Read effect.go (all that a machine can want, and the Backend that does it), then
// message.go (what the two machines tell each other), then view.go with
// scheduler.go (all that a scheduler sees and says). The scripts in testdata show
// both machines at work, line by line; coretest runs them.
//
// # What core does not do
//
// It touches no pixels: a frame is its numbers and sizes, the driver keeps the
// rest until Release. It does not know how long anything takes, and it counts no
// frames that no job could take (the host was down, there was no plan): the driver
// knows both. It writes no log. It has no goroutines and no locks; a driver that
// shares a machine brings its own.
package core
