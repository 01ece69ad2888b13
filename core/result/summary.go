package result

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Stat is a figure over several runs.
type Stat struct {
	Mean float64  `json:"mean"`
	CI95 *float64 `json:"ci95"` // half the width of the 95% confidence interval; null with one run
	N    int      `json:"n"`    // runs in which the figure was not null
}

// NewStat sums up values: their mean, and t(.975, n-1) * s / sqrt(n) with Student's
// t and the standard deviation s with n-1. It returns nil if there are none.
func NewStat(values []float64) *Stat {
	n := len(values)
	if n == 0 {
		return nil
	}
	var sum float64
	for _, v := range values {
		sum += v
	}
	st := &Stat{Mean: sum / float64(n), N: n}
	if n == 1 {
		return st
	}
	var squares float64
	for _, v := range values {
		d := v - st.Mean
		squares += float64(d * d)
	}
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(n - 1)}.Quantile(.975)
	ci := t * math.Sqrt(squares/float64(n-1)/float64(n))
	st.CI95 = &ci
	return st
}

// Figures are the figures of a summary. A nil Stat is null: no run had the figure.
type Figures struct {
	Frames            Frames[*Stat]      `json:"frames"`
	DropShare         *Stat              `json:"drop_share"`
	LatencyS          Dist[*Stat]        `json:"latency_s"`
	DelayS            Dist[*Stat]        `json:"delay_s"`
	BreakdownS        Breakdown[*Stat]   `json:"breakdown_s"`
	Accuracy          Accuracy[*Stat]    `json:"accuracy"`
	SLO               SLO[*Stat]         `json:"slo"`
	SLOTime           SLO[*Stat]         `json:"slo_time"`
	PlanChanges       *Stat              `json:"plan_changes"`
	KnobChanges       KnobChanges[*Stat] `json:"knob_changes"`
	SwitchCostS       *Stat              `json:"switch_cost_s"`
	Utilization       *Stat              `json:"utilization"`
	EnergyJ           *Stat              `json:"energy_j"`
	LinkBytes         *Stat              `json:"link_bytes"`
	Fairness          Fairness[*Stat]    `json:"fairness"`
	SchedulerOverhead Overhead[*Stat]    `json:"scheduler_overhead"`
}

// Summary is a scheduler's figures over the runs of its seeds.
type Summary struct {
	Scheduler string `json:"scheduler"`
	Figures
	// VersusFirst is this scheduler's figures less those of the first scheduler,
	// run by run on the same seeds; nil for the first.
	VersusFirst *Figures `json:"versus_first,omitempty"`
}

// Summarize sums up runs scheduler by scheduler, in the order in which they first
// appear. Interrupted runs count only for a scheduler that has no other.
func Summarize(runs []*Run) []Summary {
	var names []string
	for _, r := range runs {
		if !slices.Contains(names, r.Scheduler) {
			names = append(names, r.Scheduler)
		}
	}
	out := make([]Summary, 0, len(names))
	var first []*Run
	for i, name := range names {
		own := runsOf(runs, name)
		s := Summary{Scheduler: name}
		fill(&s.Figures, own, nil)
		if i == 0 {
			first = own
		} else {
			s.VersusFirst = &Figures{}
			fill(s.VersusFirst, own, first)
		}
		out = append(out, s)
	}
	return out
}

func runsOf(runs []*Run, scheduler string) []*Run {
	var all, whole []*Run
	for _, r := range runs {
		if r.Scheduler != scheduler {
			continue
		}
		all = append(all, r)
		if !r.Interrupted {
			whole = append(whole, r)
		}
	}
	if len(whole) > 0 {
		return whole
	}
	return all
}

// fill sums up every figure of runs; with a base, its differences from the base's
// run of the same seed.
func fill(f *Figures, runs, base []*Run) {
	slots := f.slots()
	columns := make([][]float64, len(slots))
	for _, r := range runs {
		values := r.figures()
		var against []*float64
		if base != nil {
			i := slices.IndexFunc(base, func(b *Run) bool { return b.Seed == r.Seed })
			if i < 0 {
				continue
			}
			against = base[i].figures()
		}
		for j, v := range values {
			switch {
			case v == nil:
			case against == nil:
				columns[j] = append(columns[j], *v)
			case against[j] != nil:
				columns[j] = append(columns[j], *v-*against[j])
			}
		}
	}
	for j, slot := range slots {
		*slot = NewStat(columns[j])
	}
}
