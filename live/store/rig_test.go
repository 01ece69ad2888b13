package store

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"vidq/core"
	"vidq/live/store/pgtest"
)

// TestMain runs the tests; or, with a variable set by a test, what that test wants
// to have killed.
func TestMain(m *testing.M) {
	if address := os.Getenv(childVariable); address != "" {
		child(address)
		return
	}
	code := m.Run()
	if shared.server != nil {
		shared.server.Stop()
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// shared is the server of all tests that do not harm it.
var shared struct {
	once   sync.Once
	server *pgtest.Server
	err    error
}

func server(t testing.TB) *pgtest.Server {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.err = pgtest.Start(pgtest.Options{}) })
	require.NoError(t, shared.err)
	return shared.server
}

// database is an engine as tests see it.
type database struct {
	name  string
	fresh func(t testing.TB) string // makes a store's URL
	// statements on the writing connection
	refuse, allow string // writes
}

var databases = []database{
	{
		name:   "sqlite",
		fresh:  func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "vidq.db") },
		refuse: "PRAGMA query_only = on", allow: "PRAGMA query_only = off",
	},
	{
		name:   "postgres",
		fresh:  func(t testing.TB) string { return server(t).Schema(t) },
		refuse: "SET default_transaction_read_only = on", allow: "SET default_transaction_read_only = off",
	},
}

// forEach runs a test of the conformance suite on every database.
func forEach(t *testing.T, f func(t *testing.T, d database)) {
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) { f(t, d) })
	}
}

// open opens a store that is closed when the test ends.
func open(t testing.TB, address string, o Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), address, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// load loads the snapshot.
func load(t testing.TB, s *Store) core.Snapshot {
	t.Helper()
	snap, err := s.Load(context.Background())
	require.NoError(t, err)
	return snap
}

// commit commits changes as one save.
func commit(t testing.TB, s *Store, changes ...core.Change) {
	t.Helper()
	require.NoError(t, s.Commit(context.Background(), []core.Save{{ID: 1, Changes: changes}}))
}

// results reads all results of a query in pages.
func results(t testing.TB, s *Store, query core.QueryID, page int) []Result {
	t.Helper()
	var all []Result
	after := int64(0)
	for {
		r, err := s.Results(context.Background(), query, after, page)
		require.NoError(t, err)
		all = append(all, r...)
		if len(r) < page {
			return all
		}
		after = r[len(r)-1].ID
	}
}

// query is a query's change.
func query(id core.QueryID, state core.State) core.Change {
	return core.Change{Kind: core.ChangeQuery, Query: &core.SavedQuery{
		Query: core.Query{ID: id, Key: fmt.Sprintf("test/%d", id), Node: "edge1", Camera: "yard", Pipeline: core.Linear("detect", "align")},
		State: state,
	}}
}

// batchOf is a batch of n results of a query, from a number on.
func batchOf(q core.QueryID, node core.NodeID, inc core.Incarnation, first uint64, n int) core.Change {
	r := &core.SavedResult{Node: node, Incarnation: inc}
	for i := range n {
		seq := first + uint64(i)
		r.Results = append(r.Results, core.Result{
			Seq: seq, CameraFrame: int64(seq) * 6, Captured: core.Time(seq) * core.Second / 5,
			Obs: core.Observation{
				Query: q, Frame: int64(seq), Revision: 3, At: core.Time(seq)*core.Second/5 + 120*core.Millisecond,
				Latency: 120 * core.Millisecond, RoundTrip: 110 * core.Millisecond, Gap: 6, Encode: 9 * core.Millisecond,
				Objects: 4, Size: 1234.5, Area: 0.012, Known: true,
				Calls: []core.Call{
					{Node: "cloud", Model: 1, RoundTrip: 61234567, Work: 41234567, Wait: 1234567, Transfer: 9234567, Bytes: 45678, Attempts: 1},
					{Node: node, RoundTrip: 51234567, Work: 41234567, Transfer: 234567, Bytes: 5678, Attempts: 1},
				},
			},
		})
	}
	return core.Change{Kind: core.ChangeResult, Result: r}
}

