package wire

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// trip sends a wire value through JSON.
func trip[T any](t *testing.T, in *T) *T {
	t.Helper()
	data, err := Encode(in)
	require.NoError(t, err)
	out, err := Decode[T](data)
	require.NoError(t, err, "%s", data)
	again, err := Encode(&out)
	require.NoError(t, err)
	require.Equal(t, string(data), string(again))
	return &out
}

// trips are all messages of core with their way over the wire and back. m is filled
// at random; a trip may bring it into what core promises of it.
var trips = map[string]struct {
	empty func() core.Message
	trip  func(t *testing.T, m core.Message) core.Message
}{
	"SubmitQuery": {func() core.Message { return new(core.SubmitQuery) }, func(t *testing.T, m core.Message) core.Message {
		s := m.(*core.SubmitQuery)
		s.Query.ID = 0 // is ignored, and so not sent
		out, err := trip(t, FromSubmitQuery(s, shelf{})).Core(shelf{})
		require.NoError(t, err)
		return out
	}},
	"SubmitAnswer": {func() core.Message { return new(core.SubmitAnswer) }, func(t *testing.T, m core.Message) core.Message {
		a := m.(*core.SubmitAnswer)
		if a.Err != "" {
			a.Query = 0
		}
		return trip(t, FromSubmitAnswer(a, "127.0.0.1:5101")).Core()
	}},
	"StopQuery": {func() core.Message { return new(core.StopQuery) }, func(t *testing.T, m core.Message) core.Message {
		id, body := FromStopQuery(m.(*core.StopQuery))
		out, err := trip(t, body).Core(id)
		require.NoError(t, err)
		return out
	}},
	"StopAnswer": {func() core.Message { return new(core.StopAnswer) }, func(t *testing.T, m core.Message) core.Message {
		return trip(t, FromStopAnswer(m.(*core.StopAnswer))).Core()
	}},
	"Join": {func() core.Message { return new(core.Join) }, func(t *testing.T, m core.Message) core.Message {
		return trip(t, FromJoin(m.(*core.Join), "127.0.0.1:5001")).Core()
	}},
	"JoinAck": {func() core.Message { return new(core.JoinAck) }, func(t *testing.T, m core.Message) core.Message {
		return trip(t, FromJoinAck(m.(*core.JoinAck), "127.0.0.1:5001")).Core()
	}},
	"Heartbeat": {func() core.Message { return new(core.Heartbeat) }, func(t *testing.T, m core.Message) core.Message {
		return trip(t, FromHeartbeat(m.(*core.Heartbeat))).Core()
	}},
	"HeartbeatAck": {func() core.Message { return new(core.HeartbeatAck) }, func(t *testing.T, m core.Message) core.Message {
		return trip(t, FromHeartbeatAck(m.(*core.HeartbeatAck))).Core()
	}},
	"SyncResults": {func() core.Message { return new(core.SyncResults) }, func(t *testing.T, m core.Message) core.Message {
		return trip(t, FromSyncResults(m.(*core.SyncResults), func(i int) Counts { return Counts{"total": float64(i)} })).Core()
	}},
	"SyncAck": {func() core.Message { return new(core.SyncAck) }, func(t *testing.T, m core.Message) core.Message {
		return trip(t, FromSyncAck(m.(*core.SyncAck))).Core()
	}},
	"SubmitJob": {func() core.Message { return new(core.SubmitJob) }, func(t *testing.T, m core.Message) core.Message {
		s := m.(*core.SubmitJob)
		if s.From%2 == 0 {
			s.Plan = core.Plan{}
		}
		out, vidq, err := trip(t, FromSubmitJob(s, shelf{})).Core(shelf{})
		require.NoError(t, err)
		assert.True(t, vidq)
		return out
	}},
	"UpdatePlan": {func() core.Message { return new(core.UpdatePlan) }, func(t *testing.T, m core.Message) core.Message {
		u := m.(*core.UpdatePlan)
		q := &core.Query{ID: u.Query, Node: "edge1", Pipeline: core.Linear("a", "b", "a")}
		out, vidq, err := trip(t, FromUpdatePlan(u, q, shelf{})).Core(nil, shelf{})
		require.NoError(t, err)
		assert.True(t, vidq)
		return out
	}},
	"StopJob": {func() core.Message { return new(core.StopJob) }, func(t *testing.T, m core.Message) core.Message {
		return trip(t, FromStopJob(m.(*core.StopJob))).Core()
	}},
	"ConfigureServices": {func() core.Message { return new(core.ConfigureServices) }, func(t *testing.T, m core.Message) core.Message {
		return trip(t, FromConfigureServices(m.(*core.ConfigureServices))).Core()
	}},
	"ChargeWork": {func() core.Message { return new(core.ChargeWork) }, func(t *testing.T, m core.Message) core.Message {
		c := m.(*core.ChargeWork)
		if c.Number%2 == 0 {
			c.Charge.Query, c.Charge.Resolution = 0, core.Resolution{}
		}
		return trip(t, FromChargeWork(c)).Core()
	}},
	"JobAck": {func() core.Message { return new(core.JobAck) }, func(t *testing.T, m core.Message) core.Message {
		a := m.(*core.JobAck)
		out := trip(t, AnswerSubmitJob(a)).Core()
		assert.Empty(t, difference("UpdatePlan", reflect.ValueOf(out), reflect.ValueOf(trip(t, AnswerUpdatePlan(a)).Core())))
		assert.Empty(t, difference("StopJob", reflect.ValueOf(out), reflect.ValueOf(trip(t, AnswerStopJob(a)).Core())))
		return out
	}},
}

