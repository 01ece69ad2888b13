package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// tables are a run folder's tables while the jobs write them. Rows stand in the order
// of the jobs: the job whose turn it is when it begins writes into the tables
// themselves, any other into files beside them, which are appended when their turn
// has come. What is written is hashed at once. So there is little left to do when a
// run is interrupted, however much it has written.
type tables struct {
	dir string

	mu     sync.Mutex
	list   []*table
	jobs   []jobRows
	turn   int // the job whose rows come next
	direct int // the job that writes into the tables, -1 = none
	err    error
}

// jobRows is how far a job's rows are.
type jobRows uint8

const (
	rowsNone    jobRows = iota // not begun
	rowsBegun                  // being written
	rowsDone                   // whole
	rowsOmitted                // not to be looked at
)

// table is one of them.
type table struct {
	hashed
	name string
	file *os.File
	from hashed // as it was before the rows of the job that writes into it
}

// hashed counts and hashes what is written.
type hashed struct {
	hash  hash.Hash
	bytes int64
}

func newHashed() hashed { return hashed{hash: sha256.New()} }

func (h *hashed) add(b []byte) {
	h.hash.Write(b) // a hash's Write never fails
	h.bytes += int64(len(b))
}

// item is the manifest's line of a file.
func (h *hashed) item(name string) manifestItem {
	return manifestItem{Name: name, Bytes: h.bytes, SHA256: hex.EncodeToString(h.hash.Sum(nil))}
}

// Write implements io.Writer.
func (t *table) Write(b []byte) (int, error) {
	n, err := t.file.Write(b)
	t.add(b[:n])
	return n, err
}

// newTables begins the tables of a number of jobs in a folder.
func newTables(dir string, jobs int) (*tables, error) {
	ts := &tables{dir: dir, jobs: make([]jobRows, jobs), direct: -1}
	for _, t := range csvFiles {
		f, err := os.Create(filepath.Join(dir, t.name))
		if err != nil {
			return nil, errors.Join(err, ts.close())
		}
		w := &table{hashed: newHashed(), name: t.name, file: f}
		ts.list = append(ts.list, w)
		if _, err := io.WriteString(w, t.header+"\n"); err != nil {
			return nil, errors.Join(err, ts.close())
		}
	}
	return ts, nil
}

// close closes the files.
func (ts *tables) close() error {
	var errs []error
	for _, t := range ts.list {
		errs = append(errs, t.file.Close())
	}
	ts.list = nil
	return errors.Join(errs...)
}

// part is the path of job i's rows of a table, where they are not in the table itself.
func (ts *tables) part(name string, i int) string {
	return filepath.Join(ts.dir, name+"."+strconv.Itoa(i))
}

// begin opens the tables for job i's rows.
func (ts *tables) begin(i int, j job) (*runFiles, error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.jobs[i] = rowsBegun
	direct := i == ts.turn
	if direct {
		ts.direct = i
	}
	next := 0
	return newRunFiles(j.scheduler.String(), j.seed, func(name string) (io.WriteCloser, error) {
		if !direct {
			return os.Create(ts.part(name, i))
		}
		t := ts.list[next]
		next++
		h, err := t.hash.(hash.Cloner).Clone()
		t.from = hashed{h, t.bytes}
		return &inlet{ts, t, i}, err
	})
}

// inlet is where the job whose turn it is writes the rows of a table.
type inlet struct {
	ts  *tables
	t   *table
	job int
}

// Write implements io.Writer. What comes after the job was left out goes nowhere.
func (in *inlet) Write(b []byte) (int, error) {
	in.ts.mu.Lock()
	defer in.ts.mu.Unlock()
	if in.ts.direct != in.job {
		return len(b), nil
	}
	return in.t.Write(b)
}

// Close implements io.Closer; the table stays open.
func (in *inlet) Close() error { return nil }

// done tells that job i's rows are whole.
func (ts *tables) done(i int) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.jobs[i] = rowsDone
	if ts.direct == i {
		ts.direct = -1
		ts.turn++
	}
	ts.advance(false)
}

// omit leaves out job i, whose rows are still being written.
func (ts *tables) omit(i int) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.jobs[i] = rowsOmitted
	for _, t := range ts.list {
		if ts.direct == i {
			ts.keep(t.cut())
		} else {
			_ = os.Remove(ts.part(t.name, i)) // a left-over is harmless
		}
	}
	if ts.direct == i {
		ts.direct = -1
	}
	ts.advance(false)
}

// cut takes the rows of the job that writes into the table out again.
func (t *table) cut() error {
	t.hashed = t.from
	_, err := t.file.Seek(t.bytes, io.SeekStart)
	return errors.Join(err, t.file.Truncate(t.bytes))
}

// advance appends the rows of the jobs whose turn has come; at the end (all), also
// over those that were not begun.
func (ts *tables) advance(all bool) {
	for ts.direct < 0 && ts.turn < len(ts.jobs) {
		switch ts.jobs[ts.turn] {
		case rowsNone, rowsBegun:
			if !all {
				return
			}
		case rowsDone:
			for _, t := range ts.list {
				ts.keep(t.append(ts.part(t.name, ts.turn)))
			}
		case rowsOmitted:
		}
		ts.turn++
	}
}

// append moves the rows of a file into the table.
func (t *table) append(path string) error {
	part, err := os.Open(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(t, part)
	return errors.Join(err, part.Close(), os.Remove(path))
}

// keep keeps the first error for finish.
func (ts *tables) keep(err error) {
	if ts.err == nil {
		ts.err = err
	}
}

// finish makes the tables whole and returns their lines of the manifest.
func (ts *tables) finish() ([]manifestItem, error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.advance(true)
	var items []manifestItem
	for _, t := range ts.list {
		items = append(items, t.item(t.name))
	}
	return items, errors.Join(ts.err, ts.close())
}
