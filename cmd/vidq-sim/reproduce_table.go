package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"

	"vidq/core"
	"vidq/internal/cli"
	"vidq/kb"
)

// awSeries are published results, second by second.
type awSeries struct {
	columns map[string][]float64 // by name; NaN = not known
	times   []float64
}

// awLag is by how many seconds the clock of the published results is ahead of the
// schedule: their throughput falls at 204 s and at 384 s.
const awLag = 4

// awPrefix begins the names of a policy's columns.
var awPrefix = map[string]string{"tcp": "tcp", "jetstream": "js", "jetstream++": "jet", "awstream": "aws"}

// readPublished reads runtime.APP.csv; nil when there is none.
func readPublished(path string) (*awSeries, error) {
	f, err := openRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it is only read
	cr := csv.NewReader(f)
	head, err := cr.Read()
	if err != nil {
		return nil, cli.Inputf("%s: %w", path, err)
	}
	s := &awSeries{columns: map[string][]float64{}}
	for {
		rec, err := cr.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, cli.Inputf("%s: %w", path, err)
		}
		for i, name := range head {
			x, err := strconv.ParseFloat(rec[i], 64)
			if err != nil {
				x = math.NaN() // NA
			}
			s.columns[name] = append(s.columns[name], x)
		}
	}
	s.times = s.columns["time"]
	for _, prefix := range awPrefix {
		for _, figure := range []string{".latency", ".accuracy", ".throughput"} {
			if s.times == nil || s.columns[prefix+figure] == nil {
				return nil, cli.Inputf("%s: has no column time or %s", path, prefix+figure)
			}
		}
	}
	return s, nil
}

// medians are those of a policy's published columns.
func (s *awSeries) medians(policy string, from, to int) (m [numAWFigures]float64) {
	for f, name := range []string{"latency", "accuracy", "throughput"} {
		var all []float64
		for i, x := range s.columns[awPrefix[policy]+"."+name] {
			if t := s.times[i]; t >= float64(from+awLag) && t < float64(to+awLag) && !math.IsNaN(x) {
				all = append(all, x)
			}
		}
		if len(all) > 0 {
			m[f] = median(all)
		}
	}
	return m
}

// awPhases are the phases of the schedule that are reported.
var awPhases = []struct {
	title    string
	from, to int
}{
	{"before the cut", 5, awCut}, {"first cut", awCut, awSecondCut}, {"second cut", awSecondCut, awFree},
}

// awReport is what people read of an application: published and simulated medians, and
// what AWStream's throughput under the first cut consists of.
func awReport(a *kb.AWStream, runs [][]*awLedger, published *awSeries) string {
	var b strings.Builder
	source := "frames of the profiles' mean sizes"
	if a.Frames {
		source = "recorded frames"
	}
	fmt.Fprintf(&b, "AWStream's evaluation, %s (%s): medians over the seconds of a phase, mean of %d workers\n", a.App, source, len(awWorkers))
	for i, phase := range awPhases {
		fmt.Fprintf(&b, "\n%s: %d s to %d s, %v Mbit/s\n", phase.title, phase.from, phase.to, awSchedule[i].rate)
		b.WriteString(awTable(runs, published, phase.from, phase.to))
	}
	b.WriteString("\nlatency: ms from capture to arrival; throughput: Mbit/s that arrive; error: simulated against published.\n" +
		"accuracy: F1, of the frames sent (TCP, AWStream) or of all camera frames (JetStream, JetStream++), as published.\n")
	if published == nil {
		b.WriteString("Published results are not in the folder.\n")
	}
	b.WriteString(awAccount(a, runs[len(runs)-1]) + "\n")
	return b.String()
}

func awTable(runs [][]*awLedger, published *awSeries, from, to int) string {
	var rows strings.Builder
	rows.WriteString("policy\t")
	for _, name := range []string{"latency", "accuracy", "throughput"} {
		rows.WriteString(name + "\t")
		if published != nil {
			rows.WriteString("published\terror\t")
		}
	}
	rows.WriteByte('\n')
	for i := range awPolicies {
		p := &awPolicies[i]
		got := awMedians(runs[i], p.sent, from, to)
		rows.WriteString(p.title + "\t")
		for f, digits := range []int{0, 3, 2} {
			fmt.Fprintf(&rows, "%.*f\t", digits, got[f])
			if published == nil {
				continue
			}
			want := published.medians(p.name, from, to)[f]
			fmt.Fprintf(&rows, "%.*f\t", digits, want)
			if f == awAccuracy {
				fmt.Fprintf(&rows, "%+.3f\t", got[f]-want)
			} else {
				fmt.Fprintf(&rows, "%+.1f%%\t", 100*(got[f]/want-1))
			}
		}
		rows.WriteByte('\n')
	}
	return cli.Align(rows.String(), tabwriter.AlignRight)
}

// awAccount says what AWStream's throughput under the first cut consists of.
func awAccount(a *kb.AWStream, workers []*awLedger) string {
	spent, total := map[core.VideoConf]float64{}, 0.0
	for _, w := range workers {
		for _, v := range a.Profile {
			spent[v] += w.spent[v]
			total += w.spent[v]
		}
	}
	m := awMedians(workers, true, awCut, awSecondCut)
	var b strings.Builder
	fmt.Fprintf(&b, "\nAWStream under the first cut: throughput %.2f Mbit/s, of which frames %.2f, the rest dummy traffic of probes (medians).\n", m[awThroughput], m[awGoodput])
	var rows strings.Builder
	rows.WriteString("configuration\tshare of time\tMbit/s by profile\tas recorded\t\n")
	for _, v := range a.Profile {
		profile, recorded := a.Sustained(v)
		cell := "-"
		if recorded > 0 {
			cell = fmt.Sprintf("%.2f", recorded/1e6)
		}
		fmt.Fprintf(&rows, "%s %v fps quantiser %d\t%.1f%%\t%.2f\t%s\t\n", v.Resolution, v.FPS, v.Quality, 100*spent[v]/max(total, 1), profile/1e6, cell)
	}
	return b.String() + cli.Align(rows.String(), tabwriter.AlignRight)
}
