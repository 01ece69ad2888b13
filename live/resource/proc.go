package resource

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ticks is the kernel's unit of processes' time in /proc (USER_HZ), which is 100 on
// every architecture that Go runs on.
const ticks = time.Second / 100

// machine is what /proc says of all cores and of the memory.
type machine struct {
	busy, total  float64 // ticks of all cores; total 0 = not read
	memory, used float64 // bytes
}

// readMachine reads stat and meminfo (proc(5)).
func readMachine(proc string) machine {
	var m machine
	if b, err := os.ReadFile(filepath.Join(proc, "stat")); err == nil {
		m.busy, m.total = parseStat(b)
	}
	if b, err := os.ReadFile(filepath.Join(proc, "meminfo")); err == nil {
		m.memory, m.used = parseMeminfo(b)
	}
	return m
}

// parseStat reads the line cpu: user, nice, system, idle, iowait, irq, softirq, steal; what follows is part of
// user and nice. What a hypervisor took (steal) is no time of this machine's.
func parseStat(b []byte) (busy, total float64) {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	words := strings.Fields(string(line))
	if len(words) < 5 || words[0] != "cpu" {
		return 0, 0
	}
	const idle, iowait, steal, last = 4, 5, 8, 8
	for i, w := range words[1:min(len(words), last+1)] {
		n, err := strconv.ParseUint(w, 10, 64)
		if err != nil {
			return 0, 0
		}
		switch i + 1 {
		case steal:
		case idle, iowait:
			total += float64(n)
		default:
			busy += float64(n)
			total += float64(n)
		}
	}
	return busy, total
}

// parseMeminfo reads the memory there is, and how much of it is not available.
func parseMeminfo(b []byte) (total, used float64) {
	available := -1.
	for line := range strings.Lines(string(b)) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		n, err := strconv.ParseUint(words[1], 10, 53)
		if err != nil {
			continue
		}
		switch words[0] {
		case "MemTotal:":
			total = float64(n) * 1024
		case "MemAvailable:":
			available = float64(n) * 1024
		}
	}
	if available < 0 {
		return total, 0
	}
	return total, max(total-available, 0)
}

// process is what /proc says of a process.
type process struct {
	used    time.Duration // of cores, with its ended children's left out
	memory  float64       // bytes resident
	started uint64        // ticks since the boot: tells it from another one with its pid
}

func readProcess(proc string, pid int) (process, bool) {
	b, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "stat"))
	if err != nil {
		return process{}, false
	}
	return parseProcess(b)
}

// parseProcess reads /proc/PID/stat. The second field is the name in parentheses, which may hold anything.
func parseProcess(b []byte) (process, bool) {
	at := bytes.LastIndexByte(b, ')')
	if at < 0 {
		return process{}, false
	}
	words := strings.Fields(string(b[at+1:]))
	const first, utime, stime, start, rss = 3, 14, 15, 22, 24 // numbers of fields as in proc(5)
	if len(words) <= rss-first {
		return process{}, false
	}
	var n [4]uint64
	for i, f := range []struct{ field, bits int }{{utime, 38}, {stime, 38}, {start, 64}, {rss, 48}} { // 38 bits of ticks are 87 years
		var err error
		if n[i], err = strconv.ParseUint(words[f.field-first], 10, f.bits); err != nil {
			return process{}, false
		}
	}
	return process{time.Duration(n[0]+n[1]) * ticks, float64(n[3]) * float64(os.Getpagesize()), n[2]}, true
}
