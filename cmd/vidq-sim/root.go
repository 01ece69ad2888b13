package main

import (
	"fmt"
	"runtime"
	"slices"

	"vidq/internal/cli"

	"github.com/spf13/cobra"
)

const rootLong = `vidq-sim simulates video queries on edge and cloud in virtual time. A scenario says what
there is (nodes, links, cameras), what is asked (queries) and what goes wrong; a
scheduler decides how the queries are served; the table tells how well.

Exit codes: 0 done; 1 a run failed or was interrupted (what it had is written and
marked); 2 the input is wrong and nothing was written.`

const runExample = `  vidq-sim face                                    a shipped scenario (vidq-sim list shows all)
  vidq-sim my.toml --scheduler 'static[plan=golden],latfirst' --seeds 10
  vidq-sim face --set camera.classroom.fps=10 --set link.edge1-cloud.rate=5Mbit/s
  vidq-sim face --json - | jq '.summary[0].slo_time.joint'
  vidq-sim face --out out/face                     every frame, plan and sample as CSV`

// rootCommand builds the command tree. Its default command is run.
func (a *app) rootCommand() *cobra.Command {
	root := a.runCommand("vidq-sim [run] SCENARIO...")
	root.Long = rootLong
	root.Short = "Simulate video queries on edge and cloud"
	cli.Prepare(root, a.version)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.AddCommand(a.runCommand("run SCENARIO..."), a.compareCommand(), a.tuneCommand(), a.listCommand(), a.schemaCommand(), a.importCommand(), a.reproduceCommand())
	return root
}

// runCommand is run, and what vidq-sim does without a command.
func (a *app) runCommand(use string) *cobra.Command {
	o := &runOptions{}
	c := &cobra.Command{
		Use:     use,
		Short:   "Run scenarios and print how each scheduler served them (the default command)",
		Long:    "Run scenarios, one after the other, and print a table for each: a row for each scheduler.\nA SCENARIO is a file, the name of a shipped one, or random/SEED.",
		Example: runExample,
		Args:    scenarioArgs,
		RunE: func(c *cobra.Command, args []string) error {
			o.seedSet = c.Flags().Changed("seed")
			o.untilSet = c.Flags().Changed("until")
			o.schedulersSet = c.Flags().Changed("scheduler")
			o.commands = c.Root().SuggestionsFor
			return a.runScenarios(c.Context(), o, args)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.schedulers, "scheduler", "", "schedulers to run, each on the same worlds: `LIST` such as 'latfirst[mode=peer],random', or @FILE (default: the scenario's)")
	f.IntVar(&o.seeds, "seeds", 1, "number of replications `N`: mean and 95% confidence interval")
	worldFlags(c, o)
	f.StringVar(&o.json, "json", "", "write the result document to `FILE`; - is stdout, which then holds nothing else")
	f.StringVar(&o.out, "out", "", "write a run folder `DIR`, in the place of an earlier one: result.json, scenario.toml and CSV files of every frame, plan and sample")
	f.BoolVar(&o.quiet, "quiet", false, "no progress and no wall times on stderr")
	return c
}

// worldFlags are the flags of run, compare and tune that say which worlds are played.
func worldFlags(c *cobra.Command, o *runOptions) {
	f := c.Flags()
	f.Uint64Var(&o.seed, "seed", 0, "seed of the first replication `S`, the next ones count up (default: the scenario's)")
	f.StringArrayVar(&o.set, "set", nil, "override a scenario key, `KEY=VALUE` (repeatable)")
	f.DurationVar(&o.until, "until", 0, "end the runs at this simulated `TIME` if it is before the scenario's end")
	f.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "runs at a time `N`; the results do not depend on it (default: the number of cores)")
	f.Lookup("workers").DefValue = "0" // help is the same on every machine
}

func scenarioArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 || slices.Contains(args, "") {
		return cli.Inputf("name a scenario, for example: %s face; see %s --help", c.CommandPath(), c.CommandPath())
	}
	return nil
}

// print writes text to stdout.
func (a *app) print(format string, args ...any) error {
	if _, err := fmt.Fprintf(a.stdout, format, args...); err != nil {
		return fmt.Errorf("stdout: %w", err)
	}
	return nil
}
