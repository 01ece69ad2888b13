// Package serve is the HTTP side of the live system's five ports: it takes requests
// by the table of wire.Routes, and asks small interfaces, in the words of core and
// wire, for the answers. It opens nothing: listeners come from outside, so that all
// of it runs over package pipenet in a testing/synctest bubble.
//
// # Reading guide
//
//   - asks.go: the interfaces that a node implements, and Caller
//   - manager.go, jobs.go, services.go, side.go: what each port does with a request
//   - bind.go: Handlers, which must be the table's routes, neither more nor fewer
//   - server.go: Server and its Options: serving, shutting down, timeouts
//   - chain.go: what happens to every request, in order; answer.go: what goes back
//   - access.go: who may call; origin.go: what pages of the web may not; tls.go:
//     certificates
//   - conns.go: slow and superfluous connections
//
// # Promises
//
// Every answer to a request that net/http could read is JSON of wire's shapes, but for
// the streams and the metrics; also those for unknown paths, wrong methods, panics and
// overload. Every request ends: bodies must come at a least rate, calls have a
// timeout, and a stream ends when its viewer no longer reads or the server shuts down.
// What a peer sends is bounded before it is read.
package serve
