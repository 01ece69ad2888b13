package video

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"sync"

	"vidq/core"
	"vidq/live/wire"
)

// Object is something that a picture is known to show.
type Object struct {
	Box  image.Rectangle // in pixels of the picture, within it
	Kind string          // face, person or vehicle
	Up   bool            // a face that looks up; false of everything else
}

// Picture is what a frame shows. It is decoded or drawn when it is first looked at.
type Picture struct {
	name    string // for errors
	jpeg    []byte
	size    core.Resolution
	memory  int64 // bytes that it takes, once decoded
	look    func() (*image.YCbCr, error)
	objects func() []Object // nil = not known
}

// JPEG returns the picture as the source had it, nil if that was no JPEG.
func (p *Picture) JPEG() []byte { return p.jpeg }

// Size returns the picture's size, without decoding it.
func (p *Picture) Size() core.Resolution { return p.size }

// Image returns the pixels, which are made once and must not be changed.
func (p *Picture) Image() (*image.YCbCr, error) { return p.look() }

// Objects returns exactly what is to be seen, which only a drawn picture knows.
func (p *Picture) Objects() (objects []Object, known bool) {
	if p.objects == nil {
		return nil, false
	}
	return p.objects(), true
}

// NewJPEG returns the picture that a JPEG holds; name is for errors. The error is that of a header which
// is broken or tells of too many pixels; a body that is broken is found by Image.
func NewJPEG(name string, b []byte) (*Picture, error) {
	w, h, err := wire.JPEGSize(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if w*h > maxPixels {
		return nil, fmt.Errorf("%s: the picture is %dx%d, more than %d pixels", name, w, h, maxPixels)
	}
	p := &Picture{
		name: name, jpeg: b, size: core.Resolution{Width: uint16(w), Height: uint16(h)},
		memory: int64(len(b)) + 3*int64(w)*int64(h), // colour may have as many samples as light
	}
	p.look = decoded(name, func() (image.Image, error) { return jpeg.Decode(bytes.NewReader(b)) })
	return p, nil
}

// newPNG is NewJPEG for a PNG.
func newPNG(name string, b []byte) (*Picture, error) {
	c, err := png.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if c.Width > maxPixels || c.Height > maxPixels || c.Width*c.Height > maxPixels || c.Width > 1<<16-1 || c.Height > 1<<16-1 {
		return nil, fmt.Errorf("%s: the picture is %dx%d, more than %d pixels or 65535 in a row", name, c.Width, c.Height, maxPixels)
	}
	p := &Picture{
		name: name, size: core.Resolution{Width: uint16(c.Width), Height: uint16(c.Height)},
		memory: int64(len(b)) + 3*int64(c.Width)*int64(c.Height)/2,
	}
	p.look = decoded(name, func() (image.Image, error) { return png.Decode(bytes.NewReader(b)) })
	return p, nil
}

// decoded decodes once.
func decoded(name string, decode func() (image.Image, error)) func() (*image.YCbCr, error) {
	return sync.OnceValues(func() (*image.YCbCr, error) {
		m, err := decode()
		if err != nil {
			return nil, fmt.Errorf("%s: the picture is broken: %w", name, err)
		}
		if y, ok := m.(*image.YCbCr); ok {
			return y, nil
		}
		return ToYCbCr(m), nil
	})
}

// ToYCbCr returns a copy of a picture with its corner at (0, 0), in the form that
// JPEG has, colour at half the resolution.
func ToYCbCr(m image.Image) *image.YCbCr {
	b := m.Bounds()
	d := image.NewYCbCr(image.Rect(0, 0, b.Dx(), b.Dy()), image.YCbCrSubsampleRatio420)
	if s, ok := m.(*image.YCbCr); ok {
		scaleTo(d, s)
		return d
	}
	at := func(x, y int) (r, g, b uint8) {
		r16, g16, b16, _ := m.At(x, y).RGBA()
		return uint8(r16 >> 8), uint8(g16 >> 8), uint8(b16 >> 8)
	}
	if s, ok := m.(image.RGBA64Image); ok { // does not allocate
		at = func(x, y int) (r, g, b uint8) {
			c := s.RGBA64At(x, y)
			return uint8(c.R >> 8), uint8(c.G >> 8), uint8(c.B >> 8)
		}
	}
	// Colour is summed over the up to four pixels that share it.
	cw := (b.Dx() + 1) / 2
	sums := make([][3]int, cw)
	for y := range b.Dy() {
		if y%2 == 0 {
			clear(sums)
		}
		for x := range b.Dx() {
			yy, cb, cr := color.RGBToYCbCr(at(b.Min.X+x, b.Min.Y+y))
			d.Y[y*d.YStride+x] = yy
			s := &sums[x/2]
			s[0], s[1], s[2] = s[0]+int(cb), s[1]+int(cr), s[2]+1
		}
		row := y / 2 * d.CStride
		for x, s := range sums {
			d.Cb[row+x], d.Cr[row+x] = uint8(s[0]/s[2]), uint8(s[1]/s[2])
		}
	}
	return d
}
