package resource

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"vidq/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// tree writes files below a new folder.
func tree(t *testing.T, files map[string]string) string {
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	return dir
}

func TestStat(t *testing.T) {
	for _, c := range []struct {
		text        string
		busy, total float64
	}{
		{"cpu  100 10 50 800 40 1 2 500 9 3\ncpu0 1 2 3 4\n", 163, 1003},
		{"cpu 1 2 3 4", 6, 10},
		{"cpu 1 2 3", 0, 0},
		{"cpu0 1 2 3 4 5", 0, 0},
		{"cpu 1 2 x 4 5", 0, 0},
		{"", 0, 0},
	} {
		busy, total := parseStat([]byte(c.text))
		assert.Equal(t, []float64{c.busy, c.total}, []float64{busy, total}, c.text)
	}
}

func TestMeminfo(t *testing.T) {
	for _, c := range []struct {
		text        string
		total, used float64
	}{
		{"MemTotal:       1000 kB\nMemFree:  10 kB\nMemAvailable:   400 kB\n", 1000 * 1024, 600 * 1024},
		{"MemTotal: 1000 kB\n", 1000 * 1024, 0},
		{"MemTotal: 10 kB\nMemAvailable: 400 kB", 10 * 1024, 0},
		{"MemTotal: much\n\n:", 0, 0},
	} {
		total, used := parseMeminfo([]byte(c.text))
		assert.Equal(t, []float64{c.total, c.used}, []float64{total, used}, c.text)
	}
}

func TestProcessStat(t *testing.T) {
	rest := " S 1 1 1 0 -1 4194560 5 0 0 0 150 50 7 7 20 0 1 0 12345 999999 25 18446744073709551615"
	want := process{2 * time.Second, 25 * float64(os.Getpagesize()), 12345}
	for text, ok := range map[string]bool{
		"42 (sleep)" + rest:            true,
		"42 (a) R 9 (b c) 1 2)" + rest: true, // a name is what its process likes
		"42 (sleep) S 1 1 1 0 -1":      false,
		"42 sleep" + rest:              false,
		"":                             false,
		strings.Replace("42 (x)"+rest, "150", "999999999999999999", 1): false,
		strings.Replace("42 (x)"+rest, "150", "x", 1):                  false,
	} {
		got, read := parseProcess([]byte(text))
		assert.Equal(t, ok, read, text)
		if ok {
			assert.Equal(t, want, got, text)
		}
	}
}

// TestGroups: bounds of containers as the versions of cgroups write them.
func TestGroups(t *testing.T) {
	const none = "9223372036854771712" // what version 1 writes for no bound
	for name, c := range map[string]struct {
		files map[string]string
		want  group
	}{
		"none": {nil, group{}},
		"v2, unbounded": {map[string]string{
			"self/cgroup": "0::/user.slice\n", "user.slice/cpu.max": "max 100000\n", "user.slice/memory.max": "max\n", "user.slice/cpu.stat": "usage_usec 5000000\n",
		}, group{used: 5 * time.Second}},
		"v2, bounded, and tighter above": {map[string]string{
			"self/cgroup": "0::/a/b\n", "a/b/cpu.max": "400000 100000\n", "a/cpu.max": "150000 100000\n", "a/b/cpu.stat": "usage_usec 7000000\nuser_usec 1\n", "a/cpu.stat": "usage_usec 9000000\n",
			"a/memory.max": "1000000\n", "a/memory.current": "700000\n", "a/memory.stat": "anon 1\ninactive_file 200000\n", "a/b/memory.max": "max\n",
		}, group{cores: 1.5, used: 7 * time.Second, memory: 1e6, memoryUsed: 5e5}},
		"v2, the container's own folder is the root": {map[string]string{
			"self/cgroup": "0::/docker/123\n", "cpu.max": "50000 100000\n", "memory.max": "4096\n", "memory.current": "4096\n", "cpu.stat": "usage_usec 1000000\n",
		}, group{cores: .5, used: time.Second, memory: 4096, memoryUsed: 4096}},
		"v1": {map[string]string{
			"self/cgroup":                     "4:memory:/k\n2:cpu,cpuacct:/k\n1:name=systemd:/x\nnonsense\n",
			"cpu,cpuacct/k/cpu.cfs_quota_us":  "250000\n",
			"cpu,cpuacct/k/cpu.cfs_period_us": "100000\n",
			"cpu,cpuacct/k/cpuacct.usage":     "3000000000\n",
			"cpu,cpuacct/cpu.cfs_quota_us":    "-1\n",
			"memory/k/memory.limit_in_bytes":  "2000000\n",
			"memory/k/memory.usage_in_bytes":  "1500000\n",
			"memory/k/memory.stat":            "total_inactive_file 500000\n",
			"memory/memory.limit_in_bytes":    none,
		}, group{cores: 2.5, used: 3 * time.Second, memory: 2e6, memoryUsed: 1e6}},
		"v1, unbounded": {map[string]string{
			"self/cgroup": "4:memory:/\n2:cpu:/\n", "cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n", "memory/memory.limit_in_bytes": none,
		}, group{}},
		"a path that leads away": {map[string]string{"self/cgroup": "0::/../../../..\n", "cpu.max": "100000 100000\n"}, group{cores: 1}},
	} {
		dir := tree(t, c.files)
		assert.Equal(t, c.want, readGroup(dir, dir), name)
	}
}