// TestEveryMessageComesBackUnchanged is the promise of the package.
func TestEveryMessageComesBackUnchanged(t *testing.T) {
	for name, c := range trips {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, 11))
			for range 300 {
				m := c.empty()
				fill(r, reflect.ValueOf(m).Elem())
				out := c.trip(t, m)
				require.Empty(t, difference(name, reflect.ValueOf(m), reflect.ValueOf(out)))
			}
		})
	}
}

// TestNoMessageIsForgotten compares the table with core's source.
func TestNoMessageIsForgotten(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "../../core/message.go", nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	var names []string
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "message" {
			names = append(names, fn.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name)
		}
	}
	require.NotEmpty(t, names)
	for _, n := range names {
		assert.Contains(t, trips, n, "a message of core has no way over the wire")
	}
	for n := range trips {
		assert.True(t, slices.Contains(names, n), n)
	}
}

// TestDifferenceSeesWhatDiffers proves that the comparison above can fail.
func TestDifferenceSeesWhatDiffers(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		a, b := new(core.SyncResults), new(core.SyncResults)
		fill(r, reflect.ValueOf(a).Elem())
		fill(r, reflect.ValueOf(b).Elem())
		a.First, b.First = 1, 2
		assert.NotEmpty(t, difference("", reflect.ValueOf(a), reflect.ValueOf(b)))
		assert.Empty(t, difference("", reflect.ValueOf(a), reflect.ValueOf(a)))
	}
}

func TestSingleResultComesBackUnchanged(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	for range 300 {
		var res core.Result
		fill(r, reflect.ValueOf(&res).Elem())
		var f Frame // what the original sees of it has its own tests, and wants finite numbers
		out := trip(t, FromSyncResult("edge1", 3, &res, f)).Core()
		require.Empty(t, difference("", reflect.ValueOf(res), reflect.ValueOf(out.Results[0])))
		assert.Equal(t, res.Seq, out.First)
		assert.Equal(t, core.Incarnation(3), out.Incarnation)
	}
}

func TestRuntimeComesBackUnchanged(t *testing.T) {
	for _, in := range []core.RuntimeInfo{
		{},
		{Frames: 7, Delay: 3, Latency: 5, LatencyP95: 9},
		{Frames: 64, Delay: 1<<62 + 1, Latency: 2, LatencyP95: 3, ObjN: 1.0 / 3, ObjSize: 1e3, ObjArea: 1e-7, ObjKnown: true, ObjStable: true},
	} {
		w := FromRuntime(in)
		assert.Equal(t, in, trip(t, &w).Core())
	}
}

// TestWhatTheOriginalTells: the same messages without vidq's fields.
func TestWhatTheOriginalTells(t *testing.T) {
	q := core.Query{ID: 4, Node: "edge1", Camera: "meeting", Pipeline: core.Linear("face_detection", "face_alignment"), Constraint: core.Constraint{Delay: 300 * core.Millisecond, Accuracy: .9}}
	plan := core.Plan{
		Revision: 9, Video: core.VideoConf{Resolution: core.Resolutions()[1], FPS: 30, Encoder: "jpeg", Quality: 75},
		Stages: []core.Assignment{{Node: "edge1"}, {Node: "cloud", Model: 1}}, InFlight: 3, Buffer: 2,
	}.Seal()
	t.Run("update_plan", func(t *testing.T) {
		data, err := EncodePlain(FromUpdatePlan(&core.UpdatePlan{Incarnation: 2, Query: 4, Plan: plan}, &q, shelf{}))
		require.NoError(t, err)
		assert.JSONEq(t, `{"job_uid": "GLOBAL_ID_4", "video_conf": {"resolution": "480p", "fps": 30, "encoder": "JPEG"}, "flow_mapping": {
			"face_detection": {"model_id": 0, "node_role": "host", "node_ip": "127.0.0.1"},
			"face_alignment": {"model_id": 1, "node_role": "cloud", "node_ip": "127.0.0.2"}}}`, string(data))
		in, err := Decode[UpdatePlan](data)
		require.NoError(t, err)
		m, vidq, err := in.Core(&q, shelf{})
		require.NoError(t, err)
		assert.False(t, vidq)
		assert.Equal(t, plan.Stages, m.Plan.Stages)
		assert.Equal(t, core.VideoConf{Resolution: core.Resolutions()[1], FPS: 30, Encoder: "jpeg", Quality: defaultQuality}, m.Plan.Video)
		assert.Zero(t, m.Plan.Revision)
		assert.Equal(t, []int{1, 1}, []int{m.Plan.InFlight, m.Plan.Buffer})
		_, _, err = in.Core(nil, shelf{})
		assert.Equal(t, 404, status(t, err))
		other := q
		other.Pipeline = core.Linear("car_detection")
		_, _, err = in.Core(&other, shelf{})
		assert.Equal(t, 422, status(t, err))
		in.FlowMapping["face_alignment"] = Placement{NodeRole: Role(core.RoleCloud), NodeIP: "10.0.0.1"}
		_, _, err = in.Core(&q, shelf{})
		assert.Equal(t, 404, status(t, err), "an address that stands in no book")
	})
	t.Run("submit_job", func(t *testing.T) {
		data, err := EncodePlain(FromSubmitJob(&core.SubmitJob{Incarnation: 2, Query: q, Plan: plan}, shelf{}))
		require.NoError(t, err)
		in, err := Decode[SubmitJob](data)
		require.NoError(t, err)
		m, vidq, err := in.Core(shelf{})
		require.NoError(t, err)
		assert.False(t, vidq)
		assert.Equal(t, &core.SubmitJob{Query: q}, m)
	})
	t.Run("join", func(t *testing.T) {
		data, err := EncodePlain(FromJoin(&core.Join{Node: "edge1", Cameras: []core.Camera{{ID: "a", Kind: "people", Resolution: core.Resolutions()[3]}}}, "127.0.0.1:5001"))
		require.NoError(t, err)
		assert.JSONEq(t, `{"node_port": 5001, "video_id": 0, "video_type": "people"}`, string(data))
		in, err := Decode[Join](data)
		require.NoError(t, err)
		assert.Nil(t, in.Core())
	})
}

