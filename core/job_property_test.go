package core_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// chaos is a driver, a world and a manager that do what they like: calls and
// messages are lost, answered twice, late and out of order, plans change at any
// time. It checks what must hold whatever happens.
type chaos struct {
	t     *testing.T
	rnd   *rand.Rand
	m     *core.JobManager
	fx    core.Effects
	now   core.Time
	seq   int
	queue []chaosEvent
	calm  bool // no more trouble and no more frames

	jobs    map[core.QueryID]*chaosJob
	stored  map[uint64]core.Result
	records int
	beats   int
}

type chaosEvent struct {
	at      core.Time
	seq     int
	capture core.QueryID // whose capture it answers
	ev      core.Event
}

type chaosJob struct {
	query    core.Query
	plans    map[uint64]core.Plan
	applied  core.Plan
	revision uint64 // given last
	captured map[int64]int
	released map[int64]int
	frames   map[int64]*chaosFrame // by number
	ended    map[int64]core.FrameRecord
	lastDone int64
	stopped  bool
	paced    bool // by one of its plans
}

type chaosFrame struct {
	camera   int64
	video    core.VideoConf
	nodes    []core.NodeID
	attempts []int
}

func (c *chaos) one(n int) bool { return !c.calm && c.rnd.IntN(n) == 0 }

func (c *chaos) later(within core.Time, ev core.Event) {
	c.seq++
	c.queue = append(c.queue, chaosEvent{at: c.now + core.Time(c.rnd.Int64N(int64(within))) + 1, seq: c.seq, ev: ev})
}

func (c *chaos) Record(r core.Record) {
	switch r := r.(type) {
	case *core.FrameRecord:
		c.frame(r)
	case *core.PlanRecord:
		j := c.jobs[r.Query]
		require.Greater(c.t, r.Plan.Revision, j.applied.Revision, "revisions rise")
		j.applied = r.Plan
		j.paced = j.paced || r.Plan.Pace > 0
	}
}

func (c *chaos) frame(r *core.FrameRecord) {
	c.records++
	j := c.jobs[r.Query]
	jmSum(c.t, r)
	_, twice := j.ended[r.Frame]
	require.False(c.t, twice, "two records of a frame")
	j.ended[r.Frame] = *r
	require.GreaterOrEqual(c.t, r.Gap, int64(1))
	if f := j.frames[r.Frame]; f != nil {
		require.Equal(c.t, f.camera, r.CameraFrame)
		p := j.plans[r.Revision]
		require.Equal(c.t, p.Video, f.video)
		require.Equal(c.t, p.Video, r.Video)
		for i, n := range f.nodes {
			require.True(c.t, n == "" || n == p.Stages[i].Node, "a frame under two plans")
		}
	}
	if r.Outcome == core.OutcomeDone {
		require.Greater(c.t, r.Frame, j.lastDone, "results in frame order")
		j.lastDone = r.Frame
		for _, n := range j.frames[r.Frame].attempts {
			require.Positive(c.t, n)
		}
	} else {
		require.NotEqual(c.t, core.ReasonNone, r.Reason)
	}
}

func (c *chaos) Save(*core.Save) { c.t.Error("a job manager saves nothing") }

func (c *chaos) Capture(x *core.Capture) {
	j := c.jobs[x.Query]
	require.False(c.t, j.applied.Refused)
	if !c.one(10) { // else the earlier one was answered already
		c.queue = slices.DeleteFunc(c.queue, func(e chaosEvent) bool { return e.capture == x.Query })
	}
	if c.calm {
		c.later(core.Second, &core.VideoEnded{Query: x.Query})
		return
	}
	c.later(60*msec, &core.FrameCaptured{Query: x.Query, CameraFrame: x.From + c.rnd.Int64N(3), Bytes: float64(c.rnd.IntN(2) * 20_000)})
	c.queue[len(c.queue)-1].capture = x.Query
}

