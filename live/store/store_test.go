package store

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

func TestNewStoreIsEmpty(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		s := open(t, d.fresh(t), Options{})
		assert.Equal(t, core.Snapshot{}, load(t, s))
		assert.Equal(t, int64(1), s.Run())
		assert.WithinDuration(t, time.Now(), s.Epoch(), time.Minute)
		assert.Empty(t, results(t, s, 1, 10))
	})
}

func TestWhatIsCommittedIsLoaded(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		address := d.fresh(t)
		s := open(t, address, Options{})
		m := maker{rand.New(rand.NewPCG(1, 1))}
		var want core.Snapshot
		for id := core.QueryID(1); id <= 50; id++ {
			q := m.query(id)
			want.Queries = append(want.Queries, *q)
			commit(t, s, core.Change{Kind: core.ChangeQuery, Query: q})
		}
		node := core.SavedNode{Node: "edge1", Incarnation: 4, Seq: math.MaxInt64}
		commit(t, s, core.Change{Kind: core.ChangeNode, Node: node})
		want.Nodes, want.LastID = []core.SavedNode{node}, 50
		assert.Equal(t, want, load(t, s))
		epoch := s.Epoch()
		require.NoError(t, s.Close())

		s = open(t, address, Options{})
		assert.Equal(t, want, load(t, s))
		assert.Equal(t, int64(2), s.Run())
		assert.True(t, epoch.Equal(s.Epoch()), "the epoch moved from %v to %v", epoch, s.Epoch())
	})
}

func TestNewestChangeOfAQueryCounts(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		s := open(t, d.fresh(t), Options{})
		a, b := query(1, core.StateReady), query(1, core.StateStopped)
		require.NoError(t, s.Commit(context.Background(), []core.Save{
			{ID: 1, Changes: []core.Change{query(1, core.StateUnscheduled), query(2, core.StateReady), a}}, {ID: 2, Changes: []core.Change{b}},
		}))
		snap := load(t, s)
		require.Len(t, snap.Queries, 2)
		assert.Equal(t, *b.Query, snap.Queries[0])
		commit(t, s, a)
		assert.Equal(t, *a.Query, load(t, s).Queries[0])
	})
}

func TestResultsAreReadAsTheyWere(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		address := d.fresh(t)
		s := open(t, address, Options{})
		m := maker{rand.New(rand.NewPCG(2, 1))}
		save := &core.SavedResult{Node: "edge1", Incarnation: 7}
		for seq := uint64(1); seq <= 300; seq++ {
			save.Results = append(save.Results, m.result(5, seq))
		}
		commit(t, s, core.Change{Kind: core.ChangeResult, Result: save})
		for _, page := range []int{1000, 300, 7} {
			got := results(t, s, 5, page)
			require.Len(t, got, 300)
			for i := range got {
				require.Equal(t, save.Results[i], got[i].Result)
				require.Equal(t, core.NodeID("edge1"), got[i].Node)
				require.Equal(t, core.Incarnation(7), got[i].Incarnation)
			}
		}
		assert.Empty(t, results(t, s, 6, 10))
	})
}

func TestNumbersThatAreNotFiniteDoNotHinderTheRest(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		s := open(t, d.fresh(t), Options{})
		c := batchOf(1, "edge1", 1, 1, 2)
		o := &c.Result.Results[0].Obs
		o.Objects, o.Size, o.Area, o.Calls[0].Bytes = math.NaN(), math.Inf(1), math.Inf(-1), math.NaN()
		commit(t, s, c)
		got := results(t, s, 1, 10)
		require.Len(t, got, 2)
		for _, v := range []float64{got[0].Obs.Objects, got[0].Obs.Size, got[0].Obs.Area, got[0].Obs.Calls[0].Bytes} {
			assert.True(t, math.IsNaN(v), "%v", v)
		}
		assert.Equal(t, c.Result.Results[1], got[1].Result)
	})
}

func TestResultsAreStoredOnce(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		s := open(t, d.fresh(t), Options{})
		commit(t, s, query(1, core.StateRunning))
		first := batchOf(1, "edge1", 1, 1, 10)
		commit(t, s, first)
		commit(t, s, first)
		commit(t, s, batchOf(1, "edge1", 1, 6, 10), batchOf(1, "edge1", 1, 14, 2))
		commit(t, s, batchOf(1, "edge1", 2, 1, 1), batchOf(1, "edge2", 1, 1, 1))
		want := []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 1, 1}
		assert.Equal(t, want, seqs(results(t, s, 1, 1000)))
		latest, err := s.Latest(context.Background(), 1, 17)
		require.NoError(t, err)
		assert.Equal(t, want, seqs(latest))
	})
}

