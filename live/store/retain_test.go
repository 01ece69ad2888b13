package store

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// retain deletes all that is not kept, and returns in how many steps.
func retain(t *testing.T, s *Store) (steps int) {
	t.Helper()
	for {
		more, err := s.Retain(context.Background())
		require.NoError(t, err)
		if !more {
			return steps
		}
		steps++
		require.Less(t, steps, 10_000)
	}
}

func TestOldResultsAreDeletedInSteps(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		c := &clock{}
		s := open(t, d.fresh(t), Options{Now: c.now, Retention: Retention{Age: time.Hour, Step: 10}})
		commit(t, s, batchOf(1, "edge1", 1, 1, 95))
		c.advance(30 * time.Minute)
		commit(t, s, batchOf(1, "edge1", 1, 96, 50))
		assert.Zero(t, retain(t, s))
		c.advance(40 * time.Minute)
		assert.Equal(t, 9, retain(t, s))
		got := results(t, s, 1, 1000)
		require.Len(t, got, 50)
		assert.Equal(t, uint64(96), got[0].Seq)
		c.advance(time.Hour)
		retain(t, s)
		assert.Empty(t, results(t, s, 1, 10))

		commit(t, s, batchOf(1, "edge1", 1, 200, 1))
		assert.Greater(t, results(t, s, 1, 1)[0].ID, got[49].ID, "a page goes on after what was deleted")
	})
}

func TestNewestResultsOfEachQueryAreKept(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		address := d.fresh(t)
		o := Options{Retention: Retention{PerQuery: 30, Step: 7}}
		s := open(t, address, o)
		commit(t, s, query(1, core.StateRunning), query(2, core.StateRunning))
		commit(t, s, batchOf(1, "edge1", 1, 1, 100), batchOf(2, "edge2", 1, 1, 20))
		commit(t, s, batchOf(3, "edge3", 1, 1, 40)) // of a query that was never saved
		kept := func(q core.QueryID, from, to uint64) {
			t.Helper()
			got := seqs(results(t, s, q, 1000))
			require.Len(t, got, int(to-from+1))
			assert.Equal(t, from, got[0])
			assert.Equal(t, to, got[len(got)-1])
		}
		assert.GreaterOrEqual(t, retain(t, s), 10)
		kept(1, 71, 100)
		kept(2, 1, 20)
		kept(3, 11, 40)
		commit(t, s, batchOf(1, "edge1", 1, 101, 5), batchOf(2, "edge2", 1, 21, 15))
		commit(t, s, batchOf(2, "edge2", 1, 21, 15)) // again
		retain(t, s)
		kept(1, 76, 105)
		kept(2, 6, 35)

		require.NoError(t, s.Close())
		s = open(t, address, o)
		commit(t, s, batchOf(1, "edge1", 1, 106, 1))
		retain(t, s)
		kept(1, 77, 106)
		kept(2, 6, 35)
		assert.Zero(t, retain(t, s))
	})
}

func TestEndedQueriesAreForgottenTheirIdsAreNot(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		c := &clock{}
		address := d.fresh(t)
		o := Options{Now: c.now, Retention: Retention{Ended: time.Hour, Step: 10}}
		s := open(t, address, o)
		for id := core.QueryID(1); id <= 4; id++ {
			commit(t, s, query(id, core.StateRunning), batchOf(id, "edge1", core.Incarnation(id), 1, 25))
		}
		commit(t, s, query(2, core.StateDone), query(4, core.StateFailed))
		c.advance(50 * time.Minute)
		commit(t, s, query(3, core.StateStopped))
		assert.Zero(t, retain(t, s))
		c.advance(20 * time.Minute)
		retain(t, s)
		check := func() {
			t.Helper()
			snap := load(t, s)
			require.Len(t, snap.Queries, 2)
			assert.Equal(t, []core.QueryID{1, 3}, []core.QueryID{snap.Queries[0].Query.ID, snap.Queries[1].Query.ID})
			assert.Equal(t, core.QueryID(4), snap.LastID)
		}
		check()
		for id, n := range map[core.QueryID]int{1: 25, 2: 0, 3: 25, 4: 0} {
			assert.Len(t, results(t, s, id, 100), n)
		}
		require.NoError(t, s.Close())
		s = open(t, address, o)
		check()
	})
}

// TestWriterSeesToRetention has a Writer keep up with what comes, while it comes.
func TestWriterSeesToRetention(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		s := open(t, d.fresh(t), Options{Batch: 50, Retention: Retention{PerQuery: 100, Every: 10 * time.Millisecond, Step: 50}})
		var l listener
		w := s.NewWriter(l.hear)
		for id := uint64(1); id <= 100; id++ {
			w.Save(&core.Save{ID: id, Changes: []core.Change{batchOf(1, "edge1", 1, 1+(id-1)*20, 20)}})
			time.Sleep(time.Millisecond)
		}
		require.Eventually(t, func() bool {
			ids, _ := l.ids()
			return len(ids) == 100 && len(results(t, s, 1, 1000)) == 100
		}, 30*time.Second, 10*time.Millisecond)
		assert.Equal(t, uint64(1901), results(t, s, 1, 1)[0].Seq)
		require.NoError(t, w.Close(context.Background()))
	})
}
