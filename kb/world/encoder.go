package world

import (
	"vidq/core"
	"vidq/kb"
)

// Encoder is the stream of encoded frames that one query makes of its camera: it
// tells how large each frame is. A frame of a codec with key frames is coded against
// the frame encoded before it. The more camera frames lie between the two, the more
// has moved and the larger it is, whatever rate the plan names: a plan of 30 frames
// per second of which every third is encoded makes frames of the size that 10 frames
// per second make. The first frame of a stream is a key frame, and so is the first
// that is encoded of each group of pictures.
//
// The noise of a size is keyed by the camera frame, so that every query and every
// scheduler meets the same. The zero Encoder must be opened.
type Encoder struct {
	truth *kb.Set
	class string
	noise Key // of the camera
	rate  float64

	video core.VideoConf // of the stream
	sizer kb.Sizer       // at the rate that video names
	last  int64          // the camera frame that was encoded last; -1 = none in this stream
	gaps  []gapSizer     // at the rates of longer gaps, as far as they were met

	asked      core.VideoConf // of the last Size that was not of the stream
	askedSizer kb.Sizer
}

type gapSizer struct {
	gap   int64
	sizer kb.Sizer
}

// maxGaps bounds how many gaps are remembered.
const maxGaps = 64

// OpenEncoder makes the encoder of a query at a camera of rate frames per second
// that shows content of a class. noise names the camera's sizes.
func OpenEncoder(truth *kb.Set, class string, rate float64, noise Key) Encoder {
	return Encoder{truth: truth, class: class, rate: rate, noise: noise, last: -1}
}

// Encode encodes camera frame k as v and returns its bytes. Another resolution,
// encoder or quality begins a new stream; another rate does not.
func (e *Encoder) Encode(v core.VideoConf, k int64) float64 {
	if v != e.video {
		if !sameStream(&v, &e.video) {
			e.last = -1
		}
		e.video, e.sizer, e.gaps = v, e.truth.Sizer(v, core.Content{Class: e.class}), e.gaps[:0]
	}
	b := e.size(&e.sizer, &v, e.last, k)
	e.last = max(e.last, k)
	return b
}

// Size returns the bytes that camera frame k would have if it were encoded next, as v.
func (e *Encoder) Size(v core.VideoConf, k int64) float64 {
	if v == e.video {
		return e.size(&e.sizer, &v, e.last, k)
	}
	if v != e.asked {
		e.asked, e.askedSizer = v, e.truth.Sizer(v, core.Content{Class: e.class})
	}
	last := e.last
	if !sameStream(&v, &e.video) {
		last = -1
	}
	return e.size(&e.askedSizer, &v, last, k)
}

func sameStream(a, b *core.VideoConf) bool {
	return a.Resolution == b.Resolution && a.Encoder == b.Encoder && a.Quality == b.Quality
}

// size is that of camera frame k after frame last, where sizer has the sizes at v's rate.
func (e *Encoder) size(sizer *kb.Sizer, v *core.VideoConf, last, k int64) float64 {
	number, before := e.number(v, k), e.number(v, last)
	if b, ok := sizer.Recorded(number); ok {
		return b
	}
	key := last < 0 || sizer.Group(number) != sizer.Group(before)
	if last >= 0 && number > before+1 {
		sizer = e.gap(v, k-last)
	}
	return sizer.Size(key, e.noise.With(uint64(k)).Normal())
}

// number is that of camera frame k among the frames that v's rate selects.
func (e *Encoder) number(v *core.VideoConf, k int64) int64 {
	if k <= 0 || v.FPS >= e.rate {
		return k
	}
	return core.SelectedIn(0, k, v.FPS, e.rate)
}

// gap returns the sizes of frames that come so many camera frames after the one
// before. Of the stream's configuration they are kept.
func (e *Encoder) gap(v *core.VideoConf, frames int64) *kb.Sizer {
	if *v == e.video {
		for i := range e.gaps {
			if e.gaps[i].gap == frames {
				return &e.gaps[i].sizer
			}
		}
	}
	at := *v
	at.FPS = e.rate / float64(frames)
	s := e.truth.Sizer(at, core.Content{Class: e.class})
	if *v != e.video {
		return &s
	}
	if len(e.gaps) == maxGaps {
		e.gaps = e.gaps[:0]
	}
	e.gaps = append(e.gaps, gapSizer{frames, s})
	return &e.gaps[len(e.gaps)-1].sizer
}
