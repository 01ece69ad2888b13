package client_test

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"vidq/live/client"
	"vidq/live/serve"
	"vidq/live/serve/pipenet"
	"vidq/live/serve/servetest"
	"vidq/live/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quiet is a log that nobody reads.
var quiet = slog.New(slog.DiscardHandler)

// network is a way for servers and clients to meet.
type network struct {
	listen func(addr string) (net.Listener, error)
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
}

// pipes is a network in memory, on which the caller has an ip.
func pipes(from string) network {
	n := &pipenet.Net{}
	return network{n.Listen, n.Dialer(netip.MustParseAddr(from))}
}

// loopback is the system's.
func loopback() network {
	return network{func(addr string) (net.Listener, error) {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		return net.Listen("tcp", net.JoinHostPort(host, "0"))
	}, nil}
}

// up serves a port of n at an address until the test, or the bubble, ends. It returns where it
// really is.
func (w network) up(t testing.TB, n *servetest.Node, p wire.Port, addr string, o serve.Options) (at string, down func()) {
	if o.Log == nil {
		o.Log = quiet
	}
	s, err := serve.New(n.Handlers(p), o)
	require.NoError(t, err)
	l, err := w.listen(addr)
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	return l.Addr().String(), func() {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		assert.NoError(t, s.Shutdown(ctx))
		assert.NoError(t, <-served)
	}
}

// caller returns a client on the network.
func (w network) caller(o client.Options) *client.Client {
	o.Dial = w.dial
	if o.Book == nil {
		o.Book = servetest.Book{}
	}
	return client.New(o)
}