func TestNvidia(t *testing.T) {
	for line, want := range map[string]gpu{
		"0, 37, 61.25":              {use: .37, power: 61.25},
		" 0, 100, [N/A]":            {use: 1},
		"0, [Not Supported], 30.00": {power: 30},
		"0, 900, -5":                {use: 1},
		"0, nan, +Inf":              {power: 10_000},
	} {
		n, got, ok := parseNvidia(line)
		assert.True(t, ok, line)
		assert.Zero(t, n)
		assert.Equal(t, want, got, line)
	}
	for _, line := range []string{"", "No devices were found", "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", "0, 1", "x, 1, 2", "-1, 1, 2", "1000000, 1, 2", "0, 1, 2, 3"} {
		_, _, ok := parseNvidia(line)
		assert.False(t, ok, line)
	}
}

// TestTegra: a line of each generation of boards.
func TestTegra(t *testing.T) {
	for line, want := range map[string]gpu{
		"RAM 2459/3964MB (lfb 92x4MB) SWAP 0/1982MB (cached 0MB) IRAM 0/252kB(lfb 252kB) CPU [12%@1224,8%@1224,off,10%@1224] EMC_FREQ 0% GR3D_FREQ 45% PLL@38C POM_5V_IN 2933/2850 POM_5V_GPU 41/41": {use: .45, power: 2.933},
		"RAM 1543/7860MB (lfb 1298x4MB) CPU [0%@345,off,off,0%@345] EMC_FREQ 9%@204 GR3D_FREQ 7%@114 APE 150 MTS fg 0% bg 0% VDD_IN 3155/3155 VDD_CPU 229/229":                                       {use: .07, power: 3.155},
		"11-28-2026 12:00:00 RAM 5000/30536MB (lfb 4x4MB) CPU [1%@1190] EMC_FREQ 0%@2133 GR3D_FREQ 99%@[611,0] VDD_GPU_SOC 2000mW/2000mW VDD_IN 9453mW/9000mW":                                       {use: .99, power: 9.453},
		"RAM 1/2MB CPU [1%@1] EMC 8%@1600 GR3D 12%@1300": {use: .12},
	} {
		_, got, ok := parseTegra(line)
		assert.True(t, ok, line)
		assert.Equal(t, want, got, line)
	}
	for _, line := range []string{"", "tegrastats: not found", "GR3D_FREQ x%"} {
		_, _, ok := parseTegra(line)
		assert.False(t, ok, line)
	}
}

func TestLastOfManyGPUs(t *testing.T) {
	now := time.Now()
	g := &gpus{by: map[int]gpu{0: {now, .5, 100}, 1: {now.Add(-time.Second), 1, 50}, 2: {now.Add(-time.Minute), 1, 999}}}
	count, use, power := g.last(now)
	assert.Equal(t, []float64{3, .5, 150}, []float64{count, use, power}, "what is stale counts as idle")
	count, use, power = (&gpus{}).last(now)
	assert.Equal(t, []float64{0, 0, 0}, []float64{count, use, power})
}

