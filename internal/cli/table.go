package cli

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"vidq/core"
	"vidq/core/result"
	"vidq/scenarios"
)

// Column is a column of a table: its head, and how a figure is written.
type Column struct {
	Head  string
	Of    func(*result.Figures) *result.Stat
	Scale float64
	Digit int
}

var columns = []Column{
	{"drop %", func(f *result.Figures) *result.Stat { return f.DropShare }, 100, 1},
	{"p50 ms", func(f *result.Figures) *result.Stat { return f.LatencyS.P50 }, 1000, 0},
	{"p95 ms", func(f *result.Figures) *result.Stat { return f.LatencyS.P95 }, 1000, 0},
	{"p99 ms", func(f *result.Figures) *result.Stat { return f.LatencyS.P99 }, 1000, 0},
	{"delay ms", func(f *result.Figures) *result.Stat { return f.DelayS.Mean }, 1000, 0},
	{"accuracy", func(f *result.Figures) *result.Stat { return f.Accuracy.Mean }, 1, 3},
	{"slo", func(f *result.Figures) *result.Stat { return f.SLO.Joint }, 1, 3},
	{"slo_time", func(f *result.Figures) *result.Stat { return f.SLOTime.Joint }, 1, 3},
	{"changes", func(f *result.Figures) *result.Stat { return f.PlanChanges }, 1, 0},
	{"util %", func(f *result.Figures) *result.Stat { return f.Utilization }, 100, 0},
	{"energy kJ", func(f *result.Figures) *result.Stat { return f.EnergyJ }, .001, 1},
}

const legend = `p50 p95 p99: latency, from a frame's capture to its result; delay: a frame's round trips over the camera frames
it stands for; slo: share of due frames that meet all that their query asks; slo_time: share of the camera frames
for which there is a result that does, which ranks schedulers.
`

// WriteTable prints a document for people: a line that says what was run, a row for
// each scheduler, and what the columns mean. It depends on nothing but the document
// and the scenario; played says how long that took, and in which time.
func WriteTable(w io.Writer, s *scenarios.Scenario, doc *result.Document, played string) error {
	var b, rows strings.Builder
	width := len("scheduler")
	for i := range doc.Summary {
		width = max(width, utf8.RuneCountInString(doc.Summary[i].Scheduler))
	}
	heads := []string{Pad("scheduler", width), "done/due"}
	for _, c := range columns {
		heads = append(heads, c.Head)
	}
	rows.WriteString(strings.Join(heads, "\t") + "\t\n")
	for i := range doc.Summary {
		r := &doc.Summary[i]
		cells := []string{Pad(r.Scheduler, width), count(r.Frames.Done) + "/" + count(r.Frames.Due)}
		for _, c := range columns {
			cells = append(cells, c.Cell(c.Of(&r.Figures)))
		}
		rows.WriteString(strings.Join(cells, "\t") + "\t\n")
	}
	b.WriteString(Headline(s, doc, played) + "\n\n")
	for line := range strings.Lines(Align(rows.String(), tabwriter.AlignRight)) {
		b.WriteString(strings.TrimPrefix(line, "  ")) // the padding of the first column
	}
	b.WriteString("\n" + legend)
	if several(doc) {
		b.WriteString("Means over the seeds; ± is the 95% confidence interval.\n")
	}
	if doc.Interrupted {
		b.WriteString("INTERRUPTED: these are the figures until then.\n")
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("stdout: %w", err)
	}
	return nil
}

// Align sets text whose cells end in tabs into columns.
func Align(text string, flags uint) string {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', flags)
	_, _ = io.WriteString(t, text) // into memory
	_ = t.Flush()
	return b.String()
}

// Pad fills s up with spaces to a width in characters.
func Pad(s string, width int) string {
	return s + strings.Repeat(" ", width-utf8.RuneCountInString(s))
}

// Amount is a number of things, "1 world" or "2 worlds".
func Amount(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return strconv.Itoa(n) + " " + thing
}

func count(s *result.Stat) string {
	if s == nil {
		return "-"
	}
	return strconv.FormatFloat(math.Round(s.Mean), 'f', 0, 64)
}

// Cell writes a figure; nil = there is none.
func (c *Column) Cell(s *result.Stat) string {
	if s == nil {
		return "-"
	}
	text := strconv.FormatFloat(s.Mean*c.Scale, 'f', c.Digit, 64)
	if s.CI95 != nil {
		text += " ±" + strconv.FormatFloat(*s.CI95*c.Scale, 'f', c.Digit, 64)
	}
	return text
}

func several(doc *result.Document) bool {
	return slices.ContainsFunc(doc.Runs, func(r *result.Run) bool { return r.Seed != doc.Runs[0].Seed })
}

// Headline says what was run: scenario, seed, played time ("" = none yet), version and what the
// queries ask.
func Headline(s *scenarios.Scenario, doc *result.Document, played string) string {
	parts := []string{doc.Scenario}
	if n := len(doc.Runs); n > 0 {
		first, last := doc.Runs[0], doc.Runs[n-1]
		if first.Seed == last.Seed {
			parts = append(parts, fmt.Sprintf("seed %d", first.Seed))
		} else {
			parts = append(parts, fmt.Sprintf("seeds %d-%d", first.Seed, last.Seed))
		}
	}
	if played != "" {
		parts = append(parts, played)
	}
	return strings.Join(append(parts, "vidq "+doc.Vidq, asks(s)), " · ")
}

// asks says what the queries ask, those that ask the same together.
func asks(s *scenarios.Scenario) string {
	type group struct {
		text string
		ids  []string
	}
	var groups []*group
	for i := range s.Queries {
		q := &s.Queries[i]
		text := ask(q.Constraint)
		k := slices.IndexFunc(groups, func(g *group) bool { return g.text == text })
		if k < 0 {
			groups = append(groups, &group{text: text})
			k = len(groups) - 1
		}
		groups[k].ids = append(groups[k].ids, q.ID)
	}
	const most = 3
	var parts []string
	for _, g := range groups[:min(most, len(groups))] {
		who := g.ids[0] + " asks "
		if len(g.ids) > 1 {
			who = fmt.Sprintf("%d queries ask ", len(g.ids))
		}
		parts = append(parts, who+g.text)
	}
	if len(groups) > most {
		parts = append(parts, "...")
	}
	if len(groups) == 0 {
		return "no query"
	}
	return strings.Join(parts, "; ")
}

func ask(c core.Constraint) string {
	var parts []string
	ms := func(t core.Time) string {
		return strconv.FormatFloat(float64(t)/float64(core.Millisecond), 'f', -1, 64) + " ms"
	}
	if c.Delay > 0 {
		parts = append(parts, "delay <= "+ms(c.Delay))
	}
	if c.Latency > 0 {
		parts = append(parts, "latency <= "+ms(c.Latency))
	}
	if c.Accuracy > 0 {
		parts = append(parts, "accuracy >= "+strconv.FormatFloat(c.Accuracy, 'f', -1, 64))
	}
	if len(parts) == 0 {
		return "for nothing"
	}
	return strings.Join(parts, ", ")
}
