package pipenet

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var here = netip.MustParseAddr("127.0.0.2")

func TestAddresses(t *testing.T) {
	n := &Net{}
	dial := n.Dialer(here)
	for _, addr := range []string{"127.0.0.1:5000", "127.0.0.1:0", "0.0.0.0:5001", "[::1]:5000"} {
		l, err := n.Listen(addr)
		require.NoError(t, err)
		to := l.Addr().String()
		if addr == "0.0.0.0:5001" {
			to = "127.0.0.7:5001"
		}
		accepted := make(chan net.Conn)
		go func() {
			c, _ := l.Accept()
			accepted <- c
		}()
		a, err := dial(t.Context(), "tcp", to)
		require.NoError(t, err)
		b := <-accepted
		assert.Equal(t, to, a.RemoteAddr().String())
		assert.Equal(t, to, b.LocalAddr().String())
		assert.Equal(t, a.LocalAddr(), b.RemoteAddr())
		from := netip.MustParseAddrPort(a.LocalAddr().String())
		assert.Equal(t, here, from.Addr())
		assert.GreaterOrEqual(t, from.Port(), uint16(firstPort))
		_, err = n.Listen(l.Addr().String())
		assert.ErrorIs(t, err, syscall.EADDRINUSE)
		require.NoError(t, l.Close())
		require.NoError(t, l.Close())
		_, err = l.Accept()
		assert.ErrorIs(t, err, net.ErrClosed)
		_, err = dial(t.Context(), "tcp", to)
		assert.ErrorIs(t, err, syscall.ECONNREFUSED)
		go io.WriteString(a, "x") // a connection outlives its listener
		_, err = b.Read(make([]byte, 1))
		assert.NoError(t, err)
		a.Close()
		l, err = n.Listen(l.Addr().String())
		require.NoError(t, err, "the address is free again")
		require.NoError(t, l.Close())
	}
	_, err := n.Listen("nowhere")
	assert.ErrorContains(t, err, "listen tcp")
	_, err = dial(t.Context(), "tcp", "nowhere:1")
	assert.ErrorContains(t, err, "dial tcp")
	assert.Empty(t, n.listeners)
}

// TestNobodyAccepts: who dials waits for as long as he wants, or until it is closed.
func TestNobodyAccepts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &Net{}
		l, err := n.Listen("127.0.0.1:1")
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		_, err = n.Dialer(here)(ctx, "tcp", "127.0.0.1:1")
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Hour, time.Since(start))
		time.AfterFunc(time.Minute, func() { l.Close() })
		_, err = n.Dialer(here)(t.Context(), "tcp", "127.0.0.1:1")
		assert.ErrorIs(t, err, syscall.ECONNREFUSED)
	})
}

// TestHTTPLeavesNothing: a bubble whose goroutines do not end fails. Bodies that the server does not
// read are among the requests.
func TestHTTPLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &Net{}
		l, err := n.Listen("127.0.0.1:80")
		require.NoError(t, err)
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(10 * time.Millisecond)
			if r.URL.Path == "/early" {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
				return
			}
			b, _ := io.ReadAll(r.Body) // net/http does not read on once the answer has begun
			_, _ = w.Write(b)
		})}
		done := make(chan error)
		go func() { done <- s.Serve(l) }()
		tr := &http.Transport{DialContext: n.Dialer(here)}
		start := time.Now()
		for i := range 50 {
			path := []string{"/early", "/"}[i%2]
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1"+path, io.LimitReader(zeros{}, 1<<20))
			require.NoError(t, err)
			a, err := tr.RoundTrip(r)
			require.NoError(t, err)
			b, err := io.ReadAll(a.Body)
			require.NoError(t, err)
			require.NoError(t, a.Body.Close())
			assert.Equal(t, map[string]int{"/": 1 << 20}[path], len(b))
		}
		assert.Equal(t, 50*10*time.Millisecond, time.Since(start), "the network takes no time")
		tr.CloseIdleConnections()
		require.NoError(t, s.Shutdown(t.Context()))
		assert.ErrorIs(t, <-done, http.ErrServerClosed)
	})
}

// zeros reads as zeros without end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }
