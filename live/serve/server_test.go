package serve_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/live/serve"
	"vidq/live/serve/pipenet"
	"vidq/live/serve/servetest"
	"vidq/live/wire"
)

// line is a server on a network in memory, in a bubble.
type line struct {
	t      *testing.T
	server *serve.Server
	served chan error
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	http   *http.Transport
	scheme string
}

const lineAddr = "127.0.0.1:5000"

// online runs f in a bubble with a server of h; all must be over when it ends.
func online(t *testing.T, h serve.Handlers, o serve.Options, f func(t *testing.T, l *line)) {
	synctest.Test(t, func(t *testing.T) {
		o.Log = quiet
		s, err := serve.New(h, o)
		require.NoError(t, err)
		n := &pipenet.Net{}
		at, err := n.Listen(lineAddr)
		require.NoError(t, err)
		l := &line{t, s, make(chan error, 1), n.Dialer(netip.MustParseAddr("127.0.0.2")), nil, "http"}
		go func() { l.served <- s.Serve(at) }()
		l.http = &http.Transport{DialContext: l.dial}
		f(t, l)
		l.http.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		assert.NoError(t, s.Shutdown(ctx))
		assert.NoError(t, <-l.served)
	})
}

// conn opens a connection.
func (l *line) conn() net.Conn {
	c, err := l.dial(l.t.Context(), "tcp", lineAddr)
	require.NoError(l.t, err)
	return c
}

// answer is what a request came to.
type answer struct {
	code  int
	body  string
	head  http.Header
	err   error
	took  time.Duration
	proto string
}

// ask makes a request, and waits for the whole answer.
func (l *line) ask(ctx context.Context, method, target, kind string, body io.Reader) answer {
	start := time.Now()
	r, err := http.NewRequestWithContext(ctx, method, l.scheme+"://"+lineAddr+target, body)
	require.NoError(l.t, err)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	w, err := l.http.RoundTrip(r)
	if err != nil {
		return answer{err: err, took: time.Since(start)}
	}
	b, err := io.ReadAll(w.Body)
	w.Body.Close()
	return answer{w.StatusCode, string(b), w.Header, err, time.Since(start), w.Proto}
}

func (l *line) get(target string) answer {
	return l.ask(l.t.Context(), http.MethodGet, target, "", nil)
}

// begin makes a request in the background.
func (l *line) begin(ctx context.Context, target string) <-chan answer {
	out := make(chan answer, 1)
	go func() { out <- l.ask(ctx, http.MethodGet, target, "", nil) }()
	synctest.Wait()
	return out
}

// slow is a node whose answers take some time.
func slow(d time.Duration) *servetest.Node {
	return &servetest.Node{Do: func(ctx context.Context, _ string) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return fmt.Errorf("waiting: %w", ctx.Err())
		}
	}}
}

func manager(n *servetest.Node) serve.Handlers { return n.Handlers(wire.PortManager) }

func TestAnswersComeInTime(t *testing.T) {
	online(t, manager(slow(time.Hour)), serve.Options{Timeout: 7 * time.Second}, func(t *testing.T, l *line) {
		a := l.get("/query/list")
		assert.Equal(t, 504, a.code)
		assert.Contains(t, a.body, `"error"`)
		assert.Equal(t, 7*time.Second, a.took)
		// A caller that goes away ends its call.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		a = l.ask(ctx, http.MethodGet, "/query/list", "", nil)
		assert.ErrorIs(t, a.err, context.DeadlineExceeded)
		synctest.Wait()
	})
	online(t, manager(slow(6*time.Second)), serve.Options{Timeout: 7 * time.Second, Stall: time.Second}, func(t *testing.T, l *line) {
		for range 3 { // one connection: no deadline of one request is left for the next
			a := l.ask(t.Context(), http.MethodPost, "/node/heartbeat", wire.JSONType, strings.NewReader(valid["/node/heartbeat"]))
			assert.Equal(t, 200, a.code, a.body)
			assert.Equal(t, 6*time.Second, a.took)
		}
	})
}

