package live

import (
	"bytes"
	"image"
	"image/jpeg"

	"vidq/core"
)

// blankSize is the size of blank.
var blankSize = core.Resolution{Width: 8, Height: 8}

// blank is a JPEG that stands for a frame or a crop where nobody looks at pixels: the
// emulated links count the bytes that the real one would have.
var blank = func() []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, int(blankSize.Width), int(blankSize.Height))), nil); err != nil {
		panic("live: an image of eight by eight can be encoded: " + err.Error())
	}
	return b.Bytes()
}()
