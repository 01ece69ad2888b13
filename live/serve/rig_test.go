package serve_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"image"
	"image/jpeg"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"vidq/core"
	"vidq/live/serve"
	"vidq/live/serve/servetest"
	"vidq/live/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quiet is a log that nobody reads.
var quiet = slog.New(slog.DiscardHandler)

// server returns a server of a port without a connection.
func server(t testing.TB, p wire.Port, n *servetest.Node, o serve.Options) *serve.Server {
	if o.Log == nil {
		o.Log = quiet
	}
	s, err := serve.New(n.Handlers(p), o)
	require.NoError(t, err)
	return s
}

// call sends a request from the loopback to a handler.
func callPort(s *serve.Server, method, target, kind, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
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

// addrPort is netip.MustParseAddrPort.
func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// deaf is a listener that accepts nobody.
type deaf struct {
	addr   net.Addr
	closed bool
}

var errDeaf = errors.New("deaf")

func (d *deaf) Accept() (net.Conn, error) { return nil, errDeaf }

func (d *deaf) Close() error {
	d.closed = true
	return nil
}

func (d *deaf) Addr() net.Addr { return d.addr }

// valid are bodies that are taken, by the path of their route.
var valid = bodies()

// bodies makes a request of each route with a JSON body.
func bodies() map[string]string {
	q := core.Query{ID: 7, Key: "face/headup", Node: "edge1", Camera: "meeting", Pipeline: core.Linear("face_detection", "face_alignment"), Constraint: core.Constraint{Delay: core.Second, Accuracy: .9}}
	plan := core.Plan{
		Revision: 3, Video: core.VideoConf{Resolution: core.Resolutions()[1], FPS: 30, Encoder: "jpeg", Quality: 90},
		Stages: []core.Assignment{{Node: "edge1"}, {Node: "cloud", Model: 1}}, InFlight: 1, Buffer: 1,
	}.Seal()
	res := core.Result{Seq: 9, CameraFrame: 4, Obs: core.Observation{Query: 7, Gap: 1, Revision: 3, Calls: []core.Call{{Node: "edge1", Attempts: 1}}}}
	camera := core.Camera{ID: "meeting", Node: "edge1", FPS: 30, Resolution: core.Resolutions()[3]}
	out := map[string]string{}
	for path, v := range map[string]any{
		"/query/submit_query":     wire.FromSubmitQuery(&core.SubmitQuery{Request: 5, Query: q}, servetest.Book{}),
		"/query/stop_query/{id}":  &wire.StopQuery{Request: 5},
		"/query/sync_result":      wire.FromSyncResult("edge1", 2, &res, wire.FromFrame(&res, wire.FromPlan(&plan, &q, servetest.Book{}), wire.Counts{"up": 1}, true)),
		"/query/sync_results":     wire.FromSyncResults(&core.SyncResults{Node: "edge1", Incarnation: 2, First: 9, Results: []core.Result{res}}, nil),
		"/node/join":              wire.FromJoin(&core.Join{Node: "edge1", Incarnation: 2, Class: "tx2", Cameras: []core.Camera{camera}}, "127.0.0.1:5001"),
		"/node/heartbeat":         wire.FromHeartbeat(&core.Heartbeat{Node: "edge1", Incarnation: 2, Number: 8, Jobs: []core.JobStatus{{Query: 7}}}),
		"/job/submit_job":         wire.FromSubmitJob(&core.SubmitJob{Incarnation: 2, Query: q, Plan: plan}, servetest.Book{}),
		"/job/update_plan":        wire.FromUpdatePlan(&core.UpdatePlan{Incarnation: 2, Query: 7, Plan: plan}, &q, servetest.Book{}),
		"/job/stop_job":           wire.FromStopJob(&core.StopJob{Incarnation: 2, Query: 7}),
		"/job/charge_work":        wire.FromChargeWork(&core.ChargeWork{Incarnation: 2, Number: 1, Charge: core.Charge{Node: "edge1", Service: "face_detection", Calls: 1}}),
		"/configure_services":     wire.FromConfigureServices(&core.ConfigureServices{Incarnation: 2, Revision: 1}),
		"/user/update_node_addr":  &wire.AddrUpdate{JobUID: 7, NodeAddr: "127.0.0.1:5101"},
		"/execute_task/{service}": nil,
	} {
		if v == nil {
			out[path] = `{"image": ` + strconv.Quote(wire.FormatLiteral(picture())) + `}`
			continue
		}
		b, err := wire.Encode(v)
		if err != nil {
			panic(err)
		}
		out[path] = string(b)
	}
	return out
}

// picture returns a small JPEG.
func picture() []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 16, 8)), nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// keys returns the keys of a JSON object, sorted.
func keys(t testing.TB, b []byte) string {
	var v map[string]any
	require.NoError(t, json.Unmarshal(b, &v), "%s", b)
	return strings.Join(slices.Sorted(maps.Keys(v)), " ")
}
