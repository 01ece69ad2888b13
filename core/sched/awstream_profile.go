package sched

import (
	"cmp"
	"slices"

	"vidq/core"
)

// awConfig is a configuration of a stream.
type awConfig struct {
	video    core.VideoConf
	rate     float64 // bytes per second that it sends and gets
	frame    float64 // bytes of a frame of it
	accuracy float64
}

// awProfile is AWStream's profile of an application: the Pareto-optimal
// configurations, by rate ascending, and so by accuracy.
type awProfile []awConfig

// pareto sorts configurations and leaves out every one for which another is at
// least as accurate at no higher rate. It works in place.
func pareto(all []awConfig) awProfile {
	slices.SortStableFunc(all, func(a, b awConfig) int {
		return cmp.Or(cmp.Compare(a.rate, b.rate), cmp.Compare(b.accuracy, a.accuracy))
	})
	front := all[:0]
	for _, c := range all {
		if len(front) == 0 || c.accuracy > front[len(front)-1].accuracy {
			front = append(front, c)
		}
	}
	return slices.Clip(front)
}

// profile makes the profile of a query whose stages run at the given places, by
// the belief and with frames scale times as large as believed. It is empty where
// nothing can run by the belief.
func (s *awstream) profile(v *core.View, q *core.QueryView, stages []core.Assignment, scale float64) awProfile {
	var all []awConfig
	plan := core.Plan{Stages: stages}
	if len(s.given) > 0 {
		for _, plan.Video = range s.given {
			all = s.add(all, v, q, &plan, scale)
		}
		return pareto(all)
	}
	largest, _ := within(&v.Knobs, q.Camera.Resolution)
	for _, r := range v.Knobs.Resolutions {
		if r.Width > largest.Width || r.Height > largest.Height {
			continue
		}
		for i, fps := range v.Knobs.FPS {
			if i > 0 && v.Knobs.FPS[i-1] >= q.Camera.FPS {
				break // beyond the camera's all are alike
			}
			for k := range v.Knobs.Encoders {
				e := &v.Knobs.Encoders[k]
				plan.Video = core.VideoConf{Resolution: r, FPS: fps, Encoder: e.Name}
				_, plan.Video.Quality, _ = encoder(&v.Knobs, e.Name)
				for n := range max(len(e.Qualities), 1) {
					if len(e.Qualities) > 0 {
						plan.Video.Quality = e.Qualities[n]
					}
					all = s.add(all, v, q, &plan, scale)
				}
			}
		}
	}
	return pareto(all)
}

// add appends the plan's configuration, if it can be carried out, with frames scale
// times as large as believed.
func (s *awstream) add(all []awConfig, v *core.View, q *core.QueryView, plan *core.Plan, scale float64) []awConfig {
	c, ok := configOf(&s.pred, v, q, plan)
	if !ok {
		return all
	}
	c.frame *= scale
	c.rate *= scale
	return append(all, c)
}

// configOf is the configuration of a plan by the belief; false when the plan cannot be
// carried out.
func configOf(by *core.Prediction, v *core.View, q *core.QueryView, plan *core.Plan) (awConfig, bool) {
	if !by.Predict(v.Predictor, v, q, plan) {
		return awConfig{}, false
	}
	c := awConfig{video: plan.Video, accuracy: by.Accuracy}
	for i := range by.Links {
		c.frame += by.Links[i].Bytes
	}
	c.rate = c.frame * min(plan.Video.FPS, q.Camera.FPS)
	return c, true
}

// awShares is how applications share a link: AWStream's heuristic for max-min
// fairness of accuracy. All begin with their cheapest configurations; then again
// and again the least accurate of those that can still be improved gets its next
// one. The order does not depend on how much there is to share: for any capacity,
// the allocation is a first part of the same sequence.
type awShares struct {
	steps  []int32   // whose turn it is
	totals []float64 // rate of all after so many steps, bytes per second: one more than steps

	heap []int32 // scratch
	at   []int   // scratch: configurations reached
}

// share computes the sequence for the applications of the given profiles, each with
// at least one configuration. It is of order n log n in configurations.
func (w *awShares) share(profiles []awProfile) {
	w.steps, w.totals, w.at = w.steps[:0], w.totals[:0], w.at[:0]
	heap, total := w.heap[:0], 0.0
	for i, p := range profiles {
		total += p[0].rate
		heap, w.at = append(heap, int32(i)), append(w.at, 0)
	}
	w.heap = heap
	w.totals = append(w.totals, total)
	worse := func(a, b int32) bool { // has its turn before
		x, y := profiles[a][w.at[a]].accuracy, profiles[b][w.at[b]].accuracy
		return x < y || x == y && a < b
	}
	for i := len(heap)/2 - 1; i >= 0; i-- {
		sift(heap, i, worse)
	}
	for len(heap) > 0 {
		i := heap[0]
		if p := profiles[i]; w.at[i]+1 < len(p) {
			total += p[w.at[i]+1].rate - p[w.at[i]].rate
			w.at[i]++
			w.steps, w.totals = append(w.steps, i), append(w.totals, total)
		} else {
			heap[0] = heap[len(heap)-1]
			heap = heap[:len(heap)-1]
		}
		sift(heap, 0, worse)
	}
}

// sift moves heap[i] down to where it belongs.
func sift(heap []int32, i int, less func(a, b int32) bool) {
	for {
		k := 2*i + 1
		if k >= len(heap) {
			return
		}
		if k+1 < len(heap) && less(heap[k+1], heap[k]) {
			k++
		}
		if !less(heap[k], heap[i]) {
			return
		}
		heap[i], heap[k] = heap[k], heap[i]
		i = k
	}
}

// below returns the largest number of steps after which the applications need less
// than rate in all; 0 if there is none.
func (w *awShares) below(rate float64) int {
	n, _ := slices.BinarySearch(w.totals, rate) // totals ascend: profiles do
	return max(n-1, 0)
}