// TestObserved: the original's frame becomes an observation, whose delay is the
// original's times (gap+1)/gap.
func TestObserved(t *testing.T) {
	delay, n, size, stable := .2, 2.0, 3072.0, true
	s := SyncResult{JobUID: 5, JobResult: JobResult{Frame{
		FrameID: 13, NLoop: 4, Delay: delay,
		ExtPlan:    Plan{VideoConf: &VideoConf{Resolution: Resolution(core.Resolutions()[1]), FPS: 10}, FlowMapping: &FlowMapping{}},
		ExtRuntime: Runtime{Delay: &delay, ObjN: &n, ObjSize: &size, ObjStable: &stable},
	}}}
	r := s.Observed(8, 10*core.Second, 3, 6)
	assert.Equal(t, core.Result{
		Seq: 8, CameraFrame: 12, Captured: 9200 * core.Millisecond,
		Obs: core.Observation{
			Query: 5, Frame: 3, Revision: 6, At: 10 * core.Second, Latency: 800 * core.Millisecond, RoundTrip: 800 * core.Millisecond, Gap: 3,
			Objects: 2, Size: 3072, Area: .01, Known: true,
		},
	}, r)
	s.JobResult.AppendedResult.ExtRuntime = Runtime{}
	assert.False(t, s.Observed(1, 0, 0, 1).Obs.Known)
}

func TestPipelines(t *testing.T) {
	services, stages := FromPipeline(core.Linear("a", "b"))
	assert.Equal(t, []string{"a", "b"}, services)
	assert.Nil(t, stages)
	require.NoError(t, PlainPipeline(core.Linear("a", "b")))
	branched := core.Pipeline{{Name: "a", Service: "x"}, {Name: "b", Service: "x", Parents: []int{0}}}
	assert.Equal(t, 422, status(t, PlainPipeline(branched)))
	assert.Equal(t, 422, status(t, PlainPipeline(nil)))
	for _, c := range []struct {
		services []string
		stages   []Stage
		want     string
	}{
		{nil, nil, "no stage"},
		{[]string{"a", "a"}, nil, "two stages"},
		{[]string{""}, nil, "no name"},
		{[]string{"a"}, []Stage{}, "0 elements"},
		{[]string{"a"}, []Stage{{Name: "s", Service: "b"}}, "want the same"},
		{[]string{"a"}, []Stage{{Name: "s", Service: "a", After: []string{"s"}}}, "a stage before it"},
	} {
		_, err := pipeline(c.services, c.stages)
		assert.Equal(t, 422, status(t, err))
		assert.ErrorContains(t, err, c.want)
	}
}

// TestWhereTwoStagesCallOneService: flow_mapping tells the first, stages both.
func TestWhereTwoStagesCallOneService(t *testing.T) {
	q := &core.Query{Node: "edge1", Pipeline: core.Pipeline{{Name: "a", Service: "x"}, {Name: "b", Service: "x", Parents: []int{0}}}}
	p := core.Plan{Revision: 1, Video: core.VideoConf{Resolution: core.Resolutions()[0], FPS: 1, Encoder: "jpeg"}, Stages: []core.Assignment{{Node: "edge1"}, {Node: "cloud", Model: 2}}}
	w := FromPlan(&p, q, shelf{})
	assert.Len(t, *w.FlowMapping, 1)
	assert.Equal(t, "edge1", (*w.FlowMapping)["x"].NodeID)
	assert.Equal(t, []StageAssignment{{"a", "edge1", 0}, {"b", "cloud", 2}}, w.Stages)
}
