package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"vidq/core"
	"vidq/internal/cli"
	"vidq/kb"

	"github.com/spf13/cobra"
)

type reproduceOptions struct {
	out   string
	apps  []string
	seed  uint64
	quiet bool
}

func (a *app) reproduceCommand() *cobra.Command {
	o := &reproduceOptions{}
	c := &cobra.Command{
		Use:   "reproduce DIR",
		Short: "Simulate AWStream's evaluation from its public data, beside what was published",
		Long: `Simulate the evaluation of AWStream (SIGCOMM 2018): streaming over TCP, JetStream,
JetStream++ and AWStream on its schedule of bandwidth, with the profiles and the
recorded frames of its public data. DIR holds APP.profile.csv, APP.manual.csv and
APP.tcp.csv and, if there are any, APP.source.csv and APP.stat.csv; published results
are taken from runtime.APP.csv, and where that is missing the table has none.
docs/reproduction.md explains the method. With --out the scenarios can be run by
themselves afterwards.`,
		Example: `  vidq-sim reproduce awstream-data
  vidq-sim reproduce awstream-data --app mot --out aw
  vidq-sim aw/mot/awstream.toml`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return cli.Inputf("reproduce: want the folder of AWStream's data, got %d arguments; see %s --help", len(args), c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return a.reproduce(c.Context(), o, args[0]) },
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringSliceVar(&o.apps, "app", []string{"mot", "darknet"}, "applications to simulate, `LIST`")
	f.StringVar(&o.out, "out", "", "keep the scenarios and their knowledge base in the new folder `DIR`")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the first worker `S`; the next ones count up")
	f.BoolVar(&o.quiet, "quiet", false, "no progress on stderr")
	return c
}

// reproduce reads everything first, so that wrong input writes nothing.
func (a *app) reproduce(ctx context.Context, o *reproduceOptions, dir string) error {
	var apps []*kb.AWStream
	var published []*awSeries
	for _, name := range o.apps {
		if awClass[name] == "" {
			return cli.Inputf("--app %q: want mot or darknet", name)
		}
		app, err := kb.ReadAWStream(dir, name)
		if err != nil {
			return fmt.Errorf("%w; want the folder of AWStream's data (docs/reproduction.md)", err)
		}
		series, err := readPublished(filepath.Join(dir, "runtime."+name+".csv"))
		if err != nil {
			return err
		}
		apps, published = append(apps, app), append(published, series)
	}
	out := o.out
	if out == "" {
		temp, err := os.MkdirTemp("", "vidq-awstream-")
		if err != nil {
			return fmt.Errorf("temporary folder: %w", cli.Bare(err))
		}
		defer func() { _ = os.RemoveAll(temp) }() // what stays is harmless
		out = temp
	} else if _, err := os.Stat(out); err == nil {
		return cli.Inputf("--out %s: exists; want a new folder", out)
	}
	for i, app := range apps {
		folder := filepath.Join(out, app.App)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("%s: %w", folder, cli.Bare(err))
		}
		files, err := writeAWStream(app, folder)
		if err != nil {
			return err
		}
		runs, err := a.playAWStream(ctx, o, files)
		if err != nil {
			return err
		}
		if err := a.print("%s", awReport(app, runs, published[i])); err != nil {
			return err
		}
	}
	return nil
}

// playAWStream runs every policy at every worker, and returns the ledgers by policy.
func (a *app) playAWStream(ctx context.Context, o *reproduceOptions, files []string) ([][]*awLedger, error) {
	var runs [][]*awLedger
	for _, file := range files {
		var workers []*awLedger
		for i, w := range awWorkers {
			if !o.quiet {
				a.tell("%s at %s\n", strings.TrimSuffix(file, ".toml"), w.name)
			}
			s, err := a.load(file, []string{"link.worker-server.delay=" + w.delay})
			if err != nil {
				return nil, err
			}
			l := newAWLedger()
			if _, err := a.simulate(ctx, s, job{scheduler: s.Scheduler.Spec, seed: o.seed + uint64(i), sink: l}); err != nil {
				return nil, err
			}
			if ctx.Err() != nil {
				return nil, errNothing
			}
			workers = append(workers, l)
		}
		runs = append(runs, workers)
	}
	return runs, nil
}

