package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"vidq/core"
	"vidq/live/sidechan"
	"vidq/live/video"
	"vidq/live/wire"
	"vidq/scenarios/testbed"
)

// eyes are a node's cameras as far as they have pixels, with the frames that are held, and
// what viewers are shown of them. Without video (Options.Video) a node is blind: its
// cameras' frames exist when the scenario says, and have no pixels.
type eyes struct {
	h       *host
	seeing  bool
	sources map[core.CameraID]video.Source // live ones; a file has one for each query
	store   *video.Store
	channel *sidechan.Channel
}

func (e *eyes) init(h *host) {
	e.h, e.channel = h, sidechan.New()
	if h.sys.o.Video {
		e.seeing, e.store, e.sources = true, video.NewStore(0), map[core.CameraID]video.Source{}
	}
}

// open opens the node's live cameras.
func (e *eyes) open(ctx context.Context) error {
	if !e.seeing {
		return nil
	}
	for _, i := range e.h.bed.Cameras {
		cam := &e.h.sys.bed.Cameras[i]
		if cam.Mode != core.ModeLive {
			continue
		}
		s, err := e.source(ctx, cam)
		if err != nil {
			return err
		}
		e.sources[cam.Spec.ID] = s
	}
	return nil
}

// source opens a camera's video.
func (e *eyes) source(ctx context.Context, cam *testbed.Camera) (video.Source, error) {
	log := e.h.log.With("camera", cam.Spec.ID)
	return video.Open(ctx, video.Options{
		Camera: cam.Spec.Camera, URL: cam.Spec.URL, Dir: cam.Spec.Dir, Phase: cam.Phase, Content: cam.Content, Seed: e.h.sys.o.Seed,
		Clock: e.h.sys.clock, Report: func(err error) { report(log, err) },
	})
}

func report(log *slog.Logger, err error) {
	if err != nil {
		log.Warn("the video has failed and is tried again", "error", err)
		return
	}
	log.Info("the video is back")
}

// close ends the cameras and what is shown of them.
func (e *eyes) close() {
	e.channel.Close()
	if !e.seeing {
		return
	}
	for _, s := range e.sources {
		_ = s.Close() // there is nothing that could be done
	}
	e.store.Close()
}

// of returns the source of a query's frames; nil = none, frames exist when the scenario says.
func (e *eyes) of(ctx context.Context, q *query) (video.Source, error) {
	cam := q.stream.Cam
	if !e.seeing {
		return nil, nil
	}
	if cam.Mode == core.ModeLive {
		return e.sources[cam.Spec.ID], nil
	}
	if q.source == nil {
		s, err := e.source(ctx, cam)
		if err != nil {
			return nil, err
		}
		q.source = s
	}
	return q.source, nil
}

// wait waits for the frame that a query's capture asked for, and hands it to the query.
func (q *query) wait(ctx context.Context, a *agent, s video.Source, want int64, number uint64) {
	for {
		f, err := s.Next(ctx, want)
		switch {
		case ctx.Err() != nil || errors.Is(err, video.ErrClosed):
			return
		case err == nil:
			a.loop.Do(func() core.Event {
				if q.asked != number || q.waiting == nil {
					return nil
				}
				return q.see(a, f)
			})
			return
		case errors.Is(err, video.ErrEnded):
			a.loop.Do(func() core.Event {
				if q.asked != number || q.waiting == nil {
					return nil
				}
				q.cancel()
				return &core.VideoEnded{Query: q.id}
			})
			return
		}
		report(q.h.log.With("camera", q.stream.Cam.Spec.ID), err)
		if !q.h.sys.sleepUntil(ctx, q.h.sys.clock.Now()+core.Second) {
			return
		}
	}
}

// see takes a frame of a video.
func (q *query) see(a *agent, v video.Frame) core.Event {
	q.cancel()
	f := new(held)
	at := min(v.At, a.h.sys.clock.Now())
	q.stream.TakeFrame(at, v.Number, &f.Frame)
	if q.stream.Cam.Mode == core.ModeFile {
		q.h.sys.books.read(q.id, at, v.Number+1)
	}
	if err := q.h.eyes.store.Hold(q.stream.Cam.Spec.ID, v); err != nil {
		q.h.log.Warn("a frame is analysed without its pixels", "query", q.id, "error", err)
	} else {
		f.picture = true
	}
	return q.hold(a, f)
}

// shownQuality is the JPEG quality where the plan's encoder has another, or none: one at
// which services lose nothing.
const shownQuality = 90

// look returns a held frame as a plan wants it; nil where there are no pixels.
func (e *eyes) look(ctx context.Context, cam core.CameraID, f *held, v core.VideoConf) []byte {
	if !f.picture {
		return nil
	}
	if v.Encoder != "jpeg" || v.Quality <= 0 || v.Quality > 100 { // what is sent and shown is single frames
		v.Encoder, v.Quality = "jpeg", shownQuality
	}
	x, err := e.store.Encoded(ctx, cam, f.Number, &v)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, video.ErrNotHeld) && !errors.Is(err, video.ErrClosed) { // then nobody waits for it
			e.h.log.Warn("a frame could not be encoded", "error", err)
		}
		return nil
	}
	return x.JPEG
}

// objects returns the boxes of what a held frame is known to show, in pixels of a resolution; nil
// where it is not known.
func (e *eyes) objects(cam core.CameraID, f *held, size core.Resolution) []wire.Box {
	if !f.picture {
		return nil
	}
	v, err := e.store.Frame(cam, f.Number)
	if err != nil {
		return nil // it has just been released
	}
	all, known := v.Picture.Objects()
	if !known {
		return nil
	}
	full := v.Picture.Size()
	x, y := float64(size.Width)/float64(full.Width), float64(size.Height)/float64(full.Height)
	boxes := make([]wire.Box, len(all))
	for i := range all {
		b := all[i].Box
		boxes[i] = wire.Box{float64(b.Min.X) * x, float64(b.Min.Y) * y, float64(b.Max.X) * x, float64(b.Max.Y) * y}
	}
	return boxes
}

// show shows viewers a finished frame, if there are any, with what was found in it.
func (e *eyes) show(q *query, f *held, r *core.FrameRecord) {
	if !e.channel.Watched(q.id) {
		return
	}
	f.answers.mu.Lock()
	shot := sidechan.Shot{JPEG: f.answers.jpeg}
	for i := range q.stream.Spec.Pipeline {
		a := f.answers.of[i]
		if a == nil {
			continue
		}
		if a.Boxes != nil {
			shot.Boxes = append([]wire.Box(nil), a.Boxes...)
		}
		for _, what := range slices.Sorted(maps.Keys(a.Counts)) {
			shot.Text = append(shot.Text, fmt.Sprintf("%s: %s %g", q.stream.Spec.Pipeline[i].Name, what, a.Counts[what]))
		}
	}
	f.answers.mu.Unlock()
	if shot.JPEG == nil {
		return
	}
	shot.Text = append(shot.Text, fmt.Sprintf("%s  frame %d  %d ms", q.stream.Spec.Key, r.CameraFrame, time.Duration(r.Latency).Milliseconds()))
	e.channel.Show(q.id, shot)
}
