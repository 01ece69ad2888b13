package store

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// managed is a query manager on a store: the smallest driver that there is.
type managed struct {
	t       *testing.T
	s       *Store
	w       *Writer
	m       *core.QueryManager
	fx      core.Effects
	now     core.Time
	saved   chan core.Saved
	waiting int // saves under way
	sent    []core.Message
}

// start builds a manager from what a store holds.
func start(t *testing.T, s *Store) *managed {
	t.Helper()
	inc, err := s.NextIncarnation(context.Background(), "cloud")
	require.NoError(t, err)
	d := &managed{t: t, s: s, saved: make(chan core.Saved, 100)}
	d.w = s.NewWriter(func(saved core.Saved) { d.saved <- saved })
	d.m = core.NewQueryManager(core.QueryManagerConfig{Node: "cloud", Incarnation: inc, Nodes: []core.Join{edge(0)}}, load(t, s))
	d.step(&core.Timer{})
	return d
}

func edge(inc core.Incarnation) core.Join {
	return core.Join{Node: "edge1", Incarnation: inc, Cameras: []core.Camera{{ID: "yard", Node: "edge1", FPS: 30}}}
}

// step takes an event and waits until nothing is under way.
func (d *managed) step(ev core.Event) {
	d.now += core.Millisecond
	d.m.Step(d.now, ev, &d.fx)
	d.fx.Drain(d)
	for d.waiting > 0 {
		saved := <-d.saved
		d.waiting--
		d.m.Step(d.now, &saved, &d.fx)
		d.fx.Drain(d)
	}
}

// tell sends a message and returns the answer of a type.
func tell[T core.Message](d *managed, msg core.Message) T {
	d.t.Helper()
	d.sent = nil
	d.step(&core.Received{From: core.Address{Node: "me", Part: core.PartUser}, Msg: msg})
	for _, m := range d.sent {
		if a, ok := m.(T); ok {
			return a
		}
	}
	d.t.Fatalf("%T was not answered", msg)
	panic("not reached")
}

func (d *managed) Record(core.Record)    {}
func (d *managed) Wake(*core.Wake)       {}
func (d *managed) Send(s *core.Send)     { d.sent = append(d.sent, s.Msg) }
func (d *managed) Capture(*core.Capture) { panic("a query manager has no camera") }
func (d *managed) Invoke(*core.Invoke)   { panic("a query manager calls no service") }
func (d *managed) Release(*core.Release) { panic("a query manager holds no frame") }
func (d *managed) Save(s *core.Save)     { d.waiting++; d.w.Save(s) }

func submission(key string) *core.SubmitQuery {
	return &core.SubmitQuery{Request: 1, Query: core.Query{Key: key, Node: "edge1", Camera: "yard", Pipeline: core.Linear("detect")}}
}

// TestManagerGoesOnAfterARestart runs a query manager on a store, restarts it, and
// holds that it adopts its queries, knows what it has acknowledged, refuses what
// cannot be stored, and gives no id twice.
func TestManagerGoesOnAfterARestart(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		address := d.fresh(t)
		s := open(t, address, Options{})
		m := start(t, s)
		assert.Equal(t, core.QueryID(1), tell[*core.SubmitAnswer](m, submission("face/headup")).Query)
		assert.Equal(t, core.QueryID(2), tell[*core.SubmitAnswer](m, submission("face/crowd")).Query)
		join := edge(4)
		tell[*core.JoinAck](m, &join)
		batch := &core.SyncResults{Node: "edge1", Incarnation: 4, First: 1, Results: batchOf(1, "edge1", 4, 1, 40).Result.Results}
		assert.Equal(t, uint64(40), tell[*core.SyncAck](m, batch).Seq)

		_, err := s.conn.ExecContext(context.Background(), d.refuse)
		require.NoError(t, err)
		refused := tell[*core.SubmitAnswer](m, submission("face/late"))
		assert.Contains(t, refused.Err, "could not be stored")
		assert.Contains(t, refused.Err, ErrReadOnly.Error())
		assert.Zero(t, refused.Query)
		_, err = s.conn.ExecContext(context.Background(), d.allow)
		require.NoError(t, err)
		assert.Empty(t, tell[*core.StopAnswer](m, &core.StopQuery{Request: 2, Query: 2}).Err)
		require.NoError(t, m.w.Close(context.Background()))
		require.NoError(t, s.Close())

		s = open(t, address, Options{})
		m = start(t, s)
		assert.Equal(t, core.QueryID(1), tell[*core.SubmitAnswer](m, submission("face/headup")).Query, "adopted")
		q, ok := m.m.Query(2)
		require.True(t, ok)
		assert.Equal(t, core.StateStopped, q.State)
		tell[*core.JoinAck](m, &join)
		assert.Equal(t, uint64(40), tell[*core.SyncAck](m, batch).Seq, "stored before the restart")
		batch = &core.SyncResults{Node: "edge1", Incarnation: 4, First: 31, Results: batchOf(1, "edge1", 4, 31, 20).Result.Results}
		assert.Equal(t, uint64(50), tell[*core.SyncAck](m, batch).Seq)
		assert.Equal(t, upTo(50), seqs(results(t, s, 1, 100)))
		assert.Greater(t, tell[*core.SubmitAnswer](m, submission("face/late")).Query, core.QueryID(2))
		require.NoError(t, m.w.Close(context.Background()))
	})
}
