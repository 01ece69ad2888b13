package wire

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"vidq/core"
)

// batch is a full batch of results of two stages each, as a busy node sends it.
func batch() *SyncResults {
	r := rand.New(rand.NewPCG(1, 2))
	m := core.SyncResults{Node: "edge1", Incarnation: 1, First: 1, Results: make([]core.Result, 512)}
	for i := range m.Results {
		p := &m.Results[i]
		fill(r, reflect.ValueOf(p).Elem())
		p.Obs.Objects, p.Obs.Size, p.Obs.Area = 2, 8486.79742663959, .0276 // finite, so that encoding/json can read them
		p.Obs.Calls = []core.Call{{Node: "edge1", RoundTrip: 123456789, Work: 100000001, Bytes: 90000, Attempts: 1}, {Node: "cloud", RoundTrip: 23456789, Bytes: 9000, Attempts: 1}}
	}
	return FromSyncResults(&m, func(int) Counts { return Counts{"up": 2, "total": 2} })
}

func BenchmarkEncodeBatch(b *testing.B) {
	in := batch()
	b.ReportAllocs()
	for b.Loop() {
		data, err := Encode(in)
		require.NoError(b, err)
		b.SetBytes(int64(len(data)))
	}
}

func BenchmarkDecodeBatch(b *testing.B) {
	data, err := Encode(batch())
	require.NoError(b, err)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		_, err := Decode[SyncResults](data)
		require.NoError(b, err)
	}
}

// BenchmarkDecodeBatchByTheLibrary is encoding/json on the same batch, to compare.
func BenchmarkDecodeBatchByTheLibrary(b *testing.B) {
	data, err := Encode(batch())
	require.NoError(b, err)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var v SyncResults
		require.NoError(b, json.Unmarshal(data, &v))
	}
}
