package bench

import (
	"fmt"
	"testing"

	"vidq/core"
	"vidq/core/sched"
	"vidq/core/sched/schedtest"
)

// scheduler builds a registered scheduler with its defaults.
func scheduler(b *testing.B, spec string) core.Scheduler {
	b.Helper()
	specs, err := sched.ParseSpecs(spec)
	if err != nil {
		b.Fatal(err)
	}
	s, err := sched.New(specs[0], sched.Deps{Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// benched are all registered schedulers, and further modes of them.
func benched() []string { return append(sched.Names(), "latfirst[mode=peer]") }

func truth(spec string, v *core.View) *core.View {
	if sched.Describe(spec).NeedsTruth {
		v.Truth = v.Predictor
	}
	return v
}

// BenchmarkSchedule is a round in the midst of a run: every query has a plan and
// a round's observations of it.
func BenchmarkSchedule(b *testing.B) {
	for _, name := range benched() {
		for _, size := range []struct{ queries, nodes int }{
			{1, 2}, {10, 2}, {100, 2}, {1000, 2}, {1, 20}, {10, 20}, {100, 20}, {1000, 20},
		} {
			b.Run(fmt.Sprintf("%s/queries=%d/nodes=%d", name, size.queries, size.nodes), func(b *testing.B) {
				v := truth(name, schedtest.Regular(size.queries, size.nodes))
				s := scheduler(b, name)
				d := settle(b, s, v)
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					d.Reset()
					s.Schedule(v, d)
					v.Now += v.Period
				}
				b.StopTimer()
				if err := schedtest.Check(v, d); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size.queries), "ns/query")
			})
		}
	}
}

// settle lets a system run until its plans hardly change and checks that all
// queries have one.
func settle(b *testing.B, s core.Scheduler, v *core.View) *core.Decision {
	b.Helper()
	d := new(core.Decision)
	for range 20 {
		d.Reset()
		s.Schedule(v, d)
		schedtest.Advance(v, d)
		for i := range v.Queries {
			schedtest.Observe(&v.Queries[i], 12, 50*core.Millisecond, 3)
		}
	}
	for i := range v.Queries {
		if v.Queries[i].Plan.Revision == 0 {
			b.Fatalf("query %d has no plan", v.Queries[i].Query.ID)
		}
	}
	return d
}

// BenchmarkColdStart is the first decision for one query of two stages.
func BenchmarkColdStart(b *testing.B) {
	for _, name := range benched() {
		b.Run(name, func(b *testing.B) {
			v := truth(name, schedtest.Regular(1, 2))
			s := scheduler(b, name)
			var d core.Decision
			plans := 0
			b.ReportAllocs()
			for i := range b.N {
				v.Queries[0].Query.ID = core.QueryID(i + 1) // never seen before
				d.Reset()
				s.Schedule(v, &d)
				plans += len(d.Plans)
			}
			if plans != b.N {
				b.Fatalf("%d plans for %d queries", plans, b.N)
			}
		})
	}
}

// BenchmarkFeedback is one later decision for one query of two stages, with 12
// observations since the last: delays swing about the bound, so that feedback
// schedulers are at work all the time.
func BenchmarkFeedback(b *testing.B) {
	for _, name := range benched() {
		b.Run(name, func(b *testing.B) {
			v := truth(name, schedtest.Regular(1, 2))
			s := scheduler(b, name)
			d := settle(b, s, v)
			q := &v.Queries[0]
			p := &counter{Predictor: v.Predictor}
			v.Predictor = p
			b.ReportAllocs()
			b.ResetTimer()
			changed := 0
			for i := range b.N {
				for k := range q.Observations {
					q.Observations[k].Objects = float64(3 + i&1)
				}
				d.Reset()
				s.Schedule(v, d)
				v.Now += v.Period
				v.Round++
				if len(d.Plans) > 0 {
					b.StopTimer()
					changed += schedtest.Advance(v, d)
					b.StartTimer()
				}
				if i%64 == 0 { // the world changes
					b.StopTimer()
					schedtest.Observe(q, 12, core.Time(20+10*(i/64%8))*10*core.Millisecond, 3)
					b.StartTimer()
				}
			}
			b.StopTimer()
			if err := schedtest.Check(v, d); err != nil {
				b.Fatal(err)
			}
			if name == "latfirst" && b.N > 1000 && (changed == 0 || p.calls == 0) {
				b.Fatal("the feedback never did anything")
			}
			b.ReportMetric(float64(changed)/float64(b.N), "changes/op")
		})
	}
}

// counter counts the questions that a scheduler asks.
type counter struct {
	core.Predictor
	calls int
}

func (c *counter) Work(service string, model int, at core.Target, r core.Resolution, objects float64) (core.Work, bool) {
	c.calls++
	return c.Predictor.Work(service, model, at, r, objects)
}

func (c *counter) Needs(service string, model int, at core.Target) core.Needs {
	c.calls++
	return c.Predictor.Needs(service, model, at)
}
