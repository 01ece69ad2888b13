package live

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"vidq/core"
	"vidq/live/client"
	"vidq/live/serve"
	"vidq/live/wire"
)

// original is a node that runs the original's programs, which join video by video, tell
// neither heartbeats nor incarnations nor numbers, and forget all when they restart. It speaks to the
// query manager in vidq's words for it.
//
// Each of its jobs is believed to be as it was last told to be. Once a period of the scheduler it is asked for
// a job's runtime context: three times no answer is a node that is down, any answer or
// a join one that is up.
type original struct {
	m    *manager
	id   core.NodeID
	peer client.Peer

	mu     sync.Mutex // of what follows
	inc    core.Incarnation
	seq    uint64 // of the results of this incarnation
	number uint64 // of heartbeats
	videos map[int]bool
	jobs   map[core.QueryID]*originalJob
	failed int  // polls in a row without an answer
	up     bool // it answers
}

// originalJob is a job of an original node.
type originalJob struct {
	core.JobStatus
	loop  int64 // the last result's n_loop; those up to it are repetitions
	frame int64 // its camera frame
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
	if m.sys.host(id) != nil {
		return "", wire.Errorf(http.StatusConflict, "node %q runs in this process", id)
	}
	o := m.original(id)
	o.mu.Lock()
	again := o.inc == 0 || o.videos[*j.VideoID] || !o.up // it has restarted
	if again {
		o.inc = max(o.inc+1, m.sys.o.Incarnation(id))
		o.seq, o.number, o.videos, o.jobs = 0, 0, map[int]bool{}, map[core.QueryID]*originalJob{}
	}
	o.videos[*j.VideoID], o.up, o.failed = true, true, 0
	inc := o.inc
	o.mu.Unlock()
	c := m.sys.bed.JobConfig(m.sys.bed.Node(id), inc, m.sys.views(m.sys.bed.Node(id)))
	if _, err := m.hear(ctx, id, &core.Join{
		Node: id, Incarnation: inc, Role: c.Role, Class: c.Class, Capacity: c.Capacity, Services: c.Services, Cameras: c.Cameras,
	}); err != nil {
		return "", err
	}
	return addr, nil
}

// original returns the original node of that id, and begins to watch it when it is new.
func (m *manager) original(id core.NodeID) *original {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.originals[id]
	if o == nil {
		o = &original{m: m, id: id}
		if n, ok := m.host.net.(*remote); ok {
			o.peer = n.c.Peer(m.sys.book.at(id, wire.PortJobs), true)
		}
		m.originals[id] = o
		m.sys.group.Go(func() { o.watch(m.sys.life) })
	}
	return o
}

// originalAt returns the node of the original that a message is for, if it is one.
func (s *System) originalAt(to core.Address) *original {
	if s.manager == nil || to.Part == core.PartManager {
		return nil
	}
	s.manager.mu.Lock()
	defer s.manager.mu.Unlock()
	return s.manager.originals[to.Node]
}

// watch sends heartbeats for the node while it is up, and finds out whether it is.
func (o *original) watch(ctx context.Context) {
	beat := time.NewTicker(time.Duration(o.m.sys.o.Scenario.Settings.WithDefaults().Heartbeat))
	defer beat.Stop()
	poll := time.NewTicker(time.Duration(o.m.sys.o.Scenario.Scheduler.Period))
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			o.beat(ctx)
		case <-poll.C:
			o.poll(ctx)
		}
	}
}

// beat tells the query manager for the node what jobs it is believed to have.
func (o *original) beat(ctx context.Context) {
	o.mu.Lock()
	if !o.up {
		o.mu.Unlock()
		return
	}
	o.number++
	bed := o.m.sys.bed
	h := &core.Heartbeat{Node: o.id, Incarnation: o.inc, Number: o.number, Capacity: bed.Nodes[bed.Node(o.id)].World.Capacity}
	for _, j := range o.jobs {
		h.Jobs = append(h.Jobs, j.JobStatus)
	}
	for _, v := range o.m.sys.views(bed.Node(o.id)) {
		h.Services = append(h.Services, core.ServiceSample{ServiceView: v})
	}
	o.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := o.m.hear(ctx, o.id, h); err != nil {
		o.m.sys.o.Log.Debug("a heartbeat for a node of the original was not taken", "node", o.id, "error", err)
	}
}

