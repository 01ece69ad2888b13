package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/live/store"
	"vidq/live/wire"
)

// faultsScenario is what the tests of faults run, in several processes: a cloud that only manages, an
// edge whose own service is slow, and a helper whose service is fast, so that every scheduler wants the
// edge's stage there while the helper lives and at the edge while it does not. The node probe is played by tests.
const faultsScenario = `
name     = "faults"
duration = "1h"
seed     = 1
[kb]
truth = "measured"
[scheduler]
name   = "latfirst"
period = "1s"
[scheduler.latfirst]
mode = "fixed"
[knobs]
fps         = [1, 5]
resolutions = ["360p"]
[[node]]
id    = "cloud"
role  = "cloud"
class = "server-cpu"
[[node]]
id       = "edge1"
role     = "edge"
class    = "rpi4"
services = { object_detection = 1 }
[[node]]
id       = "helper"
role     = "edge"
class    = "server-gpu"
services = { object_detection = 2 }
[[node]]
id    = "probe"
role  = "edge"
class = "server-cpu"
[[link]]
between = ["edge1", "cloud"]
rate    = "1Gbit/s"
[[link]]
between = ["edge1", "helper"]
rate    = "1Gbit/s"
[[link]]
between = ["helper", "cloud"]
rate    = "1Gbit/s"
[[link]]
between = ["probe", "cloud"]
rate    = "1Gbit/s"
[[camera]]
id         = "hall"
node       = "edge1"
fps        = 10
resolution = "360p"
content    = "classroom"
[[camera]]
id         = "door"
node       = "helper"
fps        = 10
resolution = "360p"
content    = "classroom"
[[camera]]
id         = "probe"
node       = "probe"
fps        = 10
resolution = "360p"
content    = "classroom"
[[query]]
id         = "heads"
camera     = "hall"
pipeline   = ["object_detection"]
constraint = { latency = "2s" }
`

// heads is the scenario's query.
const heads = "GLOBAL_ID_1"

// deadline is that of a frame of heads: twice its bound.
const deadline = 4 * time.Second

// loaded is by how much everything may take longer than it should on a machine that has other things to
// do, too.
const loaded = 6

// site is the scenario in processes of their own.
type site struct {
	base     int
	file     string
	store    string
	args     []string
	*process // that the query manager runs in
}

// newSite makes a site without a process.
func newSite(t *testing.T, args ...string) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{base: ports(t), file: filepath.Join(dir, "faults.toml"), store: "sqlite:" + filepath.Join(dir, "vidq.db"), args: args}
	require.NoError(t, os.WriteFile(s.file, []byte(faultsScenario), 0o600))
	return s
}

// node starts the process of nodes; the query manager's becomes the site's own.
func (s *site) node(t *testing.T, nodes ...string) *process {
	t.Helper()
	args := append([]string{s.file, "--no-video", "--links", "real"}, s.args...)
	for _, n := range nodes {
		args = append(args, "--node", n)
	}
	if nodes[0] != "cloud" {
		return start(t, s.base, args...)
	}
	s.process = start(t, s.base, append(args, "--store", s.store)...)
	return s.process
}

// get makes a request of a path of the query manager.
func (s *site) get(path string, v any) bool {
	status, ok := fetch(http.MethodGet, "http://"+s.manager()+path, "", nil, v)
	return ok && status == http.StatusOK
}

// ready reports whether the query manager is.
func (s *site) ready() bool { return s.get("/readyz", new(wire.Health)) }

// up reports whether the query manager takes the node of a camera to be up.
func (s *site) up(node string) bool {
	all, found := wire.VideoInfo{}, false
	if !s.get("/node/get_video_info", &all) {
		return false
	}
	for _, videos := range all {
		for _, v := range videos {
			found = found || v.VideoExtra != nil && v.NodeID == node && v.Up
		}
	}
	return found
}

// newest is the number of the camera frame of a query's last result, and the node that it was analysed at.
func (s *site) newest(id string) (frame int64, at string) {
	r := s.results(id)
	if len(r) == 0 {
		return 0, ""
	}
	last := &r[len(r)-1]
	return int64(last.FrameID), planOf(last)
}

// planOf is the node that a result's plan had its stage run at.
func planOf(f *wire.Frame) string {
	if x := f.ExtPlan.PlanExtra; x != nil && len(x.Stages) > 0 {
		return x.Stages[0].NodeID
	}
	return ""
}

// goesOn waits until there are new results of a query.
func (s *site) goesOn(t *testing.T, id string) time.Duration {
	t.Helper()
	before, _ := s.newest(id)
	return eventually(t, "new results of "+id, func() bool { n, _ := s.newest(id); return n > before })
}

