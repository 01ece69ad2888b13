// Package live runs a scenario in real time: the machines of package core, one
// goroutine each, which tell each other over HTTP, and the world of kb/world, which is
// emulated from timers. It is what the simulator is in virtual time, and gives the same records:
// in a testing/synctest bubble, where time stands still while anybody works, a run has the
// simulator's trace to the bit (parity_test.go).
//
// # Reading guide
//
//   - system.go puts the nodes of a testbed together, starts and stops them
//   - host.go is a node; agent.go one life of its job manager, whose effects it carries out;
//     frame.go the frames that its jobs hold
//   - call.go is a stage call's walk, crossing.go what a real link made of it, crew.go the compute
//     services that it ends at
//   - manager.go is the query manager; queries.go what it does for users, nodes.go for nodes
//   - exchange.go matches answers to requests; post.go sends messages, network.go says how (links.go with which delay):
//     within the process or over HTTP
//   - book.go knows who is where; ports.go opens the nodes' ports
//   - plain.go speaks for nodes of the original, plain_results.go hands their results over; network_remote.go speaks
//     to a query manager of the original
//   - user.go submits the scenario's queries, faults.go has its faults happen, books.go keeps
//     the accounts
//
// Below: loop steps a machine, emu emulates the world, wire is the protocol, serve and
// client its two sides, store what must last, video and sidechan the frames themselves.
//
// # A frame's walk
//
//	agent: Capture -> the query's timer -> FrameCaptured -> Invoke
//	call:  the host's devices (encoding, overhead) -> the link -> POST /execute_task
//	crew:  queue and worker of the emulated service
//	call:  the link back -> StageDone
//
// # What does not answer
//
// A node that is down, by a fault of the scenario, answers nobody, as if its cable were cut: who
// calls it learns by timeout, as in the simulator. A system that is stopped refuses.
package live
