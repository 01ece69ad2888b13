package world

import (
	"vidq/core"
	"vidq/kb"
)

// NodeConfig describes a node.
type NodeConfig struct {
	core.Capacity
	Power    kb.Power
	Services []ServiceConfig
	Start    core.Time // when it is switched on; it draws nothing before and must not be given anything
}

// Node is a machine of the testbed: a cpu and a gpu that its services and its
// host's own work share, and the energy that they take.
type Node struct {
	cpu, gpu Device
	power    kb.Power
	services []service
	done     fifo[Done]
	ending   *Device // of the job that Pop is ending, while it has not been removed
	endingID uint64
	down     bool

	upSince  core.Time // while up
	upTime   core.Time // before that
	sampled  core.Time // instant of the sample before, and what it saw:
	sampledC float64
	sampledG float64
	sampledE float64
}

// Done is the end of something that a node was given to do.
type Done struct {
	ID      uint64 // the caller's
	Service int    // whose call it was; -1 for plain work
	At      core.Time
	Err     core.CallError // CallOK, or why it was lost
	Wait    core.Time      // in the service's queue
	Work    core.Time      // from there to the end, with the load and what sharing the node cost
	Load    core.Time      // of it, for loading the model, as if alone
	Batch   int            // requests that were done together
}

// A device's job is plain work, with the caller's id, or a worker's.
const (
	serviceBit = 1 << 63
	workerBits = 24
)

// NewNode makes a node that starts at c.Start with its services up.
func NewNode(c NodeConfig) *Node {
	n := &Node{cpu: NewDevice(c.Cores), gpu: NewDevice(c.GPUs), power: c.Power, upSince: c.Start, sampled: c.Start}
	for i, s := range c.Services {
		n.services = append(n.services, newService(s, i))
	}
	return n
}

// Service returns the number of the service of that name; -1 when the node does
// not offer it.
func (n *Node) Service(name string) int {
	for i := range n.services {
		if n.services[i].Name == name {
			return i
		}
	}
	return -1
}

// Run starts plain work on the cpu, such as capture, encoding or a call's overhead: it
// takes work while it gets the cores that it wants. It is lost at once when the node is
// down. The id must be below 2^63 and not in use.
func (n *Node) Run(now core.Time, id uint64, work core.Time, cores float64) {
	if n.down {
		*n.done.add() = Done{ID: id, Service: -1, At: now, Err: core.CallUnreachable}
		return
	}
	n.cpu.Start(now, id, work, cores)
}

// Call calls a service. Anything but CallOK is the call's outcome; otherwise Pop
// gives it later.
func (n *Node) Call(now core.Time, service int, r Request) core.CallError {
	if n.down {
		return core.CallUnreachable
	}
	if service < 0 || service >= len(n.services) {
		return core.CallUnknown
	}
	return n.services[service].call(n, now, r)
}

// Next returns when there is something to pop if nothing else happens; core.Never
// if nothing will.
func (n *Node) Next() core.Time {
	if n.done.n > 0 {
		return n.done.first().At
	}
	return min(n.cpu.next, n.gpu.next)
}

// Pop fills in d for the next thing that has ended at or before now, or returns
// false. It must be called until it returns false.
func (n *Node) Pop(now core.Time, d *Done) bool {
	if n.done.n > 0 {
		*d = *n.done.first()
		n.done.drop()
		return true
	}
	for {
		dev := &n.cpu
		if n.gpu.next < n.cpu.next {
			dev = &n.gpu
		}
		id, at, ok := dev.ended(now)
		if !ok {
			return false
		}
		if id&serviceBit == 0 {
			dev.drop()
			*d = Done{ID: id, Service: -1, At: at}
			return true
		}
		n.ending, n.endingID = dev, id
		s := &n.services[id&(serviceBit-1)>>workerBits]
		some := s.finished(n, at, int(id&(1<<workerBits-1)), d)
		if n.ending != nil {
			dev.drop()
			n.ending = nil
		}
		if some {
			return true
		}
	}
}

