package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"reflect"
	"runtime/debug"
	"strings"
	"time"

	"vidq/core"
	"vidq/live/wire"
)

// chain is what every request of a port goes through: pages of the web are kept out,
// a route is found, the caller is asked who it is, a place is taken, the body is read, and
// the call answered in time.
type chain struct {
	options    *Options
	port       wire.Port
	gate       gate
	mux        *http.ServeMux
	places     chan struct{} // of requests
	viewers    chan struct{} // places of streams
	streams    context.Context
	endStreams context.CancelFunc
}

func newChain(h *Handlers, o *Options) (*chain, error) {
	g, err := newGate(&o.Access)
	if err != nil {
		return nil, err
	}
	c := &chain{
		options: o, port: h.port, gate: g, mux: http.NewServeMux(),
		places: make(chan struct{}, o.Requests), viewers: make(chan struct{}, o.Streams),
	}
	c.streams, c.endStreams = context.WithCancel(context.Background())
	own := c.own()
	chassis := map[string]bool{}
	for k := range own {
		chassis[k] = true
	}
	h.check(chassis)
	allowed := map[string][]string{}
	for _, r := range wire.Routes() {
		if r.Port != h.port {
			continue
		}
		k := key(&r)
		if r.Media == "" || h.calls[k] != nil {
			f := h.calls[k]
			if f == nil {
				f = own[k].call
			}
			c.mux.Handle(k, c.answering(&r, f))
		} else if s := h.streams[k]; s != nil {
			c.mux.Handle(k, c.streaming(&r, s))
		} else {
			c.mux.Handle(k, c.passing(&r, own[k].handler))
		}
		allowed[r.Path] = append(allowed[r.Path], r.Method)
		if r.Method == http.MethodGet {
			allowed[r.Path] = append(allowed[r.Path], http.MethodHead)
		}
	}
	for p, methods := range allowed {
		c.mux.Handle(p, notAllowed(methods))
	}
	c.mux.HandleFunc("/", c.notFound)
	return c, nil
}

// ServeHTTP answers a request.
func (c *chain) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w := &writer{ResponseWriter: rw, control: http.NewResponseController(rw), stall: c.options.Stall}
	start := time.Now()
	defer func() {
		if p := recover(); p != nil {
			c.recovered(w, r, p)
		}
		c.options.Log.Debug("request", "port", int(c.port), "method", r.Method, "path", r.URL.Path, "from", r.RemoteAddr, "status", w.status, "took", time.Since(start))
	}()
	head := w.Header()
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Cache-Control", "no-store")
	if answered := c.gate.pages(w, r); answered {
		return
	}
	// What is no clean path ServeMux redirects, by a page of HTML.
	if !clean(r.URL.Path) || !clean(r.URL.EscapedPath()) {
		c.notFound(w, r)
		return
	}
	c.mux.ServeHTTP(w, r)
}

func clean(p string) bool {
	return strings.HasPrefix(p, "/") && (p == path.Clean(p) || p == path.Clean(p)+"/")
}

// recovered answers a request whose handler panicked. What has been begun cannot be taken back: the
// connection is broken off.
func (c *chain) recovered(w *writer, r *http.Request, p any) {
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p) // asked for by the handler, handled by net/http
	}
	c.options.Log.Error("a handler panicked", "port", int(c.port), "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	if w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	internal().Write(w)
}

func (c *chain) notFound(w http.ResponseWriter, _ *http.Request) {
	wire.Errorf(http.StatusNotFound, "there is no such path on port %d; GET /openapi.json tells those there are", c.port).Write(w)
}

func notAllowed(methods []string) http.Handler {
	allow := strings.Join(methods, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allow)
		wire.Errorf(http.StatusMethodNotAllowed, "the method is not taken here; use %s", allow).Write(w)
	})
}

