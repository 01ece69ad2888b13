package main

import (
	"context"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/live/client"
	"vidq/live/wire"
)

// TestManagerKilled: kill -9 of the query manager while queries are submitted and results handed over. What it
// had acknowledged is there after its restart, no id is given a second time, nodes come back by
// themselves, and they have worked on meanwhile.
func TestManagerKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--set", "query.heads.count=3")
	s.node(t, "cloud")
	edge := s.node(t, "edge1")
	s.node(t, "helper")
	users, probe := newUsers(s), newProbe(t, s)
	eventually(t, "results", func() bool { return len(s.results(heads)) >= 5 })
	users.begin(t)
	own, status := s.submit("probe", "probe", 3*time.Second)
	require.Equal(t, http.StatusOK, status)
	probe.begin(t, core.QueryID(own.QueryID))
	eventually(t, "load", func() bool { return users.count() >= 20 && probe.acked.Load() >= 100 })
	stopped := users.some()
	s.client(t, "", "stop", wire.FormatID(stopped))
	eventually(t, "load", func() bool { return users.count() >= 40 && probe.acked.Load() >= 200 })

	told := s.results(heads)
	s.kill(t)
	killed, acknowledged, had := time.Now(), users.all(), probe.acked.Load()
	at := edge.jobAt(1)
	data := s.read(t)
	lost(t, data, acknowledged)
	assert.GreaterOrEqual(t, data.complete(t, "probe"), had, "what the probe was told is durable")
	before := data.complete(t, "edge1")
	for _, f := range told {
		assert.Contains(t, data.names(1), frameName(&f), "a result that was told is stored")
	}
	eventually(t, "the edge works on", func() bool { return edge.jobAt(1) > at+20 })

	s.node(t, "cloud")
	began := time.Now()
	eventually(t, "the query manager", s.ready)
	ready := time.Since(began)
	back := eventually(t, "the edge is back", func() bool { return s.up("edge1") })
	t.Logf("%d queries and %d results acknowledged; away for %v; ready %v after its start, the edge back %v later", len(acknowledged), had, began.Sub(killed), ready, back)
	assert.Less(t, back, loaded*5*time.Second)
	eventually(t, "the probe is back", func() bool { return probe.acked.Load() > had+100 })
	eventually(t, "new queries", func() bool { return users.count() >= len(acknowledged)+20 })
	s.goesOn(t, heads)
	users.end()
	probe.end()
	assert.Empty(t, users.twice, "no id is given twice")
	for _, q := range s.queries(t) {
		if core.QueryID(q.QueryID) == stopped {
			assert.Equal(t, core.StateStopped.String(), core.State(q.State).String(), "what was stopped stays so")
		}
	}
	assert.Equal(t, 3, scenarioQueries(s.queries(t)), "the scenario's queries are adopted")
	s.interrupt(t, os.Interrupt)
	s.calm(t)
	edge.calm(t)

	data = s.read(t)
	lost(t, data, users.all())
	assert.GreaterOrEqual(t, data.complete(t, "probe"), probe.acked.Load())
	assert.Greater(t, data.complete(t, "edge1"), before)
	meanwhile, from, to := 0, data.since(killed), data.since(began)
	for i := range data.results {
		if r := &data.results[i]; r.Node == "edge1" && r.Captured > from && r.Captured < to {
			meanwhile++
		}
	}
	t.Logf("%d frames analysed meanwhile", meanwhile)
	assert.Positive(t, meanwhile, "jobs went on")
}

// jobAt is the camera frame that an edge takes next for a job; 0 = it has no such job.
func (p *process) jobAt(q wire.ID) int64 {
	var l wire.JobList
	fetch(http.MethodGet, "http://"+p.addr("127.0.0.1", wire.PortJobs)+"/job/list", "", nil, &l)
	for _, j := range l.Jobs {
		if j.JobUID == q {
			return j.Next
		}
	}
	return 0
}

func scenarioQueries(all []wire.QueryRow) (n int) {
	for i := range all {
		if all[i].SubmitExtra != nil && all[i].Key != "" {
			n++
		}
	}
	return n
}

// lost holds that no acknowledged query is, each under its id.
func lost(t *testing.T, d *stored, acknowledged map[core.QueryID]time.Duration) {
	t.Helper()
	there := map[core.QueryID]time.Duration{}
	for i := range d.snapshot.Queries {
		q := &d.snapshot.Queries[i].Query
		there[q.ID] = time.Duration(q.Constraint.Latency)
	}
	for id, latency := range acknowledged {
		require.Equal(t, latency, there[id], "query %d", id)
	}
}

