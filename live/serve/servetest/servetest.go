// Package servetest is the other side in tests of packages serve and client: a node
// that does nothing but remember what it was asked.
package servetest

import (
	"context"
	"io"
	"net/http"
	"sync"

	"vidq/core"
	"vidq/live/serve"
	"vidq/live/wire"
)

// Book is the wire.Book of a node edge1 with one video, meeting, and a node cloud.
type Book struct{}

// Addr returns where a node is.
func (Book) Addr(n core.NodeID) string {
	return map[core.NodeID]string{"edge1": "127.0.0.1:5001", "cloud": "127.0.0.2:5001"}[n]
}

// NodeAt returns who is at an address.
func (Book) NodeAt(addr string) (core.NodeID, bool) {
	n, ok := map[string]core.NodeID{"127.0.0.1:5001": "edge1", "127.0.0.1": "edge1", "127.0.0.2:5001": "cloud", "127.0.0.2": "cloud"}[addr]
	return n, ok
}

// Role returns what a node is.
func (Book) Role(n core.NodeID) core.Role {
	if n == "cloud" {
		return core.RoleCloud
	}
	return core.RoleEdge
}

// Video returns the number of a camera.
func (Book) Video(n core.NodeID, c core.CameraID) (int, bool) {
	return 0, n == "edge1" && c == "meeting"
}

// Camera returns the camera of a number.
func (Book) Camera(n core.NodeID, video int) (core.CameraID, bool) {
	return "meeting", n == "edge1" && video == 0
}

// Node is a node that does nothing but remember what it was asked, and answers as fits.
// Its queries are 7, and no others.
type Node struct {
	// Do, if set, is called first; its error is answered.
	Do func(ctx context.Context, method string) error

	mu    sync.Mutex
	asked []Asked
}

// Asked is one call of a method.
type Asked struct {
	Method string
	Caller serve.Caller // where the method is told
	Args   []any        // the others
}

// Last returns the last call and how many there were.
func (n *Node) Last() (Asked, int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.asked) == 0 {
		return Asked{}, 0
	}
	return n.asked[len(n.asked)-1], len(n.asked)
}

