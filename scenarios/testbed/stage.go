package testbed

import (
	"vidq/core"
	"vidq/kb"
	"vidq/kb/world"
)

// Stage is what calls of a service are like, for one stage of a query under one video
// configuration at one node.
type Stage struct {
	M      *kb.ServiceModel // nil = cannot run there
	Crops  bool             // the service is fed with what the stages before found
	output kb.Output
	law    kb.Law
	cv     float64

	video core.VideoConf
	noise world.Noise
}

// Stage returns the calls of a stage of a query. m is the model at the node, nil if it
// cannot run there; see Service.Model.
func (t *Testbed) Stage(s *Stream, stage int, service string, m *kb.ServiceModel, v core.VideoConf) Stage {
	return t.StageOf(s.Spec.Key, stage, service, m, v)
}

// StageOf is Stage for a query by its key.
func (t *Testbed) StageOf(key string, stage int, service string, m *kb.ServiceModel, v core.VideoConf) Stage {
	out := Stage{M: m, video: v, Crops: t.Truth.Input(service) == core.InputCrops, output: t.Truth.Output(service)}
	if m != nil {
		out.noise = world.NewNoise(world.WorkKey(t.Keys.Root, key, stage), m.Phi)
		out.law, out.cv = m.Law(v.Resolution), m.CV
	}
	return out
}

// Charged is a call of charged work at a node: its number and attempt name the draw.
func (t *Testbed) Charged(node int, m *kb.ServiceModel, r *core.CallRef, res core.Resolution, objects float64) core.Time {
	if m == nil {
		return 0
	}
	z := t.Keys.charge.With(uint64(node)).With(uint64(-r.Frame)).With(uint64(r.Attempt)).Normal()
	law := m.Law(res)
	return world.WorkTime(law.Mean(objects), m.CV, z)
}

// Video is the configuration that the stage's calls are of.
func (s *Stage) Video() core.VideoConf { return s.video }

// Work is the work of an attempt at a camera frame in which so many objects are to be
// looked at.
func (s *Stage) Work(objects float64, frame int64, attempt int) core.Time {
	if s.M == nil {
		return 0
	}
	return world.WorkTime(s.law.Mean(objects), s.cv, s.noise.At(frame, attempt))
}

// Figures are a call's bytes both ways, and what it finds: the count of objects and
// their mean area in pixels of the analysed frame.
type Figures struct{ Sent, Got, Objects, Area float64 }

// Figures tells of an invoked call. A stage that is fed with the frame encodes it.
func (s *Stream) Figures(f *Frame, st *Stage, i *core.Invoke) Figures {
	px := float64(i.Video.Resolution.Pixels())
	c := Figures{Objects: f.Scene.Objects, Area: float64(f.Scene.Area * px)}
	if i.Source || !st.Crops {
		s.Encode(f, &i.Video)
		c.Sent = f.Bytes
	} else {
		c.Sent = i.Bytes
		c.Objects = i.Objects
	}
	c.Sent += i.Pad
	content := f.Scene.Content()
	content.Objects = c.Objects
	c.Got = st.output.Bytes(i.Video.Resolution, content)
	return c
}

// AttemptKey names an attempt's way out (0) or back (1) among a link's draws; frame is the
// key of the frame's transfers.
func AttemptKey(frame world.Key, r *core.CallRef, way uint64) world.Key {
	return frame.With(uint64(r.Stage)<<32 | uint64(r.Attempt)<<1 | way)
}

// Encoding is the part of the time that a call's preparation took which was encoding: in
// proportion, since both shared the node with whatever else it did.
func Encoding(took, making, overhead core.Time) core.Time {
	if making+overhead <= 0 {
		return took
	}
	return took - core.Time(float64(took)*(float64(overhead)/float64(making+overhead)))
}

// SlotBits is how much of a call's id is the driver's own. What stands above it names the
// attempt, so that what ends at one instant ends in an order that does not depend on
// which slots were free.
const SlotBits = 28

// CallDetail names a call's attempt: low bits of query, frame, stage and attempt,
// enough to tell apart what can be under way at once. It has 34 bits.
func CallDetail(r *core.CallRef) uint64 {
	return uint64(r.Query)&0xfff<<22 | uint64(r.Frame)&0x7fff<<7 | uint64(r.Stage)&0x1f<<2 | uint64(r.Attempt)&3
}

// CallID is a call's id among the world's jobs and transfers.
func CallID(r *core.CallRef, slot uint32) uint64 { return CallDetail(r)<<SlotBits | uint64(slot) }
