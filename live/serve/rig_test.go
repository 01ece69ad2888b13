package serve

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"vidq/core"
	"vidq/live/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf is the Book of an edge with one video and a cloud.
type shelf struct{}

func (shelf) Addr(n core.NodeID) string {
	return map[core.NodeID]string{"edge1": "127.0.0.1:5001", "cloud": "127.0.0.2:5001"}[n]
}

func (shelf) NodeAt(addr string) (core.NodeID, bool) {
	n, ok := map[string]core.NodeID{"127.0.0.1:5001": "edge1", "127.0.0.1": "edge1", "127.0.0.2:5001": "cloud", "127.0.0.2": "cloud"}[addr]
	return n, ok
}

func (shelf) Role(n core.NodeID) core.Role {
	if n == "cloud" {
		return core.RoleCloud
	}
	return core.RoleEdge
}

func (shelf) Video(n core.NodeID, c core.CameraID) (int, bool) { return 0, n == "edge1" && c == "meeting" }

func (shelf) Camera(n core.NodeID, video int) (core.CameraID, bool) {
	return "meeting", n == "edge1" && video == 0
}

// node is a node that does nothing but remember what it was asked, and answers as fits;
// do, if set, is called first and its error answered.
type node struct {
	do    func(ctx context.Context, method string) error
	asked []string
	got   []any
	c     Caller
}

func (n *node) ask(ctx context.Context, method string, c Caller, got ...any) error {
	if n.do != nil {
		if err := n.do(ctx, method); err != nil {
			return err
		}
	}
	n.asked, n.got, n.c = append(n.asked, method), got, c
	return nil
}

// users is the Queries of a node.
type users struct{ *node }

func (u users) Submit(ctx context.Context, c Caller, m *core.SubmitQuery) (*core.SubmitAnswer, string, error) {
	a := &core.SubmitAnswer{Request: m.Request, Query: 7}
	if m.Query.Key == "taken" {
		a = &core.SubmitAnswer{Err: `the key "taken" belongs to another query`}
	}
	return a, "127.0.0.1:5101", u.ask(ctx, "Submit", c, m)
}

func (u users) Stop(ctx context.Context, c Caller, m *core.StopQuery) (*core.StopAnswer, error) {
	a := &core.StopAnswer{Request: m.Request, Query: m.Query}
	if m.Query != 7 {
		a.Err = "unknown query 8"
	}
	return a, u.ask(ctx, "Stop", c, m)
}

func (u users) List(ctx context.Context, p wire.Page) (*wire.QueryList, error) {
	return &wire.QueryList{Queries: []wire.QueryRow{}}, u.ask(ctx, "List", Caller{}, p)
}

func (u users) Results(ctx context.Context, q core.QueryID) (*wire.Results, error) {
	return nil, u.ask(ctx, "Results", Caller{}, q)
}

func (u users) Plan(ctx context.Context, q core.QueryID) (wire.Plan, error) {
	return wire.Plan{}, u.ask(ctx, "Plan", Caller{}, q)
}

func (u users) Runtime(ctx context.Context, q core.QueryID) (core.RuntimeInfo, error) {
	return core.RuntimeInfo{Frames: 1, Delay: core.Second}, u.ask(ctx, "Runtime", Caller{}, q)
}

func (u users) Videos(ctx context.Context) (wire.VideoInfo, error) {
	return nil, u.ask(ctx, "Videos", Caller{})
}

// peers is the Nodes of a node.
type peers struct{ *node }

func (p peers) Join(ctx context.Context, c Caller, m *core.Join, at Reached) (*core.JoinAck, string, error) {
	return &core.JoinAck{Node: m.Node, Incarnation: m.Incarnation}, at.Seen.String(), p.ask(ctx, "Join", c, m, at)
}

func (p peers) JoinPlain(ctx context.Context, c Caller, m *wire.Join, at Reached) (string, error) {
	return at.Seen.String(), p.ask(ctx, "JoinPlain", c, m, at)
}

func (p peers) Heartbeat(ctx context.Context, c Caller, m *core.Heartbeat) (*core.HeartbeatAck, error) {
	return &core.HeartbeatAck{Node: m.Node, Incarnation: m.Incarnation, Number: m.Number, Known: true}, p.ask(ctx, "Heartbeat", c, m)
}

func (p peers) Sync(ctx context.Context, c Caller, m *core.SyncResults, counts []wire.Counts) (*core.SyncAck, error) {
	return &core.SyncAck{Incarnation: m.Incarnation, Seq: m.First + uint64(len(m.Results)) - 1}, p.ask(ctx, "Sync", c, m, counts)
}

func (p peers) SyncPlain(ctx context.Context, c Caller, m *wire.SyncResult) error {
	return p.ask(ctx, "SyncPlain", c, m)
}

// worker is the Jobs of a node.
type worker struct{ *node }

func (w worker) ack(q core.QueryID, revision uint64) *core.JobAck {
	return &core.JobAck{Node: "edge1", Incarnation: 2, Job: core.JobStatus{Query: q, Revision: revision, State: core.StateRunning}}
}

