package client

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"vidq/core"
	"vidq/live/wire"
)

// Calls of the query manager to a node's job manager. The original tells nothing of its jobs: nil.

// SubmitJob gives the node a query to serve.
func (p Peer) SubmitJob(ctx context.Context, m *core.SubmitJob) (*core.JobAck, error) {
	a, err := post[wire.JobAnswer](ctx, p, "/job/submit_job", wire.FromSubmitJob(m, p.client.options.Book), false)
	if err != nil {
		return nil, err
	}
	return a.Core(), nil
}

// UpdatePlan changes the plan of a job; q is its query.
func (p Peer) UpdatePlan(ctx context.Context, m *core.UpdatePlan, q *core.Query) (*core.JobAck, error) {
	a, err := post[wire.PlanAnswer](ctx, p, "/job/update_plan", wire.FromUpdatePlan(m, q, p.client.options.Book), false)
	if err != nil {
		return nil, err
	}
	return a.Core(), nil
}

// StopJob ends a job and lets the node forget it.
func (p Peer) StopJob(ctx context.Context, m *core.StopJob) (*core.JobAck, error) {
	a, err := post[wire.PlanAnswer](ctx, p, "/job/stop_job", wire.FromStopJob(m), false)
	if err != nil {
		return nil, err
	}
	return a.Core(), nil
}

// Charge makes the node spend work that the scheduler causes.
func (p Peer) Charge(ctx context.Context, m *core.ChargeWork) error {
	_, err := post[wire.Answer](ctx, p, "/job/charge_work", wire.FromChargeWork(m), false)
	return err
}

// JobRuntime returns a job's runtime context.
func (p Peer) JobRuntime(ctx context.Context, q core.QueryID) (core.RuntimeInfo, error) {
	a, err := get[wire.Runtime](ctx, p, "/job/get_runtime/"+wire.FormatID(q), nil)
	return a.Core(), err
}

// Jobs returns a page of the node's jobs.
func (p Peer) Jobs(ctx context.Context, page wire.Page) (wire.JobList, error) {
	return get[wire.JobList](ctx, p, "/job/list", pageOf(page))
}

// Calls to a node's compute services.

// Configure sets how the node's services run.
func (p Peer) Configure(ctx context.Context, m *core.ConfigureServices) error {
	_, err := post[wire.Answer](ctx, p, "/configure_services", wire.FromConfigureServices(m), false)
	return err
}

// Executed is what a call of a service brought.
type Executed struct {
	*wire.TaskAnswer
	Sent, Got int64 // bytes of the bodies
	Network
}

// Network is what a call's connection tells of the network.
type Network struct {
	Ready   time.Duration // from the call until there was a connection
	Reading time.Duration // from the answer's first byte to its last
	// RTT is the smallest round trip of the connection's packets so far, as the kernel sees it; 0 = not known.
	RTT time.Duration
}

// Execute has a service analyse an image or crops; f names the frame, nil = it has no name. CallError
// tells what an error means to core.
func (p Peer) Execute(ctx context.Context, service string, t *wire.Task, f *wire.FrameRef) (Executed, error) {
	m := &message{method: http.MethodPost, path: "/execute_task/" + url.PathEscape(service)}
	var err error
	if m.kind, m.body, err = t.Encode(p.plain); err != nil {
		return Executed{}, err
	}
	if t.Encoding == wire.EncodingJPEG && t.Crops {
		m.query = url.Values{"crops": {"1"}}
	}
	if f != nil && !p.plain {
		m.header = http.Header{}
		f.Set(m.header)
	}
	out := Executed{Sent: int64(len(m.body))}
	o := &p.client.options
	began := time.Now()
	var conn net.Conn
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		conn, out.Ready = i.Conn, time.Since(began)
	}})
	out.Got, err = p.exchange(ctx, o.Task, m, func(a *answer) (err error) {
		first := time.Now()
		out.RTT = roundTrip(conn)
		out.TaskAnswer, err = wire.ReadTaskAnswer(a.status, a.kind, a.body, a.length, o.Limits)
		out.Reading = time.Since(first)
		return err
	})
	return out, err
}

// ServiceList returns the names of the node's services.
func (p Peer) ServiceList(ctx context.Context) (wire.ServiceList, error) {
	return get[wire.ServiceList](ctx, p, "/get_service_list", nil)
}

// Resources returns what services take of their nodes.
func (p Peer) Resources(ctx context.Context) (wire.ResourceInfo, error) {
	return get[wire.ResourceInfo](ctx, p, "/get_resource_info", nil)
}

// Cluster returns the nodes' cores and load.
func (p Peer) Cluster(ctx context.Context) (wire.ClusterInfo, error) {
	return get[wire.ClusterInfo](ctx, p, "/get_cluster_info", nil)
}

// Calls to side channels.

// UpdateAddr tells the cloud's side channel where a query's video is.
func (p Peer) UpdateAddr(ctx context.Context, q core.QueryID, addr string) error {
	_, err := post[wire.AddrAnswer](ctx, p, "/user/update_node_addr", wire.FromAddrUpdate(q, addr), false)
	return err
}

// Video opens a query's video: its content type, and its bytes for as long as ctx lasts. Only that
// it begins is bounded by the client's timeout.
func (p Peer) Video(ctx context.Context, q core.QueryID) (kind string, body io.ReadCloser, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(p.client.options.Timeout, func() { cancel(context.DeadlineExceeded) })
	defer late.Stop()
	a, err := p.send(ctx, &message{method: http.MethodGet, path: "/user/video/" + wire.FormatID(q)})
	if err != nil {
		cancel(nil)
		return "", nil, err
	}
	kind = a.Header.Get("Content-Type")
	if a.StatusCode == http.StatusOK {
		return kind, &video{a.Body, cancel}, nil
	}
	_, err = wire.ReadAnswer[wire.Answer](a.StatusCode, kind, a.Body, a.ContentLength, maxAnswer)
	_ = a.Body.Close() // what is wrong with it has been read
	cancel(nil)
	return "", nil, err
}

// video is the body of a stream that is under way.
type video struct {
	io.ReadCloser
	end context.CancelCauseFunc
}

// Close ends the stream.
func (v *video) Close() error {
	v.end(nil)
	return v.ReadCloser.Close()
}

// Calls that every port answers.

// Health asks whether the process lives, and since when it counts its time.
func (p Peer) Health(ctx context.Context) (wire.Health, error) {
	return get[wire.Health](ctx, p, "/healthz", nil)
}

// Ready asks whether the node can do its work: nil, or why not yet.
func (p Peer) Ready(ctx context.Context) error {
	_, err := get[wire.Health](ctx, p, "/readyz", nil)
	return err
}
