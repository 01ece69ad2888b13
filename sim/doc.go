// Package sim runs a scenario in virtual time: the machines of package core,
// told by a discrete-event kernel, in the world of kb/world.
//
// # Reading guide
//
// Start with these three files:
//
//   - kernel.go: the clock and the queue of events, which is of use by itself
//   - node.go: a node's job manager and how it is driven (core.Backend)
//   - call.go: one stage call on its way through the world
//
// Around them: query.go and camera.go (the frames that jobs hold, and who could not
// take any), net.go (control messages), manager.go and store.go (the query manager and
// what it saves), user.go (who submits queries), fault.go (what goes wrong), build.go
// (from a testbed to all that), sim.go (the run and its books), key.go (the
// canonical order of events). What exists in the world and what each frame and call is
// like stands in package scenarios/testbed, which the live system's emulation shares.
//
// # A frame's walk
//
//	job: Capture -> camera timer -> FrameCaptured -> Invoke
//	host cpu: encoding (once per frame and encoding) and the call's overhead
//	link: request, its share of the rate, then the delay
//	service: queue, a worker, the device's share
//	link: answer
//	job: StageDone -> the next stages, or the result
//
// Camera frames that no plan selects cost no event; they are counted in closed
// form. Everything that is reported comes from records.
//
// # What is modelled how
//
// Formulas, sources and limits are in docs/model.md. Of this package's own: a
// message within a node takes testbed.LocalDelay (50 us, assumed); nodes start in the first
// second, each at a seeded phase; a user without an answer asks again after a
// second; frames of a file are read at least a millisecond apart. A dead node answers nothing: its
// callers learn by timeout. A service that is down refuses at once.
//
// # Determinism
//
// The same scenario, scheduler and seed give the same bytes. Events of one
// target at one instant are ordered by what they are about, never by when they
// were scheduled; Ties counts those that this does not tell apart.
package sim
