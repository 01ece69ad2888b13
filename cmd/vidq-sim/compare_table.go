package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"vidq/core/result"
	"vidq/internal/cli"
)

// compareColumns are those of a scenario's table after the ones of slo_time.joint.
var compareColumns = []cli.Column{
	{Head: "slo", Of: func(f *result.Figures) *result.Stat { return f.SLO.Joint }, Scale: 1, Digit: 3},
	{Head: "p95 ms", Of: func(f *result.Figures) *result.Stat { return f.LatencyS.P95 }, Scale: 1000, Digit: 0},
	{Head: "accuracy", Of: func(f *result.Figures) *result.Stat { return f.Accuracy.Mean }, Scale: 1, Digit: 3},
	{Head: "changes/min", Of: func(f *result.Figures) *result.Stat { return f.PlanChanges }, Scale: 1, Digit: 1}, // scaled by the row
	{Head: "energy kJ", Of: func(f *result.Figures) *result.Stat { return f.EnergyJ }, Scale: .001, Digit: 1},
}

const compareLegend = `joint: slo_time.joint, the share of the camera frames for which there is a result that meets all that their query asks;
vs first: joint less that of the first scheduler on the same worlds; regret: joint of the reference less the scheduler's own;
slo: share of due frames that meet all; p95: latency; changes/min: plan changes. Means over the seeds; ± is half of the
95% confidence interval.
`

const rankLegend = `joint: mean over the scenarios; rank: mean over scenarios and seeds, 1 is best; firsts: scenarios in which nobody's mean is
higher; least: the lowest share, over the scenarios, of the best other scheduler's joint. Rows without a rank know what
schedulers cannot know.
`

var stat3 = cli.Column{Scale: 1, Digit: 3}

func statCell(c *cli.Column, s *result.Stat) string {
	if s == nil {
		return ""
	}
	return c.Cell(s)
}

// table is a point's table with what must be known beside it.
func (c *comparison) table(p *point, later bool) string {
	var b, rows strings.Builder
	if later {
		b.WriteString("\n")
	}
	doc := &result.Document{Vidq: c.app.version, Scenario: p.scenario.Name}
	b.WriteString(cli.Headline(p.scenario, doc, "") + "\n" + c.played(p) + "\n\n")
	width := utf8.RuneCountInString("scheduler")
	for i := range c.rows {
		width = max(width, utf8.RuneCountInString(c.rows[i].short))
	}
	heads := []string{cli.Pad("scheduler", width), "joint"}
	if len(c.rows) > 1 {
		heads = append(heads, "vs first")
	}
	if p.against >= 0 {
		heads = append(heads, "regret")
	}
	for _, k := range compareColumns {
		heads = append(heads, k.Head)
	}
	rows.WriteString(strings.Join(heads, "\t") + "\t\n")
	for i := range c.rows {
		o := &p.results[i]
		cells := []string{cli.Pad(c.rows[i].short, width), stat3.Cell(o.score)}
		if len(c.rows) > 1 {
			cells = append(cells, statCell(&stat3, o.versus))
		}
		if p.against >= 0 {
			cells = append(cells, statCell(&stat3, o.regret))
		}
		for _, k := range compareColumns {
			if k.Head == "changes/min" {
				k.Scale = c.perMinute(p)
			}
			cells = append(cells, k.Cell(k.Of(&o.summary.Figures)))
		}
		rows.WriteString(strings.Join(cells, "\t") + "\t\n")
	}
	b.WriteString(aligned(rows.String()))
	b.WriteString(c.notes(p))
	return b.String()
}

// aligned sets right-aligned columns, the first one flush with the line's begin.
func aligned(rows string) string {
	var b strings.Builder
	for line := range strings.Lines(cli.Align(rows, tabwriter.AlignRight)) {
		b.WriteString(strings.TrimRight(strings.TrimPrefix(line, "  "), " \n") + "\n")
	}
	return b.String()
}

// perMinute turns a run's count into one per minute of the time that counts, which
// is the same in every run of a point.
func (c *comparison) perMinute(p *point) float64 {
	return changesPerMinute(&result.Run{DurationS: p.length(c), WarmupS: p.cut.Seconds()}, 1)
}

// length is how long a run of the point lasts, in seconds.
func (p *point) length(c *comparison) float64 {
	if until := c.o.until.Seconds(); until > 0 && until < p.scenario.Duration.Seconds() {
		return until
	}
	return p.scenario.Duration.Seconds()
}

// played says what a point's runs were.
func (c *comparison) played(p *point) string {
	seeds := fmt.Sprintf("seeds %d-%d", p.first, p.first+uint64(p.seeds-1))
	if p.seeds == 1 {
		seeds = fmt.Sprintf("seed %d", p.first)
	}
	parts := []string{seeds, plainNumber(p.length(c)) + " s simulated", fmt.Sprintf("warm-up %s s (%s)", plainNumber(p.cut.Seconds()), c.o.warmup)}
	for i, x := range c.o.axes {
		parts = append(parts, x.key+"="+p.values[i])
	}
	return strings.Join(parts, " · ")
}

