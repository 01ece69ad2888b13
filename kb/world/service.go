package world

import (
	"vidq/core"
	"vidq/kb"
)

// Model is what one model of a service takes on a node.
type Model struct {
	GPU   bool                // its worker is a job of the node's gpu, else of its cpu
	Needs core.Needs          // of one busy worker; memory while the model is loaded
	Load  core.Time           // of work, when a worker switches to the model
	Batch func(n int) float64 // time of a batch of n relative to a batch of one; nil = n
}

// ModelOf makes a Model of a profile.
func ModelOf(m *kb.ServiceModel) Model {
	return Model{GPU: m.Device == kb.DeviceGPU, Needs: m.Needs, Load: m.Load, Batch: m.Batch}
}

// ServiceConfig describes a service of a node.
type ServiceConfig struct {
	Name     string
	Models   []Model // by model number
	Model    int     // that every worker has loaded at the start; -1 = none
	Workers  int     // at least 1
	MaxBatch int     // requests that a worker takes at once; at least 1
	Queue    int     // requests that may wait; 0 = unbounded
}

// Request is a call of a service.
type Request struct {
	ID    uint64 // the caller's
	Model int
	Work  core.Time // that it takes alone, with the model loaded and the worker's needs met
}

// Setting changes how a service runs.
type Setting struct {
	Revision uint64 // a setting older than the one in force changes nothing
	Model    int    // that the workers load as soon as they are free, ahead of demand; -1 = none
	Workers  int
	MaxBatch int
}

// service is c workers behind one queue, first come, first served. A free worker
// takes the request at the head, together with those right behind it that want the same
// model, up to the largest batch. If it has another model loaded it loads first. A
// busy worker is a job of the device that its model runs on, and a load to the
// other one.
type service struct {
	ServiceConfig
	index    int    // at its node
	id       uint64 // of its jobs, above the worker's number
	shares   []shares
	workers  []worker // the first Workers of them work; others finish what they have
	idle     []int    // workers that work and have nothing to do
	queue    fifo[waiting]
	slow     float64
	down     bool
	revision uint64

	calls, rejected int64
	queueMax        int
	busy            core.Time // workers' time in batches that have ended
	memory          float64   // bytes of the loaded models
}

// shares are a model's needs in a device's integer units.
type shares struct {
	cpu, gpu int64
	onGPU    bool
}

type worker struct {
	model   int // that is loaded; -1 = none
	preload int // that a setting wants loaded; -1 = none
	busy    bool
	running int // model whose needs are taken, while busy
	since   core.Time
	load    core.Time // part of the batch's work, before stretching
	batch   []waiting // under way; empty while only loading
}

// waiting is a request with the instant at which it came. Requests are moved field
// by field: copying what was just written in one go is slow.
type waiting struct {
	id    uint64
	model int
	work  core.Time
	since core.Time
}

// put adds a request to the worker's batch.
func (w *worker) put(r Request, since core.Time) {
	n := len(w.batch)
	if n == cap(w.batch) {
		w.batch = append(w.batch, waiting{})
	}
	w.batch = w.batch[:n+1]
	b := &w.batch[n]
	b.id, b.model, b.work, b.since = r.ID, r.Model, r.Work, since
}

func newService(c ServiceConfig, index int) service {
	s := service{ServiceConfig: c, index: index, id: serviceBit | uint64(index)<<workerBits, slow: 1}
	s.MaxBatch = max(c.MaxBatch, 1)
	for _, m := range c.Models {
		s.shares = append(s.shares, shares{share(m.Needs.CPU), share(m.Needs.GPU), m.GPU})
	}
	s.Workers = 0
	s.setWorkers(max(c.Workers, 1))
	for i := range s.workers {
		s.setModel(&s.workers[i], c.Model)
	}
	return s
}

// setWorkers changes the number of workers. Those that are too many finish what
// they have under way.
func (s *service) setWorkers(n int) {
	for len(s.workers) < n {
		s.workers = append(s.workers, worker{model: -1, preload: -1, batch: make([]waiting, 0, s.MaxBatch)})
	}
	s.Workers = n
	s.idle = s.idle[:0]
	for i := range s.workers {
		w := &s.workers[i]
		switch {
		case w.busy:
		case i < n:
			s.idle = append(s.idle, i)
		default:
			s.setModel(w, -1)
		}
	}
}

