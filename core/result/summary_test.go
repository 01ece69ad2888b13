package result

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNewStat(t *testing.T) {
	assert.Nil(t, NewStat(nil))
	one := NewStat([]float64{3})
	assert.Equal(t, 3.0, one.Mean)
	assert.Nil(t, one.CI95)
	// t(.975, 4) = 2.776445; s = sqrt(2.5)
	s := NewStat([]float64{1, 2, 3, 4, 5})
	assert.Equal(t, 3.0, s.Mean)
	assert.Equal(t, 5, s.N)
	assert.InDelta(t, 2.776445105*1.58113883/2.2360679775, *s.CI95, 1e-6)
	assert.Zero(t, *NewStat([]float64{2, 2, 2}).CI95)
}

func TestIntervalsCoverTheMean(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, n := range []int{2, 3, 10} {
		const trials = 5000
		covered := 0
		for range trials {
			v := make([]float64, n)
			for i := range v {
				v[i] = 7 + 3*r.NormFloat64()
			}
			if s := NewStat(v); s.Mean-*s.CI95 <= 7 && 7 <= s.Mean+*s.CI95 {
				covered++
			}
		}
		// Four standard errors: 4*sqrt(.95*.05/5000) = .0123.
		assert.InDelta(t, .95, float64(covered)/trials, .0123, "n = %d", n)
	}
}

// keys lists the JSON paths of the leaves of t in order; a leaf is a type for which
// leaf holds.
func keys(t reflect.Type, prefix string, leaf func(reflect.Type) bool) []string {
	if leaf(t) {
		return []string{strings.TrimSuffix(prefix, ".")}
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var out []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			out = append(out, keys(f.Type, prefix, leaf)...)
		case name != "-":
			out = append(out, keys(f.Type, prefix+name+".", leaf)...)
		}
	}
	return out
}

func TestSummariesCoverTheFiguresOfARunInOrder(t *testing.T) {
	var f Figures
	slots := f.slots()
	r := Run{Nodes: []NodeRun{{}}}
	require.Len(t, r.figures(), len(slots))

	stat := reflect.TypeFor[*Stat]()
	names := keys(reflect.TypeFor[Figures](), "", func(t reflect.Type) bool { return t == stat })
	require.Len(t, names, len(slots), "every Stat of Figures is filled")

	// Fill a run's figures with distinct values by name, and see each come out under its name.
	number := func(t reflect.Type) bool {
		return t == reflect.TypeFor[*float64]() || t.Kind() == reflect.Int64 || t.Kind() == reflect.Float64
	}
	var want []string
	for _, k := range keys(reflect.TypeFor[Run](), "", number) {
		if k != "duration_s" && k != "warmup_s" && k != "events" {
			want = append(want, k)
		}
	}
	var got []string
	for _, n := range names {
		switch n {
		case "drop_share", "utilization", "energy_j", "link_bytes": // made of others
		default:
			got = append(got, n)
		}
	}
	assert.Equal(t, want, got, "a run's figures are those of a summary")

	fillNumbers(reflect.ValueOf(&r).Elem(), new(float64))
	fill(&f, []*Run{&r}, nil)
	for i, n := range names {
		if v, ok := lookup(reflect.ValueOf(r), n); ok {
			assert.Equal(t, v, (*slots[i]).Mean, n)
		}
	}
}

// fillNumbers gives every number in v its own value.
func fillNumbers(v reflect.Value, next *float64) {
	*next++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fillNumbers(v.Field(i), next)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillNumbers(v.Elem(), next)
	case reflect.Int64:
		v.SetInt(int64(*next))
	case reflect.Float64:
		v.SetFloat(*next)
	default:
	}
}

// lookup returns the number at a JSON path of v.
func lookup(v reflect.Value, path string) (float64, bool) {
	name, rest, _ := strings.Cut(path, ".")
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous {
			if x, ok := lookup(v.Field(i), path); ok {
				return x, true
			}
		}
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag != name || tag == "" {
			continue
		}
		x := reflect.Indirect(v.Field(i))
		switch {
		case rest != "":
			return lookup(x, rest)
		case x.CanInt():
			return float64(x.Int()), true
		case x.CanFloat():
			return x.Float(), true
		}
	}
	return 0, false
}

func runWith(scheduler string, seed uint64, joint float64) *Run {
	r := &Run{Scheduler: scheduler, Seed: seed}
	if joint >= 0 {
		r.SLOTime.Joint = &joint
	}
	return r
}

func TestSummarizePairsSeeds(t *testing.T) {
	runs := []*Run{
		runWith("b", 1, .5), runWith("a", 1, .6),
		runWith("b", 2, .7), runWith("a", 2, .9),
		runWith("b", 3, .1), runWith("a", 3, -1), // null
	}
	s := Summarize(runs)
	require.Len(t, s, 2)
	assert.Equal(t, "b", s[0].Scheduler, "in order of appearance")
	assert.Nil(t, s[0].VersusFirst)
	assert.InDelta(t, 1.3/3, s[0].SLOTime.Joint.Mean, 1e-12)
	assert.Equal(t, 3, s[0].SLOTime.Joint.N)
	d := s[1].VersusFirst.SLOTime.Joint
	assert.Equal(t, 2, d.N, "the seeds on which both have the figure")
	assert.InDelta(t, .15, d.Mean, 1e-12)
	assert.InDelta(t, 12.7062*.05, *d.CI95, 1e-4) // t(.975, 1) * s / sqrt(2), s = .0707
	assert.Nil(t, s[1].SLO.Delay)
	assert.Empty(t, Summarize(nil))
}

func TestSummarizeLeavesInterruptedRunsOut(t *testing.T) {
	cut := runWith("a", 2, .9)
	cut.Interrupted = true
	s := Summarize([]*Run{runWith("a", 1, .5), cut})
	assert.Equal(t, 1, s[0].SLOTime.Joint.N)
	s = Summarize([]*Run{cut})
	assert.Equal(t, .9, s[0].SLOTime.Joint.Mean, "unless there is nothing else")
}