// awLedger notes, second by second, what arrived at the server of a run.
type awLedger struct {
	seconds [awEnd]awSecond
	sent    map[int64]awArrival // of frames whose outcome is not known yet
	pads    map[uint64]float64  // by revision of the plan
	spent   map[core.VideoConf]float64
}

// awArrival is a frame's at the server.
type awArrival struct {
	at    core.Time
	bytes float64
}

// awSecond is what arrived within a second.
type awSecond struct {
	frames, latency float64 // how many, and the sum of their seconds from capture to arrival
	bytes, dummy    float64
	fresh           float64 // sum of the frames' accuracy
	served, stands  float64 // sum of the accuracy of all camera frames that they stand for; their number
}

func newAWLedger() *awLedger {
	return &awLedger{sent: map[int64]awArrival{}, pads: map[uint64]float64{}, spent: map[core.VideoConf]float64{}}
}

// Query implements result.Sink.
func (*awLedger) Query(core.QueryID, string) {}

// Record implements result.Sink.
func (l *awLedger) Record(r core.Record) {
	switch r := r.(type) {
	case *core.PlanRecord:
		l.pads[r.Plan.Revision] = r.Plan.Pad
	case *core.StageRecord:
		l.sent[r.Ref.Frame] = awArrival{r.At - r.Return, r.Sent}
	case *core.FrameRecord:
		a, ok := l.sent[r.Frame]
		delete(l.sent, r.Frame)
		if k := int(a.at / core.Second); ok && r.Outcome == core.OutcomeDone && k < awEnd {
			l.arrived(&l.seconds[k], r, a)
		}
	}
}

func (l *awLedger) arrived(s *awSecond, r *core.FrameRecord, a awArrival) {
	s.frames++
	s.latency += (a.at - r.Captured).Seconds()
	s.bytes += a.bytes
	s.dummy += min(l.pads[r.Revision], a.bytes)
	s.fresh += r.Fresh
	s.served += float64(r.Fresh * kb.MeanAgeing(r.Decay, awCameraFPS/float64(r.Gap), awCameraFPS) * float64(r.Gap))
	s.stands += float64(r.Gap)
	if a.at >= awCut*core.Second && a.at < awSecondCut*core.Second {
		l.spent[r.Video] += float64(r.Gap)
	}
}

// The figures that are compared.
const (
	awLatency = iota // ms from capture to arrival
	awAccuracy
	awThroughput // Mbit/s
	awGoodput    // the same without dummy traffic
	numAWFigures
)

// awMedians are the medians over the seconds from to to of the workers' means, as the
// published figures are; accuracy is the first worker's (AWStream data,
// rscripts/awstream-log-process.R).
func awMedians(workers []*awLedger, sent bool, from, to int) (m [numAWFigures]float64) {
	var all [numAWFigures][]float64
	for k := from; k < to; k++ {
		var sum, n [numAWFigures]float64
		for i, w := range workers {
			s := &w.seconds[k]
			sum[awThroughput] += 8e-6 * s.bytes
			sum[awGoodput] += 8e-6 * (s.bytes - s.dummy)
			n[awThroughput]++
			n[awGoodput]++
			if s.frames == 0 {
				continue
			}
			sum[awLatency] += 1000 * s.latency / s.frames
			n[awLatency]++
			switch {
			case i > 0:
			case sent:
				sum[awAccuracy], n[awAccuracy] = s.fresh/s.frames, 1
			default:
				sum[awAccuracy], n[awAccuracy] = s.served/s.stands, 1
			}
		}
		for f := range all {
			if n[f] > 0 {
				all[f] = append(all[f], sum[f]/n[f])
			}
		}
	}
	for f := range all {
		if len(all[f]) > 0 {
			m[f] = median(all[f])
		}
	}
	return m
}
