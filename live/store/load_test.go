package store

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/core/coretest"
)

// TestLoad stores 20 s (2 s under the race detector) of 200 queries at 5 frames a second, in batches of 250 ms
// from 20 nodes, as fast as it goes: one batch in ten comes twice since its
// acknowledgement was lost, plans change, retention deletes and a reader pages.
// Everything must be there once, and two processors must be enough also under the
// race detector, which makes SQLite thirty times slower: it needs 2% of one, and 65%
// under the detector.
func TestLoad(t *testing.T) {
	const nodes, perNode, fps = 20, 10, 5
	seconds := coretest.Cases(20)
	forEach(t, func(t *testing.T, d database) {
		s := open(t, d.fresh(t), Options{Retention: Retention{PerQuery: 1000, Every: 100 * time.Millisecond}})
		var l listener
		w := s.NewWriter(l.hear)
		stop := make(chan struct{})
		var reader sync.WaitGroup
		reader.Go(func() {
			after := int64(0)
			for {
				page, err := s.Results(context.Background(), 7, after, 50)
				if !assert.NoError(t, err) {
					return
				}
				for _, r := range page {
					assert.Greater(t, r.ID, after)
					after = r.ID
				}
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
		})
		before := processorTime(t)
		id := uint64(0)
		save := func(changes ...core.Change) {
			id++
			w.Save(&core.Save{ID: id, Changes: changes})
		}
		for q := range core.QueryID(nodes * perNode) {
			save(query(q+1, core.StateReady))
		}
		for step := range seconds * 4 {
			for n := range nodes {
				node := core.NodeID(fmt.Sprint("edge", n))
				const size = perNode * fps / 4
				first := uint64(step * size)
				c := batchOf(1, node, 1, first+1, size)
				for i := range c.Result.Results {
					c.Result.Results[i].Obs.Query = core.QueryID(n*perNode + (step*size+i)%perNode + 1)
				}
				at := core.Change{Kind: core.ChangeNode, Node: core.SavedNode{Node: node, Incarnation: 1, Seq: first + size}}
				save(c, at)
				if (step+n)%10 == 0 {
					save(c, at)
				}
			}
			if step%12 == 0 { // a round every 3 s
				var plans []core.Change
				for q := range core.QueryID(nodes * perNode) {
					plans = append(plans, query(q+1, core.StateRunning))
				}
				save(plans...)
			}
		}
		require.NoError(t, w.Close(context.Background()))
		spent := processorTime(t) - before
		close(stop)
		reader.Wait()
		ids, refused := l.ids()
		assert.Equal(t, upTo(id), ids)
		assert.Zero(t, refused)
		total := 0
		for q := range core.QueryID(nodes * perNode) {
			got := results(t, s, q+1, 1000)
			total += len(got)
			have := map[uint64]bool{}
			for _, r := range got {
				assert.False(t, have[r.Seq], "stored twice")
				have[r.Seq] = true
			}
		}
		assert.Equal(t, nodes*seconds*4*(perNode*fps/4), total)
		assert.Less(t, spent, 2*time.Duration(seconds)*time.Second)
		t.Logf("%v of a processor for %d s of load", spent, seconds)
	})
}
