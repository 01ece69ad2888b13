package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"vidq/core"
	"vidq/live/wire"
)

// Options are how a Client calls. Zero fields take the default.
type Options struct {
	// Dial connects; nil = over TCP, from the ip From.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// From is the ip that a node calls from, by which the original's programs know it. Zero =
	// whichever the system takes.
	From netip.Addr
	// Book translates core's ids to addresses, for peers of the original. nil = none are
	// known: a peer of vidq needs none.
	Book   wire.Book
	Token  string      // of a role, "" = none
	TLS    *tls.Config // nil = plain HTTP; see serve.ClientTLS
	Limits wire.Limits // of images

	Timeout time.Duration // of a control call; default 5 s
	Task    time.Duration // of a service's work; default 30 s
	Connect time.Duration // of a connection's making; default 2 s
	Idle    time.Duration // that an unused connection stays open; default 30 s, less than serve's
}

func (o Options) withDefaults() Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.Timeout, 5*time.Second)
	def(&o.Task, 30*time.Second)
	def(&o.Connect, 2*time.Second)
	def(&o.Idle, 30*time.Second)
	o.Limits = o.Limits.WithDefaults()
	if o.Book == nil {
		o.Book = blank{}
	}
	if o.Dial == nil {
		d := &net.Dialer{KeepAlive: 15 * time.Second}
		if o.From.IsValid() {
			d.LocalAddr = &net.TCPAddr{IP: o.From.AsSlice(), Zone: o.From.Zone()}
		}
		o.Dial = d.DialContext
	}
	return o
}

// Bounds.
const (
	maxAnswer   = 32 << 20 // bytes of a control call's answer: a page of the longest rows
	maxHeaders  = 64 << 10 // bytes of an answer's headers
	connections = 256      // to one address
	idle        = 32       // of them, unused ones
)

// Client calls peers. It is safe for concurrent use.
type Client struct {
	options   Options
	transport *http.Transport
}

// New returns a client, to be closed.
func New(o Options) *Client {
	o = o.withDefaults()
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, o.Connect)
		defer cancel()
		return o.Dial(ctx, network, addr)
	}
	return &Client{options: o, transport: &http.Transport{
		DialContext: dial, TLSClientConfig: o.TLS, TLSHandshakeTimeout: o.Connect, IdleConnTimeout: o.Idle,
		MaxConnsPerHost: connections, MaxIdleConnsPerHost: idle, MaxResponseHeaderBytes: maxHeaders,
		DisableCompression: true, WriteBufferSize: 32 << 10, ReadBufferSize: 32 << 10,
	}}
}

// Close closes the connections that are not in use.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Peer is one port of a node, which calls go to.
type Peer struct {
	client *Client
	addr   string
	plain  bool
}

// Peer returns the port at an address, ip:port. plain says that it is the original's: it is
// not told what the original does not know.
func (c *Client) Peer(addr string, plain bool) Peer { return Peer{c, addr, plain} }

// Addr returns the peer's address.
func (p Peer) Addr() string { return p.addr }

// message is what is sent to a peer.
type message struct {
	method string
	path   string // escaped
	query  url.Values
	kind   string
	body   []byte
	header http.Header // to be added
	once   bool        // must not be sent again on another connection
}

// send sends m and returns what comes back, whose body the caller must close. ctx bounds that, too.
func (p Peer) send(ctx context.Context, m *message) (*http.Response, error) {
	u := url.URL{Scheme: "http", Host: p.addr, RawPath: m.path, RawQuery: m.query.Encode()}
	u.Path, _ = url.PathUnescape(m.path) // which this package has escaped
	if p.client.options.TLS != nil {
		u.Scheme = "https"
	}
	r, err := http.NewRequestWithContext(ctx, m.method, u.String(), nil)
	if err != nil {
		return nil, &Unreachable{p.addr, err}
	}
	if m.body != nil {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(m.body)), int64(len(m.body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(m.body)), nil }
		r.Header.Set("Content-Type", m.kind)
	}
	for k, v := range m.header {
		r.Header[k] = v
	}
	r.Header.Set("User-Agent", "vidq")
	if t := p.client.options.Token; t != "" {
		r.Header.Set("Authorization", "Bearer "+t)
	}
	if !m.once {
		r.Header["Idempotency-Key"] = []string{} // tells http.Transport, and is not sent
	}
	a, err := p.client.transport.RoundTrip(r)
	if err != nil {
		return nil, p.lost(ctx, err)
	}
	return a, nil
}

// answer is what came back to a message.
type answer struct {
	status int
	kind   string
	length int64
	body   io.Reader
}

// exchange sends m and has the answer read. Errors are those that read returns,
// *Unreachable and those that wrap ctx's.
func (p Peer) exchange(ctx context.Context, timeout time.Duration, m *message, read func(a *answer) error) (got int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	a, err := p.send(ctx, m)
	if err != nil {
		return 0, err
	}
	body := &counted{r: a.Body}
	err = read(&answer{a.StatusCode, a.Header.Get("Content-Type"), a.ContentLength, body})
	_ = a.Body.Close() // what is wrong with it has been read
	if body.err != nil {
		return body.n, p.lost(ctx, body.err)
	}
	return body.n, err
}

// counted counts what is read, and keeps the error that reading ended with.
type counted struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// post makes a control call with a body, and returns its answer.
func post[A any](ctx context.Context, p Peer, path string, in any, once bool) (out A, err error) {
	m := &message{method: http.MethodPost, path: path, kind: wire.JSONType, once: once}
	if p.plain {
		m.body, err = wire.EncodePlain(in)
	} else {
		m.body, err = wire.Encode(in)
	}
	if err != nil {
		return out, err
	}
	return control[A](ctx, p, m)
}

// get makes a control call without a body, and returns its answer.
func get[A any](ctx context.Context, p Peer, path string, query url.Values) (A, error) {
	return control[A](ctx, p, &message{method: http.MethodGet, path: path, query: query})
}

func control[A any](ctx context.Context, p Peer, m *message) (out A, err error) {
	_, err = p.exchange(ctx, p.client.options.Timeout, m, func(a *answer) (err error) {
		out, err = wire.ReadAnswer[A](a.status, a.kind, a.body, a.length, maxAnswer)
		return err
	})
	return out, err
}

// blank is the Book of who knows no addresses.
type blank struct{}

func (blank) Addr(core.NodeID) string                           { return "" }
func (blank) NodeAt(string) (core.NodeID, bool)                 { return "", false }
func (blank) Role(core.NodeID) core.Role                        { return core.RoleEdge }
func (blank) Video(core.NodeID, core.CameraID) (int, bool)      { return 0, false }
func (blank) Camera(core.NodeID, int) (c core.CameraID, b bool) { return "", false }
