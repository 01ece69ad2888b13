package coretest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"vidq/core"
)

func (e *env) cmdSubmit(a *args) {
	e.request++
	e.user(&core.SubmitQuery{Request: e.request, Query: core.Query{
		Key: a.word(0), Node: core.NodeID(a.text("node", "")), Camera: core.CameraID(a.text("camera", "")),
		Pipeline: core.Linear(list(a.text("pipeline", ""))...),
		Constraint: core.Constraint{
			Delay: a.span("delay", 0), Latency: a.span("latency", 0), Accuracy: a.number("accuracy", 0),
		},
	}})
}

func (e *env) cmdStop(a *args) {
	e.request++
	e.user(&core.StopQuery{Request: e.request, Query: a.query()})
}

// user has a user send a message to the manager.
func (e *env) user(msg core.Message) {
	e.number++
	e.messages = append(e.messages, &message{
		number: e.number, from: core.Address{Node: "user", Part: core.PartUser},
		to: core.Address{Node: e.config.Node, Part: core.PartManager}, msg: msg,
	})
	e.print("user", fmt.Sprintf("send m%d: %s", e.number, MessageLine(msg)))
}

// take removes and returns the messages that are named, by number or by type.
func (e *env) take(a *args) []*message {
	var out []*message
	for _, w := range a.words {
		found := false
		for i := 0; i < len(e.messages); i++ {
			m := e.messages[i]
			if w == fmt.Sprintf("m%d", m.number) || strings.HasPrefix(MessageLine(m.msg), w+" ") {
				found = true
				out = append(out, m)
				e.messages = slices.Delete(e.messages, i, i+1)
				i--
			}
		}
		if !found {
			a.fail(fmt.Errorf("no message %q is under way", w))
		}
	}
	return out
}

// cmdRun lets time pass in a world without faults: messages arrive at once, saves
// are durable at once.
func (e *env) cmdRun(a *args) {
	end := e.now.Add(a.time(a.word(0)))
	all := &args{words: []string{"all"}, keys: map[string]string{}}
	for {
		for e.settle(all) {
		}
		if e.now >= end {
			return
		}
		next := end
		for _, m := range e.machines() {
			for _, w := range m.wakes {
				next = min(next, max(w, e.now))
			}
		}
		e.advance(next - e.now)
	}
}

// settle delivers what is under way and answers saves; false = there was nothing.
func (e *env) settle(all *args) bool {
	before := e.steps
	e.cmdDeliver(all)
	if e.manager != nil && len(e.manager.saves) > 0 {
		e.cmdSaved(&args{})
	}
	return e.steps > before
}

// cmdDeliver delivers the named messages, or those under way when it is called, or
// with "all" until none are.
func (e *env) cmdDeliver(a *args) {
	if len(a.words) > 0 && a.words[0] != "all" {
		for _, m := range e.take(a) {
			e.deliver(m)
		}
		return
	}
	for range 100 {
		var now, held []*message
		for _, m := range e.messages {
			if m.held {
				held = append(held, m)
			} else {
				now = append(now, m)
			}
		}
		e.messages = held
		for _, m := range now {
			e.deliver(m)
		}
		if len(now) == 0 || len(a.words) == 0 {
			return
		}
	}
	a.fail(errors.New("messages go on and on"))
}

func (e *env) cmdDrop(a *args) {
	for _, m := range e.take(a) {
		e.print("network", fmt.Sprintf("lost m%d: %s", m.number, MessageLine(m.msg)))
	}
}

// cmdDuplicate delivers messages that stay under way.
func (e *env) cmdDuplicate(a *args) {
	for _, m := range e.take(a) {
		e.messages = append(e.messages, m)
		e.deliver(m)
	}
}

func (e *env) cmdHold(a *args) {
	for _, m := range e.take(a) {
		m.held = true
		e.messages = append(e.messages, m)
	}
}

// cmdSaved answers the saves that are under way now.
func (e *env) cmdSaved(a *args) {
	if e.manager == nil {
		a.fail(errors.New("there is no manager"))
		return
	}
	saves := e.manager.saves
	e.manager.saves = nil
	text := strings.TrimPrefix(strings.Join(a.words, " "), "error ")
	for i := range saves {
		if text == "" {
			e.commit(&saves[i])
		}
		e.manager.step(&core.Saved{ID: saves[i].ID, Err: text})
	}
}

