package video

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"vidq/live/wire"
)

// splitter cuts JPEGs out of a stream of bytes by their own markers (ITU-T T.81,
// annex B), so that what stands between them is of no account: nothing in what
// ffmpeg writes, the headers and the boundary of multipart in what a camera sends, whatever the camera takes
// a boundary to be. A picture is handed out with its last byte. One that breaks off
// is left out.
type splitter struct {
	r    *bufio.Reader
	name string
	most int // bytes of a picture
	size int // of the last one, a guess for the next
	b    []byte
}

func newSplitter(name string, r io.Reader) *splitter {
	return &splitter{r: bufio.NewReaderSize(r, 64<<10), name: name, most: wire.Limits{}.WithDefaults().Image}
}

// Markers of JPEG.
const (
	markTEM  = 0x01
	markRST0 = 0xd0
	markRST7 = 0xd7
	markSOI  = 0xd8
	markEOI  = 0xd9
	markSOS  = 0xda
)

// Why a picture ends that is not whole.
var (
	errResync  = errors.New("not a marker")
	errRestart = errors.New("another picture begins")
)

// next returns the next picture whose header can be read. The error is that of the stream, io.EOF at
// its end even within a picture, or tells that a picture is too large.
func (s *splitter) next() (*Picture, error) {
	began := false
	for {
		if !began {
			if err := s.find(); err != nil {
				return nil, err
			}
		}
		s.b = append(make([]byte, 0, s.size+s.size/8+1024), 0xff, markSOI)
		err := s.picture()
		switch began = errors.Is(err, errRestart); {
		case began, errors.Is(err, errResync):
			continue
		case err != nil:
			return nil, err
		}
		s.size = len(s.b)
		if p, err := NewJPEG(s.name, s.b); err == nil {
			return p, nil
		}
	}
}

// find reads up to and with the beginning of a picture.
func (s *splitter) find() error {
	for {
		_, err := s.r.ReadSlice(0xff)
		for err == nil {
			var c byte
			if c, err = s.r.ReadByte(); c == markSOI && err == nil {
				return nil
			} else if c != 0xff {
				break
			}
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// picture reads what follows the beginning of a picture, to its end.
func (s *splitter) picture() error {
	scan := false
	for {
		marker, err := s.marker(scan)
		if err != nil {
			return err
		}
		switch {
		case marker == markEOI:
			return nil
		case marker == markSOI:
			return errRestart
		case marker == markTEM, marker >= markRST0 && marker <= markRST7, marker == 0 && scan:
			continue // stands alone; ff 00 is the byte ff of a scan
		case marker == 0:
			return errResync
		}
		if err := s.segment(); err != nil {
			return err
		}
		scan = marker == markSOS
	}
}

// marker reads the next marker: within a scan after any number of other bytes.
func (s *splitter) marker(scan bool) (byte, error) {
	for scan {
		part, err := s.r.ReadSlice(0xff)
		if err2 := s.take(part); err2 != nil {
			return 0, err2
		}
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return 0, err
		}
	}
	if !scan {
		c, err := s.byte()
		if err != nil {
			return 0, err
		}
		if c != 0xff {
			return 0, errResync
		}
	}
	for { // any number of ff may stand before a marker
		if c, err := s.byte(); err != nil || c != 0xff {
			return c, err
		}
	}
}

// segment reads a segment with its length.
func (s *splitter) segment() error {
	hi, err := s.byte()
	if err != nil {
		return err
	}
	lo, err := s.byte()
	if err != nil {
		return err
	}
	n := int(hi)<<8 + int(lo) - 2
	if n < 0 {
		return errResync
	}
	at := len(s.b)
	if err := s.room(n); err != nil {
		return err
	}
	s.b = append(s.b, make([]byte, n)...)
	if _, err := io.ReadFull(s.r, s.b[at:]); errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	} else if err != nil {
		return err
	}
	return nil
}

func (s *splitter) byte() (byte, error) {
	c, err := s.r.ReadByte()
	if err != nil {
		return 0, err
	}
	return c, s.take([]byte{c})
}

func (s *splitter) take(part []byte) error {
	if err := s.room(len(part)); err != nil {
		return err
	}
	s.b = append(s.b, part...)
	return nil
}

func (s *splitter) room(n int) error {
	if len(s.b)+n > s.most {
		return fmt.Errorf("a picture has more than %d bytes; let the camera send smaller ones", s.most)
	}
	return nil
}
