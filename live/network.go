package live

import (
	"context"

	"vidq/core"
	"vidq/live/client"
	"vidq/live/wire"
)

// Network is how a node reaches the others: over HTTP, or within the process. Its methods
// block until there is an answer or ctx ends.
type Network interface {
	// Tell hands a control message over and returns the answer; nil = there is none to it.
	Tell(ctx context.Context, to core.Address, l *Letter) (core.Message, error)
	// Execute has a service of a node analyse something. The error is one that client.CallError
	// understands. Within the process only the answer is told.
	Execute(ctx context.Context, to core.NodeID, service string, t *wire.Task, f *wire.FrameRef) (client.Executed, error)
}

// Letter is a control message, with what the wire tells and core does not.
type Letter struct {
	Msg    core.Message
	Query  *core.Query             // of an UpdatePlan
	Counts func(i int) wire.Counts // of SyncResults; may be nil
	Frame  func(i int) wire.Frame  // of SyncResults to the original, as it is told them
}

// answerTimeout is how long a control message's answer is waited for. Machines ask again
// long before; until then the answer to the first is as good.
const answerTimeout = 10 * core.Second
