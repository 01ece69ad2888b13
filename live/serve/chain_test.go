package serve_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/live/loop"
	"vidq/live/serve"
	"vidq/live/serve/servetest"
	"vidq/live/wire"
)

// TestEveryPortHasItsRoutes also asks every route once, and holds that the answer is of the
// type that the table tells.
func TestEveryPortHasItsRoutes(t *testing.T) {
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", wire.MetricsType)
		_, _ = w.Write([]byte("vidq_up 1\n"))
	})
	path := strings.NewReplacer("{id}", "GLOBAL_ID_7", "{service}", "face_detection")
	for _, r := range wire.Routes() {
		s := server(t, r.Port, &servetest.Node{}, serve.Options{Metrics: metrics, Version: "1.2.3"})
		kind := ""
		if r.Request != nil {
			kind = wire.JSONType
		}
		w := callPort(s, r.Method, path.Replace(r.Path), kind, valid[r.Path], ended)
		assert.Equal(t, http.StatusOK, w.Code, "%s: %s", r.Path, w.Body)
		want := r.Media
		if want == "" {
			want = wire.JSONType
			require.NotNil(t, r.Answer)
		}
		assert.Equal(t, want, w.Header().Get("Content-Type"), r.Path)
		assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		if r.Path == "/openapi.json" {
			assert.Equal(t, string(wire.OpenAPI("1.2.3", r.Port)), w.Body.String())
		}
		if r.Method == http.MethodGet {
			assert.Equal(t, http.StatusOK, callPort(s, http.MethodHead, path.Replace(r.Path), "", "", ended).Code, r.Path)
		}
	}
}

// ended has the viewer of a stream gone at once.
func ended(r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/user/video/") {
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		*r = *r.WithContext(ctx)
	}
}

// TestWhatIsNotServed: paths, methods and types of body that no route takes are refused in JSON.
func TestWhatIsNotServed(t *testing.T) {
	const submit = "/query/submit_query"
	big := func(r *http.Request) { r.ContentLength = 100_000_000_000 }
	for _, c := range []struct {
		method, target, kind, body string
		how                        []func(*http.Request)
		want                       int
		text                       string
	}{
		{"GET", "/", "", "", nil, 404, "/openapi.json"},
		{"GET", "/nowhere", "", "", nil, 404, "port 5000"},
		{"GET", "/query/list/", "", "", nil, 404, ""},
		{"GET", "/query//list", "", "", nil, 404, ""},
		{"GET", "//query/list", "", "", nil, 404, ""},
		{"GET", "/query/../query/list", "", "", nil, 404, ""},
		{"GET", "/query/%2e%2e/query/list", "", "", nil, 404, ""},
		{"GET", "/query/get_plan/a%2fb", "", "", nil, 404, ""},
		{"GET", "/query/get_plan/", "", "", nil, 404, ""},
		{"GET", "/query/get_plan/GLOBAL_ID_0", "", "", nil, 404, ""},
		{"GET", "/query/get_plan/GLOBAL_ID_99999999999999999999", "", "", nil, 404, ""},
		{"GET", "/job/list", "", "", nil, 404, ""}, // of another port
		{"POST", "/query/list", "", "", nil, 405, "GET, HEAD"},
		{"DELETE", submit, "", "", nil, 405, "POST"},
		{"GET", submit, "", "", nil, 405, "POST"},
		{"BREW", "/healthz", "", "", nil, 405, "GET, HEAD"},
		{"OPTIONS", "/healthz", "", "", nil, 405, "GET, HEAD"},
		{"GET", "/query/list?after=x", "", "", nil, 400, "after"},
		{"GET", "/query/list?limit=0", "", "", nil, 400, "limit"},
		{"POST", submit, "", valid[submit], nil, 415, "Content-Type"},
		{"POST", submit, "text/plain", valid[submit], nil, 415, "Content-Type"},
		{"POST", submit, "application/x-www-form-urlencoded", valid[submit], nil, 415, ""},
		{"POST", submit, wire.JSONType, valid[submit], []func(*http.Request){with("Content-Encoding", "gzip")}, 415, "compressed"},
		{"POST", submit, wire.JSONType, "", []func(*http.Request){big}, 413, "larger"},
		{"POST", submit, wire.JSONType, strings.Repeat(" ", 1<<20+1), nil, 413, "larger"},
		{"POST", submit, wire.JSONType, "", nil, 400, "empty"},
		{"POST", submit, wire.JSONType, "{", nil, 400, ""},
		{"POST", submit, wire.JSONType, "{}", nil, 422, "pipeline"},
		{"POST", "/query/stop_query/GLOBAL_ID_8", "", "", nil, 404, "unknown query 8"},
		{"POST", submit, wire.JSONType, strings.Replace(valid[submit], "face/headup", "taken", 1), nil, 409, "another query"},
		{"POST", submit, wire.JSONType, strings.Replace(valid[submit], `"node_id":"edge1"`, `"node_id":""`, 1), nil, 200, ""},
		{"POST", submit, wire.JSONType, strings.NewReplacer(`"node_id":"edge1"`, `"node_id":""`, "127.0.0.1:5001", "192.0.2.1:80").Replace(valid[submit]), nil, 404, "no node"},
		{"POST", "/node/join", wire.JSONType, strings.Replace(valid["/node/join"], `"node_addr":"127.0.0.1:5001"`, `"node_addr":"there"`, 1), nil, 422, "node_addr"},
	} {
		w := callPort(server(t, wire.PortManager, &servetest.Node{}, serve.Options{}), c.method, c.target, c.kind, c.body, c.how...)
		if c.want == 200 {
			assert.Equal(t, 200, w.Code, w.Body)
			continue
		}
		name := c.method + " " + c.target
		assert.Contains(t, refused(t, w, c.want), c.text, name)
		assert.Equal(t, c.want == 405, w.Header().Get("Allow") != "", name)
	}
	w := callPort(server(t, wire.PortServices, &servetest.Node{}, serve.Options{}), "POST", "/execute_task/face_detection?crops=2", wire.JPEGType, string(picture()))
	assert.Contains(t, refused(t, w, 400), "crops")
	w = callPort(server(t, wire.PortServices, &servetest.Node{}, serve.Options{}), "POST", "/execute_task/face_detection", wire.JPEGType, string(picture()), with(wire.FrameHeader, "x"))
	assert.Contains(t, refused(t, w, 400), wire.FrameHeader)
	w = callPort(server(t, wire.PortServices, &servetest.Node{}, serve.Options{Limits: wire.Limits{Body: 100}}), "POST", "/execute_task/face_detection", wire.JSONType, valid["/execute_task/{service}"])
	refused(t, w, 413)
	w = callPort(server(t, wire.PortServices, &servetest.Node{}, serve.Options{}), "GET", "/metrics", "", "")
	assert.Contains(t, refused(t, w, 404), "metrics")
}

