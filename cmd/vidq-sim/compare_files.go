package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"vidq/core/result"

	"github.com/parquet-go/parquet-go"
)

// The files of a comparison's folder beside its manifest.
const (
	observationsCSV     = "observations.csv"
	observationsParquet = "observations.parquet"
	summaryCSV          = "summary.csv"
	rankingCSV          = "ranking.csv"
	tablesText          = "tables.txt"
)

// compareManifest describes a comparison's folder.
type compareManifest struct {
	Vidq        string          `json:"vidq"`
	Interrupted bool            `json:"interrupted,omitempty"`
	Warmup      string          `json:"warmup"`
	Axes        []string        `json:"axes,omitempty"` // as given
	Schedulers  []string        `json:"schedulers"`
	Points      []manifestPoint `json:"points"`
	Files       []manifestItem  `json:"files"`
}

// manifestPoint is what was run of a scenario.
type manifestPoint struct {
	Scenario string   `json:"scenario"`
	Values   []string `json:"values,omitempty"` // of the axes
	First    uint64   `json:"first_seed"`
	Seeds    int      `json:"seeds"`
	WarmupS  float64  `json:"warmup_s"`
	AsRun    []string `json:"as_run"` // the schedulers with the scenario's parameters
}

// write fills the folder and puts it in its place.
func (c *comparison) write(rank []ranked, interrupted bool) error {
	m := compareManifest{Vidq: c.app.version, Interrupted: interrupted, Warmup: c.o.warmup, Axes: c.o.axisTexts}
	for i := range c.rows {
		m.Schedulers = append(m.Schedulers, c.rows[i].label)
	}
	for _, p := range c.points {
		q := manifestPoint{Scenario: p.scenario.Name, Values: p.values, First: p.first, Seeds: p.seeds, WarmupS: p.cut.Seconds()}
		for i := range p.results {
			q.AsRun = append(q.AsRun, p.results[i].asRun)
		}
		m.Points = append(m.Points, q)
	}
	for _, f := range []struct {
		name    string
		content func(io.Writer) error
	}{
		{observationsCSV, c.writeObservations},
		{observationsParquet, c.writeParquet},
		{summaryCSV, c.writeSummary},
		{rankingCSV, func(w io.Writer) error { return c.writeRanking(w, rank) }},
		{tablesText, func(w io.Writer) error { _, err := io.WriteString(w, c.text.String()); return err }},
	} {
		item, err := c.folder.write(f.name, f.content)
		if err != nil {
			return fmt.Errorf("--out: %s: %w", f.name, err)
		}
		m.Files = append(m.Files, item)
	}
	err := c.folder.writeManifest(m)
	if err == nil {
		err = c.folder.place()
	}
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	return nil
}

// observe calls yield with every observation: point by point, scheduler by scheduler, seed
// by seed.
func (c *comparison) observe(yield func(p *point, row int, seed uint64, o result.Observation)) {
	for _, p := range c.points {
		for i := range p.results {
			for k, all := range p.results[i].observations {
				for _, o := range all {
					yield(p, i, p.first+uint64(k), o)
				}
			}
		}
	}
}

// sheet is a CSV table on its way to w.
type sheet struct {
	rows
	buf *bufio.Writer
}

func newSheet(w io.Writer, heads ...string) *sheet {
	buf := bufio.NewWriterSize(w, 1<<16)
	s := &sheet{rows: rows{w: buf}, buf: buf}
	s.texts(heads)
	s.end()
	return s
}

func (s *sheet) texts(cells []string) {
	for _, t := range cells {
		s.text(t)
	}
}

// stat writes mean and half width, empty where there is none.
func (s *sheet) stat(x *result.Stat) {
	switch {
	case x == nil:
		s.texts([]string{"", ""})
	case x.CI95 == nil:
		s.float(x.Mean)
		s.text("")
	default:
		s.float(x.Mean)
		s.float(*x.CI95)
	}
}

func (s *sheet) close() error { return errors.Join(s.err, s.buf.Flush()) }

func (c *comparison) axisKeys() (keys []string) {
	for _, x := range c.o.axes {
		keys = append(keys, x.key)
	}
	return keys
}

func (c *comparison) writeObservations(w io.Writer) error {
	s := newSheet(w, slices.Concat([]string{"scenario"}, c.axisKeys(), []string{"scheduler", "seed", "metric", "value"})...)
	c.observe(func(p *point, row int, seed uint64, o result.Observation) {
		s.start(nil)
		s.text(p.scenario.Name)
		s.texts(p.values)
		s.text(c.rows[row].label)
		s.text(strconv.FormatUint(seed, 10))
		s.text(o.Metric)
		s.float(o.Value)
		s.end()
	})
	return s.close()
}

