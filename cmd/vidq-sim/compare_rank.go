package main

import (
	"cmp"
	"slices"

	"vidq/core/result"
)

// ranked is a contender's place over all scenarios at one combination of the axes'
// values.
type ranked struct {
	*contender
	values       []string
	scenarios    int
	replications int          // those that all scenarios have
	joint        *result.Stat // mean over the scenarios, by replication
	versus       *result.Stat // of joint, paired with the first row; nil for that
	regret       *result.Stat // of joint; nil without a reference
	rank         *result.Stat // mean over the scenarios; nil for bounds
	firsts       int          // scenarios in which no other mean is higher
	least        *float64     // lowest share of the best other's mean; nil without others
}

// ranking ranks the contenders, the best first and bounds after them.
func (c *comparison) ranking() (all []ranked) {
	for _, values := range combinations(c.o.axes) {
		var points []*point
		for _, p := range c.points {
			if slices.Equal(p.values, values) {
				points = append(points, p)
			}
		}
		if len(points) > 0 {
			all = append(all, c.rankingOf(points)...)
		}
	}
	return all
}

func (c *comparison) rankingOf(points []*point) []ranked {
	n := points[0].seeds
	for _, p := range points {
		n = min(n, p.seeds)
	}
	joint, regret, rank := grid(len(c.rows), n), grid(len(c.rows), n), grid(len(c.rows), n)
	share := 1 / float64(len(points))
	for _, p := range points {
		for k := range n {
			var values []float64
			for i := range c.rows {
				x := p.results[i].joint[k]
				joint[i][k] += share * x
				if p.against >= 0 {
					regret[i][k] += share * (p.results[p.against].joint[k] - x)
				}
				if !c.rows[i].bound {
					values = append(values, x)
				}
			}
			ranks := result.Ranks(values)
			for i := range c.rows {
				if !c.rows[i].bound {
					rank[i][k] += share * ranks[0]
					ranks = ranks[1:]
				}
			}
		}
	}
	out := make([]ranked, len(c.rows))
	for i := range c.rows {
		r := &out[i]
		*r = ranked{contender: &c.rows[i], values: points[0].values, scenarios: len(points), replications: n, joint: result.NewStat(joint[i])}
		if i > 0 {
			r.versus = result.Paired(joint[i], joint[0])
		}
		if points[0].against >= 0 {
			r.regret = result.NewStat(regret[i])
		}
		if !r.bound {
			r.rank = result.NewStat(rank[i])
			r.firsts, r.least = c.standing(points, i)
		}
	}
	slices.SortStableFunc(out, func(a, b ranked) int {
		switch {
		case a.bound && !b.bound:
			return 1
		case !a.bound && b.bound:
			return -1
		}
		return cmp.Compare(b.joint.Mean, a.joint.Mean)
	})
	return out
}

// standing compares a row's mean in each scenario with the best other one's.
func (c *comparison) standing(points []*point, row int) (firsts int, least *float64) {
	for _, p := range points {
		mean, other, others := p.results[row].score.Mean, 0.0, false
		for i := range c.rows {
			if i != row && !c.rows[i].bound {
				other, others = max(other, p.results[i].score.Mean), true
			}
		}
		if mean >= other {
			firsts++
		}
		if !others {
			continue
		}
		share := 1.0 // of nothing
		if other > 0 {
			share = mean / other
		}
		if least == nil || share < *least {
			least = &share
		}
	}
	return firsts, least
}

func grid(rows, columns int) [][]float64 {
	g := make([][]float64, rows)
	for i := range g {
		g[i] = make([]float64, columns)
	}
	return g
}
