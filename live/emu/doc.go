// Package emu plays the truth of a scenario in real time: the devices, services and
// links of kb/world, which tell what happens when, are stepped from timers, and who
// asks for work or for a transfer waits for as long as it takes there. It is what an
// emulated live system runs on instead of real accelerators and networks.
//
//   - pump.go: a component of kb/world and the timer that brings it on
//   - node.go: work and calls at a node
//   - link.go: transfers and messages over a link
//   - world.go: all nodes and links of a testbed, and their faults
//
// Times are those that kb/world says: a timer that comes late delivers late, and what
// was computed does not drift by it.
package emu
