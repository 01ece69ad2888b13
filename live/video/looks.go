package video

import (
	"math"

	"vidq/kb/world"
)

// Looks of the objects, drawn once for the process. Lengths of a face are in half face widths,
// of all else in heights of the box. A detector that was trained on photographs finds
// faces and people that are drawn like this.

// gauss is a soft spot with the middle (u0, v0).
func gauss(u, v, u0, v0, su, sv float64) float64 {
	a, b := (u-u0)/su, (v-v0)/sv
	return math.Exp(-(a*a + b*b) / 2)
}

// inside goes from 1 within an edge to 0 beyond it, over a width; d is the distance outwards.
func inside(d, width float64) float64 { return min(max(.5-d/width, 0), 1) }

// draws is a family of numbers in [-1, 1).
type draws struct {
	key world.Key
	n   uint64
}

func (d *draws) next() float64 {
	d.n++
	return 2*d.key.With(d.n).Uniform() - 1
}

func drawsFor(what string, i int) *draws {
	return &draws{key: world.Root(0, 0).Name(what).With(uint64(i))}
}

const faceLooks = 8

// drawFaces draws each face down and up.
func drawFaces() []*sprite {
	var all []*sprite
	for i := range faceLooks {
		for _, up := range []bool{false, true} {
			f := newFace(drawsFor("face", i), up)
			// The box is a square of side 2.1 with the eyes at 38% of its height.
			const side, eyes = 2.1, -.20
			top := eyes - .38*side
			all = append(all, drawSprite(-1.5, -1.75, 1.5, 2, 48, [4]float64{-side / 2, top, side / 2, top + side}, f.shade))
		}
	}
	return all
}

// face is what makes one face differ from others.
type face struct {
	skin, hair, hairline, eyeY, eyeX, browY, mouthY, mouthW, noseY float64
	tilt, cb, cr                                                   float64
	shirt, shirtCb, shirtCr                                        float64
}

// newFace draws a face. One that looks down shows more hair, and its features are lower and closer together.
func newFace(d *draws, up bool) *face {
	f := &face{
		skin: .66 + .08*d.next(), hair: .20 + .15*d.next(), hairline: -.95 + .06*d.next(),
		eyeX: .42 + .03*d.next(), eyeY: -.20 + .03*d.next(), browY: -.42 + .03*d.next(),
		noseY: .36 + .03*d.next(), mouthY: .68 + .04*d.next(), mouthW: .30 + .04*d.next(),
		tilt: .07 * d.next(), cb: -14 + 3*d.next(), cr: 18 + 4*d.next(),
		shirt: .45 + .3*d.next(), shirtCb: 30 * d.next(), shirtCr: 30 * d.next(),
	}
	if !up {
		f.hairline += .28
		f.browY, f.eyeY, f.noseY, f.mouthY = f.browY+.16, f.eyeY+.14, f.noseY+.14, f.mouthY+.1
	}
	return f
}

func (f *face) shade(u, v float64) tint {
	sin, cos := math.Sincos(f.tilt)
	u, v = float64(u*cos)-float64(v*sin), float64(u*sin)+float64(v*cos)
	t := f.body(u, v)
	hair := inside(math.Hypot(u/1.13, (v+.12)/1.43)-1, .06)
	if v > .35 {
		hair *= inside(v-.5, .3)
	}
	t = over(t, tint{f.hair + .03*math.Sin(40*u), -2, 4, hair})
	width := 1.0
	if v > .2 {
		width = 1 - .16*(v-.2)/1.12
	}
	r := math.Hypot(u/width, v/1.32)
	skin := inside(r-1, .06) * inside(f.hairline-v+.18*u*u, .1)
	return over(t, tint{f.light(u, v, r), f.cb, f.cr, skin})
}

// body is the neck and the shoulders below the face.
func (f *face) body(u, v float64) tint {
	t := tint{f.shirt, f.shirtCb, f.shirtCr, inside(1.5-v+.35*u*u, .1) * inside(math.Abs(u)-1.45, .1)}
	return over(t, tint{f.skin * .68, f.cb, f.cr, inside(math.Abs(u)-.45, .08) * inside(.8-v, .1) * inside(v-1.75, .2)})
}

// light is the luminance of the skin with the features on it.
func (f *face) light(u, v, r float64) float64 {
	y := f.skin - .30*r*r*r
	for _, side := range []float64{-1, 1} {
		x := side * f.eyeX
		y -= .28 * gauss(u, v, x, f.eyeY, .26, .15)
		y += .10 * gauss(math.Abs(u-x), v, .16, f.eyeY, .05, .05)
		y -= .25 * inside(math.Hypot(u-x, v-f.eyeY)-.10, .05)
		y -= .22 * gauss(u, v, x, f.browY, .26, .06)
		y += .10 * gauss(u, v, side*.48, .22, .25, .25)
	}
	y += .12 * gauss(u, v, 0, .05, .12, .42)
	y -= .20 * gauss(u, v, 0, f.noseY, .17, .05)
	y -= .28 * gauss(u, v, 0, f.mouthY, f.mouthW, .08)
	return y + .06*gauss(u, v, 0, 1.02, .2, .1) + .08*gauss(u, v, 0, -.75, .4, .2)
}

