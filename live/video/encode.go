package video

import (
	"bytes"
	"image"
	"image/jpeg"

	"vidq/core"
)

// EncodeJPEG returns a picture as a JPEG of a quality, 1..100.
func EncodeJPEG(m image.Image, quality int) ([]byte, error) {
	var b bytes.Buffer
	r := m.Bounds()
	b.Grow(r.Dx()*r.Dy()/8 + 1024)
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Resize returns a picture in another size, the same picture if it has that size.
// A smaller one has the mean of what each of its pixels covers, a larger one is
// interpolated by straight lines.
func Resize(m *image.YCbCr, size core.Resolution) *image.YCbCr {
	if m.Rect.Dx() == int(size.Width) && m.Rect.Dy() == int(size.Height) {
		return m
	}
	d := image.NewYCbCr(image.Rect(0, 0, int(size.Width), int(size.Height)), image.YCbCrSubsampleRatio420)
	scaleTo(d, m)
	return d
}

// plane is a rectangle of samples.
type plane struct {
	pix          []uint8
	stride, w, h int
}

// planes returns light and the two colours. Neither may begin within a sample of colour that pixels share:
// no picture of this package does.
func planes(m *image.YCbCr) [3]plane {
	b := m.Rect
	cw, ch := b.Dx(), b.Dy()
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		cw = (cw + 1) / 2
	case image.YCbCrSubsampleRatio420:
		cw, ch = (cw+1)/2, (ch+1)/2
	case image.YCbCrSubsampleRatio440:
		ch = (ch + 1) / 2
	case image.YCbCrSubsampleRatio411:
		cw = (cw + 3) / 4
	case image.YCbCrSubsampleRatio410:
		cw, ch = (cw+3)/4, (ch+1)/2
	default: // 4:4:4
	}
	c := m.COffset(b.Min.X, b.Min.Y)
	return [3]plane{
		{m.Y[m.YOffset(b.Min.X, b.Min.Y):], m.YStride, b.Dx(), b.Dy()},
		{m.Cb[c:], m.CStride, cw, ch},
		{m.Cr[c:], m.CStride, cw, ch},
	}
}

// scaleTo fills d with m.
func scaleTo(d, m *image.YCbCr) {
	from, to := planes(m), planes(d)
	for i := range from {
		scalePlane(&to[i], &from[i])
	}
}

// tap is what one sample along an axis is made of: samples from first on, by their weights.
type tap struct {
	first   int
	weights []uint32 // their sum is one
}

// one is a weight of 1.
const oneBits, one = 12, 1 << oneBits

// taps returns how to samples are made of from samples.
func taps(from, to int) []tap {
	all := make([]tap, to)
	ratio := float64(from) / float64(to)
	for i := range all {
		lo, hi := float64(i)*ratio, float64(i+1)*ratio
		if ratio <= 1 { // between the two nearest middles
			lo = (lo+hi)/2 - .5
			hi = lo + 1
		}
		first, last := int(max(lo, 0)), min(int(hi), from-1)
		t := tap{first: first, weights: make([]uint32, last-first+1)}
		sum := uint32(0)
		for j := first; j <= last; j++ {
			share := min(hi, float64(j+1)) - max(lo, float64(j))
			w := uint32(max(share, 0) / (hi - lo) * one)
			t.weights[j-first] = w
			sum += w
		}
		t.weights[largest(t.weights)] += one - sum // what rounding and the edges left out
		all[i] = t
	}
	return all
}

func largest(w []uint32) int {
	best := 0
	for i := range w {
		if w[i] > w[best] {
			best = i
		}
	}
	return best
}

// scalePlane fills d with s: first down, then across.
func scalePlane(d, s *plane) {
	if d.w == s.w && d.h == s.h {
		for y := range d.h {
			copy(d.pix[y*d.stride:][:d.w], s.pix[y*s.stride:])
		}
		return
	}
	down, across := taps(s.h, d.h), taps(s.w, d.w)
	row := make([]uint32, s.w)
	for y := range down {
		t := &down[y]
		for i, w := range t.weights {
			line := s.pix[(t.first+i)*s.stride:][:s.w]
			if i == 0 {
				for x, v := range line {
					row[x] = uint32(v) * w
				}
				continue
			}
			for x, v := range line {
				row[x] += uint32(v) * w
			}
		}
		out := d.pix[y*d.stride:][:d.w]
		for x := range across {
			a := &across[x]
			sum := uint32(1) << (2*oneBits - 1)
			for i, v := range row[a.first:][:len(a.weights)] {
				sum += v * a.weights[i]
			}
			out[x] = uint8(sum >> (2 * oneBits))
		}
	}
}
