// Package coretest is what tests of core's machines, and of the drivers that run
// them, are made of:
//
//   - Printer is a Backend that turns every effect into one readable line.
//   - Run plays the scripts of a folder: commands, a line of dashes, and what the
//     machines wanted in answer. Script says what the commands are.
//   - Checker watches a run, from a script or a simulator, and holds the
//     invariants that no fault may break.
//   - Cases says how much of a long test is run under the race detector.
//
// Read script.go first, then a script in core/testdata.
package coretest
