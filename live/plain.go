package live

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"vidq/core"
	"vidq/live/client"
	"vidq/live/serve"
	"vidq/live/wire"
)

// original is a node that runs the original's programs, which join video by video, tell
// neither heartbeats nor incarnations nor numbers, and forget all when they restart. It speaks to the
// query manager in vidq's words for it (plain_results.go: of its results).
//
// Each of its jobs is believed to be as it was last told to be. Once a period of the scheduler it is asked for
// a job's runtime context: three times no answer is a node that is down, any answer or
// a join one that is up. An error in the place of a runtime context or of a plan's
// acknowledgement says that it has no such job, as after a restart: it is given the job again.
type original struct {
	m    *manager
	id   core.NodeID
	peer client.Peer
	end  context.CancelFunc // of its watch
	turn chan struct{}      // of those who hand its results over

	mu      sync.Mutex // of what follows
	inc     core.Incarnation
	seq     uint64        // of the results of this incarnation
	waiting []core.Result // of this incarnation, numbered and not durable yet, oldest first
	number  uint64        // of heartbeats
	videos  map[int]bool
	jobs    map[core.QueryID]*originalJob
	polled  core.QueryID // the last one
	failed  int          // polls in a row without an answer
	up      bool         // it answers
}

// originalJob is a job of an original node.
type originalJob struct {
	core.JobStatus
	loop  int64 // the last result's n_loop; those up to it are repetitions
	frame int64 // its camera frame, -1 = none yet
}

// polls without an answer after which an original node is down.
const maxFailed = 3

// JoinPlain implements serve.Nodes: the scenario says what the node is.
func (m *manager) JoinPlain(ctx context.Context, _ serve.Caller, j *wire.Join, at serve.Reached) (string, error) {
	addr := at.Seen.String()
	id, ok := m.sys.book.NodeAt(addr)
	if !ok {
		return "", wire.Errorf(http.StatusNotFound, "the scenario has no node at %s; give a node addr = %q", addr, addr)
	}
	if len(m.sys.book.cameras(id)) <= *j.VideoID {
		return "", wire.Errorf(http.StatusNotFound, "node %q has no video %d in the scenario", id, *j.VideoID)
	}
	o, err := m.original(ctx, id)
	if err != nil {
		return "", err
	}
	o.mu.Lock()
	if o.inc == 0 || o.videos[*j.VideoID] || !o.up { // it has restarted
		o.restart()
	}
	o.videos[*j.VideoID], o.up, o.failed = true, true, 0
	o.mu.Unlock()
	return addr, o.introduce(ctx)
}

// original returns the original node of that id, and begins to watch it when it is new. A node that runs here, or
// is up and has joined as one of vidq, is none: that is a conflict.
func (m *manager) original(ctx context.Context, id core.NodeID) (*original, error) {
	if o := m.originalOf(id); o != nil {
		return o, nil
	}
	if m.sys.host(id) != nil {
		return nil, wire.Errorf(http.StatusConflict, "node %q runs in this process", id)
	}
	if m.up(ctx, id) {
		return nil, wire.Errorf(http.StatusConflict, "node %q is up and one of vidq; stop it before another program takes its place", id)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if o := m.originals[id]; o != nil {
		return o, nil
	}
	o := &original{m: m, id: id, turn: make(chan struct{}, 1)}
	if n, ok := m.host.net.(*remote); ok {
		o.peer = n.c.Peer(m.sys.book.at(id, wire.PortJobs), true)
	}
	m.originals[id] = o
	life, end := context.WithCancel(m.sys.life)
	o.end = end
	// Each at its own pace: a node that takes calls and does not answer is up until it has failed three times.
	m.sys.group.Go(func() { every(life, m.sys.o.Scenario.Settings.WithDefaults().Heartbeat, o.beat) })
	m.sys.group.Go(func() { every(life, m.sys.o.Scenario.Scheduler.Period, o.poll) })
	return o, nil
}

// originalOf returns the original node of that id, nil if it is none.
func (m *manager) originalOf(id core.NodeID) *original {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.originals[id]
}

// replaced takes note that a node of vidq has taken a node's place.
func (m *manager) replaced(id core.NodeID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if o := m.originals[id]; o != nil {
		o.end()
		delete(m.originals, id)
	}
}

// has reports whether the node has a video: of the original only what it has joined with, unless it
// joined an earlier life of the query manager. Of a nil node, which is one of vidq, it has what it told.
func (o *original) has(video int) bool {
	if o == nil {
		return true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.videos) == 0 || o.videos[video]
}

// originalAt returns the node of the original that a message is for, if it is one.
func (s *System) originalAt(to core.Address) *original {
	if s.manager == nil || to.Part == core.PartManager {
		return nil
	}
	return s.manager.originalOf(to.Node)
}

// every calls f once a period until ctx ends.
func every(ctx context.Context, period core.Time, f func(context.Context)) {
	t := time.NewTicker(time.Duration(period))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			f(ctx)
		}
	}
}

// restart begins an incarnation of the node, which has nothing. The caller holds mu.
func (o *original) restart() {
	o.inc = max(o.inc+1, o.m.sys.o.Incarnation(o.id))
	o.seq, o.number, o.waiting = 0, 0, nil
	o.videos, o.jobs = map[int]bool{}, map[core.QueryID]*originalJob{}
}

