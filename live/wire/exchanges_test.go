package wire

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/live/wiretest"
)

// exchange is a request and its answer, captured from a run of the original.
type exchange struct {
	name    string
	route   *Route // nil = none of ours fits
	id      string // of the path
	request []byte // nil = none
	status  int
	media   string
	answer  []byte
}

// exchanges reads the captured exchanges, with JPEG literals of the told lengths.
func exchanges(t testing.TB) []exchange {
	all := wiretest.Exchanges(t, "../testdata/exchanges.json", FormatLiteral)
	out := make([]exchange, len(all))
	for i, e := range all {
		out[i] = exchange{name: e.Name, request: e.Request, status: e.Status, media: e.Media, answer: e.Answer}
		for _, r := range Routes() {
			id, ok := match(r.Path, e.Path)
			if ok && r.Method == e.Method && int(r.Port) == e.Port {
				out[i].route, out[i].id = &r, id
			}
		}
	}
	return out
}

// match reports whether a path fits a pattern, and what {id} or {service} is.
func match(pattern, path string) (id string, ok bool) {
	before, _, found := strings.Cut(pattern, "{")
	if !found {
		return "", pattern == path
	}
	id, ok = strings.CutPrefix(path, before)
	return id, ok && id != "" && !strings.Contains(id, "/")
}

// TestCapturedExchanges: what the original says is read without error, and written for its peers is the same JSON.
func TestCapturedExchanges(t *testing.T) {
	all := exchanges(t)
	require.Len(t, all, 28)
	for _, e := range all {
		t.Run(e.name, func(t *testing.T) {
			require.NotNil(t, e.route, "no route")
			assert.False(t, e.route.Added)
			if strings.HasSuffix(e.route.Path, "{id}") {
				id, err := ParseID(e.id)
				require.NoError(t, err)
				assert.Equal(t, e.id, FormatID(id))
			}
			if e.route.Request == typeOf[Task]() {
				taskExchange(t, &e)
				return
			}
			if e.request != nil {
				assert.JSONEq(t, string(e.request), again(t, e.route, e.request, true))
			}
			switch {
			case e.status == 500:
				_, err := ReadAnswer[*Results](e.status, e.media, strings.NewReader(string(e.answer)), -1, 1000)
				assert.Equal(t, 502, status(t, err))
			case e.route.Media != "":
				assert.Equal(t, e.media, e.route.Media)
			default:
				assert.JSONEq(t, string(e.answer), again(t, e.route, e.answer, false))
			}
		})
	}
}

// again decodes a body by a route's type and encodes it for a peer of the original.
func again(t *testing.T, r *Route, body []byte, request bool) string {
	typ := r.Answer
	if request {
		typ = r.Request
	}
	v := newOf(typ)
	require.NoError(t, DecodeInto(body, v))
	out, err := EncodePlain(v)
	require.NoError(t, err)
	return string(out)
}

// taskExchange sends a task of the original through Task and TaskAnswer.
func taskExchange(t *testing.T, e *exchange) {
	task, err := ReadTask(JSONType, strings.NewReader(string(e.request)), int64(len(e.request)), Limits{})
	require.NoError(t, err)
	assert.Equal(t, EncodingLiteral, task.Encoding)
	assert.True(t, task.Crops)
	kind, body, err := task.Encode(true)
	require.NoError(t, err)
	assert.Equal(t, JSONType, kind)
	assert.JSONEq(t, string(e.request), string(body))
	answer, err := ReadTaskAnswer(e.status, e.media, strings.NewReader(string(e.answer)), -1, Limits{})
	require.NoError(t, err)
	assert.False(t, answer.Timed)
	kind, body, err = answer.Encode(task, true)
	require.NoError(t, err)
	assert.Equal(t, JSONType, kind)
	assert.JSONEq(t, string(e.answer), string(body))
}

// deviations are the answers that differ from the original's on purpose.
var deviations = map[string]string{
	"GET_5000_query_get_agg_info_ID__1": "the original answers HTTP 500 with HTML before the first result, we null as get_result does",
	"GET_5000_query_get_agg_info_ID__2": "latest_result is filled in: the original's own experiment script reads it",
	"GET_5000_query_get_result_ID__2":   "latest_result is filled in: the original's own experiment script reads it",
	"POST_5000_query_sync_result__1":    "the original acknowledges with status 500, we with 0",
	"POST_5000_query_sync_result__2":    "the original acknowledges with status 500, we with 0",
}

