package core

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestQueryTableIsAMap does the same to a table and to a map.
func TestQueryTableIsAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var table queryTable[*int]
	want := map[QueryID]*int{}
	assert.Nil(t, table.get(7), "of an empty one")
	table.remove(7)
	for range 200_000 {
		id := QueryID(rng.Uint64N(300))
		if rng.Uint64N(8) == 0 {
			id <<= 56 // ids that collide
		}
		if rng.Uint64N(2) == 0 {
			v := new(int)
			table.put(id, v)
			want[id] = v
		} else {
			table.remove(id)
			delete(want, id)
		}
		probe := QueryID(rng.Uint64N(300))
		require.Same(t, want[probe], table.get(probe))
		require.Equal(t, len(want), table.n)
	}
	for id, v := range want {
		require.Same(t, v, table.get(id))
	}
	assert.LessOrEqual(t, len(table.slots), 2048, "it grows with what is in it, not with what was")
}