// introduce tells the query manager of the node's incarnation.
func (o *original) introduce(ctx context.Context) error {
	o.mu.Lock()
	inc := o.inc
	o.mu.Unlock()
	s := o.m.sys
	i := s.bed.Node(o.id)
	c := s.bed.JobConfig(i, inc, s.views(i))
	_, err := o.m.hear(ctx, o.id, &core.Join{
		Node: o.id, Incarnation: inc, Role: c.Role, Class: c.Class, Capacity: c.Capacity, Services: c.Services, Cameras: c.Cameras,
	})
	return err
}

// beat tells the query manager for the node what jobs it is believed to have. A query manager that has restarted
// is told who that is.
func (o *original) beat(ctx context.Context) {
	o.mu.Lock()
	if !o.up {
		o.mu.Unlock()
		return
	}
	o.number++
	bed := o.m.sys.bed
	h := &core.Heartbeat{Node: o.id, Incarnation: o.inc, Number: o.number, Capacity: bed.Nodes[bed.Node(o.id)].World.Capacity}
	for _, q := range slices.Sorted(maps.Keys(o.jobs)) {
		h.Jobs = append(h.Jobs, o.jobs[q].JobStatus)
	}
	o.mu.Unlock()
	for _, v := range o.m.sys.views(bed.Node(o.id)) {
		h.Services = append(h.Services, core.ServiceSample{ServiceView: v})
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	a, err := o.m.hear(ctx, o.id, h)
	if err == nil && !a.(*core.HeartbeatAck).Known {
		err = o.introduce(ctx)
	}
	if err != nil {
		o.m.sys.o.Log.Debug("a heartbeat for a node of the original was not taken", "node", o.id, "error", err)
	}
}

// poll asks the node for the runtime context of one of its jobs in turn, to see whether it answers and
// has the job.
func (o *original) poll(ctx context.Context) {
	o.mu.Lock()
	all := slices.Sorted(maps.Keys(o.jobs))
	q := core.QueryID(1) // whichever
	if len(all) > 0 {
		q = all[0]
		if i, _ := slices.BinarySearch(all, o.polled+1); i < len(all) {
			q = all[i]
		}
	}
	o.polled = q
	inc := o.inc
	o.mu.Unlock()
	_, err := o.peer.JobRuntime(ctx, q)
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err == nil:
		o.failed, o.up = 0, true
	case refusal(err):
		o.failed, o.up = 0, true
		if o.inc == inc {
			delete(o.jobs, q)
		}
	default:
		if o.failed++; o.failed >= maxFailed {
			o.up = false
		}
	}
}

// refusal reports whether a call brought an answer that says no: of an unknown id the original says HTTP 500.
func refusal(err error) bool {
	e := client.CallError(err)
	return e == core.CallFailed || e == core.CallUnknown || e == core.CallRejected
}

// order carries out a message for the node, and acknowledges it for it. A job that it
// has is not submitted twice, which the original does not take.
func (o *original) order(ctx context.Context, l *Letter) (core.Message, error) {
	switch m := l.Msg.(type) {
	case *core.SubmitJob:
		q := &m.Query
		if err := wire.PlainPipeline(q.Pipeline); err != nil {
			return nil, err
		}
		s, known := o.job(q.ID)
		if !known {
			if _, err := o.peer.SubmitJob(ctx, m); err != nil {
				return nil, err
			}
			s = core.JobStatus{Query: q.ID, State: core.StateReady, Next: m.From}
		}
		a, err := o.acknowledge(m.Incarnation, s)
		if err != nil || m.Plan.Revision <= s.Revision {
			return a, err
		}
		return o.plan(ctx, &core.UpdatePlan{Incarnation: m.Incarnation, Query: q.ID, Plan: m.Plan}, q)
	case *core.UpdatePlan:
		return o.plan(ctx, m, l.Query)
	case *core.StopJob:
		// The original cannot stop a job: what it still tells of it is not listened to.
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.jobs, m.Query)
		return &core.JobAck{Node: o.id, Incarnation: o.inc, Job: core.JobStatus{Query: m.Query, Gone: true}}, nil
	}
	return nil, fmt.Errorf("a node of the original does not understand %T", l.Msg)
}

// plan changes the plan of a job of the node.
func (o *original) plan(ctx context.Context, m *core.UpdatePlan, q *core.Query) (core.Message, error) {
	s, known := o.job(m.Query)
	if !known {
		return o.acknowledge(m.Incarnation, core.JobStatus{Query: m.Query, Gone: true})
	}
	if _, err := o.peer.UpdatePlan(ctx, m, q); err != nil {
		if refusal(err) {
			_, _ = o.acknowledge(m.Incarnation, core.JobStatus{Query: m.Query, Gone: true}) // the next heartbeat tells
		}
		return nil, err
	}
	s.Revision, s.State = m.Plan.Revision, core.StateRunning
	return o.acknowledge(m.Incarnation, s)
}

// job returns how a job of the node is believed to be.
func (o *original) job(q core.QueryID) (s core.JobStatus, known bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if j := o.jobs[q]; j != nil {
		return j.JobStatus, true
	}
	return s, false
}

// acknowledge notes how a job is now in an incarnation, and tells; nil if that is over.
func (o *original) acknowledge(inc core.Incarnation, s core.JobStatus) (core.Message, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if inc != o.inc {
		return nil, nil
	}
	j := o.jobs[s.Query]
	switch {
	case s.Gone:
		delete(o.jobs, s.Query)
	case j == nil:
		o.jobs[s.Query] = &originalJob{JobStatus: s, frame: -1}
	default:
		s.Next = max(s.Next, j.Next)
		s.Revision = max(s.Revision, j.Revision)
		j.JobStatus = s
	}
	return &core.JobAck{Node: o.id, Incarnation: o.inc, Job: s}, nil
}
