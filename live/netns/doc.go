// Package netns holds the test of the live system on two machines: cloud and edge are processes
// of vidq-live in two network namespaces, joined by a cable whose rate tc sets and which is pulled
// out. It has no code of its own.
//
// Who is not root, or may not make namespaces, is told so, and nothing is tested. It is
// run alone (make netns), since it measures a link by the clock.
package netns
