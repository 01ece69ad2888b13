package main

import (
	"context"
	"fmt"
	"strings"

	"vidq/core"
	"vidq/core/result"
)

// cutWarmup sets a point's warm-up. MSER-5 looks at the series of slo_time.joint, second by
// second, of every scheduler, averaged over the seeds, up to the first fault: what a
// fault does is no warm-up. Differences are paired, so all schedulers get one cut, the
// latest that is found; the runs are then played again with it.
func (c *comparison) cutWarmup(ctx context.Context, p *point) error {
	switch c.o.warmup {
	case warmupFixed:
		p.cut = p.scenario.Warmup
		return nil
	case warmupNone:
		return nil
	}
	s := *p.scenario // the loaded one stays as it is
	s.Warmup = 0
	series := make([][]*result.Series, len(c.rows))
	var jobs []job
	for k := range c.o.seeds {
		for i := range c.rows {
			if c.rows[i].search {
				continue
			}
			j := c.job(p, c.spec(p, i), k)
			j.series = &result.Series{}
			series[i] = append(series[i], j.series)
			jobs = append(jobs, j)
		}
	}
	if _, err := c.batch(ctx, p, &s, jobs); err != nil {
		return err
	}
	end := core.FromSeconds(p.length(c))
	for i := range s.Faults {
		end = min(end, s.Faults[i].At)
	}
	var unsteady []string
	last := ""
	for i := range series {
		if series[i] == nil {
			continue
		}
		cut, ok := result.MSER5(meanSeries(series[i], int(end/core.Second)))
		if !ok {
			unsteady = append(unsteady, c.rows[i].short)
		}
		if at := core.Time(cut) * core.Second; at > p.cut {
			p.cut, last = at, c.rows[i].short
		}
	}
	if last != "" {
		p.cutNote = fmt.Sprintf("warm-up: that of %s is the longest.\n", last)
	}
	if unsteady != nil {
		p.cutNote += fmt.Sprintf("warm-up: no end found within half of the %g s before the first fault or the end: %s.\n",
			end.Seconds(), strings.Join(unsteady, ", "))
	}
	return nil
}

// meanSeries is the mean of several series, second by second, at most so many seconds.
func meanSeries(all []*result.Series, seconds int) []float64 {
	var mean []float64
	for i, s := range all {
		v := s.Shares()
		v = v[:min(len(v), seconds)]
		if i == 0 {
			mean = make([]float64, len(v))
		}
		mean = mean[:min(len(mean), len(v))]
		for k := range mean {
			mean[k] += v[k] / float64(len(all))
		}
	}
	return mean
}
