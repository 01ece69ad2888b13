package main

import (
	"fmt"
	"slices"
	"strings"
)

// A scenario tells schedulers apart, and counts, if no static plan serves it and somebody
// who knows more than a scheduler can is well above what schedulers usually do.
const (
	countsBelow = .9   // the best static plan stays below that
	countsAbove = .1   // the reference is so much above the median scheduler, at least
	countsExact = 1e-9 // rounding of the difference
)

// verdict is whether a point counts; the zero value is of a point for which that is not
// known, since no best static plan was looked for or nobody is ranked.
type verdict struct {
	known, counts bool
	why           string
}

func (c *comparison) verdict(p *point) (v verdict) {
	var means []float64
	for i := range c.rows {
		if !c.rows[i].bound {
			means = append(means, p.results[i].score.Mean)
		}
	}
	search := slices.IndexFunc(c.rows, func(r contender) bool { return r.search })
	if search < 0 || len(means) == 0 {
		return v
	}
	static, reference, middle := p.results[search].score.Mean, p.results[p.against].score.Mean, median(means)
	below, above := static < countsBelow, reference-middle >= countsAbove-countsExact
	is := map[bool]string{true: "is", false: "is not"}
	v = verdict{known: true, counts: below && above, why: fmt.Sprintf(
		"%s %.3f %s below %g; %s %.3f %s at least %g above the median scheduler's %.3f",
		bestStatic, static, is[below], countsBelow, c.rows[p.against].label, reference, is[above], countsAbove, middle)}
	return v
}

func (v *verdict) String() string {
	switch {
	case !v.known:
		return ""
	case v.counts:
		return "counts: " + v.why + ".\n"
	}
	return "does not count: " + v.why + ".\n"
}

// counting tells over all points how many count, and which do not.
func (c *comparison) counting() string {
	var known int
	var not []string
	for _, p := range c.points {
		v := c.verdict(p)
		if v.known {
			known++
		}
		if v.known && !v.counts {
			not = append(not, strings.Join(append([]string{p.scenario.Name}, p.values...), " "))
		}
	}
	what := "scenarios"
	if c.o.axes != nil {
		what = "tables"
	}
	switch {
	case known == 0:
		return ""
	case not == nil:
		return fmt.Sprintf("all %d %s count, as is said under each table.\n", known, what)
	}
	return fmt.Sprintf("%d of %d %s count, as is said under each table. These do not: %s.\n", known-len(not), known, what, strings.Join(not, ", "))
}

// median is the middle of values, of an even number the mean of the two.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}
