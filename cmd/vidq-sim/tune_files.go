package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"vidq/core/result"
	"vidq/core/sched"
	"vidq/internal/cli"
)

// tuneDocument is what --json holds.
type tuneDocument struct {
	Vidq        string     `json:"vidq"`
	Interrupted bool       `json:"interrupted,omitempty"`
	Scenarios   []string   `json:"scenarios"`
	Worlds      []tuneSeed `json:"worlds"` // in the order in which candidates met them
	Budget      int        `json:"budget"` // runs of each scheduler
	SearchSeed  uint64     `json:"search_seed"`
	Tuned       []tunedDoc `json:"tuned"`
}

type tuneSeed struct {
	Scenario string `json:"scenario"`
	Seed     uint64 `json:"seed"`
}

// tunedDoc is what was found for a scheduler. Intervals are over the worlds.
type tunedDoc struct {
	Scheduler   string       `json:"scheduler"` // as asked for
	Interrupted bool         `json:"interrupted,omitempty"`
	Best        string       `json:"best"`
	Joint       *result.Stat `json:"joint"`
	Default     *result.Stat `json:"default"`
	Difference  *result.Stat `json:"difference"` // paired
	Runs        int          `json:"runs"`
	Searched    []tuneRange  `json:"searched"`
	Left        []string     `json:"left"`       // parameters that were not searched
	Candidates  []tuneTried  `json:"candidates"` // the default first, those that met no world left out
}

type tuneRange struct {
	Key    string   `json:"key"`
	Values []any    `json:"values,omitempty"`
	Least  *float64 `json:"least,omitempty"` // a duration in seconds
	Most   *float64 `json:"most,omitempty"`
	Log    bool     `json:"log,omitempty"`
}

type tuneTried struct {
	Spec   string  `json:"spec"`
	Worlds int     `json:"worlds"` // that it met
	Joint  float64 `json:"joint"`  // mean over these
}

func (d *tuneDocument) write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(d); err != nil {
		return fmt.Errorf("--json: %w", err)
	}
	return nil
}

// document begins the document.
func (t *tuning) document() tuneDocument {
	d := tuneDocument{Vidq: t.app.version, Budget: t.o.budget, SearchSeed: t.o.searchSeed, Tuned: []tunedDoc{}}
	for _, s := range t.loaded {
		d.Scenarios = append(d.Scenarios, s.Name)
	}
	for _, w := range t.worlds {
		d.Worlds = append(d.Worlds, tuneSeed{w.scenario.Name, w.seed})
	}
	return d
}

// tuned sums up a search.
func (t *tuning) tuned(s *tuner, interrupted bool) tunedDoc {
	d := tunedDoc{
		Scheduler: s.fixed.String(), Interrupted: interrupted, Best: s.best.spec.String(),
		Joint: result.NewStat(s.best.joint), Default: result.NewStat(s.base.joint), Difference: result.Paired(s.best.joint, s.base.joint),
		Runs: s.spent, Left: []string{},
	}
	for i := range s.ranges {
		r := &s.ranges[i]
		x := tuneRange{Key: r.Key, Values: r.Values, Log: r.Log}
		if r.Values == nil {
			x.Least, x.Most = &r.Lo, &r.Hi
		}
		d.Searched = append(d.Searched, x)
	}
	for _, p := range sched.Describe(s.fixed.Name).Params {
		if !slices.ContainsFunc(s.ranges, func(r sched.Range) bool { return r.Key == p.Key }) {
			d.Left = append(d.Left, p.Key)
		}
	}
	for _, c := range s.order {
		if len(c.joint) > 0 {
			d.Candidates = append(d.Candidates, tuneTried{c.spec.String(), len(c.joint), c.mean(len(c.joint))})
		}
	}
	return d
}

// text is what people read of it.
func (d *tunedDoc) text(budget int) string {
	var b strings.Builder
	b.WriteString(d.Best + "\n  " + d.figures() + "\n")
	fmt.Fprintf(&b, "  %d of %d runs, %s, %s searched", d.Runs, budget, cli.Amount(len(d.Candidates), "candidate"), cli.Amount(len(d.Searched), "parameter"))
	if len(d.Left) > 0 {
		b.WriteString("; as they are: " + strings.Join(d.Left, ", "))
	}
	b.WriteString("\n")
	if d.Interrupted {
		b.WriteString("  INTERRUPTED: the best until then.\n")
	}
	return b.String()
}

func (d *tunedDoc) figures() string {
	return fmt.Sprintf("joint %s, by default %s, difference %s over %s", stat3.Cell(d.Joint), stat3.Cell(d.Default), stat3.Cell(d.Difference), cli.Amount(d.Joint.N, "world"))
}

const tunedHead = `# Parameters that vidq-sim tune found, for --scheduler @FILE: one specification a line. joint is
# slo_time.joint, with half of the 95% interval over the worlds that it was tuned on.
`

// readOut reads the file of --out as it is, if it is there.
func (t *tuning) readOut() error {
	if t.o.out == "" {
		return nil
	}
	out, err := cli.NewOutput("--out", t.o.out, t.app.stdout) // may it be written?
	if err != nil {
		return err
	}
	out.Discard()
	if t.entries, err = readSpecs(t.o.out); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	return nil
}

// writeOut puts a specification into the file of --out, in place of what it had of the
// scheduler.
func (t *tuning) writeOut(best sched.Spec, d *tunedDoc) error {
	if t.o.out == "" {
		return nil
	}
	e := specEntry{spec: best, comments: []string{
		"# " + d.Scheduler + ": " + d.figures(),
		fmt.Sprintf("# %s · %d of %d runs · search seed %d", t.where(), d.Runs, t.o.budget, t.o.searchSeed),
	}}
	if d.Interrupted {
		e.comments = append(e.comments, "# INTERRUPTED: the best until then")
	}
	t.entries = slices.DeleteFunc(t.entries, func(q specEntry) bool { return q.spec.Name == best.Name })
	t.entries = append(t.entries, e)
	slices.SortStableFunc(t.entries, func(a, b specEntry) int { return cmp.Compare(a.spec.Name, b.spec.Name) })
	out, err := cli.NewOutput("--out", t.o.out, t.app.stdout)
	if err != nil {
		return err
	}
	defer out.Discard()
	var b strings.Builder
	b.WriteString(tunedHead)
	for _, e := range t.entries {
		b.WriteString("\n" + strings.Join(append(e.comments, e.spec.String()), "\n") + "\n")
	}
	if _, err := io.WriteString(out, b.String()); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	return out.Commit()
}

// parseSeed reads random/SEED.
func parseSeed(name string) (uint64, error) {
	text, ok := strings.CutPrefix(name, "random/")
	if !ok {
		return 0, os.ErrInvalid
	}
	return strconv.ParseUint(text, 10, 64)
}