func (w worker) Submit(ctx context.Context, c Caller, m *core.SubmitJob) (*core.JobAck, error) {
	return w.ack(m.Query.ID, m.Plan.Revision), w.ask(ctx, "Submit", c, m)
}

func (w worker) Query(ctx context.Context, q core.QueryID) (*core.Query, error) {
	if q != 7 {
		return nil, nil
	}
	return &core.Query{ID: q, Node: "edge1", Camera: "meeting", Pipeline: core.Linear("face_detection", "face_alignment")}, w.ask(ctx, "Query", Caller{}, q)
}

func (w worker) Update(ctx context.Context, c Caller, m *core.UpdatePlan) (*core.JobAck, error) {
	return w.ack(m.Query, m.Plan.Revision), w.ask(ctx, "Update", c, m)
}

func (w worker) Stop(ctx context.Context, c Caller, m *core.StopJob) (*core.JobAck, error) {
	a := w.ack(m.Query, 0)
	a.Job.Gone = true
	return a, w.ask(ctx, "Stop", c, m)
}

func (w worker) Charge(ctx context.Context, c Caller, m *core.ChargeWork) error {
	return w.ask(ctx, "Charge", c, m)
}

func (w worker) Runtime(ctx context.Context, q core.QueryID) (core.RuntimeInfo, error) {
	return core.RuntimeInfo{}, w.ask(ctx, "Runtime", Caller{}, q)
}

func (w worker) List(ctx context.Context, p wire.Page) (*wire.JobList, error) {
	return &wire.JobList{Jobs: []wire.JobStatus{}}, w.ask(ctx, "List", Caller{}, p)
}

// machine is the Services of a node.
type machine struct{ *node }

func (m machine) List(ctx context.Context) (wire.ServiceList, error) {
	return wire.ServiceList{"face_detection"}, m.ask(ctx, "List", Caller{})
}

func (m machine) Resources(ctx context.Context) (wire.ResourceInfo, error) {
	return nil, m.ask(ctx, "Resources", Caller{})
}

func (m machine) Cluster(ctx context.Context) (wire.ClusterInfo, error) {
	return nil, m.ask(ctx, "Cluster", Caller{})
}

func (m machine) Execute(ctx context.Context, c Caller, service string, t *wire.Task, f *wire.FrameRef) (*wire.TaskAnswer, error) {
	if service != "face_detection" {
		return nil, wire.Errorf(http.StatusNotFound, "there is no service %q here", service)
	}
	return &wire.TaskAnswer{Faces: [][]byte{t.Image}, Boxes: []wire.Box{{0, 0, 8, 8}}, Prob: []float64{.5}, Service: core.Second, Timed: true}, m.ask(ctx, "Execute", c, t, f)
}

func (m machine) Configure(ctx context.Context, c Caller, s *core.ConfigureServices) error {
	return m.ask(ctx, "Configure", c, s)
}

// side is the SideChannel of a node.
type side struct{ *node }

func (s side) UpdateAddr(ctx context.Context, c Caller, q core.QueryID, addr string) error {
	return s.ask(ctx, "UpdateAddr", c, q, addr)
}

// film sends one part and waits for the viewer to go.
var film = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", wire.MJPEGType)
	_, _ = io.WriteString(w, "--frame\r\nvideo of "+r.PathValue("id")+" for "+CallerOf(r.Context()).Addr.String()+"\r\n")
	w.(http.Flusher).Flush()
	<-r.Context().Done()
})

// handlers returns the handlers of a port, answered by n.
func handlers(p wire.Port, n *node) Handlers {
	switch p {
	case wire.PortManager:
		return Manager(users{n}, peers{n}, shelf{})
	case wire.PortJobs:
		return Work(worker{n}, shelf{})
	case wire.PortServices:
		return Compute(machine{n})
	case wire.PortSideCloud:
		return SideCloud(side{n}, film)
	}
	return SideEdge(film)
}

// quiet is a log that nobody reads.
var quiet = slog.New(slog.DiscardHandler)

// server returns a server of a port without a connection.
func server(t testing.TB, p wire.Port, n *node, o Options) *Server {
	if o.Log == nil {
		o.Log = quiet
	}
	s, err := New(handlers(p, n), o)
	require.NoError(t, err)
	return s
}

// call sends a request from the loopback to a handler.
func callPort(s *Server, method, target, kind, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.RemoteAddr, r.Host = "127.0.0.1:4000", "127.0.0.1"
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

// refused checks that an answer is an error of the right shape, and returns its text.
func refused(t testing.TB, w *httptest.ResponseRecorder, code int) string {
	t.Helper()
	assert.Equal(t, code, w.Code, w.Body)
	assert.Equal(t, wire.JSONType, w.Header().Get("Content-Type"))
	type body struct {
		Status int    `json:"status"`
		Error  string `json:"error"`
	}
	b, err := wire.Decode[body](w.Body.Bytes())
	require.NoError(t, err, w.Body)
	assert.NotZero(t, b.Status)
	assert.NotEmpty(t, b.Error)
	return b.Error
}
