package live

import (
	"context"
	"slices"
	"sync"

	"vidq/core"
	"vidq/live/client"
	"vidq/live/wire"
	"vidq/scenarios/testbed"
)

// call is one attempt of a stage on its way: encoding and overhead at the host, the link
// to the service's node, the service, and the way back. It has a goroutine of its own.
type call struct {
	core.Invoke
	testbed.Figures
	h      *host
	a      *agent
	f      *held
	stream *testbed.Stream // read only here
	stage  *hostedStage
	id     uint64
	began  core.Time

	encoding *encoding // that it waits for; nil = none
	maker    bool      // it makes the encoding
	making   core.Time // work for that
	encode   core.Time // what it took

	shared  bool // others crossed the link meanwhile; the host's crossings'
	blurred bool // see core.StageDone
}

// hostedStage is where a stage of a query runs under a plan.
type hostedStage struct {
	to      int // node, -1 = there is none
	id      core.NodeID
	service string
	model   int
	testbed.Stage
}

// encodingOf names a camera frame in one encoding.
type encodingOf struct {
	cam   *testbed.Camera
	frame int64
	video core.VideoConf // without its rate
}

// encoding is a camera frame in one encoding, made once for all queries.
type encoding struct{ done chan struct{} }

// slots is how many calls have ids of their own at once.
const slots = 1 << testbed.SlotBits

// invoke begins a call.
func (h *host) invoke(a *agent, i *core.Invoke) {
	q := h.queries[i.Ref.Query]
	if q == nil {
		return
	}
	h.slot = (h.slot + 1) % slots
	c := &call{Invoke: *i, h: h, a: a, stream: &q.stream, id: testbed.CallID(&i.Ref, h.slot), began: a.now}
	if i.Charged {
		cam := q.stream.Cam
		scene := cam.Scene(cam.Next(a.now))
		c.Figures.Objects, c.Area = scene.Objects, float64(scene.Area*float64(i.Video.Resolution.Pixels()))
		h.sys.group.Go(c.charge)
		return
	}
	c.f = q.find(i.CameraFrame)
	if c.f == nil {
		panic("live: a call for a frame that is not held")
	}
	c.stage = q.stage(i)
	c.f.Models[i.Ref.Stage] = uint8(i.Model)
	c.Figures = q.stream.Figures(&c.f.Frame, &c.stage.Stage, i)
	if i.Source {
		k := encodingOf{q.stream.Cam, i.CameraFrame, i.Video}
		k.video.FPS = 0
		if c.encoding = h.encodings[k]; c.encoding == nil {
			c.encoding = &encoding{make(chan struct{})}
			c.maker, c.making = true, q.stream.EncodeTime(&i.Video)
			h.encodings[k] = c.encoding
		}
	}
	h.sys.group.Go(c.walk)
}

// stage returns where an invoked stage runs.
func (q *query) stage(i *core.Invoke) *hostedStage {
	t := q.stages[i.Ref.Stage]
	if t != nil && t.id == i.Node && t.model == i.Model && t.Video() == i.Video && t.service == i.Service {
		return t
	}
	bed := q.h.sys.bed
	t = &hostedStage{to: bed.Node(i.Node), id: i.Node, service: i.Service, model: i.Model}
	t.Stage = bed.Stage(&q.stream, i.Ref.Stage, i.Service, nil, i.Video)
	q.stages[i.Ref.Stage] = t
	return t
}

// walk is what a frame's call does.
func (c *call) walk() {
	if !c.prepare() {
		return
	}
	links, here, to := c.h.sys.links, c.h.index, c.stage.to
	if to < 0 || to != here && !links.Linked(here, to) {
		c.done(nil, core.CallUnreachable, 0)
		return
	}
	key := c.stream.Transfers(c.CameraFrame)
	if to != here && links.Transfer(c.f.ctx, here, to, c.id, c.Sent, testbed.AttemptKey(key, &c.Ref, 0)) != nil {
		return
	}
	ctx := c.f.ctx
	if ctx.Err() != nil {
		if c.h.sys.o.RealLinks {
			return // what has not been sent need not be
		}
		ctx = c.a.ctx // it was sent when nobody waited for it any more: the service does not know
	}
	task := c.task()
	c.h.crossings.enter(c)
	sent := c.h.sys.clock.Now()
	x, err := c.h.net.Execute(ctx, c.Node, c.Service, task, c.ref())
	answered := c.h.sys.clock.Now()
	c.h.crossings.leave(c)
	failed := client.CallError(err)
	if failed == core.CallTimeout || c.f.ctx.Err() != nil {
		return // which core finds out by itself
	}
	if failed != core.CallOK {
		c.Got = 0
	}
	if c.h.sys.o.RealLinks && to != here {
		c.done(x.TaskAnswer, failed, c.crossed(sent, answered, &x))
		return
	}
	if to != here && links.Transfer(c.f.ctx, to, here, c.id, c.Got, testbed.AttemptKey(key, &c.Ref, 1)) != nil {
		return
	}
	c.done(x.TaskAnswer, failed, c.h.sys.clock.Now()-answered)
}

