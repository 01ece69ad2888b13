package live

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"

	"vidq/core"
	"vidq/live/video"
	"vidq/scenarios"
	"vidq/scenarios/testbed"
)

// query is a query as its host serves it: the frames that its job holds, and those that
// nobody could take. It belongs to the agent's loop.
type query struct {
	h      *host
	id     core.QueryID
	stream testbed.Stream
	held   []*held        // captured and not released, oldest first
	stages []*hostedStage // by stage: where it ran last
	asked  uint64         // captures; what comes for an earlier one is void

	waiting func()       // gives up the capture that is asked for; nil = none is
	source  video.Source // the query's own, of a file; nil = not opened
}

// held is a captured frame that its job has not released yet.
type held struct {
	testbed.Frame
	ctx     context.Context // of its calls; ends with the release
	cancel  context.CancelFunc
	answers answers
	picture bool // the store holds its pixels
}

// know makes a query known to its host.
func (h *host) know(q *core.Query) {
	if h.queries[q.ID] != nil {
		return
	}
	bed := h.sys.bed
	if bed.Camera(q.Camera) < 0 || bed.Cameras[bed.Camera(q.Camera)].Node != h.index {
		return // the job manager refuses it
	}
	n := &query{h: h, id: q.ID, stream: h.sys.stream(q), stages: make([]*hostedStage, len(q.Pipeline))}
	h.queries[q.ID] = n
	h.sys.learn(q)
	h.sys.account(q)
	h.eyes.channel.Open(q.ID)
}

// account opens the books of a query whose host lives here, if they are not open.
func (s *System) account(q *core.Query) {
	if i := s.bed.Camera(q.Camera); i >= 0 && s.hosts[s.bed.Cameras[i].Node] != nil {
		n := s.stream(q)
		s.books.query(q.ID, n.Info())
	}
}

// stream returns the stream of a query: of the scenario's, or of one that somebody has
// submitted since.
func (s *System) stream(q *core.Query) testbed.Stream {
	if i := s.bed.Query(q.Key); i >= 0 {
		return s.bed.Stream(i)
	}
	return s.bed.StreamOf(&scenarios.Query{
		Key: q.Key, Camera: q.Camera, Node: q.Node, Pipeline: q.Pipeline, Constraint: q.Constraint, Start: s.clock.Now(), Stop: core.Never,
	})
}

// inOrder returns the host's queries, ascending.
func (h *host) inOrder() []*query {
	return slices.SortedFunc(maps.Values(h.queries), func(a, b *query) int { return cmp.Compare(a.id, b.id) })
}

// find returns the held frame of that number, or nil.
func (q *query) find(frame int64) *held {
	for _, f := range q.held {
		if f.Number == frame {
			return f
		}
	}
	return nil
}

// capture does what a job's Capture asks for.
func (q *query) capture(a *agent, c *core.Capture) {
	if q.stream.Ended() {
		return
	}
	q.cancel()
	at, missed := q.stream.Ask(a.now, c)
	q.h.sys.books.missed(q.id, missed)
	q.asked++
	q.await(a, at)
}

// await waits for the frame that is asked for, which exists at an instant. A video that cannot be opened may be there
// later.
func (q *query) await(a *agent, at core.Time) {
	number := q.asked
	later := func(t core.Time, f func() core.Event) {
		timer := q.h.sys.clock.At(t, func() {
			a.loop.Do(func() core.Event {
				if q.asked != number || q.waiting == nil {
					return nil
				}
				return f()
			})
		})
		q.waiting = func() { timer.Stop() }
	}
	source, err := q.h.eyes.of(q.h.sys.life, q)
	switch {
	case err != nil:
		report(q.h.log.With("camera", q.stream.Cam.Spec.ID), err)
		later(q.h.sys.clock.Now()+core.Second, func() core.Event {
			q.await(a, at)
			return nil
		})
	case source != nil:
		ctx, cancel := context.WithCancel(a.ctx)
		q.waiting = cancel
		want := q.stream.Want()
		q.h.sys.group.Go(func() { q.wait(ctx, a, source, want, number) })
	case at < core.Never:
		later(at, func() core.Event { return q.take(a, at) })
	}
}

// cancel gives up the capture that is asked for.
func (q *query) cancel() {
	if q.waiting != nil {
		q.waiting()
		q.waiting = nil
	}
}

// take takes the frame that was asked for, which has existed since at.
func (q *query) take(a *agent, at core.Time) core.Event {
	q.cancel()
	f := new(held)
	read, ok := q.stream.Take(at, &f.Frame)
	if q.stream.Cam.Mode == core.ModeFile {
		q.h.sys.books.read(q.id, at, read)
	}
	if !ok {
		return &core.VideoEnded{Query: q.id}
	}
	return q.hold(a, f)
}

// hold keeps a captured frame for the query's job.
func (q *query) hold(a *agent, f *held) core.Event {
	f.ctx, f.cancel = context.WithCancel(a.ctx)
	q.held = append(q.held, f)
	return &core.FrameCaptured{Query: q.id, CameraFrame: f.Number, At: f.Captured, Bytes: f.Bytes}
}

// drop lets go of a frame that was held.
func (q *query) drop(f *held) {
	f.cancel()
	if f.picture {
		q.h.eyes.store.Release(q.stream.Cam.Spec.ID, f.Number)
	}
}

// pause notes that from now on nobody takes the query's frames.
func (q *query) pause(now core.Time, why core.Reason) {
	q.cancel()
	q.h.sys.books.missed(q.id, q.stream.Pause(now, why))
}

// lose is the end of the frames that the query's job held: its node is down.
func (q *query) lose(now core.Time) {
	for _, f := range q.held {
		q.drop(f)
		q.h.sys.worldRecord(testbed.LostFrame(now, q.h.id, q.id, &f.Frame))
	}
	q.held = q.held[:0]
	clear(q.h.encodings)
	q.pause(now, core.ReasonNodeDown)
}

// release gives a frame up, and with it its calls that are under way and the
// encodings that nobody else holds.
func (q *query) release(frame int64) {
	for i, f := range q.held {
		if f.Number == frame {
			q.drop(f)
			q.held = slices.Delete(q.held, i, i+1)
			break
		}
	}
	q.h.forget(q.stream.Cam, frame)
}

// forget drops the encodings of a camera frame that no query holds any more.
func (h *host) forget(cam *testbed.Camera, frame int64) {
	for _, q := range h.queries {
		if q.stream.Cam == cam && q.find(frame) != nil {
			return
		}
	}
	maps.DeleteFunc(h.encodings, func(k encodingOf, _ *encoding) bool { return k.cam == cam && k.frame == frame })
}

// end notes that the query has ended.
func (q *query) end(now core.Time) {
	q.h.sys.books.missed(q.id, q.stream.End(now))
	q.cancel()
	q.h.eyes.channel.End(q.id)
	if q.source != nil {
		_ = q.source.Close() // nothing more is wanted of it
	}
}

// judge adds to a frame's record what the world alone knows of it.
func (h *host) judge(r *core.FrameRecord) {
	r.Fresh, r.ContentFrame = math.NaN(), -1
	q := h.queries[r.Query]
	if q == nil {
		return
	}
	if f := q.find(r.CameraFrame); f != nil {
		q.stream.Judge(&f.Frame, r)
		h.sys.books.note(core.WorldMachine, (*testbed.Shown)(r))
		if r.Outcome == core.OutcomeDone {
			h.eyes.show(q, f, r)
		}
	}
}