// TestSlowCallers: who sends headers or a body by drops, or nothing at all, is thrown out.
func TestSlowCallers(t *testing.T) {
	o := serve.Options{Headers: 3 * time.Second, Idle: 20 * time.Second, Timeout: time.Minute, MinRate: 1000}
	online(t, manager(&servetest.Node{}), o, func(t *testing.T, l *line) {
		closed := func(c net.Conn, want time.Duration) {
			t.Helper()
			start := time.Now()
			_, _ = io.Copy(io.Discard, c)
			assert.Equal(t, want, time.Since(start))
			c.Close()
		}
		closed(l.conn(), 3*time.Second)
		c := l.conn()
		go func(c net.Conn) { // a header by drops
			for _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "); err == nil; _, err = io.WriteString(c, "x") {
				time.Sleep(time.Second / 2)
			}
		}(c)
		closed(c, 3*time.Second)
		c = l.conn() // used once, then idle
		_, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		require.NoError(t, err)
		a, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		assert.Equal(t, 200, a.StatusCode)
		_, _ = io.Copy(io.Discard, a.Body)
		a.Body.Close()
		closed(c, 20*time.Second)
		for _, b := range []struct {
			rate int // bytes per second
			want int
			took time.Duration
		}{
			{100, 400, 5*time.Second + 555555555},
			{2000, 200, 0},
			{0, 400, 5 * time.Second},
		} {
			body := valid["/node/heartbeat"]
			body += strings.Repeat(" ", 20_000-len(body))
			a := l.ask(t.Context(), http.MethodPost, "/node/heartbeat", wire.JSONType, &drops{text: body, rate: b.rate})
			assert.Equal(t, b.want, a.code, a.body)
			if b.want == 200 {
				assert.Greater(t, a.took, 8*time.Second)
			} else {
				assert.InDelta(t, b.took, a.took, float64(time.Second), "%v", a.took)
				assert.Contains(t, a.body, "could not be read")
			}
		}
		time.Sleep(time.Hour) // until the drops have stopped
	})
}

// drops reads a text at a rate, ten times a second; rate 0 = nothing comes for an hour.
type drops struct {
	text string
	rate int
}

func (d *drops) Read(b []byte) (int, error) {
	if d.rate == 0 {
		time.Sleep(time.Hour / 2)
		return 0, io.ErrUnexpectedEOF
	}
	if d.text == "" {
		return 0, io.EOF
	}
	time.Sleep(time.Second / 10)
	n := copy(b, d.text[:min(len(d.text), d.rate/10)])
	d.text = d.text[n:]
	return n, nil
}

// TestAskedToGoOn: who waits for leave to send a body gets it, on a connection that was idle for longer than a
// reader may stall.
func TestAskedToGoOn(t *testing.T) {
	online(t, manager(&servetest.Node{}), serve.Options{Stall: time.Second}, func(t *testing.T, l *line) {
		c := l.conn()
		r := bufio.NewReader(c)
		body := valid["/node/heartbeat"]
		for range 2 {
			_, err := io.WriteString(c, "POST /node/heartbeat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n")
			require.NoError(t, err)
			line, err := r.ReadString('\n')
			require.NoError(t, err)
			assert.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
			_, _ = r.ReadString('\n')
			_, err = io.WriteString(c, body)
			require.NoError(t, err)
			a, err := http.ReadResponse(r, nil)
			require.NoError(t, err)
			assert.Equal(t, 200, a.StatusCode)
			_, _ = io.Copy(io.Discard, a.Body)
			a.Body.Close()
			time.Sleep(10 * time.Second)
		}
		// Who announces too much is told so before it sends.
		_, err := io.WriteString(c, "POST /node/join HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n")
		require.NoError(t, err)
		a, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		assert.Equal(t, 413, a.StatusCode)
		a.Body.Close()
		c.Close()
	})
}

