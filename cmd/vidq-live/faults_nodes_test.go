package main

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/live/wire"
)

// TestEdgeKilled: kill -9 of an edge. The cloud says that it is down, takes queries for it all the same and
// at once, and serves everybody else; when the edge is back it gets its jobs, also those it had never heard of.
func TestEdgeKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.node(t, "cloud")
	edge := s.node(t, "edge1")
	s.node(t, "helper")
	eventually(t, "results", func() bool { return len(s.results(heads)) >= 3 })
	edge.kill(t)
	killed := time.Now()
	down := eventually(t, "the edge is down", func() bool { return !s.up("edge1") })

	began := time.Now()
	late, status := s.submit("edge1", "hall", 3*time.Second)
	took := time.Since(began)
	require.Equal(t, http.StatusOK, status, "a query for a node that is down is stored")
	assert.Less(t, took, loaded*time.Second)
	other, status := s.submit("helper", "door", 2*time.Second)
	require.Equal(t, http.StatusOK, status)
	served := eventually(t, "results of the others", func() bool { return len(s.results(wire.FormatID(core.QueryID(other.QueryID)))) > 2 })

	edge = s.node(t, "edge1")
	began = time.Now()
	eventually(t, "the jobs", func() bool { return len(s.jobs("127.0.0.1")) == 2 })
	again := time.Since(began)
	assert.Contains(t, s.jobs("127.0.0.1"), late.QueryID)
	s.goesOn(t, heads)
	goesOn := time.Since(began)
	eventually(t, "results of the new query", func() bool { return len(s.results(wire.FormatID(core.QueryID(late.QueryID)))) > 0 })
	t.Logf("down %v after the kill; submit took %v; a query elsewhere had results %v later; after the restart (%v later) jobs %v, results %v",
		down, took, served, began.Sub(killed), again, goesOn)

	// The original's update_plan is answered HTTP 500 by an edge that was restarted.
	body := fmt.Sprintf(`{"job_uid": %q, "video_conf": {"resolution": "360p", "fps": 1, "encoder": "JPEG"},
		"flow_mapping": {"object_detection": {"model_id": 0, "node_role": "host", "node_ip": "127.0.0.1"}}}`, heads)
	var answer wire.PlanAnswer
	status, ok := fetch(http.MethodPost, "http://"+edge.addr("127.0.0.1", wire.PortJobs)+"/job/update_plan", wire.JSONType, []byte(body), &answer)
	assert.True(t, ok)
	assert.Equal(t, http.StatusOK, status)
	s.goesOn(t, heads)
	edge.interrupt(t, os.Interrupt)
	s.interrupt(t, os.Interrupt)
	s.calm(t)
	edge.calm(t)
	s.read(t).complete(t, "edge1")
}

// TestServicesAway: the node whose services an edge calls is killed, or frozen so that its connections
// stand and nobody answers. Frames fail within their deadline, one of the next rounds moves the stage to a
// node that lives, and back when the services are.
func TestServicesAway(t *testing.T) {
	t.Parallel()
	for _, scheduler := range []string{"latfirst[mode=fixed]", "vidq"} {
		for _, fault := range []string{"killed", "frozen"} {
			t.Run(scheduler+" "+fault, func(t *testing.T) {
				t.Parallel()
				servicesAway(t, scheduler, fault == "frozen")
			})
		}
	}
}

