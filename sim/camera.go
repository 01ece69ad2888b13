package sim

import (
	"vidq/core"
	"vidq/core/result"
	"vidq/kb"
	"vidq/kb/world"
	"vidq/scenarios"
)

// camera is a video source: what it shows and when, and the encoded frames that
// its queries share.
type camera struct {
	node    *node
	phase   core.Time // of camera frame 0
	fps     float64
	content kb.Source
	size    world.Key // of the noise of frame sizes
	class   string    // of the content; "" = what the content says
	queries []*query
	store   []encoded
	mode    core.Mode
	spec    *scenarios.Camera
}

// next returns the first camera frame that is not past at now.
func (c *camera) next(now core.Time) int64 { return result.FrameIndex(now, c.phase, c.fps) }

// scene returns what camera frame k shows.
func (c *camera) scene(k int64) kb.Scene {
	sc := c.content.Scene(k)
	if c.class != "" {
		sc.Class = c.class
	}
	return sc
}

// encoded is a camera frame in one encoding, made once for all queries.
type encoded struct {
	frame   int64
	video   core.VideoConf
	done    bool
	maker   uint32   // the call that encodes it
	waiting []uint32 // calls that wait for it
}

// find returns the stored encoding, or nil.
func (c *camera) find(frame int64, v *core.VideoConf) *encoded {
	for i := range c.store {
		if e := &c.store[i]; e.frame == frame && sameEncoding(&e.video, v) {
			return e
		}
	}
	return nil
}

// sameEncoding reports whether a frame looks the same under a and b.
func sameEncoding(a, b *core.VideoConf) bool {
	return a.Resolution == b.Resolution && a.Quality == b.Quality && a.Encoder == b.Encoder
}

// drop forgets the encodings of a frame that no query holds any more.
func (c *camera) drop(frame int64) {
	for _, q := range c.queries {
		if q.find(frame) != nil {
			return
		}
	}
	kept := 0
	for i := range c.store {
		if c.store[i].frame != frame {
			c.store[kept], c.store[i] = c.store[i], c.store[kept]
			kept++
		}
	}
	c.store = c.store[:kept]
}

// add makes room for an encoding, keeping the memory of a former one.
func (c *camera) add(frame int64, v core.VideoConf, maker uint32) {
	if len(c.store) < cap(c.store) {
		c.store = c.store[:len(c.store)+1]
	} else {
		c.store = append(c.store, encoded{})
	}
	e := &c.store[len(c.store)-1]
	*e = encoded{frame: frame, video: v, maker: maker, waiting: e.waiting[:0]}
}