func (s *service) setModel(w *worker, model int) {
	if w.model >= 0 {
		s.memory -= s.Models[w.model].Needs.Memory
	}
	w.model = model
	if model >= 0 {
		s.memory += s.Models[model].Needs.Memory
	}
}

// call takes a request in, or says why not.
func (s *service) call(n *Node, now core.Time, r Request) core.CallError {
	if s.down {
		return core.CallUnreachable
	}
	if r.Model < 0 || r.Model >= len(s.Models) {
		return core.CallFailed
	}
	if len(s.idle) == 0 && s.Queue > 0 && s.queue.len() >= s.Queue {
		s.rejected++
		return core.CallRejected
	}
	if len(s.idle) > 0 { // so that nobody waits
		i := s.choose(r.Model)
		s.workers[i].put(r, now)
		s.start(n, now, i, r.Model, r.Work)
		return core.CallOK
	}
	q := s.queue.add()
	q.id, q.model, q.work, q.since = r.ID, r.Model, r.Work, now
	s.queueMax = max(s.queueMax, s.queue.len())
	return core.CallOK
}

// choose takes the idle worker that suits best: one that has the model, else one
// that has none, else any; among equals the one that has been idle the shortest.
func (s *service) choose(model int) int {
	last := len(s.idle) - 1
	if i := s.idle[last]; s.workers[i].model == model {
		s.idle = s.idle[:last]
		return i
	}
	best, rank := 0, -1
	for j := last; j >= 0; j-- {
		m := s.workers[s.idle[j]].model
		if m == model {
			best = j
			break
		}
		if r := int(uint(m) >> 63); r > rank { // 1 = none
			best, rank = j, r
		}
	}
	i := s.idle[best]
	s.idle = append(s.idle[:best], s.idle[best+1:]...)
	return i
}

// begin gives worker i, which is no longer idle, the batch at the head of the queue, or the load
// that a setting asked for.
func (s *service) begin(n *Node, now core.Time, i int) {
	w := &s.workers[i]
	model := w.preload
	var work core.Time
	if s.queue.len() > 0 {
		model = s.queue.first().model
		work = s.fill(w, model)
	}
	s.start(n, now, i, model, work)
}

// start makes worker i busy with its batch.
func (s *service) start(n *Node, now core.Time, i, model int, work core.Time) {
	w := &s.workers[i]
	w.load = 0
	if model != w.model {
		w.load = s.Models[model].Load
		s.setModel(w, model)
		work += w.load
	}
	if model == w.preload {
		w.preload = -1
	}
	if s.slow != 1 {
		work = core.Time(float64(work)*s.slow + 0.5)
	}
	w.busy, w.since, w.running = true, now, model
	need := &s.shares[model]
	switch {
	case need.onGPU:
		n.cpu.occupy(now, need.cpu)
		n.begin(now, &n.gpu, s.id|uint64(i), work, need.gpu)
	case need.gpu != 0:
		n.gpu.occupy(now, need.gpu)
		fallthrough
	default:
		n.begin(now, &n.cpu, s.id|uint64(i), work, need.cpu)
	}
}

// fill moves a batch from the queue to the worker and returns its work: the mean
// of the requests' times the batch law.
func (s *service) fill(w *worker, model int) core.Time {
	var sum core.Time
	for len(w.batch) < s.MaxBatch && s.queue.len() > 0 {
		r := s.queue.first()
		if r.model != model {
			break
		}
		w.put(Request{r.id, r.model, r.work}, r.since)
		sum += r.work
		s.queue.drop()
	}
	b := len(w.batch)
	law := s.Models[model].Batch
	if b == 1 || law == nil {
		return sum
	}
	return core.Time(float64(float64(sum)/float64(b))*law(b) + 0.5)
}

