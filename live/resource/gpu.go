package resource

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// gpus is the newest of what a tool tells of the GPUs.
type gpus struct {
	log *slog.Logger
	mu  sync.Mutex
	by  map[int]gpu // by the GPU's number
}

// gpu is one GPU's state.
type gpu struct {
	at    time.Time
	use   float64 // 0..1
	power float64 // watts; of a Jetson, the whole board's
}

// stale is the age from which a state counts no more: the tool hangs.
const stale = 5 * time.Second

// retry is the time before a tool that ended is started again.
const retry = 30 * time.Second

// tool is a program that prints the state of GPUs, once a second and without end.
type tool struct {
	name  string
	args  []string
	parse func(line string) (n int, g gpu, ok bool)
}

// tools are those that are known; the first that is installed is asked. A Jetson may have both, and its nvidia-smi tells
// nothing.
var tools = []tool{
	{"tegrastats", []string{"--interval", "1000"}, parseTegra},
	{"nvidia-smi", []string{"--query-gpu=index,utilization.gpu,power.draw", "--format=csv,noheader,nounits", "--loop=1"}, parseNvidia},
}

// follow runs the tool that there is until ctx ends, and returns at once if there is none.
func (g *gpus) follow(ctx context.Context) {
	if runtime.GOOS != "linux" {
		return
	}
	for _, t := range tools {
		file, err := exec.LookPath(t.name)
		if err != nil {
			continue
		}
		for ctx.Err() == nil {
			err := g.watch(ctx, file, &t)
			if ctx.Err() == nil {
				g.log.Warn("the GPU is not measured", "tool", t.name, "error", err, "again in", retry)
			}
			select {
			case <-ctx.Done():
			case <-time.After(retry):
			}
		}
		return
	}
}

// watch runs a tool once. When ctx ends it is killed and waited for, with what it has
// started; it dies with this process, too.
func (g *gpus) watch(ctx context.Context, file string, t *tool) error {
	// The kernel ends the tool with the thread that started it (PR_SET_PDEATHSIG).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c := exec.CommandContext(ctx, file, t.args...)
	bind(c)
	c.WaitDelay = time.Second
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		g.take(lines.Text(), t)
	}
	_, _ = io.Copy(io.Discard, out) // a line that is too long ends the scanner, not the tool
	return c.Wait()
}

func (g *gpus) take(line string, t *tool) {
	n, s, ok := t.parse(line)
	if !ok {
		return
	}
	s.at = time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.by == nil {
		g.by = map[int]gpu{}
	}
	g.by[n] = s
}

// last returns how many GPUs there are, their mean use and the sum of their power, by
// what is not stale.
func (g *gpus) last(now time.Time) (count, use, power float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for n := range len(g.by) { // they are numbered from 0: no map's order is in the sum
		s, ok := g.by[n]
		count++
		if ok && now.Sub(s.at) <= stale {
			use += s.use
			power += s.power
		}
	}
	if count > 0 {
		use /= count
	}
	return count, use, power
}

// parseNvidia reads a line of index, utilization.gpu and power.draw. What a GPU does not support is
// told in words and counts as 0.
func parseNvidia(line string) (n int, g gpu, ok bool) {
	words := strings.Split(line, ",")
	if len(words) != 3 {
		return 0, gpu{}, false
	}
	n, err := strconv.Atoi(strings.TrimSpace(words[0]))
	if err != nil || n < 0 || n >= 64 {
		return 0, gpu{}, false
	}
	figure := func(s string, most float64) float64 {
		x, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil || !(x >= 0) {
			return 0
		}
		return min(x, most)
	}
	return n, gpu{use: figure(words[1], 100) / 100, power: figure(words[2], 10_000)}, true
}

// What tegrastats tells: the GPU's load, with or without its clock, and the power at the board's input in
// milliwatts, now/average, under a name that depends on the board (NVIDIA Jetson Linux Developer Guide, Tegrastats Utility).
var (
	tegraUse   = regexp.MustCompile(`\bGR3D(?:_FREQ)? (\d{1,3})%`)
	tegraPower = regexp.MustCompile(`\b(?:VDD_IN|POM_5V_IN|SYS_VIN_HV|VIN_SYS_5V0|VDD_SYS_IN) (\d{1,7})(?:mW)?/`)
)

func parseTegra(line string) (n int, g gpu, ok bool) {
	use := tegraUse.FindStringSubmatch(line)
	if use == nil {
		return 0, gpu{}, false
	}
	percent, _ := strconv.Atoi(use[1])
	g.use = float64(min(percent, 100)) / 100
	if p := tegraPower.FindStringSubmatch(line); p != nil {
		milliwatts, _ := strconv.Atoi(p[1])
		g.power = float64(milliwatts) / 1000
	}
	return 0, g, true
}
