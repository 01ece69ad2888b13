package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"vidq/core/result"
	"vidq/internal/cli"
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
	dir    string
	temp   string // "" when there is none
	tables *tables
}

// check refuses a place that holds anything but an earlier run folder.
func (f *folder) check() error {
	if f.dir == "-" {
		return cli.Inputf("--out -: want a folder, which stdout is not; the result document alone is --json -")
	}
	f.dir = filepath.Clean(f.dir)
	entries, err := os.ReadDir(f.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && len(entries) == 0:
		return nil
	case err != nil:
		return cli.Inputf("--out %s: %w", f.dir, cli.Bare(err))
	}
	var m manifest
	text, err := os.ReadFile(filepath.Join(f.dir, manifestFile))
	if err != nil || json.Unmarshal(text, &m) != nil || m.Vidq == "" {
		return cli.Inputf("--out %s: is not empty and no earlier run folder; name another one", f.dir)
	}
	for _, e := range entries {
		own := slices.ContainsFunc(m.Files, func(i manifestItem) bool { return i.Name == e.Name() })
		if !own && e.Name() != manifestFile {
			return cli.Inputf("--out %s: holds %s, which is not of the earlier run; move it away or name another folder", f.dir, e.Name())
		}
	}
	return nil
}

// open makes the folder under its temporary name, with tables for a number of jobs.
func (f *folder) open(jobs int) error {
	parent := filepath.Dir(f.dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return cli.Inputf("--out %s: %w", f.dir, cli.Bare(err))
	}
	temp, err := os.MkdirTemp(parent, "."+filepath.Base(f.dir)+".*")
	if err != nil {
		return cli.Inputf("--out %s: %w", f.dir, cli.Bare(err))
	}
	f.temp = temp
	if jobs == 0 { // it has other files
		return nil
	}
	if f.tables, err = newTables(temp, jobs); err != nil {
		f.discard()
		return fmt.Errorf("run folder: %w", err)
	}
	return nil
}

// discard removes a folder that has not been finished.
func (f *folder) discard() {
	if f.tables != nil {
		_ = f.tables.close() // it is thrown away
	}
	if f.temp != "" {
		_ = os.RemoveAll(f.temp) // a left-over is harmless
		f.temp = ""
	}
}

// finish makes the tables whole, adds what describes them and puts the folder in its
// place.
func (f *folder) finish(e *experiment, doc *result.Document) error {
	items, err := f.tables.finish()
	if err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	if err := f.describe(e, doc, items); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	if err := f.place(); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	return nil
}

// write writes a file and returns its line of the manifest.
func (f *folder) write(name string, content func(io.Writer) error) (manifestItem, error) {
	file, err := os.Create(filepath.Join(f.temp, name))
	if err != nil {
		return manifestItem{}, err
	}
	w := &table{hashed: newHashed(), file: file}
	err = errors.Join(content(w), file.Close())
	return w.item(name), err
}

// describe writes the files beside the tables, the manifest last.
func (f *folder) describe(e *experiment, doc *result.Document, tables []manifestItem) error {
	res, err := f.write(resultFile, func(w io.Writer) error { return result.Encode(w, doc) })
	if err != nil {
		return err
	}
	sc, err := f.write(scenarioFile, func(w io.Writer) error {
		_, err := io.WriteString(w, e.scenario.Text)
		return err
	})
	if err != nil {
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
	m.Files = append([]manifestItem{res, sc}, tables...)
	return f.writeManifest(m)
}

// writeManifest writes the manifest of either kind.
func (f *folder) writeManifest(m any) error {
	_, err := f.write(manifestFile, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(m)
	})
	return err
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
