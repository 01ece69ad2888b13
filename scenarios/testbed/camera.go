package testbed

import (
	"fmt"

	"vidq/core"
	"vidq/core/result"
	"vidq/kb"
	"vidq/kb/world"
	"vidq/scenarios"
)

// Camera is a video source: what it shows, and when. Camera frame k of a live camera
// exists at Phase + k/FPS; those of a file exist when they are read.
type Camera struct {
	Phase   core.Time
	FPS     float64
	Content kb.Source
	class   string    // of the content; "" = what the content says
	size    world.Key // of the noise of frame sizes
	Mode    core.Mode
	Node    int
	Spec    *scenarios.Camera
}

func (t *Testbed) addCameras() error {
	t.Cameras = make([]Camera, len(t.Scenario.Cameras))
	for i := range t.Scenario.Cameras {
		spec := &t.Scenario.Cameras[i]
		id := t.Keys.Root.Name("camera").Name(string(spec.ID))
		c := &t.Cameras[i]
		*c = Camera{
			Spec: spec, Node: t.nodeOf[spec.Node], size: id.Name("size"), Phase: spec.Phase,
			FPS: spec.FPS, Mode: spec.Mode, class: spec.Class,
		}
		if c.Phase < 0 {
			c.Phase = firstFrame(id.Name("phase").Uniform(), spec.FPS)
		}
		var err error
		if c.Content, err = kb.OpenContent(spec.Content, spec.Dir, spec.FPS, t.Seed, spec.ID); err != nil {
			return fmt.Errorf("camera %q: %w", spec.ID, err)
		}
		n := &t.Nodes[c.Node]
		n.Cameras = append(n.Cameras, i)
		t.cameraOf[spec.ID] = i
	}
	return nil
}

// firstFrame returns the share of a frame's time at fps, cut to whole nanoseconds: never
// where it is beyond the range of Time, since the conversion would go below 0.
func firstFrame(share, fps float64) core.Time {
	ns := share * float64(core.Second) / fps
	if ns >= float64(core.Never) {
		return core.Never
	}
	return core.Time(ns)
}

// Next returns the first camera frame that is not past at now.
func (c *Camera) Next(now core.Time) int64 { return result.FrameIndex(now, c.Phase, c.FPS) }

// Scene returns what camera frame k shows.
func (c *Camera) Scene(k int64) kb.Scene {
	sc := c.Content.Scene(k)
	if c.class != "" {
		sc.Class = c.class
	}
	return sc
}

// Class is the kind of content as the scenario says it; "" = each scene says it.
func (c *Camera) Class() string { return c.class }

// SameEncoding reports whether a frame looks the same under a and b.
func SameEncoding(a, b *core.VideoConf) bool {
	return a.Resolution == b.Resolution && a.Quality == b.Quality && a.Encoder == b.Encoder
}
