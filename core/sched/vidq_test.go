package sched

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"vidq/core"
	"vidq/core/coretest"
	"vidq/core/sched/schedtest"
)

// Whatever a belief's error, of frames whose latency varies about what is true as much as
// before as many are predicted to be in time as are.
func TestVidqLatenessIsCalibrated(t *testing.T) {
	const believed = .1
	for _, wrong := range []float64{.4, .5, 1, 2, 3} {
		for _, varies := range []float64{.05, .2} {
			r := rand.New(rand.NewPCG(1, 2))
			draw := func() float64 { return believed * wrong * math.Exp(varies*r.NormFloat64()) }
			var st vidqQuery
			for range 60 {
				st.late.add(math.Log(draw()/believed), 40)
			}
			factor, spread := st.lateness(&trial{})
			known := st.late.n / (st.late.n + 8)
			assert.InEpsilon(t, math.Pow(wrong, known), factor, .08)
			for _, share := range []float64{.7, .9, .97} {
				quantile := factor * believed * math.Exp(varies*math.Sqrt2*math.Erfinv(2*share-1))
				got := normal((quantile - factor*believed) / (spread * factor * believed))
				assert.InDelta(t, share, got, .08, "belief wrong by %v, varies %v", wrong, varies)
			}
		}
	}
}

// A joint choice of few queries is nearly always the best there is, by the same model.
func TestVidqAgainstExactOptima(t *testing.T) {
	instances := coretest.Cases(2000)
	var gaps []float64
	for seed := range uint64(instances) {
		r := rand.New(rand.NewPCG(seed, 7))
		v := schedtest.Regular(0, 2)
		for i := range v.Links {
			v.Links[i].Rate = 1e5 * math.Exp(4*r.Float64())
		}
		v.Knobs.FPS, v.Knobs.Resolutions = []float64{5, 10}, v.Knobs.Resolutions[1:3]
		for range 2 {
			c := core.Constraint{Latency: core.Time(100+r.IntN(400)) * core.Millisecond, Accuracy: .3 + .4*r.Float64()}
			schedtest.AddQuery(v, v.Nodes[1].ID, core.ModeLive, c, "face_detection")
		}
		s := &vidq{vidqConfig: vidqConfig{Keep: .03, InFlight: 4, Passes: 3, Fresh: 20 * core.Second}, only: -1}
		s.Schedule(v, new(core.Decision))
		got := s.total()
		gaps = append(gaps, max(exact(s, v, 0)-got, 0)/2)
	}
	slices.Sort(gaps)
	at := func(share float64) float64 { return gaps[int(share*float64(instances-1))] }
	mean := 0.
	for _, g := range gaps {
		mean += g / float64(instances)
	}
	t.Logf("gap to the best joint choice, in shares of a query: mean %.4f, median %.4f, 90%% %.4f, 99%% %.4f, worst %.4f", mean, at(.5), at(.9), at(.99), at(1))
	assert.Less(t, mean, .04)
	assert.Less(t, at(.9), .05)
}

// exact is the total of the best joint choice, of query i on.
func exact(s *vidq, v *core.View, i int) float64 {
	if i == len(s.states) {
		s.assessAll(v)
		return s.total()
	}
	best, st := math.Inf(-1), s.states[i]
	for k := range st.settings {
		for _, at := range st.stages[0].options {
			s.count(v, i, -1)
			st.setting, st.places = k, append(st.places[:0], at)
			s.trial.setting, s.trial.places = k, append(s.trial.places[:0], at)
			s.judge(v, &v.Queries[i], st, &s.trial)
			st.takes(&s.trial)
			s.count(v, i, +1)
			best = max(best, exact(s, v, i+1))
		}
	}
	return best
}

// A set of moves by which all together lose is not carried out, and what is restored is in use
// as before.
func TestVidqRestores(t *testing.T) {
	v := schedtest.Regular(6, 2)
	s := &vidq{vidqConfig: vidqConfig{Keep: .03, InFlight: 4, Passes: 3, Fresh: 20 * core.Second}, only: -1}
	s.Schedule(v, new(core.Decision))
	s.assessAll(v)
	s.save()
	before, loads := s.total(), fmt.Sprintf("%.9f", loadsOf(s))
	for i, st := range s.states {
		s.count(v, i, -1)
		st.forget()
	}
	assert.Less(t, s.total(), before, "nobody has a plan")
	s.restore(v)
	assert.InDelta(t, before, s.total(), 1e-12)
	assert.Equal(t, loads, fmt.Sprintf("%.9f", loadsOf(s)))
	assert.Zero(t, s.changed())
}

func loadsOf(s *vidq) (x []float64) {
	for i := range s.system.stations {
		x = append(x, s.system.stations[i].load)
	}
	return x
}