// writeSummary writes the mean of every figure, and its paired difference to the
// first scheduler.
func (c *comparison) writeSummary(w io.Writer) error {
	s := newSheet(w, slices.Concat([]string{"scenario"}, c.axisKeys(),
		[]string{"scheduler", "metric", "n", "mean", "ci95", "versus_first_mean", "versus_first_ci95"})...)
	for _, p := range c.points {
		for i := range p.results {
			o := &p.results[i]
			line := func(metric string, x, versus *result.Stat) {
				s.start(nil)
				s.text(p.scenario.Name)
				s.texts(p.values)
				s.text(c.rows[i].label)
				s.text(metric)
				s.int(int64(x.N))
				s.stat(x)
				s.stat(versus)
				s.end()
			}
			versus := map[string]*result.Stat{}
			if o.summary.VersusFirst != nil {
				o.summary.VersusFirst.Each(func(metric string, x *result.Stat) { versus[metric] = x })
			}
			o.summary.Each(func(metric string, x *result.Stat) { line(metric, x, versus[metric]) })
			if o.regret != nil {
				line("regret", o.regret, nil)
			}
		}
	}
	return s.close()
}

func (c *comparison) writeRanking(w io.Writer, rank []ranked) error {
	s := newSheet(w, append(c.axisKeys(), "scheduler", "bound", "scenarios", "replications", "joint_mean", "joint_ci95",
		"versus_first_mean", "versus_first_ci95", "regret_mean", "regret_ci95", "rank_mean", "rank_ci95", "firsts", "least_share_of_best")...)
	for i := range rank {
		r := &rank[i]
		s.start(nil)
		s.texts(r.values)
		s.text(r.label)
		s.text(strconv.FormatBool(r.bound))
		s.int(int64(r.scenarios))
		s.int(int64(r.replications))
		for _, x := range []*result.Stat{r.joint, r.versus, r.regret, r.rank} {
			s.stat(x)
		}
		if r.bound {
			s.text("")
		} else {
			s.int(int64(r.firsts))
		}
		if r.least == nil {
			s.text("")
		} else {
			s.float(*r.least)
		}
		s.end()
	}
	return s.close()
}

// writeParquet writes the observations as observations.csv has them. An axis whose
// values are all numbers is a column of numbers.
func (c *comparison) writeParquet(w io.Writer) error {
	word := parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
	group := parquet.Group{
		"scenario": word, "scheduler": word, "metric": word,
		"seed": parquet.Uint(64), "value": parquet.Leaf(parquet.DoubleType),
	}
	numeric := make([]bool, len(c.o.axes))
	for i, x := range c.o.axes {
		numeric[i] = !slices.ContainsFunc(x.values, func(v string) bool { _, err := strconv.ParseFloat(v, 64); return err != nil })
		group[x.key] = word
		if numeric[i] {
			group[x.key] = parquet.Leaf(parquet.DoubleType)
		}
	}
	at := map[string]int{} // a group's columns stand in the order of their names
	for i, f := range group.Fields() {
		at[f.Name()] = i
	}
	out := parquet.NewWriter(w, parquet.NewSchema("observation", group), parquet.Compression(&parquet.Snappy), parquet.CreatedBy("vidq", c.app.version, ""))
	var block []parquet.Row
	var failed error
	flush := func() {
		if failed == nil {
			_, failed = out.WriteRows(block)
		}
		block = block[:0]
	}
	c.observe(func(p *point, row int, seed uint64, o result.Observation) {
		r := make(parquet.Row, len(at))
		put := func(column string, v parquet.Value) { r[at[column]] = v.Level(0, 0, at[column]) }
		put("scenario", parquet.ByteArrayValue([]byte(p.scenario.Name)))
		put("scheduler", parquet.ByteArrayValue([]byte(c.rows[row].label)))
		put("metric", parquet.ByteArrayValue([]byte(o.Metric)))
		put("seed", parquet.Int64Value(int64(seed)))
		put("value", parquet.DoubleValue(o.Value))
		for i, x := range c.o.axes {
			v := parquet.ByteArrayValue([]byte(p.values[i]))
			if numeric[i] {
				n, _ := strconv.ParseFloat(p.values[i], 64) // all of the axis' values are numbers
				v = parquet.DoubleValue(n)
			}
			put(x.key, v)
		}
		if block = append(block, r); len(block) == 4096 {
			flush()
		}
	})
	flush()
	return errors.Join(failed, out.Close())
}