// prepare encodes the frame, or waits for who does, and spends what a call costs its host
// beside. It returns false when nobody waits for the call any more.
func (c *call) prepare() bool {
	if c.h.sys.o.RealLinks { // then the host's own work is real, too
		if c.encoding != nil && c.f.picture {
			c.look(c.f.ctx)
			c.encode = c.h.sys.clock.Now() - c.began
		}
		return c.f.ctx.Err() == nil
	}
	overhead := c.h.bed.Class.CallOverhead
	dev, ctx := c.h.dev, c.a.ctx // what has begun goes on when the frame is released: others may wait for it
	switch {
	case c.maker:
		var looked sync.WaitGroup
		if c.f.picture { // the real encoding takes place within the time of the emulated one
			looked.Go(func() { c.look(ctx) })
		}
		_, err := dev.Run(ctx, c.id, overhead+c.making, 1)
		looked.Wait()
		close(c.encoding.done)
		c.encode = testbed.Encoding(c.h.sys.clock.Now()-c.began, c.making, overhead)
		return err == nil && c.f.ctx.Err() == nil
	case c.encoding != nil:
		select {
		case <-c.encoding.done:
			if now := c.h.sys.clock.Now(); now > c.began {
				c.encode = now - c.began
			}
		case <-c.f.ctx.Done():
			return false
		}
	}
	_, err := dev.Run(ctx, c.id, overhead, 1)
	return err == nil && c.f.ctx.Err() == nil
}

// look fetches the frame's pixels as the plan wants them.
func (c *call) look(ctx context.Context) []byte {
	b := c.h.eyes.look(ctx, c.stream.Cam.Spec.ID, c.f, c.Video)
	c.f.answers.mu.Lock()
	defer c.f.answers.mu.Unlock()
	c.f.answers.jpeg = b
	return b
}

// ref names the attempt to the service.
func (c *call) ref() *wire.FrameRef {
	return &wire.FrameRef{
		Run: c.h.sys.run, Query: c.Ref.Query, Frame: c.CameraFrame, Stage: c.Ref.Stage, Attempt: c.Ref.Attempt, Captured: c.Captured,
		Input: wire.Input{Model: c.Model, Size: c.Video.Resolution, Objects: c.Figures.Objects},
	}
}

// task is what the service is asked: to look at the frame, or at what the stages before
// found in it.
func (c *call) task() *wire.Task {
	if found := c.f.found(c.stream, c.Ref.Stage); c.stage.Crops && found != nil {
		return &wire.Task{Encoding: wire.EncodingMultipart, Faces: found.Faces, Boxes: found.Boxes, Prob: found.Prob}
	}
	if c.f.picture {
		if b := c.look(c.f.ctx); b != nil {
			return &wire.Task{Encoding: wire.EncodingJPEG, Image: c.padded(b), Size: c.Video.Resolution, Crops: true}
		}
	}
	return &wire.Task{Encoding: wire.EncodingJPEG, Image: c.padded(blank), Size: blankSize, Crops: true}
}

// maxPad bounds what a probe adds to a frame, bytes.
const maxPad = 4 << 20

// padded adds the bytes that the scheduler probes a real link with: decoders do not look at what comes
// after a JPEG's end. Emulated links count them without.
func (c *call) padded(b []byte) []byte {
	if n := int(min(c.Pad, maxPad)); n > 0 && c.h.sys.o.RealLinks {
		return append(slices.Clip(b), make([]byte, n)...)
	}
	return b
}

// done tells the job manager of the answer, which was under way for back.
func (c *call) done(a *wire.TaskAnswer, err core.CallError, back core.Time) {
	ev := &core.StageDone{Ref: c.Ref, Err: err, Sent: c.Sent, Got: c.Got, Encode: c.encode, Return: back, Untimed: c.blurred}
	if err == core.CallOK {
		ev.Work, ev.Wait = a.Service, a.Queue
		ev.Objects, ev.Area, ev.Counted = c.Figures.Objects, c.Area, true
		if a.Counted {
			ev.Objects, ev.Area = a.Objects, a.Area
		} else if !a.Timed { // a service of the original, which is not emulated
			ev.Untimed, ev.Counted = true, a.Boxes != nil
			ev.Objects, ev.Area = float64(len(a.Boxes)), wire.MeanArea(a.Boxes)
		}
		// An emulated service knows how many objects there are, and not where: a drawn frame does.
		if boxes := c.h.eyes.objects(c.stream.Cam.Spec.ID, c.f, c.Video.Resolution); !c.stage.Crops && len(boxes) == len(a.Boxes) {
			a.Boxes = boxes
		}
		c.f.answer(c.Ref.Stage, a)
		c.h.counts.add(frameOf{c.Ref.Query, c.CameraFrame}, a.Counts)
	}
	c.a.loop.Post(ev)
}

// charge is a call that the scheduler causes: at the node itself, on what its query's
// camera shows.
func (c *call) charge() {
	ev := &core.StageDone{Ref: c.Ref}
	m := c.h.bed.Model(c.Service, c.Model)
	work := c.h.sys.bed.Charged(c.h.index, m, &c.Ref, c.Video.Resolution, c.Figures.Objects)
	var err error
	if ev.Work, ev.Wait, err = c.h.crew.work(c.a.ctx, c.Service, c.Model, c.id, work); err != nil {
		if ev.Err = client.CallError(err); ev.Err == core.CallTimeout {
			return
		}
	} else {
		ev.Objects, ev.Area, ev.Counted = c.Figures.Objects, c.Area, true
	}
	c.a.loop.Post(ev)
}

// answers are what the stages of a held frame have answered so far.
type answers struct {
	mu   sync.Mutex
	of   [core.MaxStages]*wire.TaskAnswer
	jpeg []byte // the frame as it was sent
}

func (f *held) answer(stage int, a *wire.TaskAnswer) {
	f.answers.mu.Lock()
	defer f.answers.mu.Unlock()
	f.answers.of[stage] = a
}

// found returns the answer of the stage before, of which a stage's crops are.
func (f *held) found(s *testbed.Stream, stage int) *wire.TaskAnswer {
	f.answers.mu.Lock()
	defer f.answers.mu.Unlock()
	for _, p := range s.Spec.Pipeline[stage].Parents {
		if a := f.answers.of[p]; a != nil && a.Boxes != nil {
			return a
		}
	}
	return nil
}
