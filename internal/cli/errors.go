package cli

import (
	"errors"
	"fmt"
	"runtime/debug"

	"vidq/core/sched"
	"vidq/kb"
	"vidq/scenarios"
)

// Exit codes.
const (
	ExitDone   = 0
	ExitFailed = 1 // a run failed, or was interrupted where that is no way to end it
	ExitInput  = 2 // the user's input is wrong; nothing was written
)

// inputError is a mistake in what the user gave.
type inputError struct{ error }

func (e inputError) Unwrap() error { return e.error }

// Inputf makes an error of the user's input.
func Inputf(format string, args ...any) error {
	return inputError{fmt.Errorf(format, args...)}
}

// Code returns what a command ends with: it tells the user's mistakes from failures.
func Code(err error) int {
	var (
		own      inputError
		scenario *scenarios.Error
		spec     *sched.Error
		file     *kb.Error
	)
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &own) || errors.As(err, &scenario) || errors.As(err, &spec) || errors.As(err, &file):
		return ExitInput
	}
	return ExitFailed
}

// Version is the module's version as it was built, "devel" without one.
func Version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

// release is set by make dist, whose archives do not depend on the working tree's state.
var release string
