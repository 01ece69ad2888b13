package kb

import (
	"encoding/csv"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// Error says what is wrong with a file that kb was given.
type Error struct {
	File string
	Line int    // 1 and up; 0 = not known
	Key  string // of a profile, "" where there is none: "model[0].on[1].laws[2].a"
	Msg  string
}

// Error returns "file:line: key: message" with what is known of it.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		b.WriteString(":" + strconv.Itoa(e.Line))
	}
	if e.Key != "" {
		b.WriteString(": " + e.Key)
	}
	b.WriteString(": " + e.Msg)
	return b.String()
}

// cause strips the operation and the path that os repeats in its errors.
func cause(err error) string {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// csvError gives a csv error its file.
func csvError(file string, err error) error {
	var pe *csv.ParseError
	if errors.As(err, &pe) {
		return &Error{File: file, Line: pe.Line, Msg: pe.Err.Error()}
	}
	if errors.Is(err, io.EOF) {
		return &Error{File: file, Msg: "is empty"}
	}
	return &Error{File: file, Msg: err.Error()}
}

// decode reads TOML strictly into v: a key that v does not have is an error.
func decode(file string, data []byte, v any) error {
	if len(data) > maxProfile {
		return tooLarge(file, maxProfile)
	}
	md, err := toml.Decode(string(data), v)
	if err != nil {
		var pe toml.ParseError
		if errors.As(err, &pe) {
			return &Error{File: file, Line: pe.Position.Line, Key: pe.LastKey, Msg: pe.Message}
		}
		return &Error{File: file, Msg: strings.TrimPrefix(err.Error(), "toml: ")}
	}
	if u := md.Undecoded(); len(u) > 0 {
		return &Error{File: file, Key: u[0].String(), Msg: "is not known here"}
	}
	return nil
}
