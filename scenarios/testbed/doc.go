// Package testbed is a scenario brought to the point where a driver takes over: what
// exists in its world, what every machine is built from, and what each frame and each
// call of it is like. The simulator and the live system's emulation both stand on it, so
// that the same frame takes the same work, has the same bytes and shows the same
// objects in either. It keeps no time and moves nothing: that is the drivers' part.
//
// # Reading guide
//
//   - testbed.go opens a scenario: its knowledge base, nodes, links and cameras
//   - machines.go has what job managers and the query manager are built from
//   - camera.go and stream.go tell which camera frames a query takes, what they show, how
//     large they are encoded, and what its results are worth
//   - stage.go tells what a call of a service carries, finds and takes
//   - message.go names control messages among a link's draws
//   - fault.go puts faults that are in force together
//
// # Draws
//
// Every draw is named by what it is for, never by when it is made: see package world.
// A frame's work is drawn from (query of the scenario, stage, camera frame), a transfer's
// jitter from (query, camera frame, stage, attempt, way), a message's from (direction,
// kind of message, how many of that kind went before).
package testbed
