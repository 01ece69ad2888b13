package kb

import (
	"vidq/core"
)

// Work implements core.Predictor: the law's mean, by the coefficient of variation its
// standard deviation, and the marginal cost of batches.
func (s *Set) Work(service string, model int, at core.Target, r core.Resolution, objects float64) (core.Work, bool) {
	m := s.row(service, model, at)
	if m == nil {
		return core.Work{}, false
	}
	mean := m.Law(r).Mean(objects)
	return core.Work{Mean: core.FromSeconds(mean), SD: core.FromSeconds(mean * m.CV), Marginal: m.marginal}, true
}

// Encode implements core.Predictor: the codec's time times the class's factor
// (1 for an unknown class).
func (s *Set) Encode(at core.Target, v core.VideoConf) core.Time {
	if s.noEncode {
		return 0
	}
	factor := 1.0
	if c := s.classes[at.Class]; c != nil {
		factor = c.EncodeFactor
	}
	return core.FromSeconds(s.codecOf(v).encodeTime(v) * factor)
}

// FrameBytes implements core.Predictor.
func (s *Set) FrameBytes(v core.VideoConf, c core.Content) float64 {
	if m := s.clips[v]; m != nil {
		return m.bytes
	}
	return s.codecOf(v).meanBytes(v, s.classOf(c).stream)
}

// Sizer prepares the sizes of v's frames.
func (s *Set) Sizer(v core.VideoConf, c core.Content) Sizer {
	sizer := s.codecOf(v).sizer(v, s.FrameBytes(v, c))
	if m := s.clips[v]; m != nil {
		sizer.replay = m.sizes
	}
	return sizer
}

// FrameSize returns the size in bytes of the k-th encoded frame of v, z being
// standard normal noise: key frames are larger, and the mean over a group of
// pictures is FrameBytes.
func (s *Set) FrameSize(v core.VideoConf, c core.Content, k int64, z float64) float64 {
	return s.Sizer(v, c).Bytes(k, z)
}

// OutputBytes implements core.Predictor: base + objects * (per object + per
// pixel * the box's pixels at r). Of content that is not known, core.TypicalObjects
// of its class's typical size are assumed. An unknown service puts out nothing.
func (s *Set) OutputBytes(service string, r core.Resolution, c core.Content) float64 {
	o := s.Output(service)
	return o.Bytes(r, c)
}

// Output is what a service answers with, for whoever asks for many frames. It
// gives what the set gives.
type Output struct {
	set *Set
	of  *service // nil = not known: nothing
}

// Output prepares the sizes of a service's outputs.
func (s *Set) Output(service string) Output { return Output{s, s.services[service]} }

// Bytes is Set.OutputBytes.
func (o *Output) Bytes(r core.Resolution, c core.Content) float64 {
	v := o.of
	if v == nil {
		return 0
	}
	n, area := c.Objects, c.Area
	if !c.Known {
		n = core.TypicalObjects
	}
	if !c.Known || area <= 0 {
		area = o.set.classOf(c).area
	}
	each := v.output.perObject + float64(v.output.perPixel*area*float64(r.Pixels()))
	return v.output.base + float64(max(n, 0)*each)
}

// Fresh returns the accuracy of a result at age 0, relative to golden, 0..1: what
// the content class's table says for the resolution, the quality and the size of
// the objects, times the relative accuracy of each stage's model. Stages without
// an entry in models run model 0; a model that does not exist is worth nothing.
func (s *Set) Fresh(p core.Pipeline, v core.VideoConf, models []int, c core.Content) float64 {
	j := s.Judge(p, v, models)
	return j.Fresh(c)
}

// models is the product of the stages' models' relative accuracies.
func (s *Set) models(p core.Pipeline, models []int) float64 {
	f := 1.0
	for i := range p {
		v := s.services[p[i].Service]
		if v == nil || i >= len(models) {
			continue
		}
		if models[i] < 0 || models[i] >= len(v.models) {
			return 0
		}
		f *= v.models[models[i]].accuracy
	}
	return f
}

// Decay returns the rate (1/s) at which a result's accuracy falls with its age:
// its class's, in proportion to the motion within [1/4, 4] of the typical.
func (s *Set) Decay(c core.Content) float64 {
	return s.classOf(c).rate(c)
}

// Accuracy implements core.Predictor: Fresh times the mean ageing over the
// camera frames that one analysed frame stands for (MeanAgeing).
func (s *Set) Accuracy(q *core.Query, cameraFPS float64, v core.VideoConf, models []int, c core.Content) float64 {
	j := s.Judge(q.Pipeline, v, models)
	return j.Fresh(c) * MeanAgeing(j.Decay(c), v.FPS, cameraFPS)
}

// Needs implements core.Predictor; zero where the model cannot run.
func (s *Set) Needs(service string, model int, at core.Target) core.Needs {
	if m := s.row(service, model, at); m != nil {
		return m.Needs
	}
	return core.Needs{}
}

// Power implements core.Predictor: idle + watts per busy core and gpu slot, in
// proportion to the load; 0 for an unknown class.
func (s *Set) Power(at core.Target, l core.NodeLoad) float64 {
	if c := s.classes[at.Class]; c != nil {
		return c.Watts(l)
	}
	return 0
}

// Watts is the class's draw at a load, watts.
func (c *Class) Watts(l core.NodeLoad) float64 {
	cpu := float64(c.Cores * clamp01(l.CPU) * c.Power.PerCore)
	gpu := float64(c.GPUs * clamp01(l.GPU) * c.Power.PerGPU)
	return c.Power.Idle + cpu + gpu
}

func clamp01(x float64) float64 { return min(max(x, 0), 1) }
