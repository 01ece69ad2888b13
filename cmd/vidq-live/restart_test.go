package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/live/store"
	"vidq/live/wire"
)

// TestKilledAndStartedAgain: what was acknowledged survives kill -9 of the whole system; the
// scenario's queries are adopted, ids go on, and so does the time.
func TestKilledAndStartedAgain(t *testing.T) {
	t.Parallel()
	db := "sqlite:" + filepath.Join(t.TempDir(), "vidq.db")
	args := []string{"face", "--no-video", "--store", db, "--set", "camera.classroom.mode=live", "--set", "query.headup.constraint={latency='2s'}"}
	p := start(t, ports(t), args...)
	eventually(t, "results", func() bool { return len(p.results("GLOBAL_ID_1")) >= 5 })
	var mine wire.SubmitAnswer
	got := p.client(t, "", "submit", "--camera", "classroom", "--pipeline", "face_detection", "--latency", "2s", "--key", "mine", "--json")
	require.NoError(t, json.Unmarshal([]byte(got), &mine))
	eventually(t, "results of mine", func() bool { return len(p.results("GLOBAL_ID_2")) > 0 })
	last := p.client(t, "", "submit", "--camera", "classroom", "--pipeline", "face_detection", "--latency", "2s")
	require.Contains(t, last, "GLOBAL_ID_3 submitted")
	told := p.results("GLOBAL_ID_1")
	before := p.queries(t)
	p.kill(t)

	stored, newest := inStore(t, db)
	for _, f := range told {
		assert.Contains(t, stored, frameName(&f), "a result that was told is stored")
	}

	again := start(t, ports(t), args...)
	after := again.queries(t)
	eventually(t, "the queries", func() bool { after = again.queries(t); return len(after) >= 3 })
	require.Len(t, after, 3, "the scenario's query is adopted, not submitted again")
	for i := range before {
		assert.Equal(t, before[i].QueryID, after[i].QueryID)
		assert.Equal(t, before[i].Key, after[i].Key)
		assert.GreaterOrEqual(t, after[i].FramesDone, before[i].FramesDone)
		assert.InDelta(t, before[i].SubmittedAt, after[i].SubmittedAt, .01)
	}
	eventually(t, "new results", func() bool {
		r := again.results("GLOBAL_ID_1")
		return len(r) > 0 && int64(r[len(r)-1].FrameID) > newest
	})
	eventually(t, "what is told", func() bool { return strings.Contains(again.out.String(), "headup is GLOBAL_ID_1:") })
	next := again.client(t, "", "submit", "--camera", "classroom", "--pipeline", "face_detection", "--latency", "2s")
	assert.Contains(t, next, "GLOBAL_ID_4 submitted", "no id is used twice")
	same := again.client(t, "", "submit", "--camera", "classroom", "--pipeline", "face_detection", "--latency", "2s", "--key", "mine")
	assert.Contains(t, same, "GLOBAL_ID_2 submitted")
	again.interrupt(t, os.Interrupt)
}

// inStore returns the names of query 1's results, and the number of the newest frame.
func inStore(t *testing.T, url string) (names []string, newest int64) {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{})
	require.NoError(t, err)
	defer s.Close()
	all, err := s.Latest(t.Context(), 1, 10_000)
	require.NoError(t, err)
	for i := range all {
		r := &all[i].Result
		f := wire.FromFrame(r, wire.Plan{}, nil, false)
		names = append(names, frameName(&f))
		newest = max(newest, r.CameraFrame+1)
	}
	return names, newest
}

// TestTwoProcesses: cloud and edge apart, over the network as it is. Each may be killed and
// started again.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	base, db := ports(t), "sqlite:"+filepath.Join(t.TempDir(), "vidq.db")
	both := []string{"face", "--no-video", "--links", "real", "--scheduler", "static[plan=all-edge]", "--set", "camera.classroom.mode=live", "--set", "query.headup.constraint={latency='2s'}"}
	edge := start(t, base, append([]string{"--node", "edge1", "--log-level", "warn"}, both...)...)
	eventually(t, "the edge waits", func() bool { return strings.Contains(edge.err.String(), "waiting for the query manager") })
	time.Sleep(time.Second)
	assert.Equal(t, 1, strings.Count(edge.err.String(), "waiting"), "it says so once")
	startCloud := func() *process {
		return start(t, base, append([]string{"--node", "cloud", "--store", db}, both...)...)
	}
	cloud := startCloud()
	newest := func() float64 {
		r := cloud.results("GLOBAL_ID_1")
		if len(r) == 0 {
			return 0
		}
		return r[len(r)-1].FrameID
	}
	eventually(t, "a result", func() bool { return newest() > 0 })
	eventually(t, "the edge's plan", func() bool { return strings.Contains(edge.out.String(), "edge1: GLOBAL_ID_1 ") })
	assert.NotContains(t, edge.out.String(), "query manager")

	// An edge that is killed is started again; its job goes on.
	edge.kill(t)
	edge = start(t, base, append([]string{"--node", "edge1"}, both...)...)
	now := newest()
	eventually(t, "results of the new edge", func() bool { return newest() > now })

	// While the cloud is away the edge goes on, and what it found is handed over later.
	now = newest()
	cloud.kill(t)
	away := core.Time(time.Now().UnixNano())
	time.Sleep(3 * time.Second)
	cloud = startCloud()
	took := eventually(t, "the edge is back", func() bool { return newest() > now+30*4 })
	t.Logf("results again %v after the start", took)
	require.Len(t, cloud.queries(t), 1)
	cloud.interrupt(t, os.Interrupt)
	edge.interrupt(t, os.Interrupt)
	assert.Contains(t, cloud.out.String(), "this process had no camera's queries")
	assert.Contains(t, edge.out.String(), "done/due")
	meanwhile(t, db, away)
}

// meanwhile holds that results are stored of frames that were captured within three seconds after an instant
// (Unix nanoseconds).
func meanwhile(t *testing.T, url string, after core.Time) {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{})
	require.NoError(t, err)
	defer s.Close()
	after -= core.Time(s.Epoch().UnixNano())
	all, err := s.Results(t.Context(), 1, 0, store.MaxPage)
	require.NoError(t, err)
	n := 0
	for i := range all {
		if c := all[i].Captured; c > after && c < after+3*core.Second {
			n++
		}
	}
	assert.Positive(t, n, "the edge's work while the cloud was away")
}
