package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Output is where a document goes: nowhere, to stdout, or to a file that
// appears whole or not at all.
type Output struct {
	io.Writer
	flag string // that named it
	path string
	temp *os.File
	buf  *bufio.Writer
}

// NewOutput opens the path that a flag gave; "-" is stdout and "" nowhere.
func NewOutput(flag, path string, stdout io.Writer) (*Output, error) {
	switch path {
	case "":
		return &Output{Writer: io.Discard}, nil
	case "-":
		return &Output{Writer: stdout}, nil
	}
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		if st.IsDir() {
			return nil, Inputf("%s %s: is a directory", flag, path)
		}
		// A pipe or a device is written as it is; a pipe that nobody reads is an error
		// instead of waiting for a reader.
		f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return nil, Inputf("%s %s: %w", flag, path, Bare(err))
		}
		return &Output{Writer: f, flag: flag, temp: f}, nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Inputf("%s %s: there is no folder %s", flag, path, filepath.Dir(path))
	}
	if err != nil {
		return nil, Inputf("%s %s: %w", flag, path, Bare(err))
	}
	o := &Output{flag: flag, path: path, temp: f, buf: bufio.NewWriter(f)}
	o.Writer = o.buf
	return o, nil
}

// Commit makes what was written appear under its name.
func (o *Output) Commit() error {
	if o.temp == nil {
		return nil
	}
	f := o.temp
	o.temp = nil
	var err error
	if o.buf != nil {
		err = o.buf.Flush()
	}
	if err == nil && o.path != "" {
		err = f.Chmod(0o644)
	}
	err = errors.Join(err, f.Close())
	if err == nil && o.path != "" {
		err = os.Rename(f.Name(), o.path)
	}
	if err != nil {
		if o.path != "" {
			_ = os.Remove(f.Name()) // the first error is the one to tell
		}
		return fmt.Errorf("%s: %w", o.flag, err)
	}
	return nil
}

// Discard removes what has not been committed.
func (o *Output) Discard() {
	if o.temp == nil {
		return
	}
	_ = o.temp.Close() // it is thrown away
	if o.path != "" {
		_ = os.Remove(o.temp.Name()) // a left-over is harmless
	}
	o.temp = nil
}

// Bare strips the operation and the path that package os puts before its errors.
func Bare(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	var le *os.LinkError
	if errors.As(err, &le) {
		return le.Err
	}
	return err
}
