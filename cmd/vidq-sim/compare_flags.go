package main

import (
	"slices"
	"strconv"
	"strings"

	"vidq/internal/cli"

	"github.com/spf13/cobra"
)

// The words that compare understands beside the names of scenarios and schedulers.
const (
	wholeSuite    = "suite"
	allSchedulers = "all"
	bestStatic    = "best-static"
)

// The ways to cut the warm-up.
const (
	warmupNone  = "none"
	warmupFixed = "fixed"
	warmupMSER5 = "mser5"
)

const compareLong = `Run every scheduler on the same worlds and tell how they differ: for each scenario a table with
means, 95% confidence intervals and paired differences to the first scheduler, and over
all scenarios a ranking by slo_time.joint. docs/compare.md explains every column.

A SCENARIO is a file, the name of a shipped one or random/SEED, which is drawn; suite stands
for the scenarios of the suite. In LIST, all stands for every scheduler that is not told the
truth and not named beside it, and best-static for the static plan, one for all queries, that
is best in hindsight, found by simulation. A scheduler that is told the truth bounds the
others, as best-static does, which it brings along: regret is what the better of these
bounds has more.`

const compareExample = `  vidq-sim compare suite --seeds 10
  vidq-sim compare face campus --scheduler latfirst,static,best-static --seeds 5
  vidq-sim compare campus --scheduler latfirst,random --axis kb.noise=0,.1,.3 --out out/noise
  vidq-sim compare random/{1..50} --scheduler latfirst,vidq --seeds 2
  vidq-sim compare face --scheduler latfirst,static --precision 5% --max-seeds 200`

// compareOptions are the flags of compare, with those of run that it has as well.
type compareOptions struct {
	runOptions
	axisTexts     []string
	warmup        string
	precisionText string
	maxSeeds      int
	maxSeedsSet   bool

	axes      []axis
	precision float64 // share of the mean; 0 = as many seeds as asked for
}

// axis is a scenario key with the values that it takes in turn.
type axis struct {
	key    string
	values []string
}

func (a *app) compareCommand() *cobra.Command {
	o := &compareOptions{}
	c := &cobra.Command{
		Use:     "compare SCENARIO...",
		Short:   "Compare schedulers on the same worlds, with intervals and a ranking",
		Long:    compareLong,
		Example: compareExample,
		Args:    scenarioArgs,
		RunE: func(c *cobra.Command, args []string) error {
			o.seedSet = c.Flags().Changed("seed")
			o.untilSet = c.Flags().Changed("until")
			o.maxSeedsSet = c.Flags().Changed("max-seeds")
			return a.compare(c.Context(), o, args)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.schedulers, "scheduler", allSchedulers, "schedulers to compare: `LIST` such as 'latfirst[mode=peer],random', all, best-static, @FILE (as tune writes it); the first is the one that the others are compared with")
	f.IntVar(&o.seeds, "seeds", 10, "number of replications `N` of each scenario")
	f.StringVar(&o.precisionText, "precision", "", "add seeds, N at a time, until half of each interval is at most this `SHARE` of its mean, such as 5%")
	f.IntVar(&o.maxSeeds, "max-seeds", 100, "end of --precision: at most so many seeds `M`")
	f.StringVar(&o.warmup, "warmup", warmupFixed, "what does not count at a run's begin, `HOW`: none, fixed (the scenario's warmup), mser5 (found by MSER-5)")
	f.StringArrayVar(&o.axisTexts, "axis", nil, "compare at each value of a scenario key, `KEY=VALUE,VALUE...` (repeatable: every combination)")
	worldFlags(c, &o.runOptions)
	f.StringVar(&o.out, "out", "", "write a folder `DIR`, in the place of an earlier one: every figure of every run as tidy CSV and Parquet, the means and the ranking as CSV, the tables")
	f.BoolVar(&o.quiet, "quiet", false, "no progress and no wall times on stderr")
	return c
}

func (o *compareOptions) check() error {
	if err := o.runOptions.check(); err != nil {
		return err
	}
	if ways := []string{warmupNone, warmupFixed, warmupMSER5}; !slices.Contains(ways, o.warmup) {
		return cli.Inputf("--warmup %q: want one of %s", o.warmup, strings.Join(ways, ", "))
	}
	if err := o.checkPrecision(); err != nil {
		return err
	}
	for _, text := range o.axisTexts {
		x, err := parseAxis(text)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(o.axes, func(y axis) bool { return y.key == x.key }) {
			return cli.Inputf("--axis %s: the key is given twice", x.key)
		}
		o.axes = append(o.axes, x)
	}
	return nil
}

func (o *compareOptions) checkPrecision() error {
	switch {
	case o.precisionText == "" && o.maxSeedsSet:
		return cli.Inputf("--max-seeds: is the end of --precision; without that give --seeds")
	case o.precisionText == "":
		return nil
	case o.maxSeeds < max(o.seeds, 2) || o.maxSeeds > maxSeeds:
		return cli.Inputf("--max-seeds %d: want %d (--seeds, and at least 2) to %d", o.maxSeeds, max(o.seeds, 2), maxSeeds)
	}
	text, percent := strings.CutSuffix(o.precisionText, "%")
	x, err := strconv.ParseFloat(text, 64)
	if percent {
		x /= 100
	}
	if err != nil || !(x > 0 && x < 1) {
		return cli.Inputf("--precision %q: want a share of the mean between 0 and 1, such as 5%% or .05", o.precisionText)
	}
	o.precision = x
	return nil
}

// parseAxis reads KEY=VALUE,VALUE; commas within brackets or quotes belong to a value.
func parseAxis(text string) (axis, error) {
	key, rest, ok := strings.Cut(text, "=")
	x := axis{key: strings.TrimSpace(key)}
	if !ok || x.key == "" {
		return x, cli.Inputf("--axis %q: want KEY=VALUE,VALUE..., such as kb.noise=0,.1,.3", text)
	}
	switch x.key {
	case "seed":
		return x, cli.Inputf("--axis seed: seeds are replications; see --seeds and --seed")
	case "name", "scenario", "scheduler", "scheduler.name", "metric", "value":
		return x, cli.Inputf("--axis %s: is a column of its own", x.key)
	}
	for _, v := range splitList(rest) {
		x.values = append(x.values, strings.TrimSpace(v))
	}
	for i, v := range x.values {
		switch {
		case v == "":
			return x, cli.Inputf("--axis %s: value %d is empty", x.key, i+1)
		case slices.Contains(x.values[:i], v):
			return x, cli.Inputf("--axis %s: %s is given twice", x.key, v)
		}
	}
	return x, nil
}
