package sim

import (
	"vidq/core"
	"vidq/scenarios/testbed"
)

// camera is a video source with the encoded frames that its queries share.
type camera struct {
	node    *node
	bed     *testbed.Camera
	queries []*query
	store   []encoded
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
		if e := &c.store[i]; e.frame == frame && testbed.SameEncoding(&e.video, v) {
			return e
		}
	}
	return nil
}

// drop forgets the encodings of a frame that no query holds any more, and the calls
// that waited for them.
func (c *camera) drop(s *Sim, frame int64) {
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
			continue
		}
		for _, w := range c.store[i].waiting {
			s.freeCall(w)
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
