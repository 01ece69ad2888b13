package sidechan

import (
	"image"

	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"vidq/live/wire"
)

// ink is a colour.
type ink struct{ y, cb, cr uint8 }

// The colours: ITU-R BT.601 of bright green, white and nearly black.
var (
	green = ink{173, 60, 42}
	white = ink{235, 128, 128}
	dark  = ink{24, 128, 128}
)

// Sizes are for pictures of up to unitHeight lines and grow with them.
const (
	unitHeight = 400
	lineHeight = 15
	margin     = 4
)

// annotate draws boxes, and lines of text at the top left.
func annotate(m *image.YCbCr, boxes []wire.Box, text []string) {
	unit := max(1, m.Rect.Dy()/unitHeight)
	for _, b := range boxes {
		outline(m, pixels(b, m.Rect), unit+1)
	}
	for i, line := range text {
		at := image.Pt(margin*unit, margin*unit+i*lineHeight*unit)
		if at.Y >= m.Rect.Max.Y {
			return
		}
		write(m, at, unit, line)
	}
}

// pixels is a box cut to the picture. A box with a side that is no number is empty.
func pixels(b wire.Box, within image.Rectangle) image.Rectangle {
	side := func(x float64, most int) int {
		if !(x > 0) {
			return 0
		}
		return int(min(x, float64(most)))
	}
	w, h := within.Dx(), within.Dy()
	return image.Rectangle{image.Pt(side(b[0], w), side(b[1], h)), image.Pt(side(b[2], w), side(b[3], h))}
}

// outline draws the edge of r, thick pixels wide, inwards.
func outline(m *image.YCbCr, r image.Rectangle, thick int) {
	if r.Empty() {
		return
	}
	x, y := min(thick, r.Dx()), min(thick, r.Dy())
	fill(m, image.Rect(r.Min.X, r.Min.Y, r.Max.X, r.Min.Y+y), green)
	fill(m, image.Rect(r.Min.X, r.Max.Y-y, r.Max.X, r.Max.Y), green)
	fill(m, image.Rect(r.Min.X, r.Min.Y, r.Min.X+x, r.Max.Y), green)
	fill(m, image.Rect(r.Max.X-x, r.Min.Y, r.Max.X, r.Max.Y), green)
}

// fill colours what r and the picture have in common.
func fill(m *image.YCbCr, r image.Rectangle, c ink) {
	r = r.Intersect(m.Rect)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			m.Y[m.YOffset(x, y)] = c.y
			i := m.COffset(x, y)
			m.Cb[i], m.Cr[i] = c.cb, c.cr
		}
	}
}

// write writes a line on a dark ground, each pixel of the font unit pixels large. What does not fit is cut off.
func write(m *image.YCbCr, at image.Point, unit int, line string) {
	face := basicfont.Face7x13
	for _, r := range line {
		if at.X >= m.Rect.Max.X {
			return
		}
		glyph, mask, from, advance, _ := face.Glyph(fixed.P(0, face.Ascent), r)
		width := advance.Round()
		fill(m, image.Rect(at.X, at.Y, at.X+width*unit, at.Y+lineHeight*unit), dark)
		for y := range glyph.Dy() {
			for x := range glyph.Dx() {
				if _, _, _, a := mask.At(from.X+x, from.Y+y).RGBA(); a < 0x8000 {
					continue
				}
				p := at.Add(glyph.Min.Add(image.Pt(x, y+1)).Mul(unit))
				fill(m, image.Rectangle{p, p.Add(image.Pt(unit, unit))}, white)
			}
		}
		at.X += width * unit
	}
}