// answering returns the handler of a route that is answered by one call.
func (c *chain) answering(route *wire.Route, f call) http.Handler {
	route = new(*route)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, free := c.admit(w, r, route, c.places)
		if free == nil {
			return
		}
		defer free()
		ctx, cancel := context.WithTimeout(r.Context(), c.options.Timeout)
		defer cancel()
		in := &request{http: r, caller: caller}
		a, err := (*reply)(nil), c.read(w, route, in)
		if err == nil {
			a, err = f(ctx, in)
		}
		c.write(w, r, a, err)
	})
}

// streaming returns the handler of a route that is answered without end.
func (c *chain) streaming(route *wire.Route, h http.Handler) http.Handler {
	route = new(*route)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, free := c.admit(w, r, route, c.viewers)
		if free == nil {
			return
		}
		defer free()
		ctx, cancel := context.WithCancel(context.WithValue(r.Context(), callerKey{}, caller))
		defer cancel()
		defer context.AfterFunc(c.streams, cancel)()
		h.ServeHTTP(w, r.WithContext(ctx))
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(c.options.Stall)) // of the end, which net/http writes
	})
}

// passing returns the handler of a route that another handler answers, in one piece.
func (c *chain) passing(route *wire.Route, h http.Handler) http.Handler {
	route = new(*route)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, free := c.admit(w, r, route, c.places)
		if free == nil {
			return
		}
		defer free()
		ctx, cancel := context.WithTimeout(r.Context(), c.options.Timeout)
		defer cancel()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

// admit asks who the caller is and takes a place for the request, which free gives
// back. free is nil if the request was refused. What is everybody's needs no place: a
// server that is full still tells that it lives.
func (c *chain) admit(w http.ResponseWriter, r *http.Request, route *wire.Route, places chan struct{}) (caller Caller, free func()) {
	caller, err := c.gate.caller(r, route.Access)
	if err != nil {
		if err.HTTP == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="vidq"`)
		}
		err.Write(w)
		return caller, nil
	}
	if route.Access == wire.AccessPublic {
		return caller, func() {}
	}
	select {
	case places <- struct{}{}:
		return caller, func() { <-places }
	default:
	}
	e := wire.Errorf(http.StatusServiceUnavailable, "%d requests are under way here, which is the most; try again", cap(places))
	e.RetryAfter = core.Second
	e.Write(w)
	return caller, nil
}

// read reads what the route wants of a request: its body, and the name of the frame.
func (c *chain) read(w http.ResponseWriter, route *wire.Route, r *request) (err error) {
	if route.Request == nil {
		return nil
	}
	h := r.http
	if e := h.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return wire.Errorf(http.StatusUnsupportedMediaType, "bodies that are compressed are not taken here; leave out Content-Encoding")
	}
	task := route.Request == reflect.TypeFor[wire.Task]()
	limit := route.Limit
	if task {
		limit = c.options.Limits.Body
	}
	body := &patient{r: http.MaxBytesReader(w, h.Body, limit), control: http.NewResponseController(w), start: time.Now(), options: c.options}
	kind := h.Header.Get("Content-Type")
	if !task {
		r.body, err = route.Decode(kind, body, h.ContentLength)
		return err
	}
	if r.frame, err = wire.FrameOf(h.Header); err != nil {
		return err
	}
	t, err := wire.ReadTask(kind, body, h.ContentLength, c.options.Limits)
	if err == nil {
		t.Arrival = core.Time(time.Since(body.start))
		r.body = t
	}
	return err
}

// patient reads a body that must come at a least rate. Its deadline ends with the body: net/http takes
// it back when it goes on to watch whether the caller is still there.
type patient struct {
	r       io.Reader
	control *http.ResponseController
	start   time.Time
	read    int64
	options *Options
}

// grace is how long a body may take before its rate counts.
const grace = 5 * time.Second

func (p *patient) Read(b []byte) (int, error) {
	allowed := grace + time.Duration(float64(p.read)/float64(p.options.MinRate)*float64(time.Second))
	// An error says that the connection has no deadlines, as in a test without one.
	_ = p.control.SetReadDeadline(p.start.Add(min(allowed, p.options.Timeout)))
	n, err := p.r.Read(b)
	p.read += int64(n)
	return n, err
}
