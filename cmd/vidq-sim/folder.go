package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"

	"vidq/core/result"
)

// The files of a run folder. The manifest lists the others with their hashes.
const (
	manifestFile = "manifest.json"
	resultFile   = "result.json"
	scenarioFile = "scenario.toml"
)

// csvFiles are its tables, each with the columns scheduler and seed first.
var csvFiles = [...]struct{ name, header string }{
	{"frames.csv", frameColumns},
	{"plans.csv", planColumns},
	{"nodes.csv", nodeColumns},
	{"links.csv", linkColumns},
}

// manifest describes a run folder.
type manifest struct {
	Vidq        string         `json:"vidq"`
	Scenario    string         `json:"scenario"`
	Schedulers  []string       `json:"schedulers"`
	Seeds       []uint64       `json:"seeds"`
	Interrupted bool           `json:"interrupted,omitempty"`
	Files       []manifestItem `json:"files"`
}

type manifestItem struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// folder is a run folder. It is made beside its place under another name and put
// there when it is whole.
type folder struct {
	dir  string
	temp string        // "" when there is none
	made []atomic.Bool // whether job i has tables
}

// check refuses a place that holds anything but an earlier run folder.
func (f *folder) check() error {
	if f.dir == "-" {
		return inputErrorf("--out -: want a folder, which stdout is not; the result document alone is --json -")
	}
	f.dir = filepath.Clean(f.dir)
	entries, err := os.ReadDir(f.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && len(entries) == 0:
		return nil
	case err != nil:
		return inputErrorf("--out %s: %w", f.dir, bare(err))
	}
	var m manifest
	text, err := os.ReadFile(filepath.Join(f.dir, manifestFile))
	if err != nil || json.Unmarshal(text, &m) != nil || m.Vidq == "" {
		return inputErrorf("--out %s: is not empty and no earlier run folder; name another one", f.dir)
	}
	for _, e := range entries {
		own := slices.ContainsFunc(m.Files, func(i manifestItem) bool { return i.Name == e.Name() })
		if !own && e.Name() != manifestFile {
			return inputErrorf("--out %s: holds %s, which is not of the earlier run; move it away or name another folder", f.dir, e.Name())
		}
	}
	return nil
}

// open makes the folder under its temporary name, for a number of jobs.
func (f *folder) open(jobs int) error {
	parent := filepath.Dir(f.dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return inputErrorf("--out %s: %w", f.dir, bare(err))
	}
	temp, err := os.MkdirTemp(parent, "."+filepath.Base(f.dir)+".*")
	if err != nil {
		return inputErrorf("--out %s: %w", f.dir, bare(err))
	}
	f.temp, f.made = temp, make([]atomic.Bool, jobs)
	return nil
}

// discard removes a folder that has not been finished.
func (f *folder) discard() {
	if f.temp != "" {
		_ = os.RemoveAll(f.temp) // a left-over is harmless
		f.temp = ""
	}
}

// part is the path of job i's rows of a table.
func (f *folder) part(name string, i int) string {
	return filepath.Join(f.temp, name+"."+strconv.Itoa(i))
}

// files opens the tables of job i.
func (f *folder) files(i int, j job) (*runFiles, error) {
	f.made[i].Store(true)
	return newRunFiles(j.scheduler.String(), j.seed, func(name string) (io.WriteCloser, error) {
		return os.Create(f.part(name, i))
	})
}

// omit leaves out job i, whose tables are still being written; its files have no name
// from now on. A nil folder has nothing to omit.
func (f *folder) omit(i int) {
	if f == nil {
		return
	}
	f.made[i].Store(false)
	for _, t := range csvFiles {
		_ = os.Remove(f.part(t.name, i)) // a left-over is harmless
	}
}

// finish joins the jobs' tables in their order, adds what describes them and puts
// the folder in its place.
func (f *folder) finish(e *experiment, doc *result.Document) error {
	for _, t := range csvFiles {
		if err := f.join(t.name, t.header); err != nil {
			return fmt.Errorf("run folder: %w", err)
		}
	}
	if err := f.describe(e, doc); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	if err := f.place(); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	return nil
}

func (f *folder) join(name, header string) error {
	return f.write(name, func(w io.Writer) error {
		if _, err := io.WriteString(w, header+"\n"); err != nil {
			return err
		}
		for i := range f.made {
			if !f.made[i].Load() { // interrupted before its turn, or given up
				continue
			}
			part, err := os.Open(f.part(name, i))
			if err != nil {
				return err
			}
			_, err = io.Copy(w, part)
			if err := errors.Join(err, part.Close(), os.Remove(f.part(name, i))); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *folder) write(name string, content func(io.Writer) error) error {
	w, err := os.Create(filepath.Join(f.temp, name))
	if err != nil {
		return err
	}
	return errors.Join(content(w), w.Close())
}

func (f *folder) describe(e *experiment, doc *result.Document) error {
	err := f.write(scenarioFile, func(w io.Writer) error {
		_, err := io.WriteString(w, e.scenario.Text)
		return err
	})
	if err != nil {
		return err
	}
	if err := f.write(resultFile, func(w io.Writer) error { return result.Encode(w, doc) }); err != nil {
		return err
	}
	m := manifest{Vidq: doc.Vidq, Scenario: doc.Scenario, Interrupted: doc.Interrupted, Schedulers: []string{}, Seeds: []uint64{}}
	for _, s := range e.specs {
		m.Schedulers = append(m.Schedulers, s.String())
	}
	for _, j := range e.jobs {
		if n := len(m.Seeds); n == 0 || m.Seeds[n-1] != j.seed {
			m.Seeds = append(m.Seeds, j.seed)
		}
	}
	names := []string{resultFile, scenarioFile}
	for _, t := range csvFiles {
		names = append(names, t.name)
	}
	for _, name := range names {
		item, err := itemOf(f.temp, name)
		if err != nil {
			return err
		}
		m.Files = append(m.Files, item)
	}
	return f.write(manifestFile, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(m)
	})
}

func itemOf(dir, name string) (manifestItem, error) {
	r, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return manifestItem{}, err
	}
	defer func() { _ = r.Close() }() // it is only read
	h := sha256.New()
	n, err := io.Copy(h, r)
	return manifestItem{Name: name, Bytes: n, SHA256: hex.EncodeToString(h.Sum(nil))}, err
}

// place moves the folder to its name. An earlier run folder there is moved aside
// before and removed after, so that at no time half of one is there.
func (f *folder) place() error {
	if err := os.Chmod(f.temp, 0o755); err != nil {
		return err
	}
	old := ""
	if _, err := os.Lstat(f.dir); err == nil {
		if err := f.check(); err != nil { // somebody may have written there meanwhile
			return err
		}
		old = f.temp + ".old"
		if err := os.Rename(f.dir, old); err != nil {
			return err
		}
	}
	if err := os.Rename(f.temp, f.dir); err != nil {
		if old != "" {
			err = errors.Join(err, os.Rename(old, f.dir))
		}
		return err
	}
	f.temp = ""
	if old != "" {
		return os.RemoveAll(old)
	}
	return nil
}
