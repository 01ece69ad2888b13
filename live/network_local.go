package live

import (
	"context"

	"vidq/core"
	"vidq/live/client"
	"vidq/live/serve"
	"vidq/live/wire"
)

// local reaches the nodes of this process by plain calls.
type local struct{ s *System }

var _ Network = local{}

// Tell implements Network.
func (n local) Tell(ctx context.Context, to core.Address, l *Letter) (core.Message, error) {
	m, c := n.s.manager, serve.Caller{}
	h := n.s.host(to.Node)
	switch msg := l.Msg.(type) {
	case *core.Join:
		a, _, err := m.Join(ctx, c, msg, serve.Reached{Told: n.s.book.Addr(msg.Node)})
		return answer(a, err)
	case *core.Heartbeat:
		return answer(m.Heartbeat(ctx, c, msg))
	case *core.SyncResults:
		counts := make([]wire.Counts, len(msg.Results))
		for i := range counts {
			counts[i] = l.Counts(i)
		}
		return answer(m.Sync(ctx, c, msg, counts))
	case *core.SubmitJob:
		return answer(jobs{h}.Submit(ctx, c, msg))
	case *core.UpdatePlan:
		return answer(jobs{h}.Update(ctx, c, msg))
	case *core.StopJob:
		return answer(jobs{h}.Stop(ctx, c, msg))
	case *core.ChargeWork:
		return nil, jobs{h}.Charge(ctx, c, msg)
	case *core.ConfigureServices:
		return nil, h.crew.Configure(ctx, c, msg)
	}
	panic("live: a message that is not sent between nodes")
}

// answer turns an answer of some type into a message; nil stays nil.
func answer[M any, P interface {
	*M
	core.Message
}](a P, err error) (core.Message, error) {
	if err != nil || a == nil {
		return nil, err
	}
	return a, nil
}

// Execute implements Network.
func (n local) Execute(ctx context.Context, to core.NodeID, service string, t *wire.Task, f *wire.FrameRef) (client.Executed, error) {
	a, err := n.s.host(to).crew.Execute(ctx, serve.Caller{}, service, t, f)
	return client.Executed{TaskAnswer: a}, err
}
