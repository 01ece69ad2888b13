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
)

// listener collects a Writer's answers.
type listener struct {
	mu      sync.Mutex
	answers []core.Saved
	hold    chan struct{} // if not nil, an answer waits for it
}

func (l *listener) hear(s core.Saved) {
	if l.hold != nil {
		<-l.hold
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers = append(l.answers, s)
}

func (l *listener) ids() (ids []uint64, refused int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.answers {
		ids = append(ids, a.ID)
		if a.Err != "" {
			refused++
		}
	}
	return ids, refused
}

// upTo is 1, 2, ... n.
func upTo(n uint64) []uint64 {
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = uint64(i) + 1
	}
	return ids
}

func TestWriterAnswersInOrderAndDrains(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		s := open(t, d.fresh(t), Options{Batch: 100})
		var l listener
		w := s.NewWriter(l.hear)
		for id := uint64(1); id <= 300; id++ {
			w.Save(&core.Save{ID: id, Changes: []core.Change{batchOf(1, "edge1", 1, 1+(id-1)*7, 7)}})
		}
		require.NoError(t, w.Close(context.Background()))
		ids, refused := l.ids()
		assert.Equal(t, upTo(300), ids)
		assert.Zero(t, refused)
		assert.Equal(t, upTo(2100), seqs(results(t, s, 1, 1000)))
		assert.Less(t, s.state.commits, int64(200), "saves that wait share a transaction")
		w.Save(&core.Save{ID: 1}) // harmless
	})
}

// TestWriterRefusesOnlyTheGuilty has bad saves among good ones.
func TestWriterRefusesOnlyTheGuilty(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		s := open(t, d.fresh(t), Options{})
		l := listener{hold: make(chan struct{}, 1000)}
		w := s.NewWriter(l.hear)
		for id := uint64(1); id <= 90; id++ {
			c := query(core.QueryID(id), core.StateReady)
			if id%3 == 0 {
				c.Kind = 77
			}
			w.Save(&core.Save{ID: id, Changes: []core.Change{c}})
		}
		close(l.hold)
		require.NoError(t, w.Close(context.Background()))
		ids, refused := l.ids()
		assert.Equal(t, upTo(90), ids)
		assert.Equal(t, 30, refused)
		for i, a := range l.answers {
			assert.Equal(t, i%3 == 2, a.Err != "", "save %d: %s", i+1, a.Err)
		}
		assert.Len(t, load(t, s).Queries, 60)
	})
}

// TestWriterTriesSavesOneByOne has the database itself refuse one save of several,
// by a rule that the store does not know of.
func TestWriterTriesSavesOneByOne(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		s := open(t, d.fresh(t), Options{})
		_, err := s.conn.ExecContext(context.Background(), "CREATE UNIQUE INDEX one_camera ON queries (camera)")
		require.NoError(t, err)
		l := listener{hold: make(chan struct{})}
		w := s.NewWriter(l.hear)
		for id := uint64(1); id <= 10; id++ {
			c := query(core.QueryID(id), core.StateReady)
			c.Query.Query.Camera = core.CameraID(fmt.Sprint(id % 5))
			w.Save(&core.Save{ID: id, Changes: []core.Change{c, batchOf(core.QueryID(id), "edge1", 1, id, 1)}})
		}
		close(l.hold)
		require.NoError(t, w.Close(context.Background()))
		ids, refused := l.ids()
		assert.Equal(t, upTo(10), ids)
		assert.Equal(t, 5, refused)
		assert.Len(t, load(t, s).Queries, 5)
		assert.Empty(t, results(t, s, 6, 10), "a save is durable as a whole or not at all")
		assert.Len(t, results(t, s, 5, 10), 1)
	})
}

func TestWriterThatIsTooSlowRefuses(t *testing.T) {
	s := open(t, databases[0].fresh(t), Options{Queue: 50})
	l := listener{hold: make(chan struct{})}
	w := s.NewWriter(l.hear)
	for id := uint64(1); id <= 40; id++ {
		w.Save(&core.Save{ID: id, Changes: []core.Change{batchOf(1, "edge1", 1, 1+(id-1)*10, 9)}})
	}
	close(l.hold)
	require.NoError(t, w.Close(context.Background()))
	ids, refused := l.ids()
	assert.Equal(t, upTo(40), ids)
	assert.Positive(t, refused)
	assert.Contains(t, l.answers[39].Err, "too slow")
	stored := len(results(t, s, 1, 1000))
	assert.Equal(t, (40-refused)*9, stored)
	assert.GreaterOrEqual(t, stored, 5*9, "what fits the queue is taken")

	// A save that is larger than the whole queue is taken when nothing else waits.
	l2 := listener{}
	w = s.NewWriter(l2.hear)
	w.Save(&core.Save{ID: 1, Changes: []core.Change{batchOf(2, "edge2", 1, 1, 500)}})
	require.NoError(t, w.Close(context.Background()))
	assert.Equal(t, []core.Saved{{ID: 1}}, l2.answers)
}

// TestWriterCloseDoesNotWaitForever closes a Writer of a store that does not answer.
func TestWriterCloseDoesNotWaitForever(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		s := open(t, d.fresh(t), Options{Batch: 1, Timeout: time.Second})
		l := listener{hold: make(chan struct{})}
		w := s.NewWriter(l.hear)
		for id := uint64(1); id <= 20; id++ {
			w.Save(&core.Save{ID: id, Changes: []core.Change{query(core.QueryID(id), core.StateReady)}})
		}
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		time.AfterFunc(300*time.Millisecond, func() { close(l.hold) })
		require.ErrorIs(t, w.Close(ctx), context.DeadlineExceeded)
		ids, refused := l.ids()
		assert.Equal(t, upTo(20), ids)
		assert.Positive(t, refused)
		assert.Len(t, load(t, s).Queries, 20-refused)
	})
}