// begin starts a worker's job. If it is that of the worker whose job has just ended
// there, that one goes on.
func (n *Node) begin(now core.Time, dev *Device, id uint64, work core.Time, want int64) {
	if dev == n.ending && id == n.endingID {
		n.ending = nil
		dev.again(work, want)
		return
	}
	dev.start(now, id, work, want)
}

// Set changes how a service runs and reports whether the setting was news.
func (n *Node) Set(now core.Time, service int, c Setting) bool {
	return n.services[service].set(n, now, c)
}

// SetServiceDown ends (down) or starts a service's process. What it had under way
// or waiting is lost with CallFailed; calls while it is down get CallUnreachable.
// It starts without a model, and loads the one of its setting.
func (n *Node) SetServiceDown(now core.Time, service int, down bool) {
	n.services[service].setDown(n, now, down || n.down, core.CallFailed)
}

// SetServiceSlow makes what a service begins from now on take factor times the
// work; 1 is normal.
func (n *Node) SetServiceSlow(service int, factor float64) {
	if !(factor > 0) {
		factor = 1
	}
	n.services[service].slow = factor
}

// SetSlow makes everything on the node take factor times as long from now on; 1
// is normal.
func (n *Node) SetSlow(now core.Time, factor float64) {
	n.cpu.SetSlow(now, factor)
	n.gpu.SetSlow(now, factor)
}

// SetDown ends or starts the whole node. All that it had is lost, with
// CallUnreachable; while it is down it draws no power.
func (n *Node) SetDown(now core.Time, down bool) {
	if n.down == down {
		return
	}
	for i := range n.services {
		n.services[i].setDown(n, now, down, core.CallUnreachable)
	}
	n.down = down
	if !down {
		n.upSince, n.sampled = now, min(n.sampled, now)
		return
	}
	n.upTime += max(now-n.upSince, 0)
	for n.cpu.Jobs() > 0 {
		m := n.cpu.jobs[0]
		n.cpu.Cancel(now, m.id)
		*n.done.add() = Done{ID: m.id, Service: -1, At: now, Err: core.CallUnreachable}
	}
}

// Busy returns the core seconds and the gpu slot seconds that were in use up to now.
func (n *Node) Busy(now core.Time) (cores, gpus float64) { return n.cpu.Busy(now), n.gpu.Busy(now) }

// Energy returns the joules that the node has drawn up to now: idle power while
// it is up, and so much for each busy core and gpu slot.
func (n *Node) Energy(now core.Time) float64 {
	up := n.upTime
	if !n.down {
		up += max(now-n.upSince, 0)
	}
	c, g := n.Busy(now)
	e := float64(n.power.Idle * up.Seconds())
	e += float64(n.power.PerCore * c)
	return e + float64(n.power.PerGPU*g)
}

// Sample returns what the node was like since the sample before (or the start), for
// how long that is, time that it was down included, and its energy so far in joules.
func (n *Node) Sample(now core.Time) (l core.NodeLoad, span core.Time, energy float64) {
	c, g := n.Busy(now)
	energy = n.Energy(now)
	for i := range n.services {
		l.Memory += n.services[i].memory
	}
	span = max(now-n.sampled, 0)
	if dt := span.Seconds(); dt > 0 {
		l.CPU = part(c-n.sampledC, n.cpu.capacity, dt)
		l.GPU = part(g-n.sampledG, n.gpu.capacity, dt)
		l.Power = (energy - n.sampledE) / dt
	}
	n.sampled, n.sampledC, n.sampledG, n.sampledE = now, c, g, energy
	return l, span, energy
}

func part(busy float64, capacity int64, seconds float64) float64 {
	if capacity == 0 {
		return 0
	}
	return min(busy*shareUnit/(float64(capacity)*seconds), 1)
}

// Services returns how many services the node has.
func (n *Node) Services() int { return len(n.services) }

// ServiceSample describes a service.
func (n *Node) ServiceSample(now core.Time, service int) core.ServiceSample {
	return n.services[service].sample(now)
}

// QueueMax returns the largest number of requests that waited at a service so far.
func (n *Node) QueueMax(service int) int { return n.services[service].queueMax }

func (n *Node) device(gpu bool) *Device {
	if gpu {
		return &n.gpu
	}
	return &n.cpu
}