// TestOurAnswersLookLikeTheOriginals builds the answers to the captured requests from core's words, as a
// server of ours would, and compares keys and JSON types. Numbers such as resources are measured, and so not compared.
func TestOurAnswersLookLikeTheOriginals(t *testing.T) {
	ours := ourAnswers(t)
	for _, e := range exchanges(t) {
		t.Run(e.name, func(t *testing.T) {
			if e.route.Media != "" {
				return // a stream of JPEGs: compared above
			}
			answer, ok := ours[e.name]
			require.True(t, ok, "no answer of ours")
			data, err := EncodePlain(answer)
			require.NoError(t, err)
			got, want := tree(t, data), any("HTML")
			if e.media == JSONType {
				want = tree(t, e.answer)
			}
			same := look(got) == look(want)
			if s, ok := want.(map[string]any); ok && s["status"] != nil {
				same = same && s["status"] == got.(map[string]any)["status"]
			}
			reason := deviations[e.name]
			assert.Equal(t, reason == "", same, "ours %s\noriginal %s\nreason %q", look(got), look(want), reason)
			full, err := Encode(answer)
			require.NoError(t, err)
			if reason == "" {
				assert.True(t, contains(tree(t, full), want), "with extra fields, %s lacks some of %s", full, e.answer)
			}
		})
	}
	for name := range deviations {
		assert.Contains(t, ours, name, "a deviation from no exchange")
	}
}

