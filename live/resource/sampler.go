package resource

import (
	"context"
	"log/slog"
	"runtime"
	"time"

	"vidq/core"
)

// Options are what a Sampler measures. Zero fields take the default.
type Options struct {
	// PIDs tells the processes that are to be measured; nil = none. It is called by Run.
	PIDs func() []int
	Log  *slog.Logger

	Every  time.Duration // from one sample to the next; default 1 s
	Proc   string        // default /proc
	Cgroup string        // default /sys/fs/cgroup
	NoGPU  bool          // start neither nvidia-smi nor tegrastats
}

// Sample is what the time since the sample before was like.
type Sample struct {
	Measured  bool // false = this system is none that can be measured
	Span      core.Time
	Capacity  core.Capacity
	Load      core.NodeLoad
	Energy    float64         // joules since Run began, by Load.Power; 0 = power is not measured
	Processes map[int]Process // by pid; one that is gone, or has just come, is missing
}

// Process is a process in a Sample.
type Process struct {
	CPU    float64 // share of the node's cores, 0..1
	Memory float64 // bytes resident
}

// Sampler measures the node that it runs on.
type Sampler struct{ options Options }

// New returns a sampler that does nothing until Run.
func New(o Options) *Sampler {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Every <= 0 {
		o.Every = time.Second
	}
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Cgroup == "" {
		o.Cgroup = "/sys/fs/cgroup"
	}
	return &Sampler{o}
}

// Capacity returns what the node has, at once; GPUs are known to samples only.
func (s *Sampler) Capacity() core.Capacity { return s.read().capacity() }

// Run calls each with a sample at every interval until ctx ends. What it has started is over when it
// returns. It may be called again.
func (s *Sampler) Run(ctx context.Context, each func(Sample)) {
	ctx, cancel := context.WithCancel(ctx)
	g := &gpus{log: s.options.Log}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if !s.options.NoGPU {
			g.follow(ctx)
		}
	}()
	defer func() {
		cancel()
		<-done
	}()
	tick := time.NewTicker(s.options.Every)
	defer tick.Stop()
	last, energy := s.read(), 0.
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := s.read()
		out := now.since(&last)
		out.Capacity.GPUs, out.Load.GPU, out.Load.Power = g.last(now.at)
		energy += float64(out.Load.Power * out.Span.Seconds())
		out.Energy = energy
		each(out)
		last = now
	}
}

// reading is what counters say at an instant.
type reading struct {
	at        time.Time
	machine   machine
	group     group
	processes map[int]process
	cores     int // that this process may run on
}

func (s *Sampler) read() reading {
	r := reading{at: time.Now(), cores: runtime.NumCPU()}
	if runtime.GOOS != "linux" {
		return r
	}
	r.machine = readMachine(s.options.Proc)
	r.group = readGroup(s.options.Proc, s.options.Cgroup)
	if s.options.PIDs != nil {
		r.processes = map[int]process{}
		for _, pid := range s.options.PIDs() {
			if p, ok := readProcess(s.options.Proc, pid); ok {
				r.processes[pid] = p
			}
		}
	}
	return r
}

// capacity returns the cores and the memory that may be used.
func (r reading) capacity() core.Capacity {
	c := core.Capacity{Cores: float64(r.cores), Memory: r.machine.memory}
	if r.group.cores > 0 {
		c.Cores = min(c.Cores, r.group.cores)
	}
	if r.group.memory > 0 && (c.Memory == 0 || r.group.memory < c.Memory) {
		c.Memory = r.group.memory
	}
	return c
}

// since returns the sample of the time between two readings.
func (r *reading) since(last *reading) Sample {
	span := r.at.Sub(last.at)
	out := Sample{Measured: r.machine.total > 0, Span: core.Time(span.Nanoseconds()), Capacity: r.capacity(), Processes: map[int]Process{}}
	if whole := r.machine.total - last.machine.total; whole > 0 {
		out.Load.CPU = share(r.machine.busy-last.machine.busy, whole)
	}
	out.Load.Memory = r.machine.used
	// In a container the machine's load is also that of others.
	if r.group.cores > 0 && r.group.cores < float64(r.cores) {
		out.Load.CPU = share((r.group.used - last.group.used).Seconds(), span.Seconds()*r.group.cores)
	}
	if r.group.memory > 0 && r.group.memory == out.Capacity.Memory {
		out.Load.Memory = r.group.memoryUsed
	}
	for pid, p := range r.processes {
		if before, ok := last.processes[pid]; ok && before.started == p.started {
			out.Processes[pid] = Process{share((p.used - before.used).Seconds(), span.Seconds()*out.Capacity.Cores), p.memory}
		}
	}
	return out
}

// share returns a/b within 0..1: counters are read one after the other, and some go back.
func share(a, b float64) float64 {
	if !(b > 0) {
		return 0
	}
	return min(max(a/b, 0), 1)
}