// TestSince: a sample in a container with half a machine, one that is not bounded, a counter that went back and a pid that another
// process has now.
func TestSince(t *testing.T) {
	at := time.Now()
	last := reading{
		at: at, cores: 4, machine: machine{busy: 100, total: 1000, memory: 8e9, used: 1e9},
		processes: map[int]process{1: {time.Second, 5, 10}, 2: {time.Second, 5, 10}, 3: {time.Hour, 5, 10}, 4: {0, 0, 1}},
	}
	now := reading{
		at: at.Add(2 * time.Second), cores: 4, machine: machine{busy: 300, total: 1800, memory: 8e9, used: 2e9},
		processes: map[int]process{1: {3 * time.Second, 7, 10}, 2: {3 * time.Second, 7, 11}, 3: {time.Second, 7, 10}, 5: {0, 0, 1}},
	}
	got := now.since(&last)
	assert.Equal(t, Sample{
		Measured: true, Span: 2 * core.Second, Capacity: core.Capacity{Cores: 4, Memory: 8e9}, Load: core.NodeLoad{CPU: .25, Memory: 2e9},
		Processes: map[int]Process{1: {.25, 7}, 3: {0, 7}},
	}, got)
	last.group, now.group = group{cores: 2, memory: 1e9}, group{cores: 2, used: time.Second, memory: 1e9, memoryUsed: 3e8}
	got = now.since(&last)
	assert.Equal(t, core.Capacity{Cores: 2, Memory: 1e9}, got.Capacity)
	assert.Equal(t, core.NodeLoad{CPU: .25, Memory: 3e8}, got.Load)
	assert.Equal(t, .5, got.Processes[1].CPU)
	assert.False(t, (&reading{cores: 1}).since(&reading{}).Measured)
}

// samples runs a sampler until it has given n samples and enough says so.
func samples(t *testing.T, o Options, n int, enough func(s Sample) bool) []Sample {
	o.Log = quiet
	o.Every = 50 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var all []Sample
	New(o).Run(ctx, func(s Sample) {
		if all = append(all, s); enough(s) && len(all) >= n {
			cancel()
		}
	})
	require.ErrorIs(t, ctx.Err(), context.Canceled, "it took too long")
	return all
}

// enough is for who wants no more than the number.
func enough(Sample) bool { return true }

