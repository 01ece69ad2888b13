package store

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/live/store/pgtest"
)

// BenchmarkCommit stores batches of results as a node sends them, one transaction
// each, with everything on that makes them durable. It reports results per second.
func BenchmarkCommit(b *testing.B) {
	forEachBench(b, func(b *testing.B, s *Store) {
		for _, size := range []int{50, 1000} {
			b.Run(fmt.Sprint(size), func(b *testing.B) {
				inc, err := s.NextIncarnation(context.Background(), "edge1")
				require.NoError(b, err)
				before := s.state.lastResult
				b.ResetTimer()
				spent := processorTime(b)
				for i := range b.N {
					seq := uint64(i * size)
					c := []core.Change{
						batchOf(1, "edge1", inc, seq+1, size),
						{Kind: core.ChangeNode, Node: core.SavedNode{Node: "edge1", Incarnation: inc, Seq: seq + uint64(size)}},
					}
					require.NoError(b, s.Commit(context.Background(), []core.Save{{ID: 1, Changes: c}}))
				}
				report(b, s, before, size, spent)
			})
		}
	})
}

// BenchmarkWriter has 20 nodes with one save of 50 results under way each, as a
// query manager has: the Writer gathers what waits.
func BenchmarkWriter(b *testing.B) {
	forEachBench(b, func(b *testing.B, s *Store) {
		const nodes, size = 20, 50
		inc, err := s.NextIncarnation(context.Background(), "node0")
		require.NoError(b, err)
		before := s.state.lastResult
		slots := make(chan struct{}, nodes)
		var failed sync.Once
		w := s.NewWriter(func(saved core.Saved) {
			if saved.Err != "" {
				failed.Do(func() { b.Error(saved.Err) })
			}
			<-slots
		})
		b.ResetTimer()
		spent := processorTime(b)
		for i := range b.N {
			slots <- struct{}{}
			node := core.NodeID(fmt.Sprint("node", i%nodes))
			seq := uint64(i / nodes * size)
			w.Save(&core.Save{ID: uint64(i), Changes: []core.Change{
				batchOf(core.QueryID(i%200+1), node, inc, seq+1, size),
				{Kind: core.ChangeNode, Node: core.SavedNode{Node: node, Incarnation: inc, Seq: seq + size}},
			}})
		}
		require.NoError(b, w.Close(context.Background()))
		report(b, s, before, size, spent)
	})
}

func forEachBench(b *testing.B, f func(b *testing.B, s *Store)) {
	b.Run("sqlite", func(b *testing.B) { f(b, open(b, databases[0].fresh(b), Options{})) })
	b.Run("postgres", func(b *testing.B) {
		f(b, open(b, pgtest.New(b, pgtest.Options{Sync: true}).Database(b), Options{}))
	})
}

// report asserts that the work was done, and says how fast, and how much of a
// processor this process used, which does not hang on what else the machine does.
func report(b *testing.B, s *Store, before int64, size int, spent time.Duration) {
	b.StopTimer()
	spent = processorTime(b) - spent
	require.Equal(b, before+int64(b.N*size), s.state.lastResult)
	var n int64
	require.NoError(b, s.e.pool().QueryRow("SELECT count(*) FROM results").Scan(&n))
	require.Equal(b, s.state.lastResult, n)
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "results/s")
	b.ReportMetric(float64(spent.Microseconds())/float64(b.N*size), "cpu-us/result")
}

// processorTime is what this process has used of the processors.
func processorTime(b testing.TB) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
