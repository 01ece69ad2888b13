package video

import (
	"encoding/binary"
	"image"
	"math"

	"vidq/core"
	"vidq/kb/world"
)

// scenery is what stands still behind the objects of a camera, drawn once.
type scenery struct {
	back  *image.YCbCr
	grain []byte // noise of the sensor, 0..15
	pans  bool   // the camera moves
}

// Bounds of light in sceneries and sprites: the grain added to them stays within a byte.
const lightLeast, lightMost = 16, 239

// grainMean is taken off again when grain has been added.
const grainMean = 8

func newScenery(class string, size core.Resolution, key world.Key) *scenery {
	w, h := int(size.Width), int(size.Height)
	s := &scenery{back: image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420), pans: class == "ar"}
	base := backdropOf(class)
	coarse, fine := newTexture(key.Name("coarse")), newTexture(key.Name("fine"))
	unit := 1 / float64(h)
	for y := range h {
		v := float64(y) * unit
		for x := range w {
			u := float64(x) * unit
			l, _, _ := base(u, v)
			l += .10*coarse.at(u*6, v*6) + .06*fine.at(u*45, v*45)
			s.back.Y[y*s.back.YStride+x] = uint8(min(max(16+219*l, lightLeast), lightMost-8))
		}
	}
	for y := range (h + 1) / 2 {
		for x := range (w + 1) / 2 {
			_, cb, cr := base(2*float64(x)*unit, 2*float64(y)*unit)
			c := 6 * coarse.at(2*float64(x)*unit*6, 2*float64(y)*unit*6)
			i := y*s.back.CStride + x
			s.back.Cb[i], s.back.Cr[i] = uint8(128+cb+c), uint8(128+cr-c)
		}
	}
	s.grain = newGrain(key.Name("grain"))
	return s
}

// backdropOf returns the large shapes of a scenery by place, in frame heights: light
// 0..1 and the differences of colour.
func backdropOf(class string) func(u, v float64) (y, cb, cr float64) {
	switch class {
	case "faces": // a wall, and rows of desks
		return func(u, v float64) (y, cb, cr float64) {
			if row := v*5 - math.Floor(v*5); v > .2 && row > .72 {
				return .40 - .1*row, -10, 8
			}
			return .52 - .12*v, 2, -2
		}
	case "vehicles", "ar": // a road with marked lanes
		return func(u, v float64) (y, cb, cr float64) {
			lane, dash := v*5-math.Floor(v*5), u*2.5-math.Floor(u*2.5)
			switch {
			case v < .22:
				return .45, -6, -8
			case lane < .035 && dash < .5:
				return .75, 0, 0
			}
			return .38, 0, 0
		}
	}
	return func(u, v float64) (y, cb, cr float64) { // fronts of houses, and a pavement of slabs
		if v < .3 {
			x, z := u*7-math.Floor(u*7), v*9-math.Floor(v*9)
			if x > .3 && x < .7 && z > .25 && z < .8 {
				return .30, 4, -3
			}
			return .55, -8, 6
		}
		x, z := u*3-math.Floor(u*3), v*v*9-math.Floor(v*v*9)
		if x < .015 || z < .05 {
			return .42, 0, 0
		}
		return .52, -2, 1
	}
}

// texture is smooth noise that repeats every textureSide units.
type texture struct {
	values [textureSide][textureSide]float64
}

const textureSide = 64

func newTexture(key world.Key) *texture {
	t, s := new(texture), key.Stream()
	for y := range t.values {
		for x := range t.values[y] {
			t.values[y][x] = 2*s.Uniform() - 1
		}
	}
	return t
}

// at is the noise at a place, neither of whose coordinates is negative, in [-1, 1).
func (t *texture) at(x, y float64) float64 {
	i, j := int(x), int(y)
	fx, fy := x-float64(i), y-float64(j)
	i0, i1, j0, j1 := i%textureSide, (i+1)%textureSide, j%textureSide, (j+1)%textureSide
	top := t.values[j0][i0] + (t.values[j0][i1]-t.values[j0][i0])*fx
	below := t.values[j1][i0] + (t.values[j1][i1]-t.values[j1][i0])*fx
	return top + (below-top)*fy
}

// grainSize is how much noise there is before it repeats, bytes; frames begin within its first half.
const grainSize = 1 << 19

// newGrain draws noise in 0..15 around grainMean with a standard deviation of 2.2: sums of
// four uniform numbers, which are close to normal ones.
func newGrain(key world.Key) []byte {
	g, s := make([]byte, grainSize), key.Stream()
	for i := range g {
		g[i] = byte(1 + 3.75*(s.Uniform()+s.Uniform()+s.Uniform()+s.Uniform()))
	}
	return g
}

// draw draws frame k.
func (s *stage) draw(k int64) *image.YCbCr {
	set, actors := s.set(), s.actors(k)
	m := image.NewYCbCr(set.back.Rect, image.YCbCrSubsampleRatio420)
	shift := 0
	if set.pans {
		w := int(s.size.Width)
		shift = int(math.Mod(s.gone(k)*float64(s.size.Height), float64(w))) &^ 1
	}
	from, to := planes(set.back), planes(m)
	for i := range from {
		part := shift
		if i > 0 {
			part /= 2
		}
		for y := range from[i].h {
			src, dst := from[i].pix[y*from[i].stride:][:from[i].w], to[i].pix[y*to[i].stride:][:to[i].w]
			n := copy(dst, src[part:])
			copy(dst[n:], src)
		}
	}
	for i := range actors {
		actors[i].sprite().paint(m, actors[i].Box, actors[i].flip)
	}
	set.addGrain(m.Y, s.key.Name("grain").With(uint64(k)))
	return m
}

// addGrain adds the noise of a frame to its light, eight samples at a time: light is at
// least lightLeast and at most lightMost, so that no sum leaves its byte.
func (s *scenery) addGrain(pix []byte, key world.Key) {
	const mean = grainMean * 0x0101010101010101
	half := len(s.grain) / 2
	for part := uint64(0); len(pix) > 0; part++ {
		n := min(len(pix), half)
		noise := s.grain[int(key.With(part).Uint64()%uint64(half)):]
		for i := 0; i+8 <= n; i += 8 {
			v := binary.LittleEndian.Uint64(pix[i:]) + binary.LittleEndian.Uint64(noise[i:]) - mean
			binary.LittleEndian.PutUint64(pix[i:], v)
		}
		pix = pix[n:]
	}
}