func plainNumber(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// notes tells beside a table what its rows ran, what they were measured by and who
// is above that.
func (c *comparison) notes(p *point) string {
	var b strings.Builder
	b.WriteString(p.cutNote)
	for i := range c.rows {
		if run := p.results[i].asRun; run != c.rows[i].label && !c.rows[i].search {
			fmt.Fprintf(&b, "%s has the scenario's parameters: %s.\n", c.rows[i].short, run)
		}
	}
	if s := p.static; s != nil {
		fmt.Fprintf(&b, "%s: %s, the best of %d plans tried out of %d, in %d runs.\n", bestStatic, s.best.spec, s.plans, s.size, s.runs)
	}
	if p.against >= 0 {
		fmt.Fprintf(&b, "regret: against %s.\n", c.rows[p.against].short)
	}
	v := c.verdict(p)
	b.WriteString(v.String())
	if above := c.beats(p); above != nil {
		var bounds []string
		for i := range c.rows {
			if c.rows[i].bound {
				bounds = append(bounds, c.rows[i].short)
			}
		}
		fmt.Fprintf(&b, "above %s by more than the interval of the difference: %s.\n", strings.Join(bounds, " and "), strings.Join(above, ", "))
	}
	if c.o.precision > 0 {
		share := plainNumber(c.o.precision*100) + "%"
		if len(p.imprecise) == 0 {
			fmt.Fprintf(&b, "precision %s: reached with %d seeds.\n", share, p.seeds)
		} else {
			fmt.Fprintf(&b, "precision %s: not reached with %d seeds by %s.\n", share, p.seeds, strings.Join(p.imprecise, ", "))
		}
	}
	return b.String()
}

// closing is what follows the tables: the ranking and what the columns mean.
func (c *comparison) closing(rank []ranked, interrupted bool) string {
	var b strings.Builder
	b.WriteString("\n" + c.fullNames() + compareLegend)
	if c.points[0].group != c.points[len(c.points)-1].group {
		b.WriteString("\nRANKING")
		fmt.Fprintf(&b, " over %d scenarios\n\n", c.scenarioCount())
		b.WriteString(c.rankTable(rank) + c.counting() + "\n" + rankLegend)
	}
	if interrupted {
		b.WriteString("INTERRUPTED: the scenarios that had not been finished are left out.\n")
	}
	return b.String()
}

// maxName is how many letters of a specification a table shows.
const maxName = 24

// shorten gives every row its name in the tables: the specification, or pid* for a long one
// of pid and pid*2 for the next of these.
func shorten(rows []contender) {
	long := map[string]int{}
	for i := range rows {
		r := &rows[i]
		if r.short = r.label; utf8.RuneCountInString(r.label) <= maxName {
			continue
		}
		long[r.spec.Name]++
		if r.short = r.spec.Name + "*"; long[r.spec.Name] > 1 {
			r.short += strconv.Itoa(long[r.spec.Name])
		}
	}
}

// fullNames tells what the short names stand for.
func (c *comparison) fullNames() string {
	var b strings.Builder
	for i := range c.rows {
		if r := &c.rows[i]; r.short != r.label {
			b.WriteString(r.short + ": " + r.label + "\n")
		}
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

// scenarioCount is how many scenarios have been played.
func (c *comparison) scenarioCount() int { return c.points[len(c.points)-1].group + 1 }

// rankTable is the ranking, one block for each combination of the axes' values.
func (c *comparison) rankTable(rank []ranked) string {
	width := utf8.RuneCountInString("scheduler")
	regret, bounded := false, false
	for i := range rank {
		width = max(width, utf8.RuneCountInString(rank[i].short))
		regret = regret || rank[i].regret != nil
		bounded = bounded || rank[i].versus != nil
	}
	var rows strings.Builder
	heads := []string{cli.Pad("scheduler", width)}
	for _, x := range c.o.axes {
		heads = append(heads, x.key)
	}
	heads = append(heads, "joint")
	if bounded {
		heads = append(heads, "vs first")
	}
	if regret {
		heads = append(heads, "regret")
	}
	rows.WriteString(strings.Join(append(heads, "rank", "firsts", "least"), "\t") + "\t\n")
	two := cli.Column{Scale: 1, Digit: 2}
	for i := range rank {
		r := &rank[i]
		cells := append([]string{cli.Pad(r.short, width)}, r.values...)
		cells = append(cells, stat3.Cell(r.joint))
		if bounded {
			cells = append(cells, statCell(&stat3, r.versus))
		}
		if regret {
			cells = append(cells, statCell(&stat3, r.regret))
		}
		firsts, least := "", ""
		if !r.bound {
			firsts = strconv.Itoa(r.firsts)
		}
		if r.least != nil {
			least = strconv.FormatFloat(*r.least*100, 'f', 1, 64) + "%"
		}
		rows.WriteString(strings.Join(append(cells, statCell(&two, r.rank), firsts, least), "\t") + "\t\n")
	}
	return aligned(rows.String())
}
