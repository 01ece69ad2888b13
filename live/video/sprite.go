package video

import (
	"image"
	"math"
)

// sprite is a picture of an object with what is transparent in it, in sizes from the largest on,
// each half of the one before.
type sprite struct {
	levels []level
	// box is where the object is in the sprite, fractions of its sides: the rest hangs out.
	x0, y0, x1, y1 float64
}

// level is a size of a sprite: light, two colours and cover, each times the cover.
type level struct {
	w, h int
	pix  []uint8
}

// tint is a point of an object: luminance 0..1, the differences of colour in samples, and how much it covers, 0..1.
type tint struct{ y, cb, cr, cover float64 }

// drawSprite draws what shade tells of each point of the canvas from (u0, v0) to (u1, v1), whose
// part from (b.x0, b.y0) to (b.x1, b.y1) is the object's box, with scale pixels for a unit. Edges are
// shade's to make soft.
func drawSprite(u0, v0, u1, v1, scale float64, b [4]float64, shade func(u, v float64) tint) *sprite {
	w, h := int((u1-u0)*scale+.5), int((v1-v0)*scale+.5)
	l := level{w: w, h: h, pix: make([]uint8, 4*w*h)}
	for y := range h {
		for x := range w {
			t := shade(u0+(float64(x)+.5)/scale, v0+(float64(y)+.5)/scale)
			light := 16 + 219*min(max(t.y, 0), 1)
			p := l.pix[4*(y*w+x):]
			p[0], p[1], p[2] = uint8(t.cover*light), uint8(t.cover*(128+t.cb)), uint8(t.cover*(128+t.cr))
			p[3] = uint8(t.cover * 255)
		}
	}
	s := &sprite{
		levels: []level{l},
		x0:     (b[0] - u0) / (u1 - u0), y0: (b[1] - v0) / (v1 - v0),
		x1: (b[2] - u0) / (u1 - u0), y1: (b[3] - v0) / (v1 - v0),
	}
	for l.w > 8 && l.h > 8 {
		l = l.half()
		s.levels = append(s.levels, l)
	}
	return s
}

func (l *level) half() level {
	d := level{w: l.w / 2, h: l.h / 2}
	d.pix = make([]uint8, 4*d.w*d.h)
	for y := range d.h {
		for x := range d.w {
			for c := range 4 {
				at := func(i, j int) int { return int(l.pix[4*((2*y+j)*l.w+2*x+i)+c]) }
				d.pix[4*(y*d.w+x)+c] = uint8((at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1) + 2) / 4)
			}
		}
	}
	return d
}

// ramp tells for each pixel of an axis which sample it is taken from and how much of the next.
type ramp struct{ at, part int }

// ramps map pixels from lo on, the canvas being size pixels long from pos on, to n samples.
func ramps(lo, hi int, pos, size float64, n int, flip bool) []ramp {
	all := make([]ramp, hi-lo)
	for i := range all {
		f := (float64(lo+i) + .5 - pos) / size
		if flip {
			f = 1 - f
		}
		x := min(max(f*float64(n)-.5, 0), float64(n-1))
		all[i] = ramp{int(x), int((x - math.Floor(x)) * 256)}
	}
	return all
}

// paint draws the sprite so that its object fills the box.
func (s *sprite) paint(m *image.YCbCr, box image.Rectangle, flip bool) {
	x0, x1 := s.x0, s.x1
	if flip {
		x0, x1 = 1-s.x1, 1-s.x0
	}
	cw, ch := float64(box.Dx())/(x1-x0), float64(box.Dy())/(s.y1-s.y0)
	px, py := float64(box.Min.X)-x0*cw, float64(box.Min.Y)-s.y0*ch
	r := image.Rect(int(math.Floor(px)), int(math.Floor(py)), int(math.Ceil(px+cw)), int(math.Ceil(py+ch))).Intersect(m.Rect)
	if r.Empty() {
		return
	}
	l := &s.levels[0]
	for i := range s.levels { // the smallest that is not smaller than what is drawn
		if float64(s.levels[i].w) >= cw && float64(s.levels[i].h) >= ch {
			l = &s.levels[i]
		}
	}
	xs, ys := ramps(r.Min.X, r.Max.X, px, cw, l.w, flip), ramps(r.Min.Y, r.Max.Y, py, ch, l.h, false)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		line := m.Y[y*m.YStride:]
		top, below, part := l.lines(ys[y-r.Min.Y])
		for i, x := range xs {
			cover := mix4(top, below, x, part, 3)
			if cover == 0 {
				continue
			}
			d := &line[r.Min.X+i]
			*d = uint8(min(int(*d)*(255-cover)/255+mix4(top, below, x, part, 0), 235))
		}
	}
	s.paintColour(m, l, r, xs, ys)
}

// paintColour draws the colour of every second pixel of every second line.
func (s *sprite) paintColour(m *image.YCbCr, l *level, r image.Rectangle, xs, ys []ramp) {
	for y := (r.Min.Y + 1) &^ 1; y < r.Max.Y; y += 2 {
		top, below, part := l.lines(ys[y-r.Min.Y])
		for x := (r.Min.X + 1) &^ 1; x < r.Max.X; x += 2 {
			at := xs[x-r.Min.X]
			cover := mix4(top, below, at, part, 3)
			if cover == 0 {
				continue
			}
			c := y/2*m.CStride + x/2
			m.Cb[c] = uint8(min(int(m.Cb[c])*(255-cover)/255+mix4(top, below, at, part, 1), 255))
			m.Cr[c] = uint8(min(int(m.Cr[c])*(255-cover)/255+mix4(top, below, at, part, 2), 255))
		}
	}
}

// lines returns the two lines that a line of the picture lies between.
func (l *level) lines(y ramp) (top, below []uint8, part int) {
	top = l.pix[4*y.at*l.w:][:4*l.w]
	below = top
	if y.at+1 < l.h {
		below = l.pix[4*(y.at+1)*l.w:][:4*l.w]
	}
	return top, below, y.part
}

// mix4 interpolates one of the four values between the four samples around a point.
func mix4(top, below []uint8, x ramp, part, c int) int {
	i := 4*x.at + c
	j := min(i+4, len(top)-4+c)
	a := int(top[i])*(256-x.part) + int(top[j])*x.part
	b := int(below[i])*(256-x.part) + int(below[j])*x.part
	return (a*(256-part) + b*part) >> 16
}
