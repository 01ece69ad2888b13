//go:build race

package coretest

// raceDetector tells whether the race detector watches this build.
const raceDetector = true
