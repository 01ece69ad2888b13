package result

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"vidq/core"

	"github.com/stretchr/testify/require"
)

// world is a random run of one query, in a form that both the collector and a loop
// over all camera frames can take.
type world struct {
	info   QueryInfo
	warmup core.Time
	end    core.Time
	stop   core.Time   // 0 = none
	read   []core.Time // file: when camera frame k was read
	frames []core.FrameRecord
}

func randomWorld(r *rand.Rand) *world {
	w := &world{info: QueryInfo{Key: "q", CameraFPS: []float64{30, 25, 10, 29.97, 4}[r.IntN(5)]}}
	w.warmup = core.Time(r.Int64N(2)) * core.Time(r.Int64N(int64(3*core.Second)))
	c := &w.info.Constraint
	if r.IntN(2) > 0 {
		c.Delay = core.Time(1 + r.Int64N(int64(100*ms)))
	}
	if r.IntN(2) > 0 {
		c.Latency = core.Time(1 + r.Int64N(int64(500*ms)))
	}
	if r.IntN(2) > 0 {
		c.Accuracy = r.Float64()
	}
	fps := []float64{30, 12, 5, 1, .4}[r.IntN(5)]
	if r.IntN(2) > 0 {
		w.info.Mode = core.ModeFile
	} else {
		w.info.CameraPhase = core.Time(r.Int64N(int64(core.Second)))
		w.info.Start = core.Time(r.Int64N(2)) * core.Time(r.Int64N(int64(2*core.Second)))
		w.stop = core.Time(r.Int64N(2)) * (4*core.Second + core.Time(r.Int64N(int64(4*core.Second))))
	}
	w.end = 5*core.Second + core.Time(r.Int64N(int64(5*core.Second)))
	w.play(r, fps)
	return w
}

// play draws the fate of the frames that fps selects.
func (w *world) play(r *rand.Rand, fps float64) {
	now, lastResult, previous := core.Time(0), core.Time(0), int64(-1)
	decays := []float64{0, 1e-9, .1, 1, 5, 50}
	for k := int64(0); ; k = core.Selected(k+1, fps, w.info.CameraFPS) {
		at := FrameTime(k, w.info.CameraPhase, w.info.CameraFPS)
		if w.info.Mode == core.ModeFile {
			at = now
		}
		if at >= w.end || w.stop > 0 && at >= w.stop {
			return
		}
		if at < w.info.Start {
			continue
		}
		for w.info.Mode == core.ModeFile && int64(len(w.read)) <= k {
			w.read = append(w.read, at)
		}
		f := core.FrameRecord{
			Query: 1, CameraFrame: k, Captured: at, Gap: max(k-previous, 1), Fresh: r.Float64(),
			Decay: decays[r.IntN(len(decays))], RoundTrip: core.Time(r.Int64N(int64(400 * ms))),
		}
		previous = k
		latency := core.Time(r.ExpFloat64() * float64([]core.Time{20 * ms, 200 * ms, core.Second}[r.IntN(3)]))
		f.At = max(lastResult, at+latency)
		f.Latency = f.At - at
		if r.IntN(5) == 0 {
			f.Outcome = []core.Outcome{core.OutcomeDropped, core.OutcomeFailed}[r.IntN(2)]
			f.Reason = core.ReasonDeadline
		}
		now = f.At
		if f.At >= w.end {
			continue
		}
		lastResult = f.At
		w.frames = append(w.frames, f)
	}
}

func (w *world) collect() *Run {
	c := NewCollector(Meta{Warmup: w.warmup})
	c.Query(1, w.info)
	n := 0
	for i := range w.frames {
		f := &w.frames[i]
		for ; n < len(w.read) && w.read[n] <= f.At; n++ {
			c.Captured(1, w.read[n], int64(n+1))
		}
		if w.stop > 0 && f.At >= w.stop {
			c.Ended(1, w.stop)
		}
		c.Add(f)
	}
	for ; n < len(w.read); n++ {
		c.Captured(1, w.read[n], int64(n+1))
	}
	if w.stop > 0 {
		c.Ended(1, w.stop)
	}
	return c.End(w.end)
}

// expectation is what a loop over camera frames finds.
type expectation struct {
	captured          int64
	accuracies        []float64
	timeMet, met, due [4]float64
}

