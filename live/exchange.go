package live

import (
	"context"
	"slices"
	"sync"

	"vidq/core"
)

// exchange matches a machine's answers to the requests that wait for them: on the wire
// an answer is the answer of an HTTP request, for a machine it is a message like any other.
type exchange struct {
	mu      sync.Mutex
	waiting map[ticket][]chan core.Message // newest last
}

// ticket is what an answer and its request have in common.
type ticket struct {
	kind   answerKind
	node   core.NodeID // that asked
	number uint64
}

type answerKind uint8

const (
	answerJoin answerKind = iota
	answerHeartbeat
	answerSync
	answerJob
	answerSubmit
	answerStop
)

// requestTicket returns the ticket of a request; ok is false if it is not answered. from
// is who asks.
func requestTicket(from core.NodeID, m core.Message) (t ticket, ok bool) {
	switch m := m.(type) {
	case *core.Join:
		return ticket{answerJoin, m.Node, uint64(m.Incarnation)}, true
	case *core.Heartbeat:
		return ticket{answerHeartbeat, m.Node, m.Number}, true
	case *core.SyncResults:
		return ticket{answerSync, m.Node, uint64(m.Incarnation)}, true
	case *core.SubmitJob:
		return ticket{answerJob, "", uint64(m.Query.ID)}, true
	case *core.UpdatePlan:
		return ticket{answerJob, "", uint64(m.Query)}, true
	case *core.StopJob:
		return ticket{answerJob, "", uint64(m.Query)}, true
	case *core.SubmitQuery:
		return ticket{answerSubmit, from, m.Request}, true
	case *core.StopQuery:
		return ticket{answerStop, from, m.Request}, true
	}
	return ticket{}, false
}

// answerTicket returns the ticket of an answer; ok is false if m is a request. to is who asked.
func answerTicket(to core.NodeID, m core.Message) (t ticket, ok bool) {
	switch m := m.(type) {
	case *core.JoinAck:
		return ticket{answerJoin, to, uint64(m.Incarnation)}, true
	case *core.HeartbeatAck:
		return ticket{answerHeartbeat, to, m.Number}, true
	case *core.SyncAck:
		return ticket{answerSync, to, uint64(m.Incarnation)}, true
	case *core.JobAck:
		return ticket{answerJob, "", uint64(m.Job.Query)}, true
	case *core.SubmitAnswer:
		return ticket{answerSubmit, to, m.Request}, true
	case *core.StopAnswer:
		return ticket{answerStop, to, m.Request}, true
	}
	return ticket{}, false
}

// await takes a ticket. The channel gets one answer; forget gives the ticket back.
func (x *exchange) await(t ticket) (answer <-chan core.Message, forget func()) {
	ch := make(chan core.Message, 1)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.waiting == nil {
		x.waiting = map[ticket][]chan core.Message{}
	}
	x.waiting[t] = append(x.waiting[t], ch)
	return ch, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.remove(t, slices.Index(x.waiting[t], ch))
	}
}

func (x *exchange) remove(t ticket, i int) {
	if i < 0 {
		return
	}
	left := slices.Delete(x.waiting[t], i, i+1)
	if len(left) == 0 {
		delete(x.waiting, t)
		return
	}
	x.waiting[t] = left
}

// give hands an answer to the newest request that waits for it: whoever asked again has most
// likely given up on the ones before. Without one it is lost.
func (x *exchange) give(t ticket, m core.Message) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if n := len(x.waiting[t]); n > 0 {
		x.waiting[t][n-1] <- m // has room for one
		x.remove(t, n-1)
	}
}

// begin posts a request to a machine. answer then waits for what it answers, nil if there is no
// answer to it, and must be called. The errors are ctx's, and loop.ErrStopped.
func (l *life) begin(ctx context.Context, from core.Address, m core.Message) (answer func() (core.Message, error)) {
	t, answered := requestTicket(from.Node, m)
	if !answered {
		err := l.post(ctx, &core.Received{From: from, Msg: m})
		return func() (core.Message, error) { return nil, err }
	}
	got, forget := l.exchange.await(t)
	err := l.post(ctx, &core.Received{From: from, Msg: m})
	return func() (core.Message, error) {
		defer forget()
		if err != nil {
			return nil, err
		}
		select {
		case a := <-got:
			return a, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.loop.Done():
			return nil, l.gone(ctx)
		}
	}
}

// ask posts a request to a machine and waits for its answer.
func (l *life) ask(ctx context.Context, from core.Address, m core.Message) (core.Message, error) {
	return l.begin(ctx, from, m)()
}
