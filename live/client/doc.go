// Package client calls the live system's five ports: one method for each route that
// nodes and users call, in the words of core and wire, over connections that stay open.
//
//   - client.go: Client, its Options and a Peer; how a call is made
//   - errors.go: what became of a call that was not answered as hoped
//   - manager.go, node.go: the calls, by who is called
//
// Every call ends in time, by its ctx or a timeout of the client; no redirect is
// followed, no proxy asked, and an answer is bounded before it is read. A connection
// that the peer closed while it lay idle is noticed, and the call made again on a new one
// if it is idempotent, as all but a query's submission without a key are.
package client
