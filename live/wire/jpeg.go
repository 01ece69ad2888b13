package wire

import (
	"encoding/binary"
	"net/http"
	"strconv"

	"vidq/core"
)

// Limits bound what a request with images may be. Zero fields take the default.
type Limits struct {
	Body   int64 // bytes of the request; default 96 MiB
	Image  int   // bytes of one JPEG; default 16 MiB
	Images int   // crops in one request; default 1024
	Pixels int   // of one JPEG; default 64 million
}

// WithDefaults returns l with its zero fields filled in.
func (l Limits) WithDefaults() Limits {
	if l.Image <= 0 {
		l.Image = 16 << 20
	}
	if l.Images <= 0 {
		l.Images = 1024
	}
	if l.Pixels <= 0 {
		l.Pixels = 64_000_000
	}
	if l.Body <= 0 {
		l.Body = 96 << 20
	}
	return l
}

// JPEGSize returns the size of a JPEG by its header, without decoding it: the
// markers from SOI up to the frame header are walked (ITU-T T.81, annex B). What is no JPEG, has
// a broken or truncated header or no pixels is an error of status 415 or 422.
// Whether the picture itself is whole only a decoder can tell.
func JPEGSize(b []byte) (width, height int, err error) {
	if len(b) < 2 || b[0] != 0xff || b[1] != 0xd8 {
		return 0, 0, Errorf(http.StatusUnsupportedMediaType, "the image is no JPEG (it does not begin with ff d8); send a JPEG")
	}
	for i := 2; ; {
		if i >= len(b) {
			return 0, 0, badJPEG("is truncated", len(b))
		}
		if b[i] != 0xff {
			return 0, 0, badJPEG("has no marker", i)
		}
		for i < len(b) && b[i] == 0xff { // fill bytes
			i++
		}
		if i+2 >= len(b) {
			return 0, 0, badJPEG("is truncated", len(b))
		}
		marker := b[i]
		switch {
		case marker == 0x01: // TEM stands alone
			i++
			continue
		case marker == 0 || marker >= 0xd0 && marker <= 0xda: // restarts, ends and scans come after the frame header
			return 0, 0, badJPEG("has the marker ff "+strconv.FormatUint(uint64(marker), 16)+" before the frame header", i)
		}
		length := int(binary.BigEndian.Uint16(b[i+1:]))
		if length < 2 {
			return 0, 0, badJPEG("has a segment without length", i)
		}
		if i+1+length > len(b) {
			return 0, 0, badJPEG("is truncated", len(b))
		}
		if isFrameHeader(marker) {
			return frameSize(b[i+3:i+1+length], i)
		}
		i += 1 + length
	}
}

// isFrameHeader tells SOF0..SOF15 from DHT, JPG and DAC, which lie among them.
func isFrameHeader(marker byte) bool {
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc
}

// frameSize reads a frame header: precision, height, width, and three bytes for each component.
func frameSize(h []byte, at int) (width, height int, err error) {
	if len(h) < 6 || h[5] == 0 || len(h) != 6+3*int(h[5]) {
		return 0, 0, badJPEG("has a frame header of the wrong length", at)
	}
	height, width = int(binary.BigEndian.Uint16(h[1:])), int(binary.BigEndian.Uint16(h[3:]))
	if width == 0 || height == 0 {
		return 0, 0, badJPEG("tells no size", at)
	}
	return width, height, nil
}

func badJPEG(what string, at int) *Error {
	return Errorf(http.StatusUnprocessableEntity, "the JPEG's header %s at byte %d; send a whole JPEG", what, at)
}

// checkImage returns the size of an image, if it is one and within the limits.
func (l *Limits) checkImage(b []byte) (core.Resolution, error) {
	if len(b) > l.Image {
		return core.Resolution{}, Errorf(http.StatusRequestEntityTooLarge, "the image has %d bytes, more than %d; send a smaller one", len(b), l.Image)
	}
	w, h, err := JPEGSize(b)
	if err != nil {
		return core.Resolution{}, err
	}
	if w*h > l.Pixels {
		return core.Resolution{}, Errorf(http.StatusRequestEntityTooLarge, "the image is %dx%d, more than %d pixels; send a smaller one", w, h, l.Pixels)
	}
	return core.Resolution{Width: uint16(w), Height: uint16(h)}, nil
}
