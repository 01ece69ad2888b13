package resource

import (
	"math"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// group is what this process's cgroup may use, and uses. Zero = without bound.
type group struct {
	cores      float64
	used       time.Duration // of cores
	memory     float64       // bytes
	memoryUsed float64       // without files that could be dropped
}

// readGroup reads the cgroup that /proc/self/cgroup names, and those above it: the tightest bound counts. In a container the
// cgroup's own folder is often mounted as the root: where a path does not exist, the root is looked at.
func readGroup(proc, root string) group {
	b, err := os.ReadFile(filepath.Join(proc, "self", "cgroup"))
	if err != nil {
		return group{}
	}
	var g group
	for line := range strings.Lines(string(b)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // number:controllers:path
		if len(parts) != 3 {
			continue
		}
		switch {
		case parts[0] == "0" && parts[1] == "":
			g.v2(root, parts[2])
		case strings.Contains(","+parts[1]+",", ",cpu,"):
			g.v1CPU(root, parts[1], parts[2])
		case parts[1] == "memory":
			g.v1Memory(filepath.Join(root, "memory"), parts[2])
		}
	}
	return g
}

// upwards calls f with a cgroup's folder and those above it; below tells whether it is the group itself.
func upwards(root, at string, f func(dir string, itself bool)) {
	at = path.Clean("/" + at)
	if _, err := os.Stat(filepath.Join(root, at)); err != nil {
		at = "/"
	}
	for itself := true; ; itself = false {
		f(filepath.Join(root, at), itself)
		if at == "/" {
			return
		}
		at = path.Dir(at)
	}
}

// v2 reads a cgroup of version 2.
func (g *group) v2(root, at string) {
	upwards(root, at, func(dir string, itself bool) {
		if words := strings.Fields(text(dir, "cpu.max")); len(words) == 2 {
			g.boundCores(number(words[0]), number(words[1]))
		}
		if most := number(text(dir, "memory.max")); g.boundMemory(most) {
			g.memoryUsed = number(text(dir, "memory.current")) - field(text(dir, "memory.stat"), "inactive_file")
		}
		if itself {
			g.used = time.Duration(field(text(dir, "cpu.stat"), "usage_usec")) * time.Microsecond
		}
	})
}

// v1CPU reads the bound of cores of version 1, whose folder has the controllers' names or one of them.
func (g *group) v1CPU(root, controllers, at string) {
	for _, name := range []string{controllers, "cpu", "cpu,cpuacct"} {
		dir := filepath.Join(root, name)
		if _, err := os.Stat(dir); err != nil {
			continue
		}
		upwards(dir, at, func(dir string, itself bool) {
			g.boundCores(number(text(dir, "cpu.cfs_quota_us")), number(text(dir, "cpu.cfs_period_us")))
			if itself {
				g.used = time.Duration(number(text(dir, "cpuacct.usage")))
			}
		})
		return
	}
}

// v1Memory reads the bound of memory of version 1.
func (g *group) v1Memory(root, at string) {
	upwards(root, at, func(dir string, _ bool) {
		if most := number(text(dir, "memory.limit_in_bytes")); g.boundMemory(most) {
			g.memoryUsed = number(text(dir, "memory.usage_in_bytes")) - field(text(dir, "memory.stat"), "total_inactive_file")
		}
	})
}

// boundCores takes in a quota of time per period; without one it is not positive.
func (g *group) boundCores(quota, period float64) {
	if quota > 0 && period > 0 && (g.cores == 0 || quota/period < g.cores) {
		g.cores = quota / period
	}
}

// unbounded is what version 1 writes for no bound, and near it.
const unbounded = math.MaxInt64 / 2

func (g *group) boundMemory(most float64) bool {
	if most <= 0 || most >= unbounded || g.memory > 0 && most >= g.memory {
		return false
	}
	g.memory = most
	return true
}

// text returns a file's content, "" if there is none.
func text(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// number reads a number, 0 if it is none: "max" is no bound.
func number(s string) float64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return float64(n)
}

// field returns the number behind a name in lines of both.
func field(s, name string) float64 {
	for line := range strings.Lines(s) {
		if words := strings.Fields(line); len(words) == 2 && words[0] == name {
			return number(words[1])
		}
	}
	return 0
}