func TestLatestIsTheSameFromMemoryAndFromTheStore(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		address := d.fresh(t)
		s := open(t, address, Options{Recent: 5})
		commit(t, s, query(1, core.StateRunning), query(2, core.StateRunning))
		next := uint64(1)
		for range 4 {
			commit(t, s, batchOf(1, "edge1", 1, next, 3))
			commit(t, s, failedBatch(next)) // an outage's frames do not push out what there is
			commit(t, s, batchOf(2, "edge2", 1, next, 3))
			next += 3
			all := done(results(t, s, 1, 100))
			for n := range 8 {
				got, err := s.Latest(context.Background(), 1, n)
				require.NoError(t, err)
				assert.Equal(t, seqs(all[max(0, len(all)-n):]), seqs(got))
			}
		}
		got, ok := s.recent.last(1, 5)
		assert.True(t, ok)
		assert.Equal(t, done(results(t, s, 1, 100))[7:], got)
		_, ok = s.recent.last(1, 6)
		assert.False(t, ok)

		commit(t, s, query(1, core.StateDone)) // it has ended: memory is not kept for it
		_, ok = s.recent.last(1, 1)
		assert.False(t, ok)
		got, err := s.Latest(context.Background(), 1, 2)
		require.NoError(t, err)
		assert.Equal(t, []uint64{11, 12}, seqs(got))

		require.NoError(t, s.Close())
		s = open(t, address, Options{Recent: 5})
		commit(t, s, batchOf(2, "edge2", 1, next, 1))
		got, err = s.Latest(context.Background(), 2, 3)
		require.NoError(t, err)
		assert.Equal(t, []uint64{11, 12, 13}, seqs(got))
	})
}

// failedBatch are results of query 1 whose frames have failed.
func failedBatch(first uint64) core.Change {
	c := batchOf(1, "edge1", 2, first, 3)
	for i := range c.Result.Results {
		c.Result.Results[i].Outcome, c.Result.Results[i].Reason = core.OutcomeFailed, core.ReasonUnreachable
	}
	return c
}

func TestIncarnationsRise(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		address := d.fresh(t)
		next := func(s *Store, node core.NodeID) core.Incarnation {
			inc, err := s.NextIncarnation(context.Background(), node)
			require.NoError(t, err)
			return inc
		}
		s := open(t, address, Options{})
		assert.Equal(t, core.Incarnation(1), next(s, "cloud"))
		assert.Equal(t, core.Incarnation(2), next(s, "cloud"))
		assert.Equal(t, core.Incarnation(1), next(s, "edge1"))
		commit(t, s, core.Change{Kind: core.ChangeNode, Node: core.SavedNode{Node: "edge1", Incarnation: 9, Seq: 1}})
		require.NoError(t, s.Close())
		s = open(t, address, Options{})
		assert.Equal(t, core.Incarnation(3), next(s, "cloud"))
		assert.Equal(t, core.Incarnation(10), next(s, "edge1"), "results of incarnation 9 were stored")
		_, err := s.NextIncarnation(context.Background(), "bad\x00name")
		require.ErrorContains(t, err, "UTF-8")
	})
}

// TestBadSavesAreRefusedAsAWhole holds that what a database could not keep as it
// is, or what is no save at all, is refused with words and leaves nothing behind.
func TestBadSavesAreRefusedAsAWhole(t *testing.T) {
	bad := map[string]core.Change{
		"unknown kind":                  {Kind: 9},
		"empty":                         {Kind: core.ChangeQuery},
		"or empty":                      {Kind: core.ChangeResult},
		"query 0 has no id":             query(0, core.StateReady),
		"query 7 is in no known state":  query(7, 99),
		"id that is out of range":       query(math.MaxUint64, core.StateReady),
		"result number that is out of":  batchOf(1, "edge1", 1, math.MaxUint64, 1),
		`name that is not UTF-8 text`:   batchOf(1, "ed\xffge", 1, 1, 1),
		"call's node that is not UTF-8": batchOf(1, "edge1", 1, 1, 1),
		"no known outcome":              batchOf(1, "edge1", 1, 1, 1),
		"accuracy bound that is not":    query(1, core.StateReady),
		"plan that cannot be stored":    query(1, core.StateReady),
		"has a service that is not":     query(1, core.StateReady),
		"key that is not UTF-8":         query(1, core.StateReady),
		"incarnation that is out of":    {Kind: core.ChangeNode, Node: core.SavedNode{Node: "a", Incarnation: math.MaxUint64}},
	}
	bad["call's node that is not UTF-8"].Result.Results[0].Obs.Calls[0].Node = "a\x00"
	bad["no known outcome"].Result.Results[0].Outcome = 17
	bad["accuracy bound that is not"].Query.Query.Constraint.Accuracy = math.NaN()
	bad["plan that cannot be stored"].Query.Plan.Video.FPS = math.Inf(1)
	bad["has a service that is not"].Query.Query.Pipeline[0].Service = "\xff"
	bad["key that is not UTF-8"].Query.Query.Key = "\x00"
	forEach(t, func(t *testing.T, d database) {
		s := open(t, d.fresh(t), Options{})
		commit(t, s, query(1, core.StateReady))
		before := load(t, s)
		for want, c := range bad {
			err := s.Commit(context.Background(), []core.Save{
				{ID: 1, Changes: []core.Change{query(2, core.StateReady), batchOf(2, "edge1", 1, 1, 5)}},
				{ID: 2, Changes: []core.Change{c}},
			})
			require.ErrorContains(t, err, want)
			assert.Equal(t, before, load(t, s), want)
			assert.Empty(t, results(t, s, 2, 10), want)
		}
	})
}

