package coretest

// Cases returns how many of n like cases, at least one, a test goes through: all, or under
// the race detector a tenth. It is for tests that need many cases or long runs for their
// figures alone, while what runs at the same time is the same in each case, or
// nothing does. `make test` runs the packages that use it a second time, without the
// detector, so that every case is tried.
func Cases(n int) int {
	if raceDetector {
		return (n + 9) / 10
	}
	return n
}
