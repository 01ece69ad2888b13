// Command ratio compares the simulation kernel with C++: it compiles the reference
// with g++, runs both by turns, and prints the time per event of the faster half of
// the turns and their ratio. Below 1 the kernel is faster.
package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"vidq/bench"
)

const turns = 10

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ratio:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	dir, err := os.MkdirTemp("", "vidq-ratio")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	source, program := filepath.Join(dir, "reference.cpp"), filepath.Join(dir, "reference")
	if err := os.WriteFile(source, bench.Reference, 0o600); err != nil {
		return err
	}
	if msg, err := exec.Command("g++", "-O2", "-o", program, source).CombinedOutput(); err != nil {
		return fmt.Errorf("g++: %w\n%s", err, msg)
	}
	var table strings.Builder
	_, _ = fmt.Fprintf(&table, "%8s  %14s  %22s  %5s\n", "pending", "kernel", "std::priority_queue", "ratio")
	for _, c := range []struct{ pending, events int }{{100, 5_000_000}, {10_000, 3_000_000}} {
		var ours, theirs []float64
		for range turns {
			t, err := reference(program, c.pending, c.events)
			if err != nil {
				return err
			}
			theirs = append(theirs, t)
			ours = append(ours, kernel(c.pending, c.events))
		}
		a, b := fasterHalf(ours), fasterHalf(theirs)
		_, _ = fmt.Fprintf(&table, "%8d  %5.1f ns/event  %13.1f ns/event  %5.2f\n", c.pending, a, b, a/b)
	}
	_, err = io.WriteString(out, table.String())
	return err
}

// reference returns the ns per event of the C++ program.
func reference(program string, pending, events int) (float64, error) {
	text, err := exec.Command(program, strconv.Itoa(pending), strconv.Itoa(events)).Output()
	if err != nil {
		return 0, fmt.Errorf("reference: %w", err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
}

// kernel returns the ns per event of this project's kernel.
func kernel(pending, events int) float64 {
	start := time.Now()
	bench.Hold(pending, events)
	return float64(time.Since(start).Nanoseconds()) / float64(events)
}

// fasterHalf is the mean of the faster half: other load on the machine only slows.
func fasterHalf(x []float64) float64 {
	slices.Sort(x)
	sum := 0.0
	for _, v := range x[:len(x)/2] {
		sum += v
	}
	return sum / float64(len(x)/2)
}
