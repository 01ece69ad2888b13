package main

import (
	"testing"

	"vidq/core/result"
	"vidq/scenarios"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whether a scenario counts: rows a, b, ... are schedulers, then best-static, then oracle.
func TestVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		schedulers     []float64
		static, oracle float64
		known, counts  bool
		why            string
	}{
		"counts":              {[]float64{.2, .9, .5}, .85, .99, true, true, "best-static 0.850 is below 0.9; oracle 0.990 is at least 0.1 above the median scheduler's 0.500"},
		"a static plan does":  {[]float64{.2, .9, .5}, .9, .99, true, false, "best-static 0.900 is not below 0.9; oracle 0.990 is at least 0.1 above the median scheduler's 0.500"},
		"nobody is better":    {[]float64{.8, .1, .81}, .85, .89, true, false, "best-static 0.850 is below 0.9; oracle 0.890 is not at least 0.1 above the median scheduler's 0.800"},
		"exactly so much":     {[]float64{.2}, .1, .3, true, true, "best-static 0.100 is below 0.9; oracle 0.300 is at least 0.1 above the median scheduler's 0.200"},
		"an even number":      {[]float64{.1, .4, .2, .9}, .1, .39, true, false, "best-static 0.100 is below 0.9; oracle 0.390 is not at least 0.1 above the median scheduler's 0.300"},
		"static plan is more": {[]float64{.5}, .8, .55, true, true, "best-static 0.800 is below 0.9; best-static 0.800 is at least 0.1 above the median scheduler's 0.500"},
		"nobody is ranked":    {nil, .5, .7, false, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cmp := &comparison{o: &compareOptions{}}
			p := &point{scenario: &scenarios.Scenario{Name: "lab"}}
			add := func(r contender, mean float64) {
				cmp.rows = append(cmp.rows, r)
				p.results = append(p.results, outcome{score: result.NewStat([]float64{mean})})
			}
			for _, x := range c.schedulers {
				add(contender{label: "x"}, x)
			}
			add(contender{label: bestStatic, search: true, bound: true}, c.static)
			add(contender{label: "oracle", bound: true}, c.oracle)
			p.against = len(c.schedulers)
			if c.oracle > c.static {
				p.against++
			}
			v := cmp.verdict(p)
			assert.Equal(t, verdict{c.known, c.counts, c.why}, v)
			cmp.points = []*point{p}
			switch {
			case !c.known:
				assert.Empty(t, v.String()+cmp.counting())
			case c.counts:
				assert.Equal(t, "counts: "+c.why+".\n", v.String())
				assert.Equal(t, "all 1 scenarios count, as is said under each table.\n", cmp.counting())
			default:
				assert.Equal(t, "does not count: "+c.why+".\n", v.String())
				assert.Equal(t, "0 of 1 scenarios count, as is said under each table. These do not: lab.\n", cmp.counting())
			}
			cmp.rows[len(c.schedulers)].search = false
			require.False(t, cmp.verdict(p).known, "without best-static it is not known")
		})
	}
}
