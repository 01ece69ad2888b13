package client_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/live/client"
	"vidq/live/serve"
	"vidq/live/serve/servetest"
	"vidq/live/wire"
)

// picture returns a small JPEG.
func picture(t testing.TB) []byte {
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 16, 8)), nil))
	return b.Bytes()
}

var (
	query    = core.Query{ID: 7, Key: "face/headup", Node: "edge1", Camera: "meeting", Pipeline: core.Linear("face_detection"), Constraint: core.Constraint{Latency: core.Second}}
	plan     = core.Plan{Revision: 3, Video: core.VideoConf{Resolution: core.Resolutions()[1], FPS: 30, Encoder: "jpeg", Quality: 90}, Stages: []core.Assignment{{Node: "cloud", Model: 1}}, InFlight: 1, Buffer: 1}.Seal()
	join     = &core.Join{Node: "edge1", Incarnation: 2, Role: core.RoleEdge, Class: "tx2", Capacity: core.Capacity{Cores: 4}, Cameras: []core.Camera{{ID: "meeting", Node: "edge1", FPS: 30, Resolution: core.Resolutions()[3]}}}
	beat     = &core.Heartbeat{Node: "edge1", Incarnation: 2, Number: 5, Jobs: []core.JobStatus{{Query: 7, Revision: 3, State: core.StateRunning}}}
	results  = &core.SyncResults{Node: "edge1", Incarnation: 2, First: 9, Results: []core.Result{{Seq: 9, CameraFrame: 4, Obs: core.Observation{Query: 7, Gap: 1, Revision: 3}}}}
	submit   = &core.SubmitJob{Incarnation: 2, Query: query, From: 5, Plan: plan}
	update   = &core.UpdatePlan{Incarnation: 2, Query: 7, Plan: plan}
	stop     = &core.StopJob{Incarnation: 2, Query: 7}
	charge   = &core.ChargeWork{Incarnation: 2, Number: 1, Charge: core.Charge{Query: 7, Node: "edge1", Service: "face_detection", Calls: 3}}
	settings = &core.ConfigureServices{Incarnation: 2, Revision: 1, Settings: []core.ServiceSetting{{Node: "edge1", Service: "face_detection", Replicas: 2, MaxBatch: 1}}}
	up       = wire.Counts{"up": 3}
	frame    = &wire.FrameRef{Run: "face", Query: 7, Frame: 4, Captured: core.Second}
	ack      = core.JobStatus{Query: 7, Revision: 3, State: core.StateRunning}
)

// exchange is one method of a Peer: what the node must be asked by it, and what comes back.
type exchange struct {
	route  string // method and path, as wire's table has it
	port   wire.Port
	asked  string
	args   []any // nil = not compared
	call   func(ctx context.Context, p client.Peer) (any, error)
	answer any
}