// users submit queries to the probe's camera as fast as they are answered, and remember what was
// acknowledged. The bound that each asks for tells it apart.
type users struct {
	s      *site
	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup
	asked  atomic.Int64

	mu    sync.Mutex
	ack   map[core.QueryID]time.Duration
	twice []core.QueryID
}

func newUsers(s *site) *users { return &users{s: s, ack: map[core.QueryID]time.Duration{}} }

func (u *users) begin(t *testing.T) {
	u.ctx, u.cancel = context.WithCancel(t.Context())
	t.Cleanup(u.end)
	manager := u.s.manager()
	c := client.New(client.Options{})
	for range 3 {
		u.group.Go(func() {
			for u.ctx.Err() == nil {
				latency := time.Second + time.Duration(u.asked.Add(1))*time.Microsecond
				x := wire.SubmitExtra{PlaceExtra: wire.PlaceExtra{NodeID: "probe", CameraID: "probe"}}
				q := &wire.SubmitQuery{Pipeline: []string{"object_detection"}, UserConstraint: wire.FromConstraint(core.Constraint{Latency: core.Time(latency)}), SubmitExtra: &x}
				a, err := c.Peer(manager, false).SubmitQuery(u.ctx, q)
				if err == nil {
					u.acknowledged(core.QueryID(a.QueryID), latency)
				}
				u.rest(20 * time.Millisecond)
			}
		})
	}
}

// rest is until the next attempt.
func (u *users) rest(d time.Duration) {
	select {
	case <-u.ctx.Done():
	case <-time.After(d):
	}
}

func (u *users) acknowledged(id core.QueryID, latency time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, twice := u.ack[id]; twice {
		u.twice = append(u.twice, id)
	}
	u.ack[id] = latency
}

func (u *users) end() {
	u.cancel()
	u.group.Wait()
}

func (u *users) count() int { return len(u.all()) }

// all are the acknowledged queries.
func (u *users) all() map[core.QueryID]time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maps.Clone(u.ack)
}

// some is one of them.
func (u *users) some() core.QueryID {
	for id := range u.all() {
		return id
	}
	return 0
}

// probe is a node that is nothing but results, and knows how many of them it was told are durable.
type probe struct {
	peer   client.Peer
	addr   string
	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup
	acked  atomic.Uint64
}

// probeIP is where the book has the scenario's fourth node.
const probeIP = "127.0.0.4"

func newProbe(t *testing.T, s *site) *probe {
	t.Helper()
	c := client.New(client.Options{From: netip.MustParseAddr(probeIP), Timeout: 2 * time.Second})
	t.Cleanup(c.Close)
	return &probe{peer: c.Peer(s.manager(), false), addr: s.addr(probeIP, wire.PortJobs)}
}

// begin hands results of a query over, batch by batch, each until it is acknowledged.
func (p *probe) begin(t *testing.T, q core.QueryID) {
	p.ctx, p.cancel = context.WithCancel(t.Context())
	t.Cleanup(p.end)
	const inc = 1
	join := &core.Join{Node: "probe", Incarnation: inc, Role: core.RoleEdge, Class: "server-cpu", Cameras: []core.Camera{
		{ID: "probe", Node: "probe", FPS: 10, Resolution: core.Resolutions()[0], Class: "classroom"},
	}}
	p.group.Go(func() {
		joined := false
		for p.ctx.Err() == nil {
			if !joined {
				_, _, err := p.peer.Join(p.ctx, join, p.addr)
				joined = err == nil
			}
			m := &core.SyncResults{Node: "probe", Incarnation: inc, First: p.acked.Load() + 1}
			for i := range uint64(5) {
				r := core.Result{Seq: m.First + i, CameraFrame: int64(m.First + i), Outcome: core.OutcomeDone}
				r.Obs = core.Observation{Query: q, Frame: r.CameraFrame, Gap: 1, Revision: 1}
				m.Results = append(m.Results, r)
			}
			a, err := p.peer.Sync(p.ctx, m, nil)
			switch {
			case err == nil && a != nil:
				p.acked.Store(max(p.acked.Load(), a.Seq))
			default:
				joined = false
				time.Sleep(20 * time.Millisecond)
			}
		}
	})
}

func (p *probe) end() {
	p.cancel()
	p.group.Wait()
}
