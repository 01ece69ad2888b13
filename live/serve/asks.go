package serve

import (
	"context"
	"net/netip"

	"vidq/core"
	"vidq/live/wire"
)

// Caller is who sent a request.
type Caller struct {
	Addr netip.AddrPort
	// Node is the node that the caller has proved to be, by its certificate; "" = it
	// has proved to be none. It is then let speak for that node only.
	Node core.NodeID
	// Role is what the caller may do.
	Role wire.Access
	// Plain says that the request had none of vidq's fields where it could have: the
	// peer counts as one of the original, and is answered without them.
	Plain bool
}

// The methods of the interfaces below block until the answer is known, at most until
// ctx ends, whose error they then return. Their errors are answered
//
//   - as they are, if they are (or wrap) a *wire.Error
//   - with 504, if they wrap context.DeadlineExceeded
//   - with 503, if they wrap context.Canceled or loop.ErrStopped
//   - else with 500 and a text that tells nothing; the error is logged
//
// What core refuses (the field Err of its answers) is not an error: serve turns it into
// wire.Refusal. Without an error, what is returned must not be nil unless it is said.
type (
	// Queries is what the query manager does for users.
	Queries interface {
		// Submit also tells the address of the side channel that shows the query's
		// video, "" = none yet.
		Submit(ctx context.Context, c Caller, m *core.SubmitQuery) (a *core.SubmitAnswer, sideAddr string, err error)
		Stop(ctx context.Context, c Caller, m *core.StopQuery) (*core.StopAnswer, error)
		List(ctx context.Context, p wire.Page) (*wire.QueryList, error)
		// Results may return nil: there are none yet.
		Results(ctx context.Context, q core.QueryID) (*wire.Results, error)
		Plan(ctx context.Context, q core.QueryID) (wire.Plan, error)
		Runtime(ctx context.Context, q core.QueryID) (core.RuntimeInfo, error)
		Videos(ctx context.Context) (wire.VideoInfo, error)
	}

	// Nodes is what the query manager does for nodes. In messages with a node's id,
	// it is that of Caller.Node if there is one.
	Nodes interface {
		// Join also tells the node_addr by which the node is known from now on.
		Join(ctx context.Context, c Caller, m *core.Join, at Reached) (a *core.JoinAck, nodeAddr string, err error)
		// JoinPlain takes one video of a node of the original.
		JoinPlain(ctx context.Context, c Caller, m *wire.Join, at Reached) (nodeAddr string, err error)
		Heartbeat(ctx context.Context, c Caller, m *core.Heartbeat) (*core.HeartbeatAck, error)
		// Sync takes a batch of results; counts[i] is what the last stage counted for
		// result i, nil = nothing. The answer is known when the results are durable.
		Sync(ctx context.Context, c Caller, m *core.SyncResults, counts []wire.Counts) (*core.SyncAck, error)
		// SyncPlain takes the result of one frame from a node of the original.
		SyncPlain(ctx context.Context, c Caller, m *wire.SyncResult) error
	}

	// Jobs is what a node's job manager does.
	Jobs interface {
		// Submit takes a query. Of a Plain caller, which tells none, the node's
		// incarnation is to be filled in.
		Submit(ctx context.Context, c Caller, m *core.SubmitJob) (*core.JobAck, error)
		// Query returns the query of a job, nil = there is no such job. It is asked
		// before a plan of a Plain caller, which cannot be read without.
		Query(ctx context.Context, q core.QueryID) (*core.Query, error)
		// Update takes a plan. Of a Plain caller, the node's incarnation and the
		// plan's next revision are to be filled in.
		Update(ctx context.Context, c Caller, m *core.UpdatePlan) (*core.JobAck, error)
		Stop(ctx context.Context, c Caller, m *core.StopJob) (*core.JobAck, error)
		Charge(ctx context.Context, c Caller, m *core.ChargeWork) error
		Runtime(ctx context.Context, q core.QueryID) (core.RuntimeInfo, error)
		List(ctx context.Context, p wire.Page) (*wire.JobList, error)
	}

	// Services is what a node's compute services do.
	Services interface {
		List(ctx context.Context) (wire.ServiceList, error)
		Resources(ctx context.Context) (wire.ResourceInfo, error)
		Cluster(ctx context.Context) (wire.ClusterInfo, error)
		// Execute analyses an image or crops. f names the frame, nil = it has no
		// name. A service that is full returns an error of status 503, one that the
		// node does not have 404.
		Execute(ctx context.Context, c Caller, service string, t *wire.Task, f *wire.FrameRef) (*wire.TaskAnswer, error)
		Configure(ctx context.Context, c Caller, m *core.ConfigureServices) error
	}

	// SideChannel is what the cloud's side channel does for nodes.
	SideChannel interface {
		// UpdateAddr takes the address at which a query's video is. It must be that of
		// a node that has joined or stands in the scenario, else the caller could make
		// the side channel call anywhere: an error of status 404.
		UpdateAddr(ctx context.Context, c Caller, q core.QueryID, addr string) error
	}
)

// Reached is where a node's job manager is reached.
type Reached struct {
	Seen netip.AddrPort // the caller's ip and the port that it tells
	// Told is the ip:port that the node tells, "" = none. Whoever has not proved to be the
	// node (Caller.Node) is believed only if the scenario says the same.
	Told string
}
