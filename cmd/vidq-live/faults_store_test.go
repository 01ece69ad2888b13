package main

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/live/store/pgtest"
	"vidq/live/wire"
)

// outage is a time in which a store takes no writes: it says how to bring that about, and how to end it.
type outage struct {
	name       string
	asks       int // queries that are refused, beside the first
	begin, end func(t *testing.T)
}

// TestStoreThatCannotWrite: while the store of a running system cannot be written queries are refused, not
// accepted and lost; those that there are go on, and their results are stored when it can be written again.
func TestStoreThatCannotWrite(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	folder := filepath.Dir(s.file)
	all := []outage{{
		"a bound of the file's size", 3,
		func(t *testing.T) { limitFiles(t, s.Process.Pid, "4096") },
		func(t *testing.T) { limitFiles(t, s.Process.Pid, "unlimited") },
	}}
	if small := smallDisk(t); small != "" {
		folder = small
		rest := filepath.Join(small, "rest")
		all = append(all, outage{"a full disk", 3, func(t *testing.T) { fill(t, rest) }, func(t *testing.T) { require.NoError(t, os.Remove(rest)) }})
	} else {
		t.Log("no disk can be mounted here: a full one is not tried")
	}
	s.store = "sqlite:" + filepath.Join(folder, "vidq.db")
	outages(t, s, all)
}

// TestPostgreSQL: the same on a server that is read-only for a while, that falls silent (which is found out by
// timeout: each query then takes seconds), and that crashes; and what was acknowledged survives kill -9 of the query manager on it.
func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t, pgtest.Options{Sync: true})
	s := newSite(t)
	s.store = server.Database(t)
	readOnly := func(value string) func(t *testing.T) {
		return func(t *testing.T) {
			server.Exec(t, "ALTER SYSTEM SET default_transaction_read_only = "+value)
			server.Exec(t, "SELECT pg_reload_conf()")
		}
	}
	outages(t, s, []outage{
		{"a read-only server", 3, readOnly("on"), readOnly("off")},
		{"a server that is silent", 1, func(*testing.T) { server.Pause() }, func(*testing.T) { server.Resume() }},
		{"a server that has crashed", 3, func(*testing.T) { server.Kill() }, func(t *testing.T) { require.NoError(t, server.Restart()) }},
	})
}

// outages has a site live through outages of its store, and then through kill -9 of its query manager.
func outages(t *testing.T, s *site, all []outage) {
	s.node(t, "cloud")
	edge := s.node(t, "edge1", "helper")
	eventually(t, "results", func() bool { return len(s.results(heads)) >= 3 })
	u := &asked{s: s, accepted: map[wire.ID]time.Duration{}}
	for _, o := range all {
		u.ask(t, http.StatusOK)
		o.begin(t)
		began := time.Now()
		refused := eventually(t, "a refusal", func() bool { return u.try(t) != http.StatusOK })
		for range o.asks {
			u.ask(t, http.StatusServiceUnavailable)
		}
		at := edge.jobAt(1)
		eventually(t, "the edge works on", func() bool { return edge.jobAt(1) > at+10 })
		assert.True(t, s.get("/query/list", new(wire.QueryList)), "what is known can be asked")
		assert.True(t, s.up("edge1"))
		length := time.Since(began)
		o.end(t)
		again := eventually(t, "a query", func() bool { return u.try(t) == http.StatusOK })
		goesOn := s.goesOn(t, heads)
		t.Logf("%s: refused %v after its begin; it lasted %v; accepted %v after its end, results %v later", o.name, refused, length, again, goesOn)
	}

	told := s.results(heads)
	s.kill(t)
	d := s.read(t)
	u.check(t, d)
	d.complete(t, "edge1")
	for _, f := range told {
		assert.Contains(t, d.names(1), frameName(&f), "a result that was told is stored")
	}
	s.node(t, "cloud")
	back := eventually(t, "the edge is back", func() bool { return s.up("edge1") })
	t.Logf("after kill -9 the edge is back %v after the start", back)
	s.goesOn(t, heads)
	assert.Len(t, s.queries(t), len(d.snapshot.Queries), "queries are adopted, the scenario's too")
	u.ask(t, http.StatusOK)
	edge.interrupt(t, os.Interrupt)
	s.interrupt(t, os.Interrupt)
	edge.calm(t)
	d = s.read(t)
	u.check(t, d)
	d.complete(t, "edge1")
}

// asked are the queries of a user who does not repeat what was refused.
type asked struct {
	s        *site
	n        int
	accepted map[wire.ID]time.Duration
	refused  []time.Duration
}

// try asks for a query and returns the HTTP status: 200, or a refusal that says why.
func (u *asked) try(t *testing.T) int {
	t.Helper()
	u.n++
	latency := time.Second + time.Duration(u.n)*time.Millisecond
	began := time.Now()
	a, status := u.s.submit("probe", "probe", latency)
	switch status {
	case http.StatusOK:
		assert.NotContains(t, u.accepted, a.QueryID, "an id is given twice")
		u.accepted[a.QueryID] = latency
	case http.StatusServiceUnavailable:
		u.refused = append(u.refused, latency)
	default:
		t.Fatalf("status %d after %v: %+v", status, time.Since(began), a)
	}
	return status
}

func (u *asked) ask(t *testing.T, status int) {
	t.Helper()
	require.Equal(t, status, u.try(t))
}

// check holds that what was accepted is stored, and what was refused is not.
func (u *asked) check(t *testing.T, d *stored) {
	t.Helper()
	all := map[core.QueryID]time.Duration{}
	for id, latency := range u.accepted {
		all[core.QueryID(id)] = latency
	}
	lost(t, d, all)
	for i := range d.snapshot.Queries {
		assert.NotContains(t, u.refused, time.Duration(d.snapshot.Queries[i].Query.Constraint.Latency), "refused, and stored")
	}
}

// limitFiles bounds the size of the files that a process writes, and can bound it anew later. What is written
// beyond fails, as on a full disk.
func limitFiles(t *testing.T, pid int, size string) {
	t.Helper()
	out, err := exec.Command("prlimit", "--pid", strconv.Itoa(pid), "--fsize="+size+":").CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// smallDisk mounts a disk of its own for a store; "" = that is not allowed here.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if syscall.Mount("none", dir, "tmpfs", 0, "size=16m") != nil {
		return ""
	}
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// fill writes a file until the disk is full.
func fill(t *testing.T, file string) {
	t.Helper()
	f, err := os.Create(file)
	require.NoError(t, err)
	defer f.Close()
	some := bytes.Repeat([]byte("x"), 4096)
	for err == nil {
		_, err = f.Write(some)
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
}