func TestClosedStoreSaysSo(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		s := open(t, d.fresh(t), Options{})
		require.NoError(t, s.Close())
		require.NoError(t, s.Close())
		_, err := s.Load(context.Background())
		require.ErrorIs(t, err, ErrClosed)
		require.ErrorIs(t, s.Commit(context.Background(), nil), ErrClosed)
		_, err = s.Results(context.Background(), 1, 0, 1)
		require.ErrorIs(t, err, ErrClosed)
		_, err = s.Latest(context.Background(), 1, 1)
		require.ErrorIs(t, err, ErrClosed)
		_, err = s.NextIncarnation(context.Background(), "cloud")
		require.ErrorIs(t, err, ErrClosed)
		_, err = s.Retain(context.Background())
		require.NoError(t, err) // nothing is to be deleted
	})
}

// TestReadersDoNotKeepCommitsWaiting has a page open while saves are committed.
func TestReadersDoNotKeepCommitsWaiting(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		s := open(t, d.fresh(t), Options{})
		commit(t, s, batchOf(1, "edge1", 1, 1, 1000))
		rows, err := s.e.pool().QueryContext(context.Background(), "SELECT id FROM results")
		require.NoError(t, err)
		defer rows.Close()
		require.True(t, rows.Next())
		done := make(chan struct{})
		go func() {
			defer close(done)
			commit(t, s, batchOf(1, "edge1", 1, 1001, 1000))
		}()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal("a commit waits for a reader")
		}
		n := 1
		for rows.Next() {
			n++
		}
		require.NoError(t, rows.Err())
		assert.Equal(t, 1000, n, "a reader sees one instant")
	})
}

// TestSQLReadsTheTables reads what SQL users would.
func TestSQLReadsTheTables(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		s := open(t, d.fresh(t), Options{})
		commit(t, s, query(1, core.StateRunning), batchOf(1, "edge1", 1, 1, 3))
		var outcome, state, service string
		var frame, latency, objects int64
		db := s.e.pool()
		require.NoError(t, db.QueryRow(`SELECT q.state, r.outcome, r.camera_frame, r.latency_ns, r.objects, q.pipeline -> 1 ->> 'service'
			FROM results r JOIN queries q ON q.id = r.query WHERE r.seq = 2`).Scan(&state, &outcome, &frame, &latency, &objects, &service))
		assert.Equal(t, []any{"running", "done", "align"}, []any{state, outcome, service})
		assert.Equal(t, []int64{12, 120_000_000, 4}, []int64{frame, latency, objects})
		var calls, work, stage int64
		var bytes float64
		require.NoError(t, db.QueryRow(`SELECT count(*), sum(work_ns), sum(bytes), max(stage) FROM calls WHERE node = 'cloud' AND model = 1`).
			Scan(&calls, &work, &bytes, &stage))
		assert.Equal(t, []int64{3, 3 * 41234567, 0}, []int64{calls, work, stage})
		assert.InDelta(t, 3*45678, bytes, 0)
	})
}

// TestDurabilityIsAskedFor holds the settings on which "survives the loss of
// power" rests, which no test can try.
func TestDurabilityIsAskedFor(t *testing.T) {
	for i, want := range []map[string]string{
		{"PRAGMA synchronous": "2", "PRAGMA journal_mode": "wal", "PRAGMA application_id": "1986618481"},
		{"SHOW synchronous_commit": "on", "SHOW application_name": "vidq"},
	} {
		address := databases[i].fresh(t)
		if i == 1 {
			address += "&synchronous_commit=off"
		}
		s := open(t, address, Options{})
		s.drop(context.Canceled) // and on the next connection too
		load(t, s)
		for statement, value := range want {
			var got string
			require.NoError(t, s.conn.QueryRowContext(context.Background(), statement).Scan(&got))
			assert.Equal(t, value, got, statement)
		}
	}
}
