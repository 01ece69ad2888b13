package sidechan

import (
	"errors"
	"image"
	"sync"

	"vidq/live/video"
	"vidq/live/wire"
)

// quality of the JPEGs that are shown.
const quality = 75

// Shot is a frame with what was found in it.
type Shot struct {
	JPEG  []byte      // the frame; or
	Image image.Image // the frame, of which a copy is drawn on
	Boxes []wire.Box  // in pixels of the frame
	Text  []string    // lines such as "up 3 of 12"; ASCII
}

// shot is a Shot that is drawn and encoded once.
type shot struct {
	Shot
	once sync.Once
	jpeg []byte
	err  error
}

// encoded returns what viewers are sent. A JPEG with nothing to be drawn is sent as it is.
func (s *shot) encoded() ([]byte, error) {
	s.once.Do(func() {
		s.jpeg, s.err = s.make()
		s.Shot = Shot{} // is not needed any more
	})
	return s.jpeg, s.err
}

func (s *shot) make() ([]byte, error) {
	m := s.Image
	switch {
	case s.JPEG != nil && len(s.Boxes) == 0 && len(s.Text) == 0:
		return s.JPEG, nil
	case s.JPEG != nil:
		p, err := video.NewJPEG("the frame", s.JPEG)
		if err != nil {
			return nil, err
		}
		if m, err = p.Image(); err != nil {
			return nil, err
		}
	case m == nil || m.Bounds().Empty():
		return nil, errors.New("there is nothing to be seen")
	}
	canvas := video.ToYCbCr(m)
	annotate(canvas, s.Boxes, s.Text)
	return video.EncodeJPEG(canvas, quality)
}