// exchanges are all calls, by who has an ip.
func exchanges(t testing.TB, from string) []exchange {
	task := &wire.Task{Encoding: wire.EncodingJPEG, Image: picture(t), Size: core.Resolution{Width: 16, Height: 8}, Crops: true}
	one := wire.FromSyncResult("edge1", 2, &results.Results[0], wire.FromFrame(&results.Results[0], wire.Plan{}, up, false))
	type pair struct{ A, B any }
	return []exchange{
		{"POST /node/join", wire.PortManager, "Nodes.Join", nil, func(ctx context.Context, p client.Peer) (any, error) {
			a, addr, err := p.Join(ctx, join, "127.0.0.1:5001")
			return pair{a, addr}, err
		}, pair{&core.JoinAck{Node: "edge1", Incarnation: 2}, from + ":5001"}},
		{"POST /node/join", wire.PortManager, "Nodes.JoinPlain", nil, func(ctx context.Context, p client.Peer) (any, error) {
			return p.JoinVideo(ctx, 5001, 0, "people")
		}, from + ":5001"},
		{"POST /node/heartbeat", wire.PortManager, "Nodes.Heartbeat", []any{beat}, func(ctx context.Context, p client.Peer) (any, error) {
			return p.Heartbeat(ctx, beat)
		}, &core.HeartbeatAck{Node: "edge1", Incarnation: 2, Number: 5, Known: true}},
		{"POST /query/sync_results", wire.PortManager, "Nodes.Sync", []any{results, []wire.Counts{up}}, func(ctx context.Context, p client.Peer) (any, error) {
			return p.Sync(ctx, results, func(int) wire.Counts { return up })
		}, &core.SyncAck{Incarnation: 2, Seq: 9}},
		{"POST /query/sync_result", wire.PortManager, "Nodes.Sync", []any{results, []wire.Counts{up}}, func(ctx context.Context, p client.Peer) (any, error) {
			return p.SyncFrame(ctx, one)
		}, &core.SyncAck{Incarnation: 2, Seq: 9}},
		{"POST /query/submit_query", wire.PortManager, "Queries.Submit", nil, func(ctx context.Context, p client.Peer) (any, error) {
			a, err := p.SubmitQuery(ctx, wire.FromSubmitQuery(&core.SubmitQuery{Request: 4, Query: query}, servetest.Book{}))
			if err != nil {
				return nil, err
			}
			return a.Core(), nil
		}, &core.SubmitAnswer{Request: 4, Query: 7}},
		{"POST /query/stop_query/{id}", wire.PortManager, "Queries.Stop", []any{&core.StopQuery{Request: 4, Query: 7}}, func(ctx context.Context, p client.Peer) (any, error) {
			return p.StopQuery(ctx, &core.StopQuery{Request: 4, Query: 7})
		}, &core.StopAnswer{Request: 4, Query: 7}},
		{"GET /query/list", wire.PortManager, "Queries.List", []any{wire.Page{After: 3, Limit: 20}}, func(ctx context.Context, p client.Peer) (any, error) {
			return p.Queries(ctx, wire.Page{After: 3, Limit: 20})
		}, wire.QueryList{Queries: []wire.QueryRow{}}},
		{"GET /query/get_result/{id}", wire.PortManager, "Queries.Results", []any{core.QueryID(7)}, func(ctx context.Context, p client.Peer) (any, error) {
			return p.Results(ctx, 7)
		}, (*wire.Results)(nil)},
		{"GET /query/get_plan/{id}", wire.PortManager, "Queries.Plan", []any{core.QueryID(7)}, func(ctx context.Context, p client.Peer) (any, error) {
			return p.Plan(ctx, 7)
		}, wire.Plan{}},
		{"GET /query/get_runtime/{id}", wire.PortManager, "Queries.Runtime", []any{core.QueryID(7)}, func(ctx context.Context, p client.Peer) (any, error) {
			return p.Runtime(ctx, 7)
		}, core.RuntimeInfo{Frames: 1, Delay: core.Second}},
		{"GET /node/get_video_info", wire.PortManager, "Queries.Videos", nil, func(ctx context.Context, p client.Peer) (any, error) {
			return p.Videos(ctx)
		}, wire.VideoInfo{}},
		{"POST /job/submit_job", wire.PortJobs, "Jobs.Submit", []any{submit}, func(ctx context.Context, p client.Peer) (any, error) {
			return p.SubmitJob(ctx, submit)
		}, &core.JobAck{Node: "edge1", Incarnation: 2, Job: ack}},
		{"POST /job/update_plan", wire.PortJobs, "Jobs.Update", []any{update}, func(ctx context.Context, p client.Peer) (any, error) {
			return p.UpdatePlan(ctx, update, &query)
		}, &core.JobAck{Node: "edge1", Incarnation: 2, Job: ack}},
		{"POST /job/stop_job", wire.PortJobs, "Jobs.Stop", []any{stop}, func(ctx context.Context, p client.Peer) (any, error) {
			return p.StopJob(ctx, stop)
		}, &core.JobAck{Node: "edge1", Incarnation: 2, Job: core.JobStatus{Query: 7, State: core.StateRunning, Gone: true}}},
		{"POST /job/charge_work", wire.PortJobs, "Jobs.Charge", []any{charge}, func(ctx context.Context, p client.Peer) (any, error) {
			return nil, p.Charge(ctx, charge)
		}, nil},
		{"GET /job/get_runtime/{id}", wire.PortJobs, "Jobs.Runtime", []any{core.QueryID(7)}, func(ctx context.Context, p client.Peer) (any, error) {
			return p.JobRuntime(ctx, 7)
		}, core.RuntimeInfo{}},
		{"GET /job/list", wire.PortJobs, "Jobs.List", []any{wire.Page{Limit: wire.DefaultPage}}, func(ctx context.Context, p client.Peer) (any, error) {
			return p.Jobs(ctx, wire.Page{})
		}, wire.JobList{Jobs: []wire.JobStatus{}}},
		{"POST /configure_services", wire.PortServices, "Services.Configure", []any{settings}, func(ctx context.Context, p client.Peer) (any, error) {
			return nil, p.Configure(ctx, settings)
		}, nil},
		{"POST /execute_task/{service}", wire.PortServices, "Services.Execute", []any{task, frame}, func(ctx context.Context, p client.Peer) (any, error) {
			a, err := p.Execute(ctx, "face_detection", task, frame)
			assert.Equal(t, int64(len(task.Image)), a.Sent)
			assert.Greater(t, a.Got, a.Sent, "the crop and a form around it")
			a.Arrival = 0 // how long the request took to come in
			return a.TaskAnswer, err
		}, &wire.TaskAnswer{Faces: [][]byte{task.Image}, Boxes: []wire.Box{{0, 0, 8, 8}}, Prob: []float64{.5}, Service: core.Second, Timed: true}},
		{"GET /get_service_list", wire.PortServices, "Services.List", nil, func(ctx context.Context, p client.Peer) (any, error) {
			return p.ServiceList(ctx)
		}, wire.ServiceList{"face_detection"}},
		{"GET /get_resource_info", wire.PortServices, "Services.Resources", nil, func(ctx context.Context, p client.Peer) (any, error) {
			return p.Resources(ctx)
		}, wire.ResourceInfo{}},
		{"GET /get_cluster_info", wire.PortServices, "Services.Cluster", nil, func(ctx context.Context, p client.Peer) (any, error) {
			return p.Cluster(ctx)
		}, wire.ClusterInfo{}},
		{"POST /user/update_node_addr", wire.PortSideCloud, "SideChannel.UpdateAddr", []any{core.QueryID(7), "127.0.0.1:5101"}, func(ctx context.Context, p client.Peer) (any, error) {
			return nil, p.UpdateAddr(ctx, 7, "127.0.0.1:5101")
		}, nil},
		{"GET /user/video/{id}", wire.PortSideEdge, "", nil, func(ctx context.Context, p client.Peer) (any, error) {
			kind, body, err := p.Video(ctx, 7)
			if err != nil {
				return nil, err
			}
			b := make([]byte, len("--frame\r\nvideo of GLOBAL_ID_7"))
			_, err = body.Read(b)
			return kind + " " + string(b), errors.Join(err, body.Close())
		}, wire.MJPEGType + " --frame\r\nvideo of GLOBAL_ID_7"},
		{"GET /healthz", wire.PortJobs, "", nil, func(ctx context.Context, p client.Peer) (any, error) { _, err := p.Health(ctx); return nil, err }, nil},
		{"GET /readyz", wire.PortJobs, "", nil, func(ctx context.Context, p client.Peer) (any, error) { return nil, p.Ready(ctx) }, nil},
	}
}