// poll asks the node for a job's runtime context, whichever, only to see whether it answers.
func (o *original) poll(ctx context.Context) {
	var q core.QueryID = 1
	o.mu.Lock()
	for id := range o.jobs {
		q = id
	}
	o.mu.Unlock()
	_, err := o.peer.JobRuntime(ctx, q)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil || client.CallError(err) == core.CallFailed || client.CallError(err) == core.CallUnknown {
		o.failed, o.up = 0, true // any answer: the original answers an unknown id with HTTP 500
		return
	}
	if o.failed++; o.failed >= maxFailed {
		o.up = false
	}
}

// order carries out a message for the node, and acknowledges it for it.
func (o *original) order(ctx context.Context, l *Letter) (core.Message, error) {
	var q core.QueryID
	s := originalJob{JobStatus: core.JobStatus{State: core.StateReady}}
	switch m := l.Msg.(type) {
	case *core.SubmitJob:
		q = m.Query.ID
		if err := wire.PlainPipeline(m.Query.Pipeline); err != nil {
			return nil, err
		}
		if _, err := o.peer.SubmitJob(ctx, m); err != nil {
			return nil, err
		}
		if m.Plan.Revision > 0 {
			return o.plan(ctx, &core.UpdatePlan{Incarnation: m.Incarnation, Query: q, Plan: m.Plan}, &m.Query)
		}
	case *core.UpdatePlan:
		return o.plan(ctx, m, l.Query)
	case *core.StopJob:
		// The original cannot stop a job: what it still tells of it is not listened to.
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.jobs, m.Query)
		return &core.JobAck{Node: o.id, Incarnation: o.inc, Job: core.JobStatus{Query: m.Query, Gone: true}}, nil
	default:
		return nil, fmt.Errorf("a node of the original does not understand %T", l.Msg)
	}
	return o.acknowledge(q, s.JobStatus), nil
}

// plan changes the plan of a job of the node.
func (o *original) plan(ctx context.Context, m *core.UpdatePlan, q *core.Query) (core.Message, error) {
	if _, err := o.peer.UpdatePlan(ctx, m, q); err != nil {
		return nil, err
	}
	return o.acknowledge(m.Query, core.JobStatus{Revision: m.Plan.Revision, State: core.StateRunning}), nil
}

// acknowledge notes how a job is now.
func (o *original) acknowledge(q core.QueryID, s core.JobStatus) *core.JobAck {
	o.mu.Lock()
	defer o.mu.Unlock()
	s.Query = q
	j := o.jobs[q]
	if j == nil {
		j = new(originalJob)
		o.jobs[q] = j
	}
	s.Next = j.frame + 1
	j.JobStatus = s
	return &core.JobAck{Node: o.id, Incarnation: o.inc, Job: s}
}

// SyncPlain implements serve.Nodes: the result is numbered on arrival, one that was told before is not
// told again.
func (m *manager) SyncPlain(ctx context.Context, c serve.Caller, s *wire.SyncResult) error {
	q, _, err := m.query(ctx, core.QueryID(s.JobUID))
	if err != nil {
		return err
	}
	m.mu.Lock()
	o := m.originals[q.Query.Node]
	m.mu.Unlock()
	if o == nil || m.sys.book.ip(o.id) != c.Addr.Addr().String() {
		return wire.Errorf(http.StatusConflict, "query %s is at node %q, which has not joined from %s", wire.FormatID(q.Query.ID), q.Query.Node, c.Addr.Addr())
	}
	batch := o.take(s, m.sys.clock.Now())
	if batch == nil {
		return nil
	}
	r := &batch.Results[0]
	m.counts.add(frameOf{r.Obs.Query, r.CameraFrame}, s.JobResult.AppendedResult.Counts)
	_, err = m.hear(ctx, o.id, batch)
	return err
}

// take numbers a result; nil = it is a repetition, or of a job that was stopped.
func (o *original) take(s *wire.SyncResult, now core.Time) *core.SyncResults {
	o.mu.Lock()
	defer o.mu.Unlock()
	j := o.jobs[core.QueryID(s.JobUID)]
	f := &s.JobResult.AppendedResult
	if j == nil || f.NLoop <= j.loop {
		return nil
	}
	o.seq++
	r := s.Observed(o.seq, now, int64(f.FrameID)-1-j.frame, j.Revision)
	j.loop, j.frame = f.NLoop, r.CameraFrame
	return &core.SyncResults{Node: o.id, Incarnation: o.inc, First: o.seq, Results: []core.Result{r}}
}
