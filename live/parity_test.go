package live_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/core/result"
	"vidq/live"
	"vidq/live/loop"
	"vidq/live/serve/pipenet"
	"vidq/live/store"
	"vidq/scenarios"
	"vidq/sim"
)

// traces are the records of each machine, in their binary form, with the time of each.
type traces struct {
	mu sync.Mutex
	of map[string][]string
}

func (t *traces) add(machine string, r core.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = map[string][]string{}
	}
	t.of[machine] = append(t.of[machine], fmt.Sprintf("%T%+v %x", r, r, r.AppendBinary(nil)))
}

// memory is a store that takes a while, as the simulator's.
type memory struct {
	clock loop.Clock
	delay core.Time

	mu   sync.Mutex
	snap core.Snapshot
	res  map[core.QueryID][]store.Result
}

func (m *memory) Load(context.Context) (core.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return core.Snapshot{LastID: m.snap.LastID, Queries: slices.Clone(m.snap.Queries), Nodes: slices.Clone(m.snap.Nodes)}, nil
}

func (m *memory) Latest(_ context.Context, q core.QueryID, n int) ([]store.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.res[q]
	return slices.Clone(all[max(0, len(all)-n):]), nil
}

func (m *memory) Done(context.Context) (map[core.QueryID]int64, error) {
	return map[core.QueryID]int64{}, nil
}

func (m *memory) Saver(answer func(core.Saved)) live.Saver {
	return &memorySaver{m: m, answer: answer}
}

type memorySaver struct {
	m      *memory
	answer func(core.Saved)

	mu    sync.Mutex
	saves []core.Save // under way, oldest first
	over  bool
}

func (s *memorySaver) Save(sv *core.Save) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saves = append(s.saves, *sv)
	s.m.clock.At(s.m.clock.Now()+s.m.delay, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.over {
			return
		}
		save := s.saves[0] // whichever timer comes first
		s.saves = s.saves[1:]
		s.m.mu.Lock()
		s.m.apply(save.Changes)
		s.m.mu.Unlock()
		s.answer(core.Saved{ID: save.ID})
	})
}

func (s *memorySaver) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	return nil
}

func (m *memory) apply(changes []core.Change) {
	for i := range changes {
		switch c := &changes[i]; c.Kind {
		case core.ChangeQuery:
			m.snap.Queries = slices.DeleteFunc(m.snap.Queries, func(q core.SavedQuery) bool { return q.Query.ID == c.Query.Query.ID })
			m.snap.Queries = append(m.snap.Queries, *c.Query)
			m.snap.LastID = max(m.snap.LastID, c.Query.Query.ID)
		case core.ChangeNode:
			m.snap.Nodes = slices.DeleteFunc(m.snap.Nodes, func(n core.SavedNode) bool { return n.Node == c.Node.Node })
			m.snap.Nodes = append(m.snap.Nodes, c.Node)
		case core.ChangeResult:
			for _, r := range c.Result.Results {
				if m.res == nil {
					m.res = map[core.QueryID][]store.Result{}
				}
				m.res[r.Obs.Query] = append(m.res[r.Obs.Query], store.Result{Node: c.Result.Node, Result: r})
			}
		}
	}
}

// counted counts the starts of nodes.
func counted() func(core.NodeID) core.Incarnation {
	var mu sync.Mutex
	starts := map[core.NodeID]core.Incarnation{}
	return func(n core.NodeID) core.Incarnation {
		mu.Lock()
		defer mu.Unlock()
		starts[n]++
		return starts[n]
	}
}

func simulated(t *testing.T, sc *scenarios.Scenario, until core.Time) (*traces, string) {
	t.Helper()
	out := &traces{}
	run, err := sim.Run(t.Context(), sc, sim.Options{Scheduler: sc.Scheduler.Spec, Seed: sc.Seed, Until: until, Records: out.add})
	require.NoError(t, err)
	return out, run.TraceSHA256
}

