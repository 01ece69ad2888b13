package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"gonum.org/v1/gonum/stat"

	"vidq/core"
	"vidq/core/result"
	"vidq/live"
	"vidq/live/loop"
	"vidq/live/store"
	"vidq/scenarios"
)

// settled is when memory is taken to have reached its size.
const settled = 20 * time.Second

// load runs the load scenario for a while and tells how it went.
func load(ctx context.Context, length time.Duration) (ok bool, err error) {
	sc, err := scenarios.Load("load", []string{"duration=" + length.String()})
	if err != nil {
		return false, err
	}
	folder, err := os.MkdirTemp("", "vidq-bench-")
	if err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	s, err := store.Open(ctx, "sqlite:"+filepath.Join(folder, "load.db"), store.Options{})
	if err != nil {
		return false, err
	}
	defer func() { _ = s.Close() }()
	net, seen := newNetwork(), new(frames)
	sys, err := live.New(live.Options{
		Scenario: sc, Scheduler: sc.Scheduler.Spec, Seed: sc.Seed, Clock: loop.NewClock(), Store: live.Durable{Store: s},
		RealLinks: true, Video: true, HTTP: &live.HTTP{Listen: net.listen, Dial: net.dial}, Sink: seen,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return false, err
	}
	if err := sys.Open(); err != nil {
		return false, err
	}
	fmt.Printf("load: %s of 200 queries, 5 frames/s, 360p, two stages, 4 edges and a cloud, over HTTP on the loopback\n", length)
	run, ctxRun := context.WithTimeout(ctx, length)
	defer ctxRun()
	sys.Start(run)
	begin := cpu()
	memory := watch(run)
	used := cpu() - begin
	end, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	doc, err := sys.Stop(end)
	if err != nil {
		return false, err
	}
	return tell(ctx, doc, seen, memory, used, length, s)
}

// tell prints what was seen.
func tell(ctx context.Context, run *result.Run, seen *frames, memory []sample, used, length time.Duration, s *store.Store) (ok bool, err error) {
	f := run.Frames
	fmt.Printf("  frames: %d due, %d done (%.2f%%; asked: 98%%), %d dropped, %d failed (asked: 0), %d in flight\n",
		f.Due, f.Done, 100*float64(f.Done)/float64(max(f.Due, 1)), f.Dropped, f.Failed, f.InFlight)
	slices.Sort(seen.overhead)
	slices.Sort(seen.services)
	if n := len(seen.overhead); n > 0 {
		fmt.Printf("  overhead of a frame, all but service time, queues and JPEG work: median %.2f ms (asked: 1), p99 %.2f ms; that is %.0f%% of the services' time\n",
			seen.overhead[n/2].Seconds()*1e3, seen.overhead[n*99/100].Seconds()*1e3, 100*float64(seen.overhead[n/2])/float64(max(seen.services[n/2], 1)))
	}
	fmt.Printf("  processor time: %.2f of a core; %.0f us a frame\n", used.Seconds()/length.Seconds(), used.Seconds()*1e6/float64(max(f.Done, 1)))
	if slope, at := slopeOf(memory); len(memory) > 10 {
		fmt.Printf("  resident memory after %s: %.0f MB, rising by %.2f MB a minute (asked: less than 1)\n", settled, at/1e6, slope/1e6)
	}
	stored, twice, err := count(ctx, s)
	if err != nil {
		return false, err
	}
	fmt.Printf("  stored: %d results of %d done frames, %d of them twice (asked: every acknowledged one exactly once)\n", stored, f.Done, twice)
	return f.Failed == 0 && twice == 0, nil
}

// frames keeps what done frames took beside services and JPEG work.
type frames struct {
	mu       sync.Mutex
	overhead []core.Time
	services []core.Time
}

// Query implements result.Sink.
func (*frames) Query(core.QueryID, string) {}

// Record implements result.Sink.
func (f *frames) Record(r core.Record) {
	d, ok := r.(*core.FrameRecord)
	if !ok || d.Outcome != core.OutcomeDone || d.At < 5*core.Second {
		return
	}
	p := &d.Breakdown
	f.mu.Lock()
	defer f.mu.Unlock()
	f.overhead = append(f.overhead, p[core.PartTransfer]+p[core.PartReturn])
	f.services = append(f.services, p[core.PartCompute])
}

// count returns how many results are stored, and how many frames of them more than once.
func count(ctx context.Context, s *store.Store) (stored, twice int, err error) {
	done, err := s.Done(ctx)
	if err != nil {
		return 0, 0, err
	}
	for q := range done {
		frames := map[int64]bool{}
		for after := int64(0); ; {
			page, err := s.Results(ctx, q, after, store.MaxPage)
			if err != nil {
				return 0, 0, err
			}
			for i := range page {
				after = page[i].ID
				if page[i].Outcome != core.OutcomeDone {
					continue
				}
				stored++
				if frames[page[i].CameraFrame] {
					twice++
				}
				frames[page[i].CameraFrame] = true
			}
			if len(page) < store.MaxPage {
				break
			}
		}
	}
	return stored, twice, nil
}

// sample is the process's resident memory at a time since the start.
type sample struct{ at, bytes float64 }

// watch takes a sample every second until ctx ends.
func watch(ctx context.Context) []sample {
	var all []sample
	begin := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return all
		case <-tick.C:
			if at := time.Since(begin); at > settled {
				all = append(all, sample{at.Seconds(), resident()})
			}
		}
	}
}

// resident is the process's resident memory in bytes, 0 where /proc does not tell.
func resident() float64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	words := strings.Fields(string(data))
	if len(words) < 2 {
		return 0
	}
	pages, err := strconv.ParseFloat(words[1], 64)
	if err != nil {
		return 0
	}
	return pages * float64(os.Getpagesize())
}

// slopeOf fits a line to memory: bytes a minute, and the last value.
func slopeOf(all []sample) (perMinute, last float64) {
	if len(all) < 2 {
		return 0, 0
	}
	var x, y []float64
	for _, s := range all {
		x, y = append(x, s.at/60), append(y, s.bytes)
	}
	_, slope := stat.LinearRegression(x, y, nil, false)
	return slope, all[len(all)-1].bytes
}

// cpu is the processor time that the process has used.
func cpu() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