func (c *chaos) Invoke(i *core.Invoke) {
	j := c.jobs[i.Ref.Query]
	require.NotContains(c.t, j.ended, i.Ref.Frame, "a call for a frame that has ended")
	require.Positive(c.t, i.Timeout)
	f := j.frames[i.Ref.Frame]
	if f == nil {
		if !j.paced { // what the pace holds may have begun under an earlier plan
			require.Less(c.t, len(j.frames)-c.endedCalled(j), j.applied.InFlight, "in flight")
		}
		n := len(j.query.Pipeline)
		f = &chaosFrame{camera: i.CameraFrame, video: i.Video, nodes: make([]core.NodeID, n), attempts: make([]int, n)}
		j.frames[i.Ref.Frame] = f
	}
	require.Equal(c.t, f.video, i.Video)
	f.nodes[i.Ref.Stage] = i.Node
	require.Equal(c.t, f.attempts[i.Ref.Stage], i.Ref.Attempt)
	f.attempts[i.Ref.Stage]++
	require.LessOrEqual(c.t, i.Ref.Attempt, 2)
	if c.one(20) {
		return // lost
	}
	within := 150 * msec
	if c.one(20) {
		within = 8 * core.Second
	}
	d := &core.StageDone{
		Ref: i.Ref, Sent: 20_000, Got: 3000, Counted: c.one(2), Objects: 3,
		Work: core.Time(c.rnd.Int64N(int64(50 * msec))), Wait: core.Time(c.rnd.Int64N(int64(50 * msec))),
		Encode: core.Time(c.rnd.Int64N(int64(5 * msec))), Return: core.Time(c.rnd.Int64N(int64(5 * msec))),
	}
	if c.one(6) {
		d.Err = core.CallError(1 + c.rnd.IntN(5))
	}
	c.later(within, d)
	if c.one(20) {
		c.later(core.Second, d)
	}
}

func (c *chaos) endedCalled(j *chaosJob) (n int) {
	for number := range j.frames {
		if _, ok := j.ended[number]; ok {
			n++
		}
	}
	return n
}

func (c *chaos) Release(x *core.Release) { c.jobs[x.Query].released[x.CameraFrame]++ }

func (c *chaos) Wake(w *core.Wake) {
	c.seq++
	c.queue = append(c.queue, chaosEvent{at: w.At, seq: c.seq, ev: &core.Timer{}})
}

func (c *chaos) Send(s *core.Send) {
	reply := func(m core.Message) {
		for ok := !c.one(4); ok; ok = c.one(4) { // lost, once or more often
			c.later(300*msec, &core.Received{Msg: m})
		}
	}
	switch m := s.Msg.(type) {
	case *core.Join:
		reply(&core.JoinAck{Node: m.Node, Incarnation: m.Incarnation})
	case *core.Heartbeat:
		c.beats++
		reply(&core.HeartbeatAck{Node: m.Node, Incarnation: m.Incarnation, Number: m.Number, Known: !c.one(8)})
	case *core.SyncResults:
		if c.one(3) {
			return
		}
		for i, r := range m.Results {
			require.Equal(c.t, m.First+uint64(i), r.Seq)
			if old, ok := c.stored[r.Seq]; ok {
				require.Equal(c.t, old, r, "a result that changed on its way")
			}
			c.stored[r.Seq] = r
		}
		reply(&core.SyncAck{Incarnation: m.Incarnation, Seq: m.First + uint64(len(m.Results)) - 1})
	}
}

func (c *chaos) step(ev core.Event) {
	if f, ok := ev.(*core.FrameCaptured); ok {
		f.At = c.now - core.Time(c.rnd.Int64N(int64(20*msec)))
		c.jobs[f.Query].captured[f.CameraFrame]++
	}
	c.m.Step(c.now, ev, &c.fx)
	c.fx.Drain(c)
}

// run gives the machine its events up to t.
func (c *chaos) run(t core.Time) {
	for {
		first := -1
		for i, e := range c.queue {
			if e.at > t {
				continue
			}
			if f := first; f < 0 || e.at < c.queue[f].at || e.at == c.queue[f].at && e.seq < c.queue[f].seq {
				first = i
			}
		}
		if first < 0 {
			c.now = t
			return
		}
		e := c.queue[first]
		c.queue = slices.Delete(c.queue, first, first+1)
		c.now = max(c.now, e.at)
		c.step(e.ev)
	}
}

// plan draws a plan for a job.
func (c *chaos) plan(j *chaosJob) core.Plan {
	nodes := make([]core.NodeID, len(j.query.Pipeline))
	for i := range nodes {
		nodes[i] = []core.NodeID{"edge1", "edge2", "cloud"}[c.rnd.IntN(3)]
	}
	j.revision++
	p := jmPlan(j.revision, nodes...)
	p.InFlight, p.Buffer = 1+c.rnd.IntN(4), []int{1, 2, -1}[c.rnd.IntN(3)]
	p.Video.Quality = 1 + c.rnd.IntN(100)
	p.Refused = c.one(5)
	if c.one(4) {
		p.Pace = 200_000
	}
	j.plans[p.Revision] = p.Seal()
	return p.Seal()
}

