package coretest

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"vidq/core"
)

// Checker watches a run and holds the invariants that no fault may break:
//
//   - each FrameCaptured is released once, and what a job took of them has one
//     FrameRecord, whose breakdown sums to its latency;
//   - a frame runs under the plan that its job applied when it was captured;
//   - the revisions that a node applies rise, and a revision is one plan;
//   - what the manager acknowledged is durable, and there after a restore;
//   - after healing, nodes have the jobs and plans that the manager wants;
//   - workers are never exceeded, and links neither make nor lose bytes.
//
// A driver tells it what it does, by the methods below, in the order in which it
// happens. Its memory grows with what is under way and with the plans given, not with
// the frames. The first failures are kept.
type Checker struct {
	errs []error
	now  core.Time

	frames  map[frameKey]*frameWatch
	plans   map[jobKey]*core.Plan // applied
	hashes  map[planKey]uint64
	stored  map[core.QueryID]core.SavedQuery
	told    map[core.QueryID]core.State // what users were told: accepted, or stopped
	results map[lifeKey]*resultWatch
	workers map[serviceKey]int
	bytes   map[linkKey]float64
}

type (
	frameKey struct {
		node  core.NodeID
		query core.QueryID
		frame int64 // camera frame
	}
	jobKey struct {
		node  core.NodeID
		query core.QueryID
	}
	planKey struct {
		query    core.QueryID
		revision uint64
	}
	lifeKey struct {
		node        core.NodeID
		incarnation core.Incarnation
	}
	serviceKey struct {
		node    core.NodeID
		service string
	}
	linkKey struct{ from, to core.NodeID }
)

type frameWatch struct {
	at       core.Time
	plan     *core.Plan
	captured int
	released int
	recorded int
}

// resultWatch is a node's results in one of its lives.
type resultWatch struct {
	sent, stored spans
	acked        uint64
	durable      uint64 // as the store says how far it has them
}

const maxErrors = 10

// NewChecker returns a checker of a run that has not begun.
func NewChecker() *Checker {
	return &Checker{
		frames: map[frameKey]*frameWatch{}, plans: map[jobKey]*core.Plan{}, hashes: map[planKey]uint64{},
		stored: map[core.QueryID]core.SavedQuery{}, told: map[core.QueryID]core.State{},
		results: map[lifeKey]*resultWatch{}, workers: map[serviceKey]int{}, bytes: map[linkKey]float64{},
	}
}

// Err returns what was broken, nil if nothing was.
func (c *Checker) Err() error { return errors.Join(c.errs...) }

func (c *Checker) fail(format string, args ...any) {
	if len(c.errs) < maxErrors {
		c.errs = append(c.errs, fmt.Errorf("at "+c.now.String()+": "+format, args...))
	}
}

func (c *Checker) at(now core.Time) {
	if now < c.now {
		c.fail("time went back to %s", now)
	}
	c.now = max(c.now, now)
}

// Captured is called before FrameCaptured is told to a node's job manager.
func (c *Checker) Captured(now core.Time, node core.NodeID, ev *core.FrameCaptured) {
	c.at(now)
	k := frameKey{node, ev.Query, ev.CameraFrame}
	w := c.frames[k]
	if w == nil {
		w = &frameWatch{plan: c.plans[jobKey{node, ev.Query}]}
		c.frames[k] = w
	}
	w.at = now
	w.captured++
}

// Released is called for each Release of a node.
func (c *Checker) Released(now core.Time, node core.NodeID, r *core.Release) {
	c.at(now)
	k := frameKey{node, r.Query, r.CameraFrame}
	w := c.frames[k]
	if w == nil {
		c.fail("%s released frame %d of query %d, which it does not hold", node, r.CameraFrame, r.Query)
		return
	}
	w.released++
	if w.released > w.recorded && w.at != now { // what a job does not take goes back at once
		c.fail("%s released frame %d of query %d without a record", node, r.CameraFrame, r.Query)
	}
	if w.released == w.captured {
		delete(c.frames, k)
	}
}

// Invoked is called for each Invoke of a node.
func (c *Checker) Invoked(now core.Time, node core.NodeID, i *core.Invoke) {
	c.at(now)
	if i.Charged {
		return
	}
	w := c.frames[frameKey{node, i.Ref.Query, i.CameraFrame}]
	if w == nil {
		c.fail("%s calls %s for frame %d of query %d, which it does not hold", node, i.Service, i.CameraFrame, i.Ref.Query)
		return
	}
	p := w.plan
	if p == nil || i.Ref.Stage >= len(p.Stages) {
		c.fail("%s calls stage %d for frame %d of query %d, which no plan has", node, i.Ref.Stage, i.CameraFrame, i.Ref.Query)
		return
	}
	if a := p.Stages[i.Ref.Stage]; a.Node != i.Node || a.Model != i.Model || p.Video != i.Video {
		c.fail("frame %d of query %d was captured under r%d, but its stage %d runs under another plan", i.CameraFrame, i.Ref.Query, p.Revision, i.Ref.Stage)
	}
}