func (n *Node) ask(ctx context.Context, method string, c serve.Caller, args ...any) error {
	if n.Do != nil {
		if err := n.Do(ctx, method); err != nil {
			return err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, Asked{method, c, args})
	return nil
}

// users is the Queries of a node.
type users struct{ *Node }

func (u users) Submit(ctx context.Context, c serve.Caller, m *core.SubmitQuery) (*core.SubmitAnswer, string, error) {
	a := &core.SubmitAnswer{Request: m.Request, Query: 7}
	if m.Query.Key == "taken" {
		a = &core.SubmitAnswer{Err: `the key "taken" belongs to another query`}
	}
	return a, "127.0.0.1:5101", u.ask(ctx, "Queries.Submit", c, m)
}

func (u users) Stop(ctx context.Context, c serve.Caller, m *core.StopQuery) (*core.StopAnswer, error) {
	a := &core.StopAnswer{Request: m.Request, Query: m.Query}
	if m.Query != 7 {
		a.Err = "unknown query 8"
	}
	return a, u.ask(ctx, "Queries.Stop", c, m)
}

func (u users) List(ctx context.Context, p wire.Page) (*wire.QueryList, error) {
	return &wire.QueryList{Queries: []wire.QueryRow{}}, u.ask(ctx, "Queries.List", serve.Caller{}, p)
}

func (u users) Results(ctx context.Context, q core.QueryID) (*wire.Results, error) {
	return nil, u.ask(ctx, "Queries.Results", serve.Caller{}, q)
}

func (u users) Plan(ctx context.Context, q core.QueryID) (wire.Plan, error) {
	return wire.Plan{}, u.ask(ctx, "Queries.Plan", serve.Caller{}, q)
}

func (u users) Runtime(ctx context.Context, q core.QueryID) (core.RuntimeInfo, error) {
	return core.RuntimeInfo{Frames: 1, Delay: core.Second}, u.ask(ctx, "Queries.Runtime", serve.Caller{}, q)
}

func (u users) Videos(ctx context.Context) (wire.VideoInfo, error) {
	return nil, u.ask(ctx, "Queries.Videos", serve.Caller{})
}

// peers is the Nodes of a node.
type peers struct{ *Node }

func (p peers) Join(ctx context.Context, c serve.Caller, m *core.Join, at serve.Reached) (*core.JoinAck, string, error) {
	return &core.JoinAck{Node: m.Node, Incarnation: m.Incarnation}, at.Seen.String(), p.ask(ctx, "Nodes.Join", c, m, at)
}

func (p peers) JoinPlain(ctx context.Context, c serve.Caller, m *wire.Join, at serve.Reached) (string, error) {
	return at.Seen.String(), p.ask(ctx, "Nodes.JoinPlain", c, m, at)
}

func (p peers) Heartbeat(ctx context.Context, c serve.Caller, m *core.Heartbeat) (*core.HeartbeatAck, error) {
	return &core.HeartbeatAck{Node: m.Node, Incarnation: m.Incarnation, Number: m.Number, Known: true}, p.ask(ctx, "Nodes.Heartbeat", c, m)
}

func (p peers) Sync(ctx context.Context, c serve.Caller, m *core.SyncResults, counts []wire.Counts) (*core.SyncAck, error) {
	return &core.SyncAck{Incarnation: m.Incarnation, Seq: m.First + uint64(len(m.Results)) - 1}, p.ask(ctx, "Nodes.Sync", c, m, counts)
}

func (p peers) SyncPlain(ctx context.Context, c serve.Caller, m *wire.SyncResult) error {
	return p.ask(ctx, "Nodes.SyncPlain", c, m)
}

// worker is the Jobs of a node.
type worker struct{ *Node }

func (w worker) ack(q core.QueryID, revision uint64) *core.JobAck {
	return &core.JobAck{Node: "edge1", Incarnation: 2, Job: core.JobStatus{Query: q, Revision: revision, State: core.StateRunning}}
}

func (w worker) Submit(ctx context.Context, c serve.Caller, m *core.SubmitJob) (*core.JobAck, error) {
	return w.ack(m.Query.ID, m.Plan.Revision), w.ask(ctx, "Jobs.Submit", c, m)
}

func (w worker) Query(ctx context.Context, q core.QueryID) (*core.Query, error) {
	if q != 7 {
		return nil, nil
	}
	return &core.Query{ID: q, Node: "edge1", Camera: "meeting", Pipeline: core.Linear("face_detection", "face_alignment")}, w.ask(ctx, "Jobs.Query", serve.Caller{}, q)
}

func (w worker) Update(ctx context.Context, c serve.Caller, m *core.UpdatePlan) (*core.JobAck, error) {
	return w.ack(m.Query, m.Plan.Revision), w.ask(ctx, "Jobs.Update", c, m)
}

func (w worker) Stop(ctx context.Context, c serve.Caller, m *core.StopJob) (*core.JobAck, error) {
	a := w.ack(m.Query, 0)
	a.Job.Gone = true
	return a, w.ask(ctx, "Jobs.Stop", c, m)
}

func (w worker) Charge(ctx context.Context, c serve.Caller, m *core.ChargeWork) error {
	return w.ask(ctx, "Jobs.Charge", c, m)
}

func (w worker) Runtime(ctx context.Context, q core.QueryID) (core.RuntimeInfo, error) {
	return core.RuntimeInfo{}, w.ask(ctx, "Jobs.Runtime", serve.Caller{}, q)
}

func (w worker) List(ctx context.Context, p wire.Page) (*wire.JobList, error) {
	return &wire.JobList{Jobs: []wire.JobStatus{}}, w.ask(ctx, "Jobs.List", serve.Caller{}, p)
}

// machine is the Services of a node.
type machine struct{ *Node }

func (m machine) List(ctx context.Context) (wire.ServiceList, error) {
	return wire.ServiceList{"face_detection"}, m.ask(ctx, "Services.List", serve.Caller{})
}

func (m machine) Resources(ctx context.Context) (wire.ResourceInfo, error) {
	return nil, m.ask(ctx, "Services.Resources", serve.Caller{})
}

func (m machine) Cluster(ctx context.Context) (wire.ClusterInfo, error) {
	return nil, m.ask(ctx, "Services.Cluster", serve.Caller{})
}

func (m machine) Execute(ctx context.Context, c serve.Caller, service string, t *wire.Task, f *wire.FrameRef) (*wire.TaskAnswer, error) {
	if service != "face_detection" {
		return nil, wire.Errorf(http.StatusNotFound, "there is no service %q here", service)
	}
	return &wire.TaskAnswer{Faces: [][]byte{t.Image}, Boxes: []wire.Box{{0, 0, 8, 8}}, Prob: []float64{.5}, Service: core.Second, Timed: true}, m.ask(ctx, "Services.Execute", c, t, f)
}

func (m machine) Configure(ctx context.Context, c serve.Caller, s *core.ConfigureServices) error {
	return m.ask(ctx, "Services.Configure", c, s)
}

// side is the SideChannel of a node.
type side struct{ *Node }

func (s side) UpdateAddr(ctx context.Context, c serve.Caller, q core.QueryID, addr string) error {
	return s.ask(ctx, "SideChannel.UpdateAddr", c, q, addr)
}

// film sends one part and waits for the viewer to go.
var film = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", wire.MJPEGType)
	_, _ = io.WriteString(w, "--frame\r\nvideo of "+r.PathValue("id")+" for "+serve.CallerOf(r.Context()).Addr.String()+"\r\n")
	w.(http.Flusher).Flush()
	<-r.Context().Done()
})

// SideChannel returns the side channel of n, for who has a video of his own.
func (n *Node) SideChannel() serve.SideChannel { return side{n} }

// Handlers returns the handlers of a port, answered by n.
func (n *Node) Handlers(p wire.Port) serve.Handlers {
	switch p {
	case wire.PortManager:
		return serve.Manager(users{n}, peers{n}, Book{})
	case wire.PortJobs:
		return serve.Work(worker{n}, Book{})
	case wire.PortServices:
		return serve.Compute(machine{n})
	case wire.PortSideCloud:
		return serve.SideCloud(side{n}, film)
	default:
		return serve.SideEdge(film)
	}
}
