package video

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"vidq/core"
)

// Errors of a Store.
var (
	// ErrFull refuses a frame, or a variant of one, for which there is no room.
	ErrFull = errors.New("the frame store is full")
	// ErrNotHeld is the answer about a frame that nobody holds.
	ErrNotHeld = errors.New("the frame is not held")
)

// Store keeps the frames that queries are working on, and what was encoded of them.
// It may be used by any number of goroutines.
type Store struct {
	limit   int64
	workers chan struct{} // holds one for each encoding at work
	wg      sync.WaitGroup

	mu     sync.Mutex
	frames map[frameKey]*held
	used   int64
	closed bool
}

type frameKey struct {
	camera core.CameraID
	frame  int64
}

// held is a frame with its variants.
type held struct {
	Frame
	queries  int
	bytes    int64 // that it and its variants take
	variants map[variantKey]*variant
}

// variantKey is how a frame is encoded: the part of a VideoConf that makes a difference to one frame.
type variantKey struct {
	size    core.Resolution
	quality int
}

// variant is an encoding, which those who want it wait for.
type variant struct {
	done chan struct{} // closed when the rest is there
	jpeg []byte
	took core.Time
	err  error
}

// Encoded is a frame as a plan wants it.
type Encoded struct {
	JPEG   []byte    // must not be changed; stays valid after the frame's release
	Took   core.Time // that making it took, whoever it was made for: decoding or drawing, resizing, encoding
	Shared bool      // somebody else had asked for it before
}

// DefaultStoreBytes is the room of a Store that is not told another: 80 decoded
// frames of 1080p.
const DefaultStoreBytes = 512 << 20

// NewStore returns a store for so many bytes of frames and what was encoded of them,
// DefaultStoreBytes if bytes is not positive. A frame counts as decoded.
func NewStore(bytes int64) *Store {
	if bytes <= 0 {
		bytes = DefaultStoreBytes
	}
	return &Store{limit: bytes, workers: make(chan struct{}, runtime.GOMAXPROCS(0)), frames: map[frameKey]*held{}}
}

// Hold keeps a frame of a camera for one query more, until that many Releases. Whoever is first brings
// the picture; f's is not looked at when the frame is held already. It is ErrFull when
// there is no room for it, and it is then not held.
func (s *Store) Hold(camera core.CameraID, f Frame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := frameKey{camera, f.Number}
	h := s.frames[key]
	if h == nil {
		if err := s.take(f.Picture.memory); err != nil {
			return fmt.Errorf("camera %q, frame %d: %w", camera, f.Number, err)
		}
		h = &held{Frame: f, bytes: f.Picture.memory, variants: map[variantKey]*variant{}}
		s.frames[key] = h
	}
	h.queries++
	return nil
}

// take finds room.
func (s *Store) take(bytes int64) error {
	switch {
	case s.closed:
		return ErrClosed
	case s.used+bytes > s.limit:
		return fmt.Errorf("%w: %d of %d bytes are in use and %d more are needed; give it more, or plans fewer frames in flight", ErrFull, s.used, s.limit, bytes)
	}
	s.used += bytes
	return nil
}

// Release gives up a frame for one query; with the last it is forgotten. It reports
// whether the frame was held.
func (s *Store) Release(camera core.CameraID, frame int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := frameKey{camera, frame}
	h := s.frames[key]
	if h == nil {
		return false
	}
	if h.queries--; h.queries == 0 {
		s.used -= h.bytes
		delete(s.frames, key)
	}
	return true
}

// Frame returns a frame that is held.
func (s *Store) Frame(camera core.CameraID, frame int64) (Frame, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.frames[frameKey{camera, frame}]; h != nil {
		return h.Frame, nil
	}
	return Frame{}, notHeld(camera, frame)
}

func notHeld(camera core.CameraID, frame int64) error {
	return fmt.Errorf("camera %q, frame %d: %w", camera, frame, ErrNotHeld)
}

// Encoded returns a held frame as v wants it (its rate is of no account). It is made
// once, whoever asks and however often. When ctx ends the caller leaves; the encoding goes on
// for the others, unless the frame is released or the store closed before its turn has come.
func (s *Store) Encoded(ctx context.Context, camera core.CameraID, frame int64, v *core.VideoConf) (Encoded, error) {
	switch {
	case v.Encoder != "jpeg":
		return Encoded{}, fmt.Errorf("the encoder %q encodes no single frames; a live query's plan must have jpeg", v.Encoder)
	case v.Quality < 1 || v.Quality > 100:
		return Encoded{}, fmt.Errorf("the JPEG quality %d is not within 1 to 100", v.Quality)
	case v.Resolution.Pixels() < 1 || v.Resolution.Pixels() > maxPixels:
		return Encoded{}, fmt.Errorf("the resolution %v has not 1 to %d pixels", v.Resolution, maxPixels)
	}
	e, shared, err := s.variant(camera, frame, variantKey{v.Resolution, v.Quality})
	if err != nil {
		return Encoded{}, err
	}
	select {
	case <-ctx.Done():
		return Encoded{}, ctx.Err()
	case <-e.done:
	}
	if e.err != nil {
		return Encoded{}, fmt.Errorf("camera %q, frame %d: %w", camera, frame, e.err)
	}
	return Encoded{JPEG: e.jpeg, Took: e.took, Shared: shared}, nil
}

// variant returns an encoding, which may not be done yet; the first who asks sets it going.
func (s *Store) variant(camera core.CameraID, frame int64, key variantKey) (e *variant, shared bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false, ErrClosed
	}
	h := s.frames[frameKey{camera, frame}]
	if h == nil {
		return nil, false, notHeld(camera, frame)
	}
	if e, ok := h.variants[key]; ok {
		return e, true, nil
	}
	e = &variant{done: make(chan struct{})}
	h.variants[key] = e
	s.wg.Go(func() { s.make(frameKey{camera, frame}, h, e, key) })
	return e, false, nil
}

// make makes an encoding when it is its turn.
func (s *Store) make(at frameKey, h *held, e *variant, key variantKey) {
	defer close(e.done)
	s.workers <- struct{}{}
	if e.err = s.wanted(at, h); e.err == nil {
		began := time.Now()
		e.jpeg, e.err = encode(h.Picture, key)
		e.took = core.Time(time.Since(began))
	}
	<-s.workers
	if e.err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frames[at] != h {
		return // released meanwhile: it is for those who wait
	}
	if e.err = s.take(int64(len(e.jpeg))); e.err != nil {
		e.jpeg = nil
		delete(h.variants, key) // there may be room later
		return
	}
	h.bytes += int64(len(e.jpeg))
}

// wanted tells why an encoding whose turn has come is of no use any more: on a machine that is too
// slow for its cameras, what nobody waits for would keep others waiting.
func (s *Store) wanted(at frameKey, h *held) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case s.frames[at] != h:
		return ErrNotHeld
	}
	return nil
}

func encode(p *Picture, key variantKey) ([]byte, error) {
	m, err := p.Image()
	if err != nil {
		return nil, err
	}
	return EncodeJPEG(Resize(m, key.size), key.quality)
}

// Usage returns how many frames are held, and the bytes that they take.
func (s *Store) Usage() (frames int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.frames), s.used
}

// Close forgets all frames, refuses new ones, and returns when nothing is being encoded any more.
func (s *Store) Close() {
	s.mu.Lock()
	s.closed = true
	clear(s.frames)
	s.used = 0
	s.mu.Unlock()
	s.wg.Wait()
}