// compare holds that both have recorded the same, but for what is told at the end of a run.
func compare(t *testing.T, want, got *traces) {
	t.Helper()
	assert.ElementsMatch(t, slices.Collect(maps.Keys(want.of)), slices.Collect(maps.Keys(got.of)))
	for _, m := range slices.Sorted(maps.Keys(want.of)) {
		w, g := want.of[m], got.of[m]
		for i := range max(len(w), len(g)) {
			if i >= len(w) || i >= len(g) || w[i] != g[i] {
				var a, b string
				if i < len(w) {
					a = w[i]
				}
				if i < len(g) {
					b = g[i]
				}
				t.Errorf("%s: record %d of %d and %d differs:\nsim  %s\nlive %s", m, i, len(w), len(g), a, b)
				break
			}
		}
		t.Logf("%s: %d records", m, len(w))
	}
}

// campus is a shorter campus whose third edge fails, and in which no two things happen to one machine
// at one instant: links jitter, so that messages sent together arrive one after the other, and no
// deadline falls on a later camera frame.
func campus() []string {
	set := []string{"duration=70s", `fault=[{ at = "25s", for = "20s", node = "lab" }]`}
	for _, l := range []string{"library-cloud", "mensa-cloud", "lab-cloud", "library-mensa", "library-lab", "mensa-lab"} {
		set = append(set, "link."+l+".jitter=1ms")
	}
	for _, q := range []string{"path", "square", "gate"} {
		set = append(set, "query."+q+`.constraint={ latency = "187ms", accuracy = 0.75 }`)
	}
	return set
}

func TestParity(t *testing.T) {
	for _, c := range []struct {
		scenario string
		set      []string
		http     bool
	}{
		{"face", nil, false},
		{"face", nil, true},
		{"campus", campus(), false},
		{"campus", campus(), true},
		{"campus", append(campus(), `fault=[ # all kinds
			{ kind = "store", at = "8s", for = "3s" }, { kind = "message_loss", at = "14s", for = "5s", loss = 0.4 },
			{ kind = "service_down", at = "22s", for = "4s", node = "mensa", service = "pedestrian_detection" }, { kind = "crash", at = "30s", for = "6s" },
			{ kind = "link_down", at = "42s", for = "8s", link = ["library", "lab"] }, { kind = "crash", at = "55s", for = "6s", node = "library" }]`), false},
	} {
		name := c.scenario + map[bool]string{false: "/in process", true: "/over HTTP"}[c.http]
		t.Run(name, func(t *testing.T) {
			sc, err := scenarios.Load(c.scenario, c.set)
			require.NoError(t, err)
			want, hash := simulated(t, sc, sc.Duration)
			synctest.Test(t, func(t *testing.T) {
				got, run := emulated(t, sc, c.http)
				assert.Equal(t, hash, run.TraceSHA256)
				compare(t, want, got)
			})
		})
	}
}

// emulated runs a scenario in real time.
func emulated(t *testing.T, sc *scenarios.Scenario, overHTTP bool) (*traces, *result.Run) {
	t.Helper()
	got := &traces{}
	clock := loop.NewClock()
	o := live.Options{
		Scenario: sc, Scheduler: sc.Scheduler.Spec, Seed: sc.Seed, Clock: clock, Incarnation: counted(),
		Store: &memory{clock: clock, delay: sc.Store.Delay}, Records: got.add,
	}
	if overHTTP {
		var net pipenet.Net
		o.HTTP = &live.HTTP{Listen: net.Listen, Dial: net.Dialer}
	}
	s, err := live.New(o)
	require.NoError(t, err)
	require.NoError(t, s.Open())
	ctx, cancel := context.WithCancel(t.Context())
	s.Start(ctx)
	time.Sleep(time.Duration(sc.Duration) - 1)
	cancel()
	run, err := s.Stop(t.Context())
	require.NoError(t, err)
	return got, run
}
