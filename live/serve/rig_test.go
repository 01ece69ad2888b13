package serve_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

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
