package kb

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"
)

// MaxFile is the size in bytes above which a trace is refused unread.
const MaxFile = 64 << 20

// maxProfile is the same for a profile, which a person writes.
const maxProfile = 1 << 20

// readFile reads a regular file of at most limit bytes. A pipe is not opened: that
// may last for ever.
func readFile(path string, limit int64) ([]byte, error) {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, &Error{File: path, Msg: cause(err)}
	case st.IsDir():
		return nil, &Error{File: path, Msg: "is a folder, want a file"}
	case !st.Mode().IsRegular():
		return nil, &Error{File: path, Msg: "is a pipe or a device, want a file"}
	case st.Size() > limit:
		return nil, tooLarge(path, limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &Error{File: path, Msg: cause(err)}
	}
	defer f.Close() // read only: nothing is lost
	return readAll(f, path, limit)
}

// openIn opens a regular file of a folder, as readFile does.
func openIn(fsys fs.FS, name string) (fs.File, error) {
	st, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, errors.New("is a folder, a pipe or a device, want a file")
	}
	return fsys.Open(name)
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

// lines returns a scanner of b's lines that takes lines of up to 1 MB.
func lines(b []byte) *bufio.Scanner {
	sc := bufio.NewScanner(bytes.NewReader(b))
	sc.Buffer(nil, 1<<20)
	return sc
}

// header calls f with the settings of the comments that a text begins with and
// that begin with mark: "# vidq content: frame_rate=7 class=faces". line is theirs;
// value is "" where there is no "=".
func header(b []byte, mark string, f func(line int, key, value string) error) error {
	sc := lines(b)
	for line := 1; sc.Scan() && strings.HasPrefix(sc.Text(), "#"); line++ {
		rest, ok := strings.CutPrefix(sc.Text(), mark)
		if !ok {
			continue
		}
		for _, setting := range strings.Fields(rest) {
			key, value, _ := strings.Cut(setting, "=")
			if err := f(line, key, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// finite parses a number that is neither infinite nor NaN.
func finite(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, errors.New(strconv.Quote(s) + " is not a number")
	}
	return v, nil
}