func TestFullPorts(t *testing.T) {
	online(t, manager(slow(10*time.Second)), serve.Options{Requests: 2}, func(t *testing.T, l *line) {
		first, second := l.begin(t.Context(), "/query/list"), l.begin(t.Context(), "/query/list")
		a := l.get("/query/list")
		assert.Equal(t, 503, a.code)
		assert.Equal(t, "1", a.head.Get("Retry-After"))
		assert.Zero(t, a.took)
		assert.Equal(t, 200, l.get("/healthz").code, "it lives all the same")
		assert.Equal(t, 200, (<-first).code)
		assert.Equal(t, 200, (<-second).code)
		assert.Equal(t, 200, l.get("/query/list").code)
	})
	node := &servetest.Node{}
	online(t, node.Handlers(wire.PortSideCloud), serve.Options{Streams: 1, Requests: 1}, func(t *testing.T, l *line) {
		ctx, leave := context.WithCancel(t.Context())
		viewer := l.begin(ctx, "/user/video/GLOBAL_ID_7")
		assert.Equal(t, 503, l.get("/user/video/GLOBAL_ID_7").code)
		update := l.ask(t.Context(), http.MethodPost, "/user/update_node_addr", wire.JSONType, strings.NewReader(valid["/user/update_node_addr"]))
		assert.Equal(t, 200, update.code, "viewers take no place of calls: %s", update.body)
		leave()
		<-viewer
		synctest.Wait()
		ctx, leave = context.WithTimeout(t.Context(), time.Second)
		defer leave()
		a := l.ask(ctx, http.MethodGet, "/user/video/GLOBAL_ID_7", "", nil)
		assert.Equal(t, 200, a.code)
		assert.Contains(t, a.body, "video of GLOBAL_ID_7 for 127.0.0.2:")
	})
}

func TestConnectionsAreBounded(t *testing.T) {
	online(t, manager(&servetest.Node{}), serve.Options{Connections: 2, Headers: 5 * time.Second}, func(t *testing.T, l *line) {
		a, b := l.conn(), l.conn()
		start := time.Now()
		c := l.conn() // accepted when the others were thrown out
		assert.Equal(t, 5*time.Second, time.Since(start))
		for _, c := range []net.Conn{a, b, c} {
			c.Close()
		}
	})
}

// TestStalledViewers: a viewer that no longer reads is left after Options.Stall; one that has
// nothing to read is not.
func TestStalledViewers(t *testing.T) {
	var left chan time.Duration // of the bubble
	show := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := w.Write([]byte("first")); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		time.Sleep(time.Hour)
		start := time.Now()
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 10_000)); err != nil {
				break
			}
		}
		left <- time.Since(start)
	})
	online(t, serve.SideEdge(show), serve.Options{Stall: 4 * time.Second, Timeout: time.Second}, func(t *testing.T, l *line) {
		left = make(chan time.Duration, 1)
		c := l.conn()
		_, err := io.WriteString(c, "GET /user/video/GLOBAL_ID_7 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		require.NoError(t, err)
		r := bufio.NewReader(c)
		for line := ""; line != "first\r\n"; {
			line, err = r.ReadString('\n')
			require.NoError(t, err)
		}
		assert.Equal(t, 4*time.Second, <-left)
		c.Close()
	})
}

func TestShutdown(t *testing.T) {
	online(t, manager(slow(10*time.Second)), serve.Options{}, func(t *testing.T, l *line) {
		under := l.begin(t.Context(), "/query/list")
		start := time.Now()
		require.NoError(t, l.server.Shutdown(t.Context()))
		a := <-under
		assert.Equal(t, 200, a.code, "what is under way is finished")
		assert.Equal(t, 10*time.Second, a.took)
		assert.InDelta(t, 10*time.Second, time.Since(start), float64(time.Second))
		assert.Error(t, l.get("/healthz").err, "nobody listens any more")
	})
	online(t, manager(slow(time.Hour)), serve.Options{Timeout: time.Hour}, func(t *testing.T, l *line) {
		under := l.begin(t.Context(), "/query/list")
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		assert.ErrorIs(t, l.server.Shutdown(ctx), context.DeadlineExceeded)
		a := <-under
		assert.InDelta(t, 5*time.Second, a.took, float64(time.Second/2))
	})
	node := &servetest.Node{}
	online(t, node.Handlers(wire.PortSideEdge), serve.Options{}, func(t *testing.T, l *line) {
		viewer := l.begin(t.Context(), "/user/video/GLOBAL_ID_7")
		time.Sleep(time.Minute)
		start := time.Now()
		require.NoError(t, l.server.Shutdown(t.Context()))
		assert.Less(t, time.Since(start), time.Second, "viewers are sent home")
		a := <-viewer
		assert.Equal(t, 200, a.code)
		assert.NoError(t, a.err, "their stream ends as it should")
	})
}
