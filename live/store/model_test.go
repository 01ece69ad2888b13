package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/core/coretest"
)

// model is what a store must hold, kept in the simplest way.
type model struct {
	queries      map[core.QueryID]core.SavedQuery
	nodes        map[core.NodeID]core.SavedNode
	results      []modelResult // in the order of their storing
	stored       map[string]bool
	lastID       core.QueryID
	incarnations map[core.NodeID]core.Incarnation
}

type modelResult struct {
	node core.NodeID
	inc  core.Incarnation
	core.Result
}

func (m *model) apply(changes []core.Change) {
	for i := range changes {
		switch c := &changes[i]; c.Kind {
		case core.ChangeQuery:
			m.queries[c.Query.Query.ID] = *c.Query
			m.lastID = max(m.lastID, c.Query.Query.ID)
		case core.ChangeNode:
			m.nodes[c.Node.Node] = c.Node
		case core.ChangeResult:
			for _, r := range c.Result.Results {
				key := fmt.Sprint(c.Result.Node, c.Result.Incarnation, r.Seq)
				if !m.stored[key] {
					m.stored[key] = true
					m.results = append(m.results, modelResult{c.Result.Node, c.Result.Incarnation, r})
				}
			}
		}
	}
}

// check compares a store with the model.
func (m *model) check(t *testing.T, s *Store) {
	t.Helper()
	snap := load(t, s)
	require.Equal(t, m.lastID, snap.LastID)
	require.Len(t, snap.Queries, len(m.queries))
	for _, q := range snap.Queries {
		require.Equal(t, m.queries[q.Query.ID], q)
	}
	require.Len(t, snap.Nodes, len(m.nodes))
	for _, n := range snap.Nodes {
		require.Equal(t, m.nodes[n.Node], n)
	}
	for q := core.QueryID(0); q <= modelQueries; q++ {
		var want []modelResult
		for _, r := range m.results {
			if r.Obs.Query == q {
				want = append(want, r)
			}
		}
		got := results(t, s, q, 17)
		require.Len(t, got, len(want))
		for i := range got {
			require.Equal(t, want[i], modelResult{got[i].Node, got[i].Incarnation, got[i].Result})
		}
		latest, err := s.Latest(context.Background(), q, 10)
		require.NoError(t, err)
		got = done(got)
		require.Equal(t, seqs(got[max(0, len(got)-10):]), seqs(latest))
	}
}

// modelQueries is the highest id of a query in the property test.
const modelQueries = 12

// changes makes a random save of a query manager that sometimes repeats itself.
func (m maker) changes() []core.Change {
	var all []core.Change
	for range 1 + m.IntN(4) {
		node := core.NodeID([]string{"a", "b", "c"}[m.IntN(3)])
		inc := core.Incarnation(1 + m.IntN(3))
		switch m.IntN(3) {
		case 0:
			all = append(all, core.Change{Kind: core.ChangeQuery, Query: m.query(core.QueryID(1 + m.IntN(modelQueries)))})
		case 1:
			all = append(all, core.Change{Kind: core.ChangeNode, Node: core.SavedNode{Node: node, Incarnation: inc, Seq: uint64(m.IntN(1000))}})
		case 2:
			r := &core.SavedResult{Node: node, Incarnation: inc}
			first := uint64(m.IntN(200))
			for i := range uint64(m.IntN(20)) {
				r.Results = append(r.Results, m.result(core.QueryID(m.IntN(modelQueries+1)), first+i))
			}
			all = append(all, core.Change{Kind: core.ChangeResult, Result: r})
		}
	}
	return all
}

// TestStoreIsItsModel does random things to a store and to a model, and compares
// them: saves, several in a transaction, through a Writer or not, bad ones,
// writes refused by the database, broken connections, new starts.
// VIDQ_SEEDS=n runs n seeds.
func TestStoreIsItsModel(t *testing.T) {
	seeds := uint64(coretest.Cases(3))
	if n, err := strconv.ParseUint(os.Getenv("VIDQ_SEEDS"), 10, 64); err == nil {
		seeds = n
	}
	forEach(t, func(t *testing.T, d database) {
		for seed := range seeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) { runModel(t, d, seed) })
		}
	})
}

func runModel(t *testing.T, d database, seed uint64) {
	ctx := context.Background()
	m := maker{rand.New(rand.NewPCG(seed, 5))}
	want := &model{
		queries: map[core.QueryID]core.SavedQuery{}, nodes: map[core.NodeID]core.SavedNode{}, stored: map[string]bool{},
		incarnations: map[core.NodeID]core.Incarnation{},
	}
	address := d.fresh(t)
	o := Options{Recent: 10, Batch: 40}
	s, err := Open(ctx, address, o)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	for step := range 120 {
		var saves []core.Save
		for i := range 1 + m.IntN(4) {
			saves = append(saves, core.Save{ID: uint64(i) + 1, Changes: m.changes()})
		}
		switch op := m.IntN(10); op {
		case 0: // a new start
			require.NoError(t, s.Close())
			s, err = Open(ctx, address, o)
			require.NoError(t, err)
		case 1: // a broken connection
			if s.conn != nil { // else it is broken already
				s.drop(context.Canceled)
			}
		case 2: // writes are refused
			load(t, s) // connects
			_, err := s.conn.ExecContext(ctx, d.refuse)
			require.NoError(t, err)
			require.ErrorIs(t, s.Commit(ctx, saves), ErrReadOnly)
			_, err = s.conn.ExecContext(ctx, d.allow)
			require.NoError(t, err)
		case 3: // a bad save spoils a transaction
			at := m.IntN(len(saves))
			saves[at].Changes = append(saves[at].Changes, core.Change{Kind: 9})
			require.Error(t, s.Commit(ctx, saves))
		case 4: // and among others is alone refused
			bad := m.IntN(len(saves))
			saves[bad].Changes = append(slices.Clone(saves[bad].Changes), core.Change{Kind: 9})
			var l listener
			w := s.NewWriter(l.hear)
			for i := range saves {
				w.Save(&saves[i])
				if i != bad {
					want.apply(saves[i].Changes)
				}
			}
			require.NoError(t, w.Close(ctx))
			for i, a := range l.answers {
				assert.Equal(t, i == bad, a.Err != "", a.Err)
			}
		case 5:
			node := core.NodeID([]string{"a", "b", "c"}[m.IntN(3)])
			inc, err := s.NextIncarnation(ctx, node)
			require.NoError(t, err)
			before := max(want.incarnations[node], want.nodes[node].Incarnation)
			require.Equal(t, before+1, inc)
			want.incarnations[node] = inc
		default:
			require.NoError(t, s.Commit(ctx, saves))
			for i := range saves {
				want.apply(saves[i].Changes)
			}
		}
		if step%10 == 9 {
			want.check(t, s)
		}
	}
}