// runsAt waits until results of heads come from a node.
func (s *site) runsAt(t *testing.T, node string) time.Duration {
	t.Helper()
	return eventually(t, "results of "+node, func() bool { _, at := s.newest(heads); return at == node })
}

// submit asks for a query of a camera; latency tells queries apart. It returns the answer and its HTTP status,
// 0 if there was none, -1 if it was a refusal that does not say why.
func (s *site) submit(node, camera string, latency time.Duration) (wire.SubmitAnswer, int) {
	body := fmt.Sprintf(`{"node_id": %q, "camera_id": %q, "pipeline": ["object_detection"], "user_constraint": {"latency": %v}}`, node, camera, latency.Seconds())
	var a wire.SubmitAnswer
	status, ok := fetch(http.MethodPost, "http://"+s.manager()+"/query/submit_query", wire.JSONType, []byte(body), &a)
	switch {
	case !ok:
		return a, 0
	case status != http.StatusOK && (a.Err == "" || a.Status == 0): // every refusal says why
		return a, -1
	}
	return a, status
}

// jobs are the jobs of a node, by its own word.
func (s *site) jobs(ip string) map[wire.ID]wire.JobStatus {
	var l wire.JobList
	if _, ok := fetch(http.MethodGet, "http://"+s.addr(ip, wire.PortJobs)+"/job/list", "", nil, &l); !ok {
		return nil
	}
	all := map[wire.ID]wire.JobStatus{}
	for _, j := range l.Jobs {
		all[j.JobUID] = j
	}
	return all
}

// stored is what a store holds, which no process may have open.
type stored struct {
	snapshot core.Snapshot
	results  []store.Result
	epoch    time.Time
}

// read opens the store.
func (s *site) read(t *testing.T) *stored {
	t.Helper()
	st, err := store.Open(t.Context(), s.store, store.Options{})
	require.NoError(t, err)
	defer st.Close()
	snap, err := st.Load(t.Context())
	require.NoError(t, err)
	out := &stored{snapshot: snap, epoch: st.Epoch()}
	for i := range snap.Queries {
		for after, more := int64(0), true; more; {
			page, err := st.Results(t.Context(), snap.Queries[i].Query.ID, after, store.MaxPage)
			require.NoError(t, err)
			if more = len(page) > 0; more {
				after = page[len(page)-1].ID
			}
			out.results = append(out.results, page...)
		}
	}
	return out
}

// since is an instant in the store's time.
func (d *stored) since(at time.Time) core.Time { return core.Time(at.Sub(d.epoch)) }

// complete holds that a node's results are stored once each and without a gap, and returns how many
// there are of its last life. Each life begins at 1: its results were acknowledged, or came again.
func (d *stored) complete(t *testing.T, node core.NodeID) (n uint64) {
	t.Helper()
	seen := map[core.Incarnation]map[uint64]bool{}
	var last core.Incarnation
	for i := range d.results {
		r := &d.results[i]
		if r.Node != node {
			continue
		}
		if seen[r.Incarnation] == nil {
			seen[r.Incarnation] = map[uint64]bool{}
		}
		assert.False(t, seen[r.Incarnation][r.Seq], "result %d of %s is stored twice", r.Seq, node)
		seen[r.Incarnation][r.Seq] = true
		last = max(last, r.Incarnation)
	}
	for inc, all := range seen {
		for seq := uint64(1); seq <= uint64(len(all)); seq++ {
			if !all[seq] {
				require.Fail(t, "a result is missing", "%s, life %d: %d of %d", node, inc, seq, len(all))
			}
		}
	}
	for _, n := range d.snapshot.Nodes {
		if n.Node == node {
			require.Len(t, seen[n.Incarnation], int(n.Seq), "%s was told that so many are durable", node)
		}
	}
	return uint64(len(seen[last]))
}

// names of the results that are stored of a query.
func (d *stored) names(q core.QueryID) (all []string) {
	for i := range d.results {
		if r := &d.results[i].Result; r.Obs.Query == q {
			f := wire.FromFrame(r, wire.Plan{}, nil, false)
			all = append(all, frameName(&f))
		}
	}
	return all
}

// signal sends a process a signal.
func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	require.NoError(t, p.Process.Signal(s))
}

// calm holds that a process has logged no fault of its own.
func (p *process) calm(t *testing.T) {
	t.Helper()
	for _, word := range []string{"panic", "goroutine ", "level=ERROR"} {
		for line := range strings.Lines(p.err.String()) {
			assert.NotContains(t, line, word)
		}
	}
}