// run makes every call on a network: what was said arrives, and what was answered comes back.
func (w network) run(t *testing.T, from string) {
	at := map[wire.Port]string{}
	n := &servetest.Node{}
	for _, p := range wire.Ports() {
		addr, down := w.up(t, n, p, "127.0.0.1:0", serve.Options{})
		defer down()
		at[p] = addr
	}
	c := w.caller(client.Options{})
	defer c.Close()
	for _, x := range exchanges(t, from) {
		_, before := n.Last()
		got, err := x.call(t.Context(), c.Peer(at[x.port], false))
		require.NoError(t, err, x.route)
		assert.Equal(t, x.answer, got, x.route)
		if x.asked == "" {
			continue
		}
		asked, count := n.Last()
		for _, a := range asked.Args {
			if task, ok := a.(*wire.Task); ok {
				task.Arrival = 0 // likewise
			}
		}
		assert.Equal(t, before+1, count, x.route)
		assert.Equal(t, x.asked, asked.Method)
		if x.args != nil {
			assert.Equal(t, x.args, asked.Args, x.route)
		}
		if strings.HasPrefix(x.route, "POST") {
			assert.True(t, asked.Caller.Addr.Addr().IsLoopback(), x.route)
		}
	}
}

func TestEveryCallOverTCP(t *testing.T) { loopback().run(t, "127.0.0.1") }

// TestEveryCallInABubble also holds that nothing is left when client and servers are closed: a
// bubble with a goroutine that waits for ever fails.
func TestEveryCallInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { pipes("127.0.0.3").run(t, "127.0.0.3") })
}

// TestEveryRouteHasACall holds that none is forgotten.
func TestEveryRouteHasACall(t *testing.T) {
	not := []string{"GET /metrics", "GET /openapi.json", "GET /query/get_agg_info/{id}"}
	all := exchanges(t, "127.0.0.1")
	for _, r := range wire.Routes() {
		k := r.Method + " " + r.Path
		called := slices.ContainsFunc(all, func(x exchange) bool { return x.route == k })
		assert.NotEqual(t, slices.Contains(not, k), called, k)
	}
}
