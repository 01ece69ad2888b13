package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/live/wire"
)

// TestMalformedInput: what is broken, and what is well-formed and makes no sense, is refused by JSON with a status
// of the caller's fault. Nothing of it reaches anybody else's queries, nor does a query that can never be served.
func TestMalformedInput(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.process = start(t, s.base, s.file, "--no-video", "--set", "camera.door.mode=file", "--set", "camera.door.frames=20")
	eventually(t, "results", func() bool { return len(s.results(heads)) > 0 })
	sent := 0
	for _, r := range wire.Routes() {
		if r.Request == nil {
			continue
		}
		url := "http://" + s.addr("127.0.0.1", r.Port) + strings.NewReplacer("{id}", "GLOBAL_ID_99", "{service}", "object_detection").Replace(r.Path)
		for _, b := range brokenBodies() {
			refusedAs4xx(t, url, b.kind, b.body)
			sent++
		}
	}
	assert.GreaterOrEqual(t, sent, 200)
	t.Logf("%d bodies", sent)
	s.senseless(t)

	// These are accepted: without an accuracy, and of a video that ends.
	free, status := s.submit("edge1", "hall", 3*time.Second)
	require.Equal(t, http.StatusOK, status)
	short, status := s.submit("helper", "door", 2*time.Second)
	require.Equal(t, http.StatusOK, status)
	eventually(t, "results", func() bool { return len(s.results(wire.FormatID(core.QueryID(free.QueryID)))) > 0 })
	eventually(t, "the end of the video", func() bool {
		all := s.queries(t)
		i := slices.IndexFunc(all, func(q wire.QueryRow) bool { return q.QueryID == short.QueryID })
		return i >= 0 && core.State(all[i].State) == core.StateDone
	})
	assert.Len(t, s.queries(t), 3, "nothing else was accepted")
	s.goesOn(t, heads)
	for _, port := range wire.Ports() {
		status, ok := fetch(http.MethodGet, "http://"+s.addr("127.0.0.1", port)+"/healthz", "", nil, new(wire.Health))
		assert.True(t, ok)
		assert.Equal(t, http.StatusOK, status)
	}
	s.interrupt(t, os.Interrupt)
	s.calm(t)
}

// senseless asks for queries that cannot be, and for what there is not.
func (s *site) senseless(t *testing.T) {
	t.Helper()
	manager, edge := "http://"+s.manager(), "http://"+s.addr("127.0.0.1", wire.PortJobs)
	at := s.addr("127.0.0.1", wire.PortJobs)
	for _, q := range []string{
		`{"node_addr": %q, "video_id": 0, "pipeline": [], "user_constraint": {"delay": 0.3, "accuracy": 0.9}}`,
		`{"node_addr": %q, "video_id": 7, "pipeline": ["object_detection"], "user_constraint": {"delay": 0.3, "accuracy": 0.9}}`,
		`{"node_addr": %q, "video_id": 0, "pipeline": ["face_recognition"], "user_constraint": {"delay": 0.3, "accuracy": 0.9}}`,
		`{"node_addr": %q, "video_id": 0, "pipeline": ["object_detection"], "user_constraint": {"delay": -1, "accuracy": 0.9}}`,
		`{"node_addr": %q, "video_id": 0, "pipeline": ["object_detection"], "user_constraint": {"delay": 0.3, "accuracy": 7}}`,
		`{"node_addr": "192.0.2.1:5001%.0s", "video_id": 0, "pipeline": ["object_detection"], "user_constraint": {"delay": 0.3, "accuracy": 0.9}}`,
	} {
		refusedAs4xx(t, manager+"/query/submit_query", wire.JSONType, fmt.Sprintf(q, at))
	}
	plan := `{"job_uid": "GLOBAL_ID_99", "video_conf": {"resolution": "360p", "fps": 1, "encoder": "JPEG"}, "flow_mapping": {"object_detection": {"model_id": 0, "node_role": "host", "node_ip": "127.0.0.1"}}}`
	refusedAs4xx(t, edge+"/job/update_plan", wire.JSONType, plan)
	for _, path := range []string{"/query/get_result/GLOBAL_ID_99", "/query/get_plan/x", "/query/get_runtime/GLOBAL_ID_0", "/query/get_agg_info/GLOBAL_ID_99", "/no/such/path", "/query/submit_query"} {
		refusedAs4xx(t, manager+path, "", "")
	}
	refusedAs4xx(t, edge+"/job/get_runtime/GLOBAL_ID_99", "", "")
	refusedAs4xx(t, "http://"+s.addr("127.0.0.1", wire.PortSideCloud)+"/user/video/GLOBAL_ID_99", "", "")
}

// brokenBody is a request's body that no route takes.
type brokenBody struct{ kind, body string }

func brokenBodies() (all []brokenBody) {
	for _, body := range []string{
		"", "{", "}", "[]", "null", "7", `"text"`, "{}}", `{"job_uid": }`, `{"job_uid": {"a": 1}}`, `{"node_port": 1e999}`, `{"node_addr": 7, "pipeline": {}}`,
		"\xff\xfe{\x00}\x00", `{"image": "__import__('os').system('id')"}`, strings.Repeat("[", 200_000), `{"a":` + strings.Repeat(`{"a":`, 50_000),
	} {
		all = append(all, brokenBody{wire.JSONType, body})
	}
	for _, kind := range []string{"text/html", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", wire.JPEGType, "", ";"} {
		all = append(all, brokenBody{kind, "<html>"})
	}
	return all
}

// refusedAs4xx holds that a request, a GET if it has no content type and no body, is refused for what it is.
func refusedAs4xx(t *testing.T, url, kind, body string) {
	t.Helper()
	method := http.MethodPost
	if kind == "" && body == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	a, err := http.DefaultClient.Do(r)
	require.NoError(t, err, "%s %.60q", url, body)
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	require.NoError(t, err)
	assert.Equal(t, 4, a.StatusCode/100, "%s %.60q: %d %s", url, body, a.StatusCode, text)
	assert.True(t, strings.HasPrefix(a.Header.Get("Content-Type"), wire.JSONType), "%s %.60q: %s", url, body, a.Header)
	told, err := wire.Decode[struct {
		Status int    `json:"status"`
		Error  string `json:"error"`
	}](text)
	require.NoError(t, err, "%s", text)
	assert.NotZero(t, told.Status)
	assert.NotEmpty(t, told.Error)
	assert.NotContains(t, told.Error, "goroutine")
}
