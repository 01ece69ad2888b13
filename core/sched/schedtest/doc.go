// Package schedtest is for tests and benchmarks of schedulers: views of systems
// large, small and broken, a predictor with known answers, and a check of what a
// scheduler decides.
//
// Random draws a view in which nearly everything may be wrong; Regular makes one
// of a healthy system of a given size. Clone and Poison together tell whether a
// scheduler keeps what it must not. Check says what is wrong with a decision, and
// Advance lets a decision take effect, as the query manager would.
package schedtest
