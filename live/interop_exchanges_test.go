package live_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/live/wire"
	"vidq/live/wiretest"
)

// deviations are where answers of vidq differ from those that the original gave: exchanges and paths
// (name path: what the original told -> what vidq tells), and why.
var deviations = []struct{ what, why string }{
	{`GET_5000_query_get_agg_info_ID__1: 500 text/html; charset=utf-8 -> 200 application/json`, "no result yet is null, as get_result says, no failure"},
	{`POST_5000_query_sync_result__\d .status: 500 -> 0`, "a result that is stored is acknowledged"},

	{`GET_5000_node_get_video_info__1 .127.0.0.1:5001.\d.(camera_id|node_id|mode|fps|resolution|up): none -> there`, "extra fields tell what the video is and whether its node is up"},
	{`GET_5000_node_get_video_info__1 .127.0.0.3:5001: none -> there`, "the scenario has another edge"},
	{`GET_5000_query_get_plan_ID__2 .(revision|stages|in_flight|buffer|pace|refused|hash): none -> there`, "extra fields tell the whole plan"},
	{`GET_5000_query_get_plan_ID__2 .(video_conf.quality|flow_mapping.\w+.node_id): none -> there`, "extra fields tell the whole plan"},
	{`GET_5000_query_get_(result|agg_info)_ID__2 .appended_result\[\d\].ext_plan.(revision|stages|in_flight|buffer|pace|refused|hash): none -> there`, "extra fields tell the whole plan"},
	{`GET_5000_query_get_(result|agg_info)_ID__2 .appended_result\[\d\].ext_plan.(video_conf.quality|flow_mapping.\w+.node_id): none -> there`, "extra fields tell the whole plan"},
	{`GET_5000_query_get_(result|agg_info)_ID__2 .appended_result\[\d\].(ext_runtime.)?delay: .*`, "the original divides by the frame's camera frames and one more"},
	{`GET_500\d_(query|job)_get_runtime_ID__\d .(frames|delay_ns|latency_ns|latency_p95_ns|obj_area|obj_known): none -> there`, "extra fields tell all that is observed"},
	{`GET_5000_query_get_runtime_ID__2 .(delay|obj_size): .*`, "the mean of the last frames, where the original tells the last one's"},
	{`GET_5001_job_get_runtime_ID__1 .(obj_n|obj_size|obj_stable): .*`, "another video"},

	{`GET_5500_get_cluster_info__1 .127.0.0.\d.(node_id|class|up|links): none -> there`, "extra fields tell who it is and what its links carry"},
	{`GET_5500_get_cluster_info__1 .127.0.0.\d.(n_cpu|cpu_ratio): .*`, "measured, where the original tells constants"},
	{`GET_5500_get_cluster_info__1 .127.0.0.\d.node_role: (cloud -> edge|edge -> cloud)`, "the first edge is at 127.0.0.1"},
	{`GET_5500_get_cluster_info__1 .127.0.0.3: none -> there`, "the scenario has another edge"},
	{`GET_5500_get_resource_info__\d .\w+.127.0.0.1.\w+.(cpu_ratio|mem_ratio): .*`, "measured, where the original tells constants"},
	{`GET_5500_get_resource_info__1 (.cloud.127.0.0.1: there -> none|.cloud.127.0.0.2: none -> there|.edge.127.0.0.3: none -> there)`, "each node has an address of its own, where the original tells one three times"},
	{`GET_5500_get_resource_info__1 .host: there -> none`, "the cloud is host of no video"},
	{`GET_5500_get_resource_info__2 .(cloud|edge): there -> none`, "an edge knows itself"},
	{`GET_5500_get_service_list__1 : 4 elements -> 2 elements`, "those of the scenario"},

	{`POST_5500_execute_task_face_(detection|alignment)__\d .(service_s|queue_s): none -> there`, "extra fields tell what the service took"},
	{`POST_5500_execute_task_face_detection__\d .count_result: none -> there`, "emulated services count whatever they find"},
	{`POST_5500_execute_task_face_detection__\d .(bbox|faces|prob)(\[\d\])*: .*`, "emulated services look at no picture"},
	{`POST_5500_execute_task_face_alignment__\d .count_result.up: 2 -> 1`, "emulated services look at no picture: every second face looks up"},
}

