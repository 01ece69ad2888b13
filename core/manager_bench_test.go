package core_test

import (
	"strconv"
	"testing"

	"vidq/core"
)

// BenchmarkSyncResults is the manager's share of a frame: a batch of results comes
// in and is saved. Figures are per result.
func BenchmarkSyncResults(b *testing.B) {
	const queries, batch = 50, 64
	m := core.NewQueryManager(qmConfig(nil), core.Snapshot{})
	var fx core.Effects
	back := &benchStore{m: m, fx: &fx}
	step := func(ev core.Event) {
		m.Step(0, ev, &fx)
		fx.Drain(back)
		back.answer()
	}
	step(&core.Timer{})
	j := qmJoin("edge1", 1)
	step(&core.Received{Msg: &j})
	for i := range queries {
		step(&core.Received{Msg: &core.SubmitQuery{Request: uint64(i), Query: qmQuery(strconv.Itoa(i), "edge1")}})
	}
	msg := &core.SyncResults{Node: "edge1", Incarnation: 1, Results: make([]core.Result, batch)}
	for i := range msg.Results {
		msg.Results[i] = core.Result{Obs: core.Observation{
			Query: core.QueryID(1 + i%queries), Latency: 50 * ms, Gap: 3, Objects: 4, Known: true, Calls: make([]core.Call, 2),
		}}
	}
	ev := &core.Received{Msg: msg}
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += batch {
		msg.First = uint64(n) + 1
		step(ev)
	}
	if got := m.Acknowledged("edge1").Seq; got < uint64(b.N) {
		b.Fatalf("only %d results of %d were acknowledged", got, b.N)
	}
}

// benchStore makes everything durable at once.
type benchStore struct {
	qmSink
	m   *core.QueryManager
	fx  *core.Effects
	ids []uint64
	ev  core.Saved
}

func (s *benchStore) Save(v *core.Save) { s.ids = append(s.ids, v.ID) }

func (s *benchStore) answer() {
	for _, id := range s.ids {
		s.ev.ID = id
		s.m.Step(0, &s.ev, s.fx)
	}
	s.ids = s.ids[:0]
	s.fx.Drain(s)
}
