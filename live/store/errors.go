package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
)

// What can be wrong with a store, for errors.Is.
var (
	ErrURL         = errors.New("not a store")
	ErrLocked      = errors.New("another process uses it")
	ErrLost        = errors.New("another process has taken it over")
	ErrNewer       = errors.New("a newer vidq has written it")
	ErrForeign     = errors.New("it holds tables that are not vidq's")
	ErrFull        = errors.New("no space is left")
	ErrReadOnly    = errors.New("it accepts no writes")
	ErrRights      = errors.New("no rights")
	ErrCorrupt     = errors.New("it is damaged, or not a database")
	ErrUnreachable = errors.New("it cannot be reached")
	ErrClosed      = errors.New("the store is closed")
)

// Error says what is wrong with which store, and what to do.
type Error struct {
	Store  string // its URL without the password
	Kind   error  // one of the Err variables; nil = the engine's words must do
	Advice string // "" = none
	Err    error  // of the engine; nil = none
}

// Error implements error.
func (e *Error) Error() string {
	s := e.Store
	if e.Kind != nil {
		s += ": " + e.Kind.Error()
	}
	if e.Advice != "" {
		s += "; " + e.Advice
	}
	if e.Err != nil && e.Kind != nil {
		return fmt.Sprintf("%s (%v)", s, e.Err)
	} else if e.Err != nil {
		return s + ": " + e.Err.Error()
	}
	return s
}

// Unwrap lets errors.Is and errors.As see the kind and what the engine said.
func (e *Error) Unwrap() []error {
	var all []error
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// broken reports whether an error means that the connection is of no use any
// more: whatever transaction it was in is over.
func broken(err error) bool {
	var n net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.As(err, &n) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// refused reports whether an error is the answer of a database that is reached: a
// new connection would get the same.
func refused(err error) bool {
	return errors.Is(err, ErrReadOnly) || errors.Is(err, ErrFull) || errors.Is(err, ErrLocked) || errors.Is(err, ErrCorrupt)
}

// general reports whether an error is about the store as a whole, and would meet
// every save alike.
func general(err error) bool {
	if broken(err) {
		return true
	}
	for _, kind := range []error{
		ErrLocked, ErrLost, ErrFull, ErrReadOnly, ErrRights, ErrCorrupt, ErrUnreachable, ErrClosed,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}