// brute goes through the camera frames one by one.
func (w *world) brute() expectation {
	var e expectation
	served := make([][]float64, len(w.frames)) // accuracies within a second of age
	counted := make([]int, len(w.frames))
	for k := int64(0); ; k++ {
		at := FrameTime(k, w.info.CameraPhase, w.info.CameraFPS)
		if w.info.Mode == core.ModeFile {
			if k >= int64(len(w.read)) {
				break
			}
			at = w.read[k]
		} else if at >= w.end || w.stop > 0 && at >= w.stop {
			break
		}
		counts := at >= w.warmup && at >= w.info.Start
		i, age := w.inForce(k, at)
		if counts {
			e.captured++
		}
		if i < 0 || age > core.Second {
			if counts {
				e.accuracies = append(e.accuracies, 0)
			}
			continue
		}
		a := w.frames[i].Fresh * math.Exp(-w.frames[i].Decay*age.Seconds())
		served[i] = append(served[i], a)
		if counts {
			e.accuracies = append(e.accuracies, a)
			counted[i]++
		}
	}
	w.judge(&e, served, counted)
	return e
}

// inForce returns the result in force for camera frame k at the instant at.
func (w *world) inForce(k int64, at core.Time) (int, core.Time) {
	found, age := -1, core.Time(0)
	for i := range w.frames {
		f := &w.frames[i]
		if f.Outcome != core.OutcomeDone {
			continue
		}
		if w.info.Mode == core.ModeFile && f.CameraFrame <= k {
			found, age = i, core.FromSeconds(float64(k-f.CameraFrame)/w.info.CameraFPS)
		}
		if w.info.Mode == core.ModeLive && f.At <= at {
			found, age = i, at-f.Captured
		}
	}
	return found, age
}

func (w *world) judge(e *expectation, served [][]float64, counted []int) {
	c := w.info.Constraint
	for i := range w.frames {
		f := &w.frames[i]
		accuracy := 0.0
		if f.At-f.Captured <= core.Second {
			accuracy = f.Fresh * math.Exp(-f.Decay*(f.At-f.Captured).Seconds())
		}
		if n := len(served[i]); n > 0 {
			accuracy = 0
			for _, a := range served[i] {
				accuracy += a / float64(n)
			}
		}
		met := [4]bool{
			c.Delay > 0 && f.RoundTrip/core.Time(f.Gap) <= c.Delay,
			c.Latency > 0 && f.Latency <= c.Latency, c.Accuracy > 0 && accuracy >= c.Accuracy,
		}
		met[3] = met[0] == (c.Delay > 0) && met[1] == (c.Latency > 0) && met[2] == (c.Accuracy > 0)
		for j, ok := range met {
			if f.Captured >= w.warmup {
				e.due[j]++
			}
			if !ok || f.Outcome != core.OutcomeDone {
				continue
			}
			if f.Captured >= w.warmup {
				e.met[j]++
			}
			e.timeMet[j] += float64(counted[i])
		}
	}
}

func TestClosedFormsAgreeWithALoopOverCameraFrames(t *testing.T) {
	for seed := range uint64(1000) {
		w := randomWorld(rand.New(rand.NewPCG(seed, 9)))
		r, e := w.collect(), w.brute()
		require.NoError(t, r.Check(), "seed %d", seed)
		require.Equal(t, e.captured, r.Frames.Captured, "seed %d", seed)
		require.EqualValues(t, e.due[0], r.Frames.Due, "seed %d", seed)
		if e.captured > 0 {
			sum := 0.0
			for _, a := range e.accuracies {
				sum += a
			}
			require.InDelta(t, sum/float64(e.captured), *r.Accuracy.Mean, 1e-9, "seed %d", seed)
			slices.Sort(e.accuracies)
			requireQuantile(t, e.accuracies, *r.Accuracy.P5, seed)
		}
		requireSLO(t, seed, w.info.Constraint, r.SLO, e.met, e.due[0])
		requireSLO(t, seed, w.info.Constraint, r.SLOTime, e.timeMet, float64(e.captured))
	}
}

// requireQuantile allows for what counting a result's frames in groups costs.
func requireQuantile(t *testing.T, sorted []float64, got float64, seed uint64) {
	n := len(sorted)
	at := int(math.Ceil(.05*float64(n)-1e-9)) - 1
	slack := n/50 + 4 // frames of a group lie on both sides of its middle
	low, high := sorted[max(at-slack, 0)], sorted[min(at+slack, n-1)]
	require.GreaterOrEqual(t, got, low-.001, "seed %d", seed)
	require.LessOrEqual(t, got, high+.001, "seed %d", seed)
}

func requireSLO(t *testing.T, seed uint64, c core.Constraint, got SLO[*float64], met [4]float64, of float64) {
	asked := [4]bool{c.Delay > 0, c.Latency > 0, c.Accuracy > 0, c != core.Constraint{}}
	for i, p := range got.all() {
		if !asked[i] || of == 0 {
			require.Nil(t, *p, "seed %d constraint %d", seed, i)
			continue
		}
		require.NotNil(t, *p, "seed %d constraint %d", seed, i)
		require.InDelta(t, met[i]/of, **p, 1e-9, "seed %d constraint %d", seed, i)
	}
}
