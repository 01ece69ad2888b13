package video

import (
	"math"
	"sync"
)

// How objects move.
const (
	sits = iota
	walks
	drives
)

// cast is what objects of a kind look like and where they are.
type cast struct {
	kind        string
	aspect      float64 // width of a box over its height
	top, bottom float64 // where boxes may be, of what is free below them
	moves       int
	sprites     func() []*sprite
	frames      int // sprites of one look: a face down and up, the phases of a walk
}

var (
	faces    = cast{kind: "face", aspect: 1, top: .08, bottom: .92, moves: sits, frames: 2, sprites: sync.OnceValue(drawFaces)}
	persons  = cast{kind: "person", aspect: personAspect, top: .25, bottom: 1, moves: walks, frames: walkFrames, sprites: sync.OnceValue(drawPersons)}
	vehicles = cast{kind: "vehicle", aspect: vehicleAspect, top: .3, bottom: .95, moves: drives, frames: 1, sprites: sync.OnceValue(drawVehicles)}
)

// castOf returns what is to be seen in content of a class; u in [0, 1) is the object's draw where
// there is more than one kind. A class that is not known shows people.
func castOf(class string, u float64) cast {
	switch {
	case class == "faces":
		return faces
	case class == "vehicles", class == "ar" && u < .7:
		return vehicles
	}
	return persons
}

// sprite returns one of the looks in its state: looking up or not, or after so many steps, one
// for each box height.
func (c *cast) sprite(look int, up bool, steps float64) *sprite {
	all := c.sprites()
	frame := 0
	switch c.moves {
	case sits:
		if up {
			frame = 1
		}
	case walks:
		frame = int((steps - math.Floor(steps)) * float64(c.frames))
	}
	return all[look%(len(all)/c.frames)*c.frames+frame]
}