// TestErrorsOfTheNode: what the interfaces return, and what callers see of it.
func TestErrorsOfTheNode(t *testing.T) {
	secret := errors.New("disk /dev/sda1 is full")
	for _, c := range []struct {
		err    error
		want   int
		text   string
		logged bool
	}{
		{wire.Errorf(409, "taken by another"), 409, "taken by another", false},
		{fmt.Errorf("wrapped: %w", wire.Errorf(404, "no such query")), 404, "no such query", false},
		{fmt.Errorf("wrapped: %w", context.DeadlineExceeded), 504, "in time", false},
		{context.Canceled, 503, "shutting down", false},
		{loop.ErrStopped, 503, "shutting down", false},
		{secret, 500, "its log says why", true},
	} {
		for _, p := range []wire.Port{wire.PortManager, wire.PortJobs, wire.PortServices} {
			target := map[wire.Port]string{wire.PortManager: "/query/list", wire.PortJobs: "/job/list", wire.PortServices: "/get_service_list"}[p]
			var logged strings.Builder
			n := &servetest.Node{Do: func(context.Context, string) error { return c.err }}
			s := server(t, p, n, serve.Options{Log: slog.New(slog.NewTextHandler(&logged, nil))})
			w := callPort(s, "GET", target, "", "")
			assert.Contains(t, refused(t, w, c.want), c.text)
			assert.NotContains(t, w.Body.String(), "/dev/sda1")
			assert.Equal(t, c.logged, strings.Contains(logged.String(), "/dev/sda1"))
			assert.Equal(t, c.want == 503, w.Header().Get("Retry-After") == "1")
		}
	}
}

// TestEveryCallTellsItsError: no method's error is lost, whatever it returns beside it.
func TestEveryCallTellsItsError(t *testing.T) {
	path := strings.NewReplacer("{id}", "GLOBAL_ID_7", "{service}", "face_detection")
	for _, r := range wire.Routes() {
		if r.Media != "" || r.Path == "/healthz" || r.Path == "/readyz" {
			continue
		}
		n := &servetest.Node{Do: func(context.Context, string) error { return wire.Errorf(409, "no") }}
		kind := ""
		if r.Request != nil {
			kind = wire.JSONType
		}
		assert.Equal(t, "no", refused(t, callPort(server(t, r.Port, n, serve.Options{}), r.Method, path.Replace(r.Path), kind, valid[r.Path]), 409), r.Path)
	}
}

