// Package bench holds the project's benchmarks. Their names are stable, so that
// figures of different versions can be compared; each asserts that work was done.
package bench

import (
	_ "embed"

	"vidq/core"
	"vidq/sim"
)

// Reference is a C++ program that does what Hold does with std::priority_queue
// and prints the ns per event. Its arguments are those of Hold.
//
//go:embed reference.cpp
var Reference []byte

// golden spreads the delays over 1 to 2^20 ns without random numbers, and such
// that no branch predictor learns them.
const golden = 0x9e3779b97f4a7c15

// Hold runs the hold model on the kernel: so many events are pending, and the
// handling of each schedules one.
func Hold(pending, events int) *sim.Kernel {
	k := new(sim.Kernel)
	for i := range pending {
		k.Schedule(sim.Event{At: core.Time(i * 7919 % pending), Key: uint64(i), Ref: uint32(i)})
	}
	n := uint64(0)
	k.Run(core.Never, func(e sim.Event) {
		if n++; n == uint64(events) {
			k.Stop()
		}
		e.At += 1 + core.Time(n*golden>>44)
		k.Schedule(e)
	})
	return k
}
