package live

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/live/loop"
	"vidq/live/serve/pipenet"
	"vidq/live/store"
	"vidq/live/wire"
	"vidq/scenarios"
)

// apart are two processes over one network: the query manager's with all nodes but one, and that
// one's.
func apart(t *testing.T, net *pipenet.Net, sc *scenarios.Scenario, alone core.NodeID) (rest, one *System) {
	t.Helper()
	clock := loop.NewClock()
	build := func(nodes []core.NodeID, s Store) *System {
		sys, err := New(Options{
			Scenario: sc, Scheduler: sc.Scheduler.Spec, Seed: sc.Seed, Clock: clock, Nodes: nodes, RealLinks: true, Store: s,
			HTTP: &HTTP{Listen: net.Listen, Dial: net.Dialer},
		})
		require.NoError(t, err)
		require.NoError(t, sys.Open())
		return sys
	}
	var others []core.NodeID
	for i := range sc.Nodes {
		if n := sc.Nodes[i].ID; n != alone {
			others = append(others, n)
		}
	}
	return build(others, blankStore{}), build([]core.NodeID{alone}, nil)
}

// blankStore makes everything durable at once and keeps nothing.
type blankStore struct{}

func (blankStore) Load(context.Context) (s core.Snapshot, err error) { return s, nil }
func (blankStore) Done(context.Context) (map[core.QueryID]int64, error) {
	return map[core.QueryID]int64{}, nil
}

func (blankStore) Saver(answer func(core.Saved)) Saver { return blankSaver(answer) }

func (blankStore) Latest(context.Context, core.QueryID, int) ([]store.Result, error) { return nil, nil }

type blankSaver func(core.Saved)

func (b blankSaver) Save(s *core.Save)           { id := s.ID; go b(core.Saved{ID: id}) }
func (b blankSaver) Close(context.Context) error { return nil }

// A process that has never heard of a query asks the query manager for its key, once, so that its
// services draw what the simulator draws.
func TestKeyOfFarQuery(t *testing.T) {
	sc, err := scenarios.Load("campus", nil)
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		var net pipenet.Net
		rest, one := apart(t, &net, sc, "mensa")
		ctx, cancel := context.WithCancel(t.Context())
		h := one.here[0]

		// Nobody is up yet: the key is made up, and asked for again later.
		key, sure := h.keyOf(ctx, one.run, 1)
		assert.Equal(t, one.run+"/1", key)
		assert.False(t, sure)

		rest.Start(ctx)
		time.Sleep(3 * time.Second)
		l, err := rest.Queries().List(ctx, wire.Page{Limit: 10})
		require.NoError(t, err)
		asked := 0
		for i := range l.Queries {
			q := &l.Queries[i]
			key, sure = h.keyOf(ctx, one.run, core.QueryID(q.QueryID))
			assert.True(t, sure)
			assert.Equal(t, q.Key, key)
			assert.NotEmpty(t, key)
			asked++
		}
		assert.Greater(t, asked, 2)
		key, sure = h.keyOf(ctx, "another-1", 1)
		assert.Equal(t, "another-1/1", key, "of another run nothing is known")
		assert.True(t, sure)
		key, sure = h.keyOf(ctx, one.run, 999)
		assert.Equal(t, one.run+"/999", key)
		assert.False(t, sure)

		cancel()
		for _, s := range []*System{rest, one} {
			_, err := s.Stop(context.Background())
			require.NoError(t, err)
		}
		key, sure = h.keyOf(t.Context(), one.run, 1)
		assert.Equal(t, l.Queries[0].Key, key, "it is remembered")
		assert.True(t, sure)
	})
}

// Epoch waits for the query manager and tells when its time began.
func TestNotUpYet(t *testing.T) {
	sc, err := scenarios.Load("face", nil)
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		var net pipenet.Net
		rest, one := apart(t, &net, sc, "edge1")
		// Who asks before the first start is told so, and does not wait.
		begin := time.Now()
		_, err := rest.Queries().List(t.Context(), wire.Page{Limit: 10})
		var told *wire.Error
		require.ErrorAs(t, err, &told)
		assert.Equal(t, http.StatusServiceUnavailable, told.HTTP)
		_, err = jobs{one.here[0]}.List(t.Context(), wire.Page{Limit: 10})
		require.ErrorAs(t, err, &told)
		assert.Zero(t, time.Since(begin))
		for _, s := range []*System{rest, one} {
			_, err := s.Stop(context.Background())
			require.NoError(t, err)
		}
	})
}