func TestPanics(t *testing.T) {
	var logged strings.Builder
	n := &servetest.Node{Do: func(context.Context, string) error { panic("the secret of line 7") }}
	s := server(t, wire.PortManager, n, serve.Options{Log: slog.New(slog.NewTextHandler(&logged, nil)), Requests: 1})
	for range 3 { // each gives its place back
		w := callPort(s, "GET", "/query/list", "", "")
		refused(t, w, http.StatusInternalServerError)
		assert.NotContains(t, w.Body.String(), "line 7")
		assert.NotContains(t, w.Body.String(), ".go")
	}
	assert.Contains(t, logged.String(), "the secret of line 7")
	assert.Contains(t, logged.String(), "servetest.go")
	// An answer that has begun is broken off, not mended.
	s, err := serve.New(serve.SideEdge(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		panic("late")
	})), serve.Options{Log: quiet})
	require.NoError(t, err)
	assert.PanicsWithError(t, http.ErrAbortHandler.Error(), func() { callPort(s, "GET", "/user/video/GLOBAL_ID_7", "", "") })
}

func TestReadiness(t *testing.T) {
	var why error
	s := server(t, wire.PortJobs, &servetest.Node{}, serve.Options{Ready: func(context.Context) error { return why }})
	assert.Equal(t, 200, callPort(s, "GET", "/readyz", "", "").Code)
	why = errors.New("the node has not joined yet")
	w := callPort(s, "GET", "/readyz", "", "")
	assert.Contains(t, refused(t, w, 503), "not joined yet")
	assert.Equal(t, "1", w.Header().Get("Retry-After"))
	assert.Equal(t, 200, callPort(s, "GET", "/healthz", "", "").Code, "it lives all the same")
}

// TestPlainPeers: who shows nothing of vidq is answered as by the original, who does with all.
func TestPlainPeers(t *testing.T) {
	plan := `"video_conf": {"resolution": "480p", "fps": 30, "encoder": "JPEG"}, "flow_mapping": {
		"face_detection": {"model_id": 0, "node_role": "host", "node_ip": "127.0.0.1"}, "face_alignment": {"model_id": 0, "node_role": "cloud", "node_ip": "127.0.0.2"}}`
	for _, c := range []struct {
		port                    wire.Port
		path, body, asked, keys string
		vidq                    string // the keys that vidq's own body is answered with
	}{
		{wire.PortManager, "/node/join", `{"node_port": 5001, "video_id": 0, "video_type": "people"}`, "Nodes.JoinPlain", "msg node_addr status", "incarnation msg node_addr node_id status"},
		{wire.PortManager, "/query/submit_query", `{"node_addr": "127.0.0.1:5001", "video_id": 0, "pipeline": ["face_detection"], "user_constraint": {"delay": 0.3, "accuracy": 0.9}}`, "Queries.Submit", "msg query_id r_sidechan status", "msg query_id r_sidechan request status"},
		{wire.PortManager, "/query/sync_result", `{"job_uid": "GLOBAL_ID_7", "job_result": {"appended_result": {"count_result": {"up": 1, "total": 2}, "frame_id": 1.0, "n_loop": 1, "delay": 0.1, "ext_plan": {` + plan + `}, "ext_runtime": {"delay": 0.1}}}}`, "Nodes.SyncPlain", "status", "incarnation seq status"},
		{wire.PortJobs, "/job/submit_job", `{"job_uid": "GLOBAL_ID_7", "node_addr": "127.0.0.1:5001", "video_id": 0, "pipeline": ["face_detection"], "user_constraint": {"delay": 0.3, "accuracy": 0.9}}`, "Jobs.Submit", "job_uid msg status", "incarnation job job_uid msg node_id status"},
		{wire.PortJobs, "/job/update_plan", `{"job_uid": "GLOBAL_ID_7", ` + plan + `}`, "Jobs.Update", "msg status", "incarnation job msg node_id status"},
	} {
		for i, body := range []string{c.body, valid[c.path]} {
			n := &servetest.Node{}
			w := callPort(server(t, c.port, n, serve.Options{}), "POST", c.path, wire.JSONType, body)
			require.Equal(t, 200, w.Code, "%s: %s", c.path, w.Body)
			asked, _ := n.Last()
			assert.Equal(t, i == 0, asked.Caller.Plain, c.path)
			assert.Equal(t, []string{c.keys, c.vidq}[i], keys(t, w.Body.Bytes()), c.path)
			if i == 0 {
				assert.Equal(t, c.asked, asked.Method)
			}
		}
	}
	n := &servetest.Node{}
	w := callPort(server(t, wire.PortJobs, n, serve.Options{}), "POST", "/job/update_plan", wire.JSONType, `{"job_uid": "GLOBAL_ID_8", `+plan+`}`)
	assert.Contains(t, refused(t, w, 404), "no job GLOBAL_ID_8")
}
