package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"vidq/live/wire"
)

// Options are how a Server serves. Zero fields take the default.
type Options struct {
	Version string // of vidq, for the OpenAPI description
	Access  Access
	TLS     *tls.Config // nil = plain HTTP; see TLS
	Log     *slog.Logger
	Epoch   time.Time // from which the node counts its time; told by the health's answers. Zero = not told
	// Ready tells why the node cannot do its work yet; nil = it can. nil = always ready.
	Ready func(context.Context) error
	// Metrics answers GET /metrics; nil = there are none.
	Metrics http.Handler
	Limits  wire.Limits // of images

	Timeout     time.Duration // of a request, from its headers to its answer; default 30 s
	Headers     time.Duration // for a request's headers; default 5 s
	Idle        time.Duration // that an unused connection stays open; default 2 min
	Stall       time.Duration // that a reader of an answer may take nothing; default 10 s
	MinRate     int           // least rate of a body after its first 5 s, bytes/s; default 10 kB/s
	Requests    int           // that are answered at once; more get 503. Default 256
	Streams     int           // that are sent at once; more get 503. Default 64
	Connections int           // open connections; more wait. Default 1024
}

func (o Options) withDefaults() Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.Timeout, 30*time.Second)
	def(&o.Headers, 5*time.Second)
	def(&o.Idle, 2*time.Minute)
	def(&o.Stall, 10*time.Second)
	bound := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	bound(&o.MinRate, 10_000)
	bound(&o.Requests, 256)
	bound(&o.Streams, 64)
	bound(&o.Connections, 1024)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	o.Limits = o.Limits.WithDefaults()
	return o
}

// maxHeaders bounds a request's line and headers, bytes.
const maxHeaders = 64 << 10

// Server serves one port of one node.
type Server struct {
	port    wire.Port
	options Options
	chain   *chain
	http    http.Server
	end     context.CancelFunc // of all requests under way
	silent  silent
}

// New returns a server that answers by h. It panics unless h has exactly the routes of
// its port. Errors are of the options.
func New(h Handlers, o Options) (*Server, error) {
	o = o.withDefaults()
	c, err := newChain(&h, &o)
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(context.Background())
	s := &Server{port: h.port, options: o, chain: c, end: end}
	s.http = http.Server{
		Handler: c, TLSConfig: o.TLS.Clone(), // which net/http changes, and ports share
		ReadHeaderTimeout: o.Headers, IdleTimeout: o.Idle, MaxHeaderBytes: maxHeaders,
		ErrorLog:    slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug), // what strangers do to a port is no news
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnState:   s.silent.note,
	}
	return s, nil
}

// Handler returns what answers requests, for who has connections of his own.
func (s *Server) Handler() http.Handler { return s.chain }

// Admissible reports why the server must not listen at an address; see Serve.
func (s *Server) Admissible(at net.Addr) error { return s.options.admissible(s.port, at) }

// Serve answers what comes in at l until Shutdown, and closes l. It refuses to serve
// strangers: beyond the loopback callers must be asked for tokens or certificates, unless
// Access.Insecure.
func (s *Server) Serve(l net.Listener) error {
	if err := s.options.admissible(s.port, l.Addr()); err != nil {
		return errors.Join(err, l.Close())
	}
	ip, ok := ipOf(l.Addr().String())
	if s.options.TLS == nil && s.options.Access.Tokens != (Tokens{}) && !s.options.Access.Insecure && (!ok || !ip.IsLoopback()) {
		s.options.Log.Warn("tokens go over the network readable; give --tls-cert and --tls-key", "address", l.Addr().String())
	}
	l = bounded(l, s.options.Connections)
	defer func() { _ = l.Close() }() // net/http leaves it open when the certificate is none
	var err error
	if s.options.TLS != nil {
		err = s.http.ServeTLS(l, "", "")
	} else {
		err = s.http.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Shutdown closes the listener and ends the streams, waits for the requests under way until ctx
// ends, and then breaks off those that are left, whose number is not told: the error is
// that of ctx. The server cannot be used again.
func (s *Server) Shutdown(ctx context.Context) error {
	s.chain.endStreams()
	s.silent.end()
	err := s.http.Shutdown(ctx)
	s.end()
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	return err
}
