package sched_test

import (
	"fmt"
	"testing"

	"vidq/core"
	"vidq/core/coretest"
	"vidq/core/sched"
	"vidq/core/sched/schedtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// variants are further settings of registered schedulers that must conform.
var variants = []string{
	"chameleon[models=true,bounded=true,place=host]",
	"latfirst[mode=peer]",
	"random[every=1]",
	"static[plan=all-edge]",
	"static[plan=golden]",
	"static[plan=given,place=[host,edge,cloud]]",
	"static[plan=given,host_stages=1]",
	"videostorm[goal=maxmin,models=true]",
	"videostorm[placement=videoedge,models=true]",
}

func conforming(t testing.TB) []sched.Spec {
	var specs []sched.Spec
	for _, name := range sched.Names() {
		specs = append(specs, sched.Spec{Name: name})
	}
	for _, s := range variants {
		more, err := sched.ParseSpecs(s)
		require.NoError(t, err)
		specs = append(specs, more...)
	}
	return specs
}

func build(t testing.TB, s sched.Spec) core.Scheduler {
	t.Helper()
	sch, err := sched.New(s, sched.Deps{Seed: 7})
	require.NoError(t, err)
	return sch
}

func withTruth(s sched.Spec, v *core.View) *core.View {
	if sched.Describe(s.Name).NeedsTruth {
		v.Truth = v.Predictor
	}
	return v
}

const randomViews = 200

// Every registered scheduler, with its defaults: decisions that can be carried
// out on whatever view, and neither the view changed nor anything of it kept.
func TestConformance(t *testing.T) {
	for _, spec := range conforming(t) {
		t.Run(spec.String(), func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(coretest.Cases(randomViews)) {
				oneView(t, spec, seed)
			}
		})
	}
}

func oneView(t *testing.T, spec sched.Spec, seed uint64) {
	t.Helper()
	fail := fmt.Sprintf("view of seed %d", seed)
	v, before := withTruth(spec, schedtest.Random(seed)), withTruth(spec, schedtest.Random(seed))
	a, b := build(t, spec), build(t, spec)
	var da, db core.Decision
	a.Schedule(v, &da)
	require.NoError(t, schedtest.Check(v, &da), fail)
	require.Equal(t, before, v, fail+": the view was changed")
	b.Schedule(before, &db)
	require.Equal(t, da, db, fail+": two schedulers decide differently on the same view")

	// The same query manager some rounds later; b's views are as they were, a's
	// are overwritten after each round.
	for round := range 3 {
		next := schedtest.Clone(before)
		schedtest.Advance(next, &db)
		for i := range next.Queries {
			q := &next.Queries[i]
			if q.Camera != nil && (uint64(i)+seed+uint64(round))%3 > 0 {
				schedtest.Observe(q, 1+i%7, core.Time(1+(i+round)%5)*100*core.Millisecond, float64(i%9))
			}
		}
		schedtest.Poison(v)
		require.Equal(t, db, da, fail+": a decision shares memory with the view")
		v, before = next, schedtest.Clone(next)
		da, db = core.Decision{}, core.Decision{}
		a.Schedule(v, &da)
		require.NoError(t, schedtest.Check(v, &da), fail)
		require.Equal(t, before, v, fail+": the view was changed")
		b.Schedule(before, &db)
		require.Equal(t, db, da, fail+": the scheduler kept a part of an earlier view")
	}
}

// In a healthy system every query gets a plan, and a system in which nothing
// happens is soon left alone.
func TestConformanceHealthy(t *testing.T) {
	for _, spec := range conforming(t) {
		t.Run(spec.String(), func(t *testing.T) {
			v := withTruth(spec, schedtest.Regular(20, 12))
			s := build(t, spec)
			var d core.Decision
			for range 20 {
				d.Reset()
				s.Schedule(v, &d)
				require.NoError(t, schedtest.Check(v, &d))
				schedtest.Advance(v, &d)
			}
			if spec.String() == "static[place=[host,edge,cloud],plan=given]" {
				return // no link between two edges: nobody is served
			}
			for i := range v.Queries {
				assert.NotZero(t, v.Queries[i].Plan.Revision, "query %d has no plan", v.Queries[i].Query.ID)
			}
		})
	}
}

// A scheduler that changes nothing does not allocate.
func TestSteadyAllocations(t *testing.T) {
	for _, spec := range []string{"static", "static[plan=golden]", "random", "latfirst", "latfirst[mode=peer]"} {
		t.Run(spec, func(t *testing.T) {
			specs, err := sched.ParseSpecs(spec)
			require.NoError(t, err)
			v := schedtest.Regular(50, 12)
			for i := range v.Queries {
				v.Queries[i].Query.Constraint = core.Constraint{Delay: 300 * core.Millisecond, Accuracy: .6}
			}
			s := build(t, specs[0])
			var d core.Decision
			round := func() {
				d.Reset()
				s.Schedule(v, &d)
				schedtest.Advance(v, &d)
				for i := range v.Queries {
					q := &v.Queries[i]
					schedtest.Observe(q, len(q.Observations), 50*core.Millisecond, 3)
				}
			}
			for range 50 {
				round()
			}
			for i := range v.Queries {
				schedtest.Observe(&v.Queries[i], 12, 50*core.Millisecond, 3)
			}
			for range 50 {
				d.Reset()
				s.Schedule(v, &d)
				schedtest.Advance(v, &d)
				for i := range v.Queries {
					if q := &v.Queries[i]; q.Observations[0].Revision != q.Plan.Revision {
						schedtest.Observe(q, 12, 50*core.Millisecond, 3)
					}
				}
			}
			assert.Empty(t, d.Plans, "the plans still change")
			assert.Zero(t, testing.AllocsPerRun(20, func() {
				d.Reset()
				s.Schedule(v, &d)
				v.Now += v.Period
			}))
		})
	}
}
