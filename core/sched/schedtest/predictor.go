package schedtest

import (
	"math"

	"vidq/core"
)

// Predictor is a belief with known answers. Work is the original's knowledge
// base (video-dag-manager, profile/*.pf: seconds per frame at 360p, 480p, 720p
// and 1080p), with role cloud in the cloud and edge elsewhere; between and beyond
// the four it follows the pixels. The rest is made up, smooth and monotone.
type Predictor struct {
	// Corrected gives face_alignment its own table. The original looks for it
	// under a misspelt file name and takes face_detection's instead.
	Corrected bool
	// Unknown is a service of which nothing is known: it can run nowhere.
	Unknown string
}

var (
	pixels        = [4]float64{480 * 360, 640 * 480, 1280 * 720, 1920 * 1080}
	detectionEdge = [4]float64{.117, .162, .382, 1.157}
	detectionFar  = [4]float64{.022, .040, .069, .141}
	alignmentEdge = [4]float64{.190, .238, .623, 1.444}
	alignmentFar  = [4]float64{.090, .138, .223, .444}
	sharpness     = [4]float64{.80, .86, .95, 1}
	modelSpeed    = [3]float64{1, .6, .35}
	modelWorth    = [3]float64{1, .94, .85}
)

func interpolate(t *[4]float64, p float64) float64 {
	for i, x := range pixels {
		if p == x {
			return t[i] // exactly: tests compare with the original's floats
		}
	}
	i := 0
	for i < 2 && p > pixels[i+1] {
		i++
	}
	y := t[i] + (t[i+1]-t[i])*(p-pixels[i])/(pixels[i+1]-pixels[i])
	return max(y, t[0]/4)
}

// Work is the table's time for the model, with a standard deviation of 10%. It does not
// depend on objects. In the cloud a batch of n takes 1 + .2(n-1) times that, elsewhere n times.
func (p *Predictor) Work(service string, model int, at core.Target, r core.Resolution, _ float64) (core.Work, bool) {
	if service == p.Unknown || model < 0 || model >= len(modelSpeed) {
		return core.Work{}, false
	}
	t, marginal := &detectionEdge, 1.0
	if at.Role == core.RoleCloud {
		marginal = .2
	}
	switch own, far := p.Corrected && service == "face_alignment", at.Role == core.RoleCloud; {
	case own && far:
		t = &alignmentFar
	case own:
		t = &alignmentEdge
	case far:
		t = &detectionFar
	}
	s := interpolate(t, float64(r.Pixels()))
	if model > 0 {
		s *= modelSpeed[model]
	}
	return core.Work{Mean: core.FromSeconds(s), SD: core.FromSeconds(s / 10), Marginal: marginal}, true
}

// Encode is 5 ns per pixel.
func (p *Predictor) Encode(_ core.Target, v core.VideoConf) core.Time {
	return core.Time(5 * v.Resolution.Pixels())
}

// FrameBytes is a tenth of the pixels.
func (p *Predictor) FrameBytes(v core.VideoConf, _ core.Content) float64 {
	return float64(v.Resolution.Pixels()) / 10
}

// OutputBytes is 4,000 and 2,000 per object, of which there are 3 unless known.
func (p *Predictor) OutputBytes(_ string, _ core.Resolution, c core.Content) float64 {
	n := 3.0
	if c.Known {
		n = c.Objects
	}
	return 4000 + float64(2000*n)
}

// Accuracy is what the resolution is worth, times the models' worth, times what
// is left after the mean age of a result.
func (p *Predictor) Accuracy(_ *core.Query, cameraFPS float64, v core.VideoConf, models []int, c core.Content) float64 {
	a := interpolate(&sharpness, float64(v.Resolution.Pixels()))
	for _, m := range models {
		a *= modelWorth[min(max(m, 0), len(modelWorth)-1)]
	}
	if v.FPS < cameraFPS && v.FPS > 0 {
		age := (cameraFPS/v.FPS - 1) / 2 / cameraFPS
		decay := 0.4
		if c.Known && !c.Stable {
			decay = 0.8
		}
		a *= math.Exp(-decay * age)
	}
	return min(max(a, 0), 1)
}

// Needs is one core and 500 MB.
func (p *Predictor) Needs(string, int, core.Target) core.Needs {
	return core.Needs{CPU: 1, Memory: 500e6}
}

// Power is 5 W and 10 W more at full load.
func (p *Predictor) Power(_ core.Target, l core.NodeLoad) float64 { return 5 + 10*l.CPU }