// finished ends what worker i had under way, gives it something else to do and
// tells of its requests: of the first in d, of the others in the node's queue. It
// returns false when there was none.
func (s *service) finished(n *Node, at core.Time, i int, d *Done) bool {
	w := &s.workers[i]
	s.giveBack(n, at, w)
	some := len(w.batch) > 0
	if some {
		s.calls += int64(len(w.batch))
		s.outcome(d, at, w, 0, core.CallOK)
		for j := 1; j < len(w.batch); j++ {
			s.outcome(n.done.add(), at, w, j, core.CallOK)
		}
		w.batch = w.batch[:0]
	}
	if i >= s.Workers {
		s.setModel(w, -1)
		return some
	}
	if s.queue.len() > 0 || w.preload >= 0 && w.preload != w.model {
		s.begin(n, at, i)
	} else {
		s.idle = append(s.idle, i)
	}
	return some
}

// giveBack ends the worker's load on the device that it is not a job of.
func (s *service) giveBack(n *Node, at core.Time, w *worker) {
	need := &s.shares[w.running]
	if need.onGPU {
		n.cpu.occupy(at, -need.cpu)
	} else if need.gpu != 0 {
		n.gpu.occupy(at, -need.gpu)
	}
	w.busy = false
	s.busy += at - w.since
}

// outcome fills in d for request j of the worker's batch.
func (s *service) outcome(d *Done, at core.Time, w *worker, j int, err core.CallError) {
	r := &w.batch[j]
	d.ID, d.Service, d.At, d.Err = r.id, s.index, at, err
	d.Wait, d.Work, d.Load, d.Batch = w.since-r.since, at-w.since, w.load, len(w.batch)
}

// set applies a setting and reports whether it was newer.
func (s *service) set(n *Node, now core.Time, c Setting) bool {
	if c.Revision < s.revision {
		return false
	}
	s.revision = c.Revision
	s.MaxBatch = max(c.MaxBatch, 1)
	s.setWorkers(max(c.Workers, 1))
	s.Model = -1
	if c.Model >= 0 && c.Model < len(s.Models) {
		s.Model = c.Model
	}
	if !s.down {
		s.preload(n, now)
	}
	return true
}

// preload makes every worker load the service's model when it is free, and gives
// the idle ones something to do.
func (s *service) preload(n *Node, now core.Time) {
	s.idle = s.idle[:0]
	for i := range s.workers[:s.Workers] {
		w := &s.workers[i]
		w.preload = s.Model
		switch {
		case w.busy:
		case s.queue.len() > 0 || s.Model >= 0 && w.model != s.Model:
			s.begin(n, now, i)
		default:
			s.idle = append(s.idle, i)
		}
	}
}

// setDown ends or starts the service's process. What it had is lost, its models
// too.
func (s *service) setDown(n *Node, now core.Time, down bool, err core.CallError) {
	if s.down == down {
		return
	}
	s.down = down
	if !down {
		s.preload(n, now)
		return
	}
	for i := range s.workers {
		w := &s.workers[i]
		if w.busy {
			n.device(s.shares[w.running].onGPU).Cancel(now, s.id|uint64(i))
			s.giveBack(n, now, w)
			for j := range w.batch {
				s.outcome(n.done.add(), now, w, j, err)
			}
			w.batch = w.batch[:0]
		}
		s.setModel(w, -1)
		w.preload = -1
	}
	s.setWorkers(s.Workers)
	for s.queue.len() > 0 {
		r := s.queue.first()
		*n.done.add() = Done{ID: r.id, Service: s.index, At: now, Err: err, Wait: now - r.since}
		s.queue.drop()
	}
}

// sample describes the service.
func (s *service) sample(now core.Time) core.ServiceSample {
	v := core.ServiceSample{Revision: s.revision, Calls: s.calls, Rejected: s.rejected, BusyTime: s.busy, Memory: s.memory}
	v.Name, v.Workers, v.MaxBatch, v.Queue = s.Name, s.Workers, s.MaxBatch, s.queue.len()
	v.Model = s.workers[0].model
	for i := range s.workers {
		if s.workers[i].busy {
			v.Busy++
			v.BusyTime += now - s.workers[i].since
		}
	}
	return v
}