// ourAnswers are answers of ours by the exchanges' names.
func ourAnswers(t *testing.T) map[string]any {
	q := &core.Query{ID: 1, Node: "edge1", Camera: "meeting", Pipeline: core.Linear("face_detection", "face_alignment")}
	plan := core.Plan{
		Revision: 1, Video: core.VideoConf{Resolution: core.Resolutions()[1], FPS: 30, Encoder: "jpeg", Quality: 90},
		Stages: []core.Assignment{{Node: "edge1"}, {Node: "edge1"}}, InFlight: 1, Buffer: 1,
	}.Seal()
	res := core.Result{Seq: 1, Obs: core.Observation{
		Query: 1, Revision: 1, RoundTrip: core.Second / 3, Gap: 1, Objects: 2, Size: 8486.7, Known: true,
		Calls: []core.Call{{Node: "edge1", RoundTrip: core.Second / 4}, {Node: "edge1", RoundTrip: core.Second / 12}},
	}}
	counts := Counts{"up": 2, "total": 2}
	frame := FromFrame(&res, FromPlan(&plan, q, shelf{}), counts, true)
	results := FromFrames(slices.Repeat([]Frame{frame}, 12), &res, q)
	require.Len(t, results.AppendedResult, MaxAppended)
	info := core.RuntimeInfo{Frames: 1, Delay: core.Second / 3, ObjN: 2, ObjSize: 8486.7, ObjKnown: true, ObjStable: true}
	runtime, jobRuntime, cold := FromRuntime(info), FromJobRuntime(info), FromRuntime(core.RuntimeInfo{})
	noPlan, newest := FromPlan(&core.Plan{}, q, shelf{}), FromPlan(&plan, q, shelf{})
	ack := core.JobAck{Node: "edge1", Incarnation: 1, Job: core.JobStatus{Query: 1}}
	use := map[string]Resource{"face_detection": {1, .8, .4}, "face_alignment": {1, .8, .4}}
	camera := core.Camera{ID: "meeting", Node: "edge1", Kind: "people", FPS: 30, Resolution: core.Resolutions()[3]}
	join := FromJoinAck(&core.JoinAck{Node: "edge1", Incarnation: 1}, "127.0.0.1:5001")
	sync := FromSyncAck(&core.SyncAck{Incarnation: 1, Seq: 1})
	update := AnswerUpdatePlan(&ack)
	task := &Task{Crops: true}
	a := &TaskAnswer{Faces: [][]byte{wiretest.Noise(t, 8, 8)}, Boxes: []Box{{1, 2, 3, 4}}, Prob: []float64{.9}, Timed: true}
	service := func(a *TaskAnswer) any {
		_, body, err := a.Encode(task, false)
		require.NoError(t, err)
		v, err := Decode[literalAnswer](body)
		require.NoError(t, err)
		return &v
	}
	var none *Results
	return map[string]any{
		"GET_5000_node_get_video_info__1":          VideoInfo{"127.0.0.1:5001": {"0": FromVideo(camera, true), "1": FromVideo(camera, true), "3": FromVideo(camera, true)}},
		"GET_5000_query_get_agg_info_ID__1":        none,
		"GET_5000_query_get_agg_info_ID__2":        results,
		"GET_5000_query_get_plan_ID__1":            &noPlan,
		"GET_5000_query_get_plan_ID__2":            &newest,
		"GET_5000_query_get_result_ID__1":          none,
		"GET_5000_query_get_result_ID__2":          results,
		"GET_5000_query_get_runtime_ID__1":         &cold,
		"GET_5000_query_get_runtime_ID__2":         &runtime,
		"GET_5001_job_get_runtime_ID__1":           &jobRuntime,
		"GET_5500_get_cluster_info__1":             ClusterInfo{"127.0.0.1": {NodeRole: Role(core.RoleCloud), NCPU: 8, ClusterExtra: &ClusterExtra{NodeID: "cloud"}}, "127.0.0.2": {}},
		"GET_5500_get_resource_info__1":            ResourceInfo{"cloud": {"127.0.0.1": use}, "edge": {"127.0.0.1": use}, "host": {"127.0.0.1": use}},
		"GET_5500_get_resource_info__2":            ResourceInfo{"cloud": {"127.0.0.1": use}, "edge": {"127.0.0.1": use}, "host": {"127.0.0.1": use}},
		"GET_5500_get_service_list__1":             ServiceList{"face_detection"},
		"POST_5000_node_join__1":                   join,
		"POST_5000_node_join__2":                   join,
		"POST_5000_query_submit_query__1":          FromSubmitAnswer(&core.SubmitAnswer{Request: 7, Query: 1}, "127.0.0.1:5101"),
		"POST_5000_query_sync_result__1":           sync,
		"POST_5000_query_sync_result__2":           sync,
		"POST_5001_job_submit_job__1":              AnswerSubmitJob(&ack),
		"POST_5001_job_update_plan__1":             update,
		"POST_5001_job_update_plan__2":             update,
		"POST_5100_user_update_node_addr__1":       FromAddrUpdate(1, "127.0.0.1:5101").Answer(),
		"POST_5500_execute_task_face_alignment__1": service(&TaskAnswer{Counts: counts, Timed: true}),
		"POST_5500_execute_task_face_alignment__2": service(&TaskAnswer{Counts: counts, Timed: true}),
		"POST_5500_execute_task_face_detection__1": service(a),
		"POST_5500_execute_task_face_detection__2": service(a),
	}
}

// look prints the keys and types of a JSON value; elements of a list look alike and count once.
func look(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var b strings.Builder
		for _, k := range slices.Sorted(maps.Keys(v)) {
			fmt.Fprintf(&b, "%s:%s ", k, look(v[k]))
		}
		return "{" + strings.TrimSpace(b.String()) + "}"
	case []any:
		set := map[string]bool{}
		for _, e := range v {
			set[look(e)] = true
		}
		return "[" + strings.Join(slices.Sorted(maps.Keys(set)), "|") + "]"
	default:
		return fmt.Sprintf("%T", v)
	}
}

// contains reports whether v has every key that w has, at every depth.
func contains(v, w any) bool {
	switch w := w.(type) {
	case map[string]any:
		m, ok := v.(map[string]any)
		for k := range w {
			ok = ok && contains(m[k], w[k])
		}
		return ok
	case []any:
		l, ok := v.([]any)
		return ok && (len(w) == 0 || len(l) > 0 && contains(l[0], w[0]))
	}
	return true
}

// TestSidechannelText: the text that the original's manager hands on is ours to the letter.
func TestSidechannelText(t *testing.T) {
	for _, e := range exchanges(t) {
		if e.name == "POST_5000_query_submit_query__1" {
			a := FromSubmitAnswer(&core.SubmitAnswer{Query: 1}, "127.0.0.1:5101")
			data, err := EncodePlain(a)
			require.NoError(t, err)
			assert.JSONEq(t, string(e.answer), string(data))
		}
	}
}