// Record is called for each record of a machine.
func (c *Checker) Record(now core.Time, rec core.Record) {
	c.at(now)
	switch r := rec.(type) {
	case *core.FrameRecord:
		c.frame(r)
	case *core.PlanRecord:
		c.applied(r)
	case *core.ServiceRecord:
		k := serviceKey{r.Node, r.Service.Name}
		// Workers that were taken away finish what they are at.
		c.Busy(now, r.Node, r.Service.Name, r.Service.Busy, max(r.Service.Workers, c.workers[k]))
		c.workers[k] = r.Service.Workers
	case *core.LinkRecord:
		k := linkKey{r.Link.From, r.Link.To}
		if r.Link.Bytes < c.bytes[k] {
			c.fail("link %s-%s took back bytes: %g after %g", k.from, k.to, r.Link.Bytes, c.bytes[k])
		}
		c.bytes[k] = r.Link.Bytes
	}
}

func (c *Checker) frame(r *core.FrameRecord) {
	w := c.frames[frameKey{r.Node, r.Query, r.CameraFrame}]
	if w == nil {
		c.fail("a record of frame %d of query %d, which %s does not hold", r.CameraFrame, r.Query, r.Node)
		return
	}
	w.recorded++
	if w.recorded > w.captured {
		c.fail("a second record of frame %d of query %d", r.CameraFrame, r.Query)
	}
	if w.plan == nil || w.plan.Revision != r.Revision || w.plan.Video != r.Video {
		c.fail("frame %d of query %d was not recorded under the plan of its capture, but r%d", r.CameraFrame, r.Query, r.Revision)
	}
	var sum core.Time
	for _, p := range r.Breakdown {
		sum += p
	}
	if sum != r.Latency {
		c.fail("the latency of frame %d of query %d is %s, its parts' sum %s", r.CameraFrame, r.Query, r.Latency, sum)
	}
}

func (c *Checker) applied(r *core.PlanRecord) {
	k := jobKey{r.Node, r.Query}
	if old := c.plans[k]; old != nil && r.Plan.Revision <= old.Revision {
		c.fail("%s applied r%d of query %d after r%d", r.Node, r.Plan.Revision, r.Query, old.Revision)
	}
	c.plan(r.Query, &r.Plan)
	p := r.Plan
	p.Stages = slices.Clone(p.Stages)
	c.plans[k] = &p
}

// plan holds that a revision is one plan.
func (c *Checker) plan(q core.QueryID, p *core.Plan) {
	if p.Revision == 0 {
		return
	}
	k := planKey{q, p.Revision}
	if h, known := c.hashes[k]; known && h != p.Hash {
		c.fail("r%d of query %d is two plans", p.Revision, q)
	}
	c.hashes[k] = p.Hash
	if p.Seal().Hash != p.Hash {
		c.fail("the hash of r%d of query %d is wrong", p.Revision, q)
	}
}

// Crashed is called when a node's process dies: what it held is gone, and it may
// apply its plans again.
func (c *Checker) Crashed(node core.NodeID) {
	for k := range c.frames { // the order does not matter
		if k.node == node {
			delete(c.frames, k)
		}
	}
	for k := range c.plans {
		if k.node == node {
			delete(c.plans, k)
		}
	}
}

// Held returns how many frames of a query its node holds.
func (c *Checker) Held(q core.QueryID) int {
	n := 0
	for k, w := range c.frames {
		if k.query == q {
			n += w.captured - w.released
		}
	}
	return n
}

// Busy holds that no more workers are at work than there are. A world calls it
// whenever work begins.
func (c *Checker) Busy(now core.Time, node core.NodeID, service string, busy, workers int) {
	c.at(now)
	if busy < 0 || busy > workers {
		c.fail("%d workers of %s at %s are busy, of %d", busy, service, node, workers)
	}
}

// Link holds that the bytes that were put into a link are those that came out, were
// lost, or are under way. Rounding of one part in 10^9 is allowed.
func (c *Checker) Link(now core.Time, from, to core.NodeID, put, out, lost, underWay float64) {
	c.at(now)
	if d := math.Abs(put - out - lost - underWay); !(d <= 1e-9*max(put, 1)) {
		c.fail("link %s-%s: %g bytes in, %g out, %g lost, %g under way", from, to, put, out, lost, underWay)
	}
}