// recorded are the captured exchanges by name, and those that have not been replayed yet.
type recorded struct {
	all   map[string]wiretest.Exchange
	left  map[string]bool
	found []string // differences
}

func exchanges(t *testing.T) *recorded {
	r := &recorded{map[string]wiretest.Exchange{}, map[string]bool{}, nil}
	for _, e := range wiretest.Exchanges(t, "testdata/exchanges.json", wire.FormatLiteral) {
		r.all[e.Name], r.left[e.Name] = e, true
	}
	require.Len(t, r.all, 28)
	return r
}

// replay sends exchanges' requests to an ip, and notes where the answers differ.
func (r *recorded) replay(w *town, ip string, names ...string) {
	w.Helper()
	for _, name := range names {
		require.True(w, r.left[name], name)
		delete(r.left, name)
		e := r.all[name]
		var body any
		if e.Request != nil {
			body = string(e.Request)
		}
		url := ip + ":" + strconv.Itoa(e.Port) + e.Path
		if e.Media != wire.JSONType && e.Status == http.StatusOK { // a stream without end
			a, err := w.request(w.Context(), "127.0.0.1", e.Method, url, nil)
			require.NoError(w, err)
			r.note(name, fmt.Sprint(e.Status, " ", e.Media), fmt.Sprint(a.StatusCode, " ", a.Header.Get("Content-Type")))
			first := make([]byte, len("--frame"))
			_, err = io.ReadFull(a.Body, first)
			require.NoError(w, err)
			assert.Equal(w, "--frame", string(first))
			require.NoError(w, a.Body.Close())
			continue
		}
		a := w.ask("127.0.0.1", e.Method, url, body)
		r.note(name, fmt.Sprint(e.Status, " ", e.Media), fmt.Sprint(a.status, " ", a.kind))
		if e.Media == wire.JSONType {
			var want any
			require.NoError(w, json.Unmarshal(e.Answer, &want))
			r.compare(name+" ", want, a.json(w))
		}
	}
}

func (r *recorded) note(at string, want, got any) {
	if want != got {
		r.found = append(r.found, fmt.Sprintf("%s: %v -> %v", at, want, got))
	}
}

// compare notes where two JSON values differ: in keys, types, lengths or values.
func (r *recorded) compare(at string, want, got any) {
	switch want := want.(type) {
	case obj:
		got, ok := got.(obj)
		if !ok {
			r.note(at, "an object", fmt.Sprint(got))
			return
		}
		keys := slices.AppendSeq(slices.Collect(maps.Keys(want)), maps.Keys(got))
		slices.Sort(keys)
		for _, k := range slices.Compact(keys) {
			a, had := want[k]
			b, has := got[k]
			switch {
			case !had:
				r.note(at+"."+k, "none", "there")
			case !has:
				r.note(at+"."+k, "there", "none")
			default:
				r.compare(at+"."+k, a, b)
			}
		}
	case []any:
		got, ok := got.([]any)
		if !ok {
			r.note(at, "a list", fmt.Sprint(got))
			return
		}
		r.note(at, fmt.Sprint(len(want), " elements"), fmt.Sprint(len(got), " elements"))
		for i := range min(len(want), len(got)) {
			r.compare(at+"["+strconv.Itoa(i)+"]", want[i], got[i])
		}
	default:
		if a, b := fmt.Sprintf("%T", want), fmt.Sprintf("%T", got); a != b {
			r.note(at, a, b)
		} else if want != got {
			r.note(at, short(want), short(got))
		}
	}
}

func short(v any) string {
	s := fmt.Sprint(v)
	return s[:min(len(s), 60)]
}

