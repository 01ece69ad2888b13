// Package loop drives a state machine of package core in real time: one goroutine
// that alone steps it, to which everything else posts events.
//
// Start with loop.go. clock.go is the time that the machines of one process share.
package loop
