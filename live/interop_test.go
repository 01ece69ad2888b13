package live_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/live"
	"vidq/live/loop"
	"vidq/live/serve/pipenet"
	"vidq/scenarios"
)

// town is a network in memory on which programs of vidq and of the original live
// together, in a bubble. The original's are played by edge and cloud (original_edge_test.go,
// original_cloud_test.go), which are written by its captured exchanges and speak nothing else.
type town struct {
	*testing.T
	net pipenet.Net
}

// inTown runs a test in a bubble.
func inTown(t *testing.T, f func(t *testing.T, w *town)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, &town{T: t}) })
}

// original loads the scenario of the exchanges.
func original(t testing.TB, set ...string) *scenarios.Scenario {
	sc, err := scenarios.Load("testdata/original.toml", set)
	require.NoError(t, err)
	return sc
}

// vidq starts nodes of a scenario, all if none are named, until stop or the end of the test.
func (w *town) vidq(sc *scenarios.Scenario, nodes ...core.NodeID) (stop func()) {
	w.Helper()
	return w.vidqOn(w.store(sc), sc, nodes...)
}

// store returns an empty store.
func (w *town) store(sc *scenarios.Scenario) *memory {
	return &memory{clock: loop.NewClock(), delay: sc.Store.Delay}
}

// vidqOn starts nodes on a store, whose clock they go by.
func (w *town) vidqOn(store *memory, sc *scenarios.Scenario, nodes ...core.NodeID) (stop func()) {
	w.Helper()
	return w.run(&live.Options{
		Scenario: sc, Scheduler: sc.Scheduler.Spec, Seed: sc.Seed, Clock: store.clock, Store: store,
		HTTP: &live.HTTP{Listen: w.net.Listen, Dial: w.net.Dialer}, Nodes: nodes, RealLinks: len(nodes) > 0,
	})
}

func (w *town) run(o *live.Options) (stop func()) {
	w.Helper()
	s, err := live.New(*o)
	require.NoError(w, err)
	require.NoError(w, s.Open())
	ctx, cancel := context.WithCancel(w.Context())
	s.Start(ctx)
	stop = sync.OnceFunc(func() {
		cancel()
		_, err := s.Stop(context.Background())
		assert.NoError(w, err)
	})
	w.Cleanup(stop)
	time.Sleep(2 * time.Second) // nodes begin within the first
	return stop
}

// said is what a request was answered.
type said struct {
	status int
	kind   string
	body   []byte
	took   time.Duration
}

// json returns the answer as a JSON value.
func (s *said) json(t testing.TB) any {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal(s.body, &v), "HTTP %d %s", s.status, s.body)
	return v
}

// at returns what stands at a path of the answer's JSON, nil if nothing does.
func (s *said) at(t testing.TB, path ...string) any {
	t.Helper()
	return within(s.json(t), path...)
}

func within(v any, path ...string) any {
	for _, k := range path {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

// ask makes a request as a program of the original would: from an ip, with a JSON body or none (nil).
func (w *town) ask(from, method, url string, body any) *said {
	w.Helper()
	var data []byte
	if text, ok := body.(string); ok {
		data = []byte(text)
	} else if body != nil {
		var err error
		data, err = json.Marshal(body)
		require.NoError(w, err)
	}
	begin := time.Now()
	a, err := w.request(w.Context(), from, method, url, data)
	require.NoError(w, err)
	defer func() { _ = a.Body.Close() }()
	out := &said{status: a.StatusCode, kind: a.Header.Get("Content-Type")}
	out.body, err = io.ReadAll(a.Body)
	require.NoError(w, err)
	out.took = time.Since(begin)
	return out
}

func (w *town) request(ctx context.Context, from, method, url string, body []byte) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	c := http.Client{Transport: &http.Transport{DialContext: w.net.Dialer(netip.MustParseAddr(from)), DisableKeepAlives: true}}
	return c.Do(r)
}

// get asks for what is told of something, as a user would.
func (w *town) get(url string) *said { w.Helper(); return w.ask("127.0.0.1", http.MethodGet, url, nil) }

// submit submits a query on a video and returns its id.
func (w *town) submit(nodeAddr string, video int, pipeline ...string) string {
	w.Helper()
	a := w.ask("127.0.0.1", http.MethodPost, "127.0.0.1:5000/query/submit_query", obj{
		"node_addr": nodeAddr, "video_id": video, "pipeline": pipeline, "user_constraint": obj{"delay": .3, "accuracy": .9},
	})
	require.Equal(w, http.StatusOK, a.status, "%s", a.body)
	return a.at(w, "query_id").(string)
}

var faces = []string{"face_detection", "face_alignment"}

// loops returns the n_loop of each frame that get_result tells of a query.
func (w *town) loops(id string) (all []float64) {
	w.Helper()
	frames, _ := w.get("127.0.0.1:5000/query/get_result/"+id).at(w, "appended_result").([]any)
	for _, f := range frames {
		all = append(all, within(f, "n_loop").(float64))
	}
	return all
}

// row returns a query's row of the list.
func (w *town) row(id string) map[string]any {
	w.Helper()
	for _, r := range w.get("127.0.0.1:5000/query/list").at(w, "queries").([]any) {
		if within(r, "query_id") == id {
			return r.(map[string]any)
		}
	}
	require.Fail(w, "not in the list", id)
	return nil
}

// done returns how many frames of a query are stored.
func (w *town) done(id string) float64 { w.Helper(); return w.row(id)["frames_done"].(float64) }

// obj is a JSON object.
type obj = map[string]any

// heard is a request that a program of the original got.
type heard struct {
	from, path string
	header     http.Header
	body       any
}

// program is a program of the original: it listens, remembers what it was asked and answers as
// its captured exchanges do.
type program struct {
	w       *town
	servers []*http.Server
	group   sync.WaitGroup

	mu    sync.Mutex
	asked []heard
}

// html500 is how the original fails.
func html500(rw http.ResponseWriter) {
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.WriteHeader(http.StatusInternalServerError)
	_, _ = io.WriteString(rw, "<!doctype html>\n<title>500 Internal Server Error</title>\n")
}

// listen has answer tell what is answered at an address; nil = HTTP 500.
func (p *program) listen(addr string, answer func(path string, body any) any) {
	l, err := p.w.net.Listen(addr)
	require.NoError(p.w, err)
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h := heard{from: r.RemoteAddr, path: r.URL.Path, header: r.Header}
		if data, err := io.ReadAll(r.Body); err != nil || len(data) > 0 && json.Unmarshal(data, &h.body) != nil {
			html500(rw)
			return
		}
		p.mu.Lock()
		p.asked = append(p.asked, h)
		p.mu.Unlock()
		v := answer(h.path, h.body)
		if v == nil {
			html500(rw)
			return
		}
		rw.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(rw).Encode(v)
	})}
	p.servers = append(p.servers, s)
	p.group.Go(func() { _ = s.Serve(l) })
}

// close ends the program, as kill -9 does.
func (p *program) close() {
	for _, s := range p.servers {
		_ = s.Close()
	}
	p.servers = nil
	p.group.Wait()
}

// heardAt returns the requests to a path, or those to all below one that ends with a slash.
func (p *program) heardAt(path string) (all []heard) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.asked {
		if h.path == path || strings.HasSuffix(path, "/") && strings.HasPrefix(h.path, path) {
			all = append(all, h)
		}
	}
	return all
}
