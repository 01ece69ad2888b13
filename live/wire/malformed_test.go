package wire

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
)

// whole returns a request with every field, for each type of JSON body of the routes.
func whole() map[reflect.Type]any {
	pipeline := core.Pipeline{{Name: "find", Service: "face_detection"}, {Name: "turn", Service: "face_alignment", Parents: []int{0}}}
	q := core.Query{
		ID: 7, Key: "face/headup", Node: "edge1", Camera: "meeting", Pipeline: pipeline,
		Constraint: core.Constraint{Delay: 300 * core.Millisecond, Latency: core.Second, Accuracy: .9},
	}
	plan := core.Plan{
		Revision: 3, Video: core.VideoConf{Resolution: core.Resolutions()[1], FPS: 30, Encoder: "jpeg", Quality: 90},
		Stages: []core.Assignment{{Node: "edge1"}, {Node: "cloud", Model: 1}}, InFlight: 1, Buffer: 1, Pace: 1e6,
	}.Seal()
	view := core.ServiceView{Name: "face_detection", Workers: 1, MaxBatch: 1}
	res := core.Result{
		Seq: 9, Outcome: core.OutcomeFailed, Reason: core.ReasonTimeout, CameraFrame: 4, Captured: core.Second,
		Obs: core.Observation{Query: 7, Frame: 2, Revision: 3, RoundTrip: core.Second / 4, Gap: 1, Objects: 2, Size: 900, Known: true, Calls: []core.Call{{Node: "edge1", Attempts: 1}}},
	}
	capacity := core.Capacity{Cores: 4, GPUs: 1, Memory: 8e9}
	camera := core.Camera{ID: "meeting", Node: "edge1", FPS: 30, Resolution: core.Resolutions()[3], Kind: "people"}
	frame := FromFrame(&res, FromPlan(&plan, &q, shelf{}), Counts{"up": 1}, true)
	all := []any{
		FromSubmitQuery(&core.SubmitQuery{Request: 5, Query: q}, shelf{}),
		&StopQuery{5},
		FromSyncResult("edge1", 2, &res, frame),
		FromSyncResults(&core.SyncResults{Node: "edge1", Incarnation: 2, First: 9, Results: []core.Result{res}}, func(int) Counts { return Counts{"up": 1} }),
		FromJoin(&core.Join{Node: "edge1", Incarnation: 2, Class: "tx2", Capacity: capacity, Services: []core.ServiceView{view}, Cameras: []core.Camera{camera}}, "127.0.0.1:5001"),
		FromHeartbeat(&core.Heartbeat{
			Node: "edge1", Incarnation: 2, Number: 8, Capacity: capacity, Jobs: []core.JobStatus{{Query: 7, Revision: 3, State: core.StateRunning, Gone: true}},
			Services: []core.ServiceSample{{ServiceView: view}}, Links: []core.LinkView{{From: "edge1", To: "cloud"}},
		}),
		FromSubmitJob(&core.SubmitJob{Incarnation: 2, Query: q, From: 5, Plan: plan}, shelf{}),
		FromUpdatePlan(&core.UpdatePlan{Incarnation: 2, Query: 7, Plan: plan}, &q, shelf{}),
		FromStopJob(&core.StopJob{Incarnation: 2, Query: 7}),
		FromChargeWork(&core.ChargeWork{Incarnation: 2, Number: 1, Charge: core.Charge{Query: 7, Node: "edge1", Service: "face_detection", Resolution: core.Resolutions()[0], Calls: 1}}),
		FromConfigureServices(&core.ConfigureServices{Incarnation: 2, Revision: 1, Settings: []core.ServiceSetting{{Node: "edge1", Service: "face_detection", Replicas: 1, MaxBatch: 1}}}),
		&AddrUpdate{7, "127.0.0.1:5101"},
	}
	out := map[reflect.Type]any{}
	for _, v := range all {
		out[reflect.TypeOf(v).Elem()] = v
	}
	return out
}

// wrongs are values of which at most one kind fits any field.
var wrongs = []string{`{}`, `[[]]`, `"?"`, `-1.5`, `null`}

// TestMalformedBodies breaks a whole request of every route at every field: left out, and of
// each wrong kind. What is refused must be refused with 422 and name the field. testdata/malformed.txt
// shows the texts that users and other people's nodes are most likely to see.
func TestMalformedBodies(t *testing.T) {
	examples := whole()
	var out strings.Builder
	refused := 0
	for _, r := range Routes() {
		if r.Request == nil || r.Request == typeOf[Task]() {
			continue
		}
		v := examples[r.Request]
		require.NotNil(t, v, r.Path)
		data, err := Encode(v)
		require.NoError(t, err)
		require.NoError(t, DecodeInto(data, newOf(r.Request)))
		shown := slices.Contains([]string{"/query/submit_query", "/node/join", "/job/update_plan"}, r.Path)
		if shown {
			fmt.Fprintf(&out, "%s %s", r.Path, data)
		}
		breakAt(tree(t, data), "", func(at, how string, broken func() any) {
			bad, err := json.Marshal(broken())
			require.NoError(t, err)
			err = DecodeInto(bad, newOf(r.Request))
			text := "taken"
			if err != nil {
				refused++
				text = err.Error()
				assert.Equal(t, 422, status(t, err), "%s %s", at, how)
				assert.Regexp(t, `(^|; )`+regexp.QuoteMeta(at)+`[ .\[]`, text)
			}
			if shown && (how == "left out" || how == wrongs[0] || how == wrongs[2]) {
				fmt.Fprintf(&out, "  %s %s: %s\n", at, how, text)
			}
		}, func(root any) any { return root })
		for i := range data {
			code := status(t, DecodeInto(data[:max(i-1, 0)], newOf(r.Request)))
			require.Equal(t, 400, code, "cut off after %d bytes", i-1)
		}
	}
	assert.Greater(t, refused, 200)
	golden(t, "malformed.txt", out.String())
}

// breakAt calls f for every way to break a tree. with puts a replacement of v into the whole.
func breakAt(v any, at string, f func(at, how string, broken func() any), with func(any) any) {
	if at != "" {
		for _, w := range wrongs {
			f(at, w, func() any { return with(json.RawMessage(w)) })
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			key := strings.TrimPrefix(at+"."+k, ".")
			put := func(e any) any {
				m := maps.Clone(v)
				m[k] = e
				return with(m)
			}
			f(key, "left out", func() any {
				m := maps.Clone(v)
				delete(m, k)
				return with(m)
			})
			breakAt(v[k], key, f, put)
		}
	case []any:
		for i := range v {
			breakAt(v[i], fmt.Sprintf("%s[%d]", at, i), f, func(e any) any {
				l := slices.Clone(v)
				l[i] = e
				return with(l)
			})
		}
	}
}

// TestHugeBodies: none is read beyond its route's limit.
func TestHugeBodies(t *testing.T) {
	for _, r := range Routes() {
		if r.Request == nil {
			continue
		}
		for _, length := range []int64{-1, 100_000_000_000} {
			body := &endless{}
			var err error
			if r.Request == typeOf[Task]() {
				_, err = ReadTask(JSONType, body, length, Limits{Body: 1 << 20})
			} else {
				err = ReadJSON(JSONType, body, length, r.Limit, newOf(r.Request))
			}
			assert.Equal(t, 413, status(t, err), r.Path)
			assert.LessOrEqual(t, body.read, max(r.Limit, 1<<20)+1, r.Path)
			if length > 0 {
				assert.Zero(t, body.read, r.Path)
			}
		}
	}
}