// over lays b over a.
func over(a, b tint) tint {
	c := b.cover + a.cover*(1-b.cover)
	if c == 0 {
		return tint{}
	}
	part := b.cover / c
	return tint{a.y + (b.y-a.y)*part, a.cb + (b.cb-a.cb)*part, a.cr + (b.cr-a.cr)*part, c}
}

const (
	personAspect = .41
	personLooks  = 6
	walkFrames   = 4
)

// drawPersons draws each person in the phases of a walk.
func drawPersons() []*sprite {
	var all []*sprite
	for i := range personLooks {
		for k := range walkFrames {
			p := newPerson(drawsFor("person", i), float64(k)/walkFrames)
			half := personAspect / 2
			all = append(all, drawSprite(-half-.04, -.02, half+.04, 1.02, 200, [4]float64{-half, 0, half, 1}, p.shade))
		}
	}
	return all
}

// capsule is a limb: a line with a thickness at both ends.
type capsule struct {
	x0, y0, r0, x1, y1, r1 float64
	tint                   tint
}

// person is its limbs, the rearmost first.
type person []capsule

func newPerson(d *draws, phase float64) person {
	coat := tint{.35 + .25*d.next(), 25 * d.next(), 25 * d.next(), 1}
	legs := tint{.20 + .10*d.next(), 6 * d.next(), 5 * d.next(), 1}
	skin := tint{.60 + .12*d.next(), -12, 16, 1}
	hair := tint{.15 + .12*d.next(), -2, 3, 1}
	dim := func(t tint) tint { t.y *= .8; return t }
	swing := .115 * math.Sin(2*math.Pi*phase)
	return person{
		{.05, .22, .035, .06 - .8*swing, .50, .022, dim(coat)},
		{.02, .52, .062, .03 - swing, .965, .032, dim(legs)},
		{-.02, .52, .065, -.03 + swing, .97, .034, legs},
		{0, .22, .098, 0, .50, .076, coat},
		{-.07, .22, .038, -.09 + .8*swing, .51, .024, coat},
		{0, .12, .038, 0, .18, .04, skin},
		{0, .072, .062, 0, .09, .06, hair},
		{.015, .085, .05, .015, .1, .046, skin},
	}
}

func (p person) shade(u, v float64) tint {
	var t tint
	for i := range p {
		c := &p[i]
		dx, dy := c.x1-c.x0, c.y1-c.y0
		along := min(max(((u-c.x0)*dx+(v-c.y0)*dy)/(dx*dx+dy*dy), 0), 1)
		across := math.Hypot(u-c.x0-along*dx, v-c.y0-along*dy)
		r := c.r0 + (c.r1-c.r0)*along
		limb := c.tint
		limb.y *= 1.08 - .3*(across/r)*(across/r)
		limb.cover = inside(across-r, .01)
		t = over(t, limb)
	}
	return t
}

const (
	vehicleAspect = 24. / 14
	vehicleLooks  = 8
)

func drawVehicles() []*sprite {
	var all []*sprite
	for i := range vehicleLooks {
		c := newCar(drawsFor("vehicle", i))
		half := vehicleAspect / 2
		all = append(all, drawSprite(-half-.04, -.02, half+.04, 1.06, 140, [4]float64{-half, 0, half, 1}, c.shade))
	}
	return all
}

// car is seen from the side, heading right.
type car struct {
	paint        tint
	roof, bonnet float64 // where the cabin ends behind and before
}

func newCar(d *draws) *car {
	return &car{
		paint: tint{.5 + .38*d.next(), 35 * d.next(), 35 * d.next(), 1},
		roof:  -.55 + .2*d.next(), bonnet: .35 + .12*d.next(),
	}
}

func (c *car) shade(u, v float64) tint {
	half := vehicleAspect / 2
	t := tint{.06, 0, 0, .6 * gauss(u, v, 0, 1, .6, .04)} // shadow
	slope := .5 * (.42 - v)                               // the cabin is narrower above
	cabin := inside(max(c.roof+slope-u, u-c.bonnet+slope, -v, v-.5), .03)
	t = over(t, tint{c.paint.y * .92, c.paint.cb, c.paint.cr, cabin})
	glass := inside(max(c.roof+slope+.06-u, u-c.bonnet+slope+.06, .09-v, v-.40), .03)
	if math.Abs(u-(c.roof+c.bonnet)/2) < .025 {
		glass = 0 // the pillar between the windows
	}
	t = over(t, tint{.22 + .2*(.4-v), 4, -2, glass})
	side := inside(max(math.Abs(u)-half+.02+.25*max(.5-v, 0), .40-v, v-.86), .04)
	t = over(t, tint{c.paint.y * (1.15 - .45*v), c.paint.cb, c.paint.cr, side})
	t = over(t, tint{.85, -8, 6, inside(max(math.Abs(u-half+.08)-.05, math.Abs(v-.55)-.04), .02)})
	t = over(t, tint{.3, -10, 60, inside(max(math.Abs(u+half-.06)-.03, math.Abs(v-.55)-.05), .02)})
	for _, x := range []float64{-.52, .5} {
		r := math.Hypot(u-x, v-.82)
		t = over(t, tint{.08, 0, 0, inside(r-.175, .02)})
		t = over(t, tint{.55, 0, 0, inside(r-.085, .02)})
	}
	return t
}