// seqs are the numbers of results.
func seqs(results []Result) []uint64 {
	s := make([]uint64, len(results))
	for i := range results {
		s[i] = results[i].Seq
	}
	return s
}

// done are the results of done frames among some.
func done(results []Result) []Result {
	return slices.DeleteFunc(slices.Clone(results), func(r Result) bool { return r.Outcome != core.OutcomeDone })
}

// maker makes random changes.
type maker struct{ *rand.Rand }

func (m maker) text() string {
	return []string{"", "edge1", "edge-2", "a b", "Überwachung", "quo\"te\\", "tab\there", "日本", "x'; DROP TABLE results; --"}[m.IntN(9)]
}

func (m maker) float() float64 {
	return []float64{0, 1, 0.1, -2.5, 1e300, 5e-324, m.Float64(), math.MaxFloat64, 12345.678}[m.IntN(9)]
}

func (m maker) time() core.Time {
	return []core.Time{0, -1, core.Never, core.Time(m.Int64N(int64(core.Hour)))}[m.IntN(4)]
}

func (m maker) query(id core.QueryID) *core.SavedQuery {
	q := &core.SavedQuery{
		Query: core.Query{
			ID: id, Key: m.text(), Node: core.NodeID(m.text()), Camera: core.CameraID(m.text()),
			Constraint: core.Constraint{Delay: m.time(), Latency: m.time(), Accuracy: m.float()},
		},
		State: core.State(m.IntN(6)), Since: m.time(), Next: m.Int64(),
	}
	for i := range m.IntN(4) {
		s := core.Stage{Name: m.text(), Service: m.text()}
		for p := range i {
			if m.IntN(2) == 0 {
				s.Parents = append(s.Parents, p)
			}
		}
		q.Query.Pipeline = append(q.Query.Pipeline, s)
	}
	if m.IntN(3) > 0 {
		q.Plan = core.Plan{
			Revision: uint64(m.IntN(1000)), Video: core.VideoConf{
				Resolution: core.Resolutions()[m.IntN(4)], FPS: m.float(), Encoder: m.text(), Quality: m.IntN(100),
			},
			InFlight: m.IntN(8), Buffer: m.IntN(3) - 1, Pace: m.float(), Refused: m.IntN(2) == 0,
		}
		for range q.Query.Pipeline {
			q.Plan.Stages = append(q.Plan.Stages, core.Assignment{Node: core.NodeID(m.text()), Model: m.IntN(5)})
		}
		q.Plan = q.Plan.Seal()
	}
	return q
}

func (m maker) result(q core.QueryID, seq uint64) core.Result {
	r := core.Result{
		Seq: seq, Outcome: core.Outcome(m.IntN(3)), Reason: core.Reason(m.IntN(core.NumReasons)),
		CameraFrame: m.Int64(), Captured: m.time(),
		Obs: core.Observation{
			Query: q, Frame: m.Int64(), Revision: uint64(m.Int64()), At: m.time(), Latency: m.time(), RoundTrip: m.time(),
			Gap: m.Int64(), Encode: m.time(), Objects: m.float(), Size: m.float(), Area: m.float(), Known: m.IntN(2) == 0,
		},
	}
	for range m.IntN(4) {
		r.Obs.Calls = append(r.Obs.Calls, core.Call{
			Node: core.NodeID(m.text()), Model: m.IntN(9), RoundTrip: m.time(), Work: m.time(), Wait: m.time(), Transfer: m.time(),
			Bytes: m.float(), Attempts: m.IntN(4),
		})
	}
	return r
}

// clock is a wall clock that stands still unless it is set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		c.at = time.UnixMilli(1_700_000_000_000)
	}
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}