// add begins a job of a drawn pipeline.
func (c *chaos) add(id core.QueryID) {
	j := &chaosJob{
		plans: map[uint64]core.Plan{}, captured: map[int64]int{}, released: map[int64]int{},
		frames: map[int64]*chaosFrame{}, ended: map[int64]core.FrameRecord{}, lastDone: -1,
	}
	j.query = core.Query{ID: id, Camera: []core.CameraID{"live", "file"}[c.rnd.IntN(2)]}
	if c.one(2) {
		j.query.Constraint.Latency = 300 * msec
	}
	for i := range 1 + c.rnd.IntN(5) {
		s := core.Stage{Name: string(rune('a' + i)), Service: "s"}
		for k := range i {
			if c.one(2) {
				s.Parents = append(s.Parents, k)
			}
		}
		j.query.Pipeline = append(j.query.Pipeline, s)
	}
	c.jobs[id] = j
	c.step(&core.Received{Msg: &core.SubmitJob{Incarnation: 7, Query: j.query, Plan: c.plan(j)}})
}

// disturb sends the node something.
func (c *chaos) disturb() {
	j := c.jobs[core.QueryID(1+c.rnd.IntN(len(c.jobs)))]
	if j.stopped = j.stopped || c.one(15); j.stopped {
		c.later(msec, &core.Received{Msg: &core.StopJob{Incarnation: 7, Query: j.query.ID}})
		return
	}
	c.later(500*msec, &core.Received{Msg: &core.UpdatePlan{Incarnation: 7, Query: j.query.ID, Plan: c.plan(j)}})
	if c.one(3) {
		c.later(3*core.Second, &core.Received{Msg: &core.SubmitJob{Incarnation: 7, Query: j.query, Plan: j.plans[1]}})
	}
}

func runChaos(t *testing.T, seed uint64) (frames, done int) {
	config := jmConfig()
	config.Seed = seed
	c := &chaos{
		t: t, rnd: rand.New(rand.NewPCG(seed, 1)), m: core.NewJobManager(config),
		jobs: map[core.QueryID]*chaosJob{}, stored: map[uint64]core.Result{},
	}
	c.step(&core.Timer{})
	for id := range core.QueryID(3) {
		c.add(id + 1)
	}
	for range 12 {
		c.run(c.now + 500*msec)
		c.disturb()
	}
	c.calm = true
	for _, j := range c.jobs { // one that is refused takes no frames, and hears of no end
		c.later(core.Second, &core.VideoEnded{Query: j.query.ID})
	}
	c.run(c.now + 90*core.Second)

	for _, j := range c.jobs {
		require.Equal(t, j.captured, j.released, "one release per captured frame")
		for number := range j.frames {
			require.Contains(t, j.ended, number)
		}
		for number := range int64(len(j.ended)) {
			require.Contains(t, j.ended, number, "numbers without gap")
		}
	}
	for _, s := range c.m.Jobs() {
		assert.Equal(t, core.StateDone, s.State)
	}
	require.Len(t, c.stored, c.records, "every outcome is a result that arrived")
	for _, r := range c.stored {
		f := c.jobs[r.Obs.Query].ended[r.Obs.Frame]
		require.Equal(t, f.Outcome, r.Outcome)
		require.Equal(t, f.Reason, r.Reason)
		require.Equal(t, f.Latency, r.Obs.Latency)
		if r.Outcome == core.OutcomeDone {
			done++
			require.Len(t, r.Obs.Calls, len(c.jobs[r.Obs.Query].query.Pipeline))
			var sum core.Time
			for _, call := range r.Obs.Calls {
				sum += call.RoundTrip
			}
			require.Equal(t, sum, r.Obs.RoundTrip)
		}
	}
	require.Greater(t, c.beats, 50)
	return c.records, done
}

func TestWhateverHappens(t *testing.T) {
	frames, done := 0, 0
	for seed := range uint64(40) {
		f, d := runChaos(t, seed)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		frames, done = frames+f, done+d
	}
	t.Logf("%d frames, %d done", frames, done)
	assert.Greater(t, done, 1000)
	assert.Greater(t, frames-done, 1000)
}

func TestSameSeedSameEffects(t *testing.T) {
	trace := func() (string, int) {
		r := jmStart(t, jmConfig()).job("live", nil)
		var chain core.Chain
		for i := range int64(200) {
			r.until(r.now + 10*msec)
			r.frame(1, i)
			r.answer(r.call(len(r.invokes) - 1))
		}
		for i := range r.frames {
			chain.Add(&r.frames[i])
		}
		return chain.Sum(), len(r.sends)
	}
	a, n := trace()
	b, k := trace()
	assert.Equal(t, a, b)
	assert.Equal(t, n, k)
}