// TestThisMachine measures the test itself while it works.
func TestThisMachine(t *testing.T) {
	s := New(Options{})
	c := s.Capacity()
	assert.Positive(t, c.Cores)
	assert.LessOrEqual(t, c.Cores, float64(runtime.NumCPU()))
	if runtime.GOOS != "linux" {
		assert.False(t, samples(t, Options{}, 1, enough)[0].Measured)
		return
	}
	child := exec.Command("sleep", "60")
	require.NoError(t, child.Start())
	defer child.Wait()
	defer child.Process.Kill()
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for x := 0; ; x++ {
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	worked := 0. // core seconds of this process
	pids := func() []int { return []int{os.Getpid(), child.Process.Pid, 1 << 30, -1} }
	all := samples(t, Options{NoGPU: true, PIDs: pids}, 10, func(s Sample) bool {
		worked += s.Processes[os.Getpid()].CPU * s.Span.Seconds() * c.Cores
		return worked > .2
	})
	close(stop)
	<-done
	for _, x := range all {
		assert.True(t, x.Measured)
		assert.Equal(t, c, x.Capacity)
		assert.Positive(t, x.Span)
		assert.Positive(t, x.Load.Memory)
		assert.Less(t, x.Load.Memory, c.Memory*1.01)
		assert.True(t, x.Load.CPU >= 0 && x.Load.CPU <= 1)
		require.Len(t, x.Processes, 2)
		assert.Positive(t, x.Processes[os.Getpid()].Memory)
		assert.Zero(t, x.Processes[child.Process.Pid].CPU, "it sleeps")
	}
}

// program makes a program of a name that is found first, and in whose folder it tells its pids.
func program(t *testing.T, name, script string) string {
	dir := tree(t, map[string]string{name: "#!/bin/sh\necho $$ >> " + "\"$(dirname \"$0\")/pids\"\n" + script})
	require.NoError(t, os.Chmod(filepath.Join(dir, name), 0o755))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return dir
}

// TestToolsAreEnded: what the tool printed is in the samples; when Run returns, neither it nor what it started is left.
func TestToolsAreEnded(t *testing.T) {
	if runtime.GOOS != "linux" {
		assert.False(t, samples(t, Options{}, 1, enough)[0].Measured)
		return
	}
	for name, lines := range map[string]string{"nvidia-smi": "0, 50, 80\n1, 100, 20", "tegrastats": "RAM 1/2MB GR3D_FREQ 75% VDD_IN 100000/1"} {
		t.Run(name, func(t *testing.T) {
			dir := program(t, name, "sleep 300 &\necho $! >> \"$(dirname \"$0\")/pids\"\nwhile :; do echo '"+lines+"'; sleep 0.02; done\n")
			count := map[string]float64{"nvidia-smi": 2, "tegrastats": 1}[name]
			all := samples(t, Options{}, 5, func(s Sample) bool { return s.Capacity.GPUs == count && s.Load.GPU == .75 })
			last := all[len(all)-1]
			assert.Equal(t, 100., last.Load.Power)
			assert.Positive(t, last.Energy)
			seconds := 0.
			for _, s := range all {
				seconds += s.Span.Seconds()
			}
			assert.LessOrEqual(t, last.Energy, 100*seconds*1.001)
			pids := strings.Fields(text(dir, "pids"))
			require.Len(t, pids, 2, "one tool, started once")
			for _, p := range pids {
				pid, err := strconv.Atoi(p)
				require.NoError(t, err)
				assert.Eventually(t, func() bool { return gone(pid) }, 5*time.Second, 10*time.Millisecond, "%d is left", pid)
			}
		})
	}
}

// gone says that a process has ended, though nobody may have waited for it yet.
func gone(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || bytes.Contains(b, []byte(") Z "))
}

// TestToolsThatFail: one that ends at once is not started over and over, one that prints nonsense or
// nothing measures nothing.
func TestToolsThatFail(t *testing.T) {
	if runtime.GOOS != "linux" {
		assert.False(t, samples(t, Options{}, 1, enough)[0].Measured)
		return
	}
	for name, script := range map[string]string{
		"fails":  "echo 'NVIDIA-SMI has failed'; exit 9\n",
		"floods": "head -c 3000000 /dev/zero; exec sleep 300\n",
		"hangs":  "exec sleep 300\n",
	} {
		dir := program(t, "tegrastats", script)
		for _, s := range samples(t, Options{}, 6, func(Sample) bool { return text(dir, "pids") != "" }) {
			assert.Equal(t, []float64{0, 0, 0}, []float64{s.Capacity.GPUs, s.Load.GPU, s.Load.Power}, name)
			assert.True(t, s.Measured)
		}
		assert.Len(t, strings.Fields(text(dir, "pids")), 1, name)
	}
}

func FuzzFiles(f *testing.F) {
	f.Add([]byte("cpu  100 10 50 800 40 1 2 500 9 3\nMemTotal: 1000 kB\nMemAvailable: 1 kB"))
	f.Add([]byte("42 (a) b) S 1 1 1 0 -1 4194560 5 0 0 0 150 50 7 7 20 0 1 0 12345 999999 25 1"))
	f.Add([]byte("0, 37, 61.25\nGR3D_FREQ 99%@[611,0] VDD_IN 9453mW/9000mW"))
	f.Fuzz(func(t *testing.T, b []byte) {
		busy, total := parseStat(b)
		memory, used := parseMeminfo(b)
		p, _ := parseProcess(b)
		if busy > total || used > memory || p.used < 0 || p.memory < 0 {
			t.Fatal(busy, total, memory, used, p)
		}
		for line := range strings.Lines(string(b)) {
			for _, parse := range []func(string) (int, gpu, bool){parseNvidia, parseTegra} {
				if n, g, ok := parse(strings.TrimSpace(line)); ok && !(n >= 0 && g.use >= 0 && g.use <= 1 && g.power >= 0 && g.power <= 10_000) {
					t.Fatal(n, g)
				}
			}
		}
	})
}
