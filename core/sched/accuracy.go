package sched

import (
	"math"

	"vidq/core"
)

// A belief may know nothing of accuracy: the original's says .9 of every plan, so
// that its search has nothing to choose by. Figures of AWStream (SIGCOMM 2018,
// offline profiles, quantiser 20, F1) stand in then, relative to the largest: for
// the resolution those of its static camera, which depend on it more, for the rate
// those of its moving one, likewise.
var (
	// by the side of a frame of so many pixels over that of 1920x1080
	priorSide = [...][2]float64{{0, 0}, {1. / 3, .127}, {.5, .775}, {2. / 3, .921}, {5. / 6, .940}, {1, 1}}
	// by the seconds between analysed frames beyond those between camera frames
	priorGap = [...][2]float64{{0, 1}, {2. / 30, .912}, {5. / 30, .812}, {9. / 30, .690}, {14. / 30, .607}, {29. / 30, .407}, {3, 0}}
)

const fullPixels = 1920 * 1080

func between(t [][2]float64, x float64) float64 {
	if x <= t[0][0] {
		return t[0][1]
	}
	for i := 1; i < len(t); i++ {
		if a, b := t[i-1], t[i]; x <= b[0] {
			return a[1] + float64((b[1]-a[1])*(x-a[0])/(b[0]-a[0]))
		}
	}
	return t[len(t)-1][1]
}

func priorAccuracy(r core.Resolution, fps, camera float64) float64 {
	side := math.Sqrt(float64(r.Pixels()) / fullPixels)
	return between(priorSide[:], side) * between(priorGap[:], max(0, 1/fps-1/camera))
}

// informed replaces accuracies, of (fps, resolution), that do not depend on the
// resolution by the prior's; what they say of the rate stays in proportion.
func informed(value []float64, k *core.Knobs, camera float64) {
	n := len(k.Resolutions)
	top, flat := 0.0, true
	for i, a := range value {
		if a != value[i-i%n] {
			return
		}
		top, flat = max(top, a), flat && a == value[0]
	}
	if top <= 0 || n == 1 && !flat {
		return
	}
	for i := range value {
		value[i] *= priorAccuracy(k.Resolutions[i%n], k.FPS[i/n], camera) / top
	}
}