// host returns the node that has captured for, or could capture for, a query.
func (e *env) host(a *args, q core.QueryID) *node {
	for _, id := range e.ids {
		n := e.nodes[id]
		if _, waits := n.captures[q]; waits && n.machine != nil {
			return n
		}
	}
	a.fail(fmt.Errorf("nobody wants a frame of query %d", q))
	return nil
}

func (e *env) cmdCapture(a *args) {
	q := a.query()
	n := e.host(a, q)
	if n == nil {
		return
	}
	c := n.captures[q]
	delete(n.captures, q)
	fps := 30.0
	for _, cam := range n.join.Cameras {
		if cam.ID == c.Camera {
			fps = cam.FPS
		}
	}
	k := int64(a.number("frame", float64(core.Selected(c.From, c.Plan.Video.FPS, fps))))
	ev := &core.FrameCaptured{Query: q, CameraFrame: k, At: e.now, Bytes: a.number("bytes", 50_000)}
	e.check.Captured(e.now, n.machine.node, ev)
	n.machine.step(ev)
}

func (e *env) cmdEnd(a *args) {
	q := a.query()
	if n := e.host(a, q); n != nil {
		delete(n.captures, q)
		n.machine.step(&core.VideoEnded{Query: q})
	}
}

func (e *env) cmdDone(a *args) {
	name := a.word(0)
	for _, id := range e.ids {
		n := e.nodes[id]
		i, waits := n.invokes[name]
		if !waits || n.machine == nil {
			continue
		}
		ev := &core.StageDone{
			Ref: i.Ref, Work: a.span("work", 20*core.Millisecond), Wait: a.span("wait", 0), Encode: a.span("encode", 0),
			Return: a.span("back", 0), Sent: a.number("sent", 0), Got: a.number("got", 1000),
		}
		if objects := a.number("objects", -1); objects >= 0 {
			ev.Objects, ev.Counted = objects, true
		}
		for err, text := core.CallOK, a.text("err", ""); text != ev.Err.String(); err++ {
			if err > core.CallFailed {
				a.fail(fmt.Errorf("unknown error %q", text))
				return
			}
			ev.Err = err
		}
		delete(n.invokes, name)
		n.machine.step(ev)
		return
	}
	a.fail(fmt.Errorf("no call %s is under way", name))
}

func (e *env) cmdSample(a *args) {
	n := e.nodes[core.NodeID(a.word(0))]
	if n == nil || n.machine == nil {
		a.fail(errors.New("no such node runs"))
		return
	}
	n.machine.step(&core.Sampled{Capacity: n.join.Capacity, Services: n.services})
}

func (e *env) cmdCrash(a *args) {
	name := a.word(0)
	committed := len(a.words) > 1 && a.words[1] == "committed"
	n := e.nodes[core.NodeID(name)]
	switch {
	case name == "manager" && e.manager != nil:
		for i := range e.manager.saves {
			if committed {
				e.commit(&e.manager.saves[i])
			}
		}
		e.manager = nil
	case n != nil && n.machine != nil:
		e.check.Crashed(core.NodeID(name))
		n.machine = nil
	default:
		a.fail(fmt.Errorf("%q does not run", name))
	}
}

func (e *env) cmdStatus(*args) {
	if e.manager != nil {
		m := e.manager.m.(*core.QueryManager)
		for _, q := range m.Queries() {
			e.print("manager", fmt.Sprintf("has query %d %q %s, %s", q.Query.ID, q.Query.Key, q.State, PlanLine(&q.Plan)))
		}
		for _, n := range m.Nodes() {
			e.print("manager", fmt.Sprintf("has node %s up %t", n.ID, n.Up))
		}
	}
	for _, id := range e.ids {
		if n := e.nodes[id]; n.machine != nil {
			for _, s := range n.jobs.Jobs() {
				e.print(string(id), "has "+jobLine(&s))
			}
		}
	}
}

// cmdConverged has the checker compare what the nodes have with what they should.
func (e *env) cmdConverged(*args) {
	jobs := map[core.NodeID]*core.JobManager{}
	for _, id := range e.ids {
		if n := e.nodes[id]; n.machine != nil {
			jobs[id] = n.jobs
		}
	}
	before := len(e.check.errs)
	e.check.Converged(e.now, e.manager.m.(*core.QueryManager), jobs)
	if len(e.check.errs) == before {
		e.print("all", "as the manager wants")
	}
}