// TestExchanges replays the captured requests: those to the query manager against vidq's, above an edge of the original, those
// to the edge against vidq's, below a cloud of the original. What differs from the captured
// answers is in the table of deviations, which holds nothing else.
func TestExchanges(t *testing.T) {
	r := exchanges(t)
	inTown(t, func(_ *testing.T, w *town) { r.manager(w) })
	inTown(t, func(_ *testing.T, w *town) { r.edge(w) })
	assert.Empty(t, r.left, "not replayed")
	used := make([]bool, len(deviations))
	for _, f := range r.found {
		known := false
		for i, d := range deviations {
			if regexp.MustCompile("^(?:" + d.what + ")$").MatchString(f) {
				used[i], known = true, true
			}
		}
		assert.True(t, known, "a difference without a reason: %s", f)
	}
	for i, d := range deviations {
		assert.NotEmpty(t, d.why)
		assert.True(t, used[i], "nothing differs so any more: %s", d.what)
	}
}

// manager replays what was said to the query manager.
func (r *recorded) manager(w *town) {
	const at = "127.0.0.1"
	w.vidq(original(w), "cloud")
	e := newEdge(w, at)
	e.mute = true
	e.start()
	r.replay(w, at, "POST_5000_node_join__1", "POST_5000_node_join__2")
	e.join(3)
	r.replay(w, at, "GET_5000_node_get_video_info__1", "POST_5000_query_submit_query__1",
		"GET_5000_query_get_plan_ID__1", "GET_5000_query_get_result_ID__1", "GET_5000_query_get_agg_info_ID__1", "GET_5000_query_get_runtime_ID__1")
	time.Sleep(5 * time.Second)
	r.replay(w, at, "GET_5000_query_get_plan_ID__2", "POST_5100_user_update_node_addr__1",
		"POST_5000_query_sync_result__1", "POST_5000_query_sync_result__2")
	// The results that came after, as they are told later.
	var told struct {
		Frames []json.RawMessage `json:"appended_result"`
	}
	require.NoError(w, json.Unmarshal(r.all["GET_5000_query_get_result_ID__2"].Answer, &told))
	for _, f := range told.Frames[2:] {
		body := `{"job_uid": "GLOBAL_ID_1", "job_result": {"appended_result": ` + string(f) + `}}`
		a := w.ask(at, http.MethodPost, at+":5000/query/sync_result", body)
		assert.Equal(w, http.StatusOK, a.status, "%s", a.body)
	}
	r.replay(w, at, "GET_5000_query_get_result_ID__2", "GET_5000_query_get_agg_info_ID__2", "GET_5000_query_get_runtime_ID__2")
	r.replay(w, "127.0.0.2", "GET_5500_get_cluster_info__1", "GET_5500_get_resource_info__1", "GET_5500_get_service_list__1")

	// What vidq told the edge is what the original told it.
	for path, name := range map[string]string{"/job/submit_job": "POST_5001_job_submit_job__1", "/job/update_plan": "POST_5001_job_update_plan__1"} {
		heard := e.heardAt(path)
		if assert.Len(w, heard, 1, path) {
			body, err := json.Marshal(heard[0].body)
			require.NoError(w, err)
			assert.JSONEq(w, string(r.all[name].Request), string(body))
		}
	}
}

// edge replays what was said to the edge.
func (r *recorded) edge(w *town) {
	const at = "127.0.0.1"
	c := newCloud(w)
	c.known.Store(&map[string]bool{"GLOBAL_ID_1": true})
	w.vidq(original(w), "edge1")
	r.replay(w, at, "POST_5001_job_submit_job__1", "POST_5001_job_update_plan__1", "POST_5001_job_update_plan__2")
	time.Sleep(20 * time.Second)
	r.replay(w, at, "GET_5001_job_get_runtime_ID__1", "GET_5101_user_video_ID__1", "GET_5500_get_resource_info__2",
		"POST_5500_execute_task_face_detection__1", "POST_5500_execute_task_face_detection__2",
		"POST_5500_execute_task_face_alignment__1", "POST_5500_execute_task_face_alignment__2")

	// What it told the query manager has the shape of what the original told it.
	var shape recorded
	var want any
	require.NoError(w, json.Unmarshal(r.all["POST_5000_query_sync_result__1"].Request, &want))
	shape.compare("", want, c.heardAt("/query/sync_result")[0].body)
	for _, f := range shape.found {
		assert.Regexp(w, `count_result\.|\.delay: |\.obj_n: |\.obj_size: |\.obj_stable: true -> false`, f, "values of the content and of time only")
		assert.NotContains(w, strings.Split(f, ": ")[1], "none")
	}
}
