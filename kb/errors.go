package kb

import (
	"errors"
	"fmt"
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

// MaxFile is the size in bytes above which a trace is refused unread.
const MaxFile = 64 << 20

// maxProfile is the same for a profile, which a person writes.
const maxProfile = 1 << 20

// readFile reads a regular file of at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &Error{File: path, Msg: cause(err)}
	}
	defer f.Close() // read only: nothing is lost
	st, err := f.Stat()
	switch {
	case err != nil:
		return nil, &Error{File: path, Msg: cause(err)}
	case st.IsDir():
		return nil, &Error{File: path, Msg: "is a folder, want a file"}
	case st.Size() > limit:
		return nil, tooLarge(path, limit)
	}
	return readAll(f, path, limit)
}

// readAll reads r to its end, at most limit bytes.
func readAll(r io.Reader, file string, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return nil, &Error{File: file, Msg: cause(err)}
	case int64(len(b)) > limit:
		return nil, tooLarge(file, limit)
	case len(strings.TrimSpace(string(b))) == 0:
		return nil, &Error{File: file, Msg: "is empty"}
	}
	return b, nil
}

func tooLarge(file string, limit int64) error {
	return &Error{File: file, Msg: fmt.Sprintf("is larger than %d MB", limit>>20)}
}

// cause strips the operation and the path that os repeats in its errors.
func cause(err error) string {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
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