func servicesAway(t *testing.T, scheduler string, frozen bool) {
	s := newSite(t, "--scheduler", scheduler)
	s.node(t, "cloud")
	edge := s.node(t, "edge1")
	helper := s.node(t, "helper")
	s.runsAt(t, "helper")
	eventually(t, "results", func() bool { return len(s.results(heads)) >= 3 })
	before, _ := s.newest(heads)

	if frozen {
		helper.signal(t, syscall.SIGSTOP)
	} else {
		helper.kill(t)
	}
	began := time.Now()
	down := eventually(t, "the helper is down", func() bool { return !s.up("helper") })
	moved := down + s.runsAt(t, "edge1")
	i := slices.IndexFunc(s.results(heads), func(f wire.Frame) bool { return int64(f.FrameID) == before })
	require.GreaterOrEqual(t, i, 0, "frames that fail do not push out results")
	assert.Equal(t, "helper", planOf(&s.results(heads)[i]), "older results tell the plan that they ran under")
	s.goesOn(t, heads)

	if frozen {
		helper.signal(t, syscall.SIGCONT)
	} else {
		helper = s.node(t, "helper")
	}
	back := s.runsAt(t, "helper")
	s.goesOn(t, heads)
	for _, p := range []*process{helper, edge, s.process} {
		p.interrupt(t, os.Interrupt)
		p.calm(t)
	}
	d := s.read(t)
	d.complete(t, "edge1")
	first, longest, failed := failures(d, d.since(began))
	t.Logf("the first of %d frames failed %v after, none took longer than %v; down %v, results of the edge %v, of the helper again %v after", failed, first, longest, down, moved, back)
	assert.Positive(t, failed)
	assert.Less(t, longest, deadline+loaded*time.Second)
}

// failures tells of the frames of heads that failed since an instant how long after it the first did, and how
// old the oldest was then.
func failures(d *stored, since core.Time) (first, longest time.Duration, n int) {
	first = time.Hour
	for i := range d.results {
		r := &d.results[i].Result
		if r.Outcome != core.OutcomeFailed || r.Obs.At < since {
			continue
		}
		first, longest, n = min(first, time.Duration(r.Obs.At-since)), max(longest, time.Duration(r.Obs.At-r.Captured)), n+1
	}
	return first, longest, n
}

// TestFrozen: a process that is stopped for a while and goes on, as a machine that is suspended does. Nobody
// waits for a frozen edge but its own queries; a frozen query manager finds all that was done without it.
func TestFrozen(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.node(t, "cloud")
	edge := s.node(t, "edge1")
	s.node(t, "helper")
	eventually(t, "results", func() bool { return len(s.results(heads)) >= 3 })

	edge.signal(t, syscall.SIGSTOP)
	down := eventually(t, "the edge is down", func() bool { return !s.up("edge1") })
	began := time.Now()
	_, status := s.submit("edge1", "hall", 3*time.Second)
	require.Equal(t, http.StatusOK, status)
	took := time.Since(began)
	other, status := s.submit("helper", "door", 2*time.Second)
	require.Equal(t, http.StatusOK, status)
	eventually(t, "results of the others", func() bool { return len(s.results(wire.FormatID(core.QueryID(other.QueryID)))) > 2 })
	edge.signal(t, syscall.SIGCONT)
	began = time.Now()
	eventually(t, "the edge is up", func() bool { return s.up("edge1") })
	s.goesOn(t, heads)
	t.Logf("the edge was down %v after it froze, submit took %v; results %v after it thawed", down, took, time.Since(began))
	eventually(t, "the new job", func() bool { return len(s.jobs("127.0.0.1")) == 2 })

	s.signal(t, syscall.SIGSTOP)
	at := edge.jobAt(1)
	eventually(t, "the edge works on", func() bool { return edge.jobAt(1) > at+20 })
	s.signal(t, syscall.SIGCONT)
	began = time.Now()
	eventually(t, "the results meanwhile", func() bool { n, _ := s.newest(heads); return n > at+20 })
	eventually(t, "the edge is up", func() bool { return s.up("edge1") })
	t.Logf("results of the time in which the query manager was frozen %v after it thawed", time.Since(began))
	edge.interrupt(t, os.Interrupt)
	s.interrupt(t, os.Interrupt)
	edge.calm(t)
	s.calm(t)
	d := s.read(t)
	d.complete(t, "edge1")
	d.complete(t, "helper")
}
