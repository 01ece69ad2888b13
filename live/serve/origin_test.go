package serve_test

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/live/serve"
	"vidq/live/serve/servetest"
	"vidq/live/wire"
)

// at says which of the server's addresses a request came in at.
func at(local string) func(*http.Request) {
	return func(r *http.Request) {
		ctx := context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(net.TCPAddrFromAddrPort(addrPort(local))))
		*r = *r.WithContext(ctx)
	}
}

func host(h string) func(*http.Request) { return func(r *http.Request) { r.Host = h } }

// TestNamesOfTheLoopback: a page whose name has been made to point at 127.0.0.1 calls by that name.
func TestNamesOfTheLoopback(t *testing.T) {
	for _, c := range []struct {
		local, host string
		ok          bool
	}{
		{"127.0.0.1:5000", "127.0.0.1:5000", true},
		{"127.0.0.1:5000", "127.0.0.1", true},
		{"127.0.0.1:5000", "127.8.9.1:80", true},
		{"127.0.0.1:5000", "localhost:5000", true},
		{"127.0.0.1:5000", "LOCALHOST.", true},
		{"127.0.0.1:5000", "vidq.localhost:5000", true},
		{"[::1]:5000", "[::1]:5000", true},
		{"[::1]:5000", "[::1]", true},
		{"[::ffff:127.0.0.1]:5000", "[::ffff:7f00:1]:5000", true},
		{"127.0.0.1:5000", "evil.example", false},
		{"127.0.0.1:5000", "evil.example:5000", false},
		{"127.0.0.1:5000", "localhost.evil.example", false},
		{"127.0.0.1:5000", "evillocalhost", false},
		{"127.0.0.1:5000", "127.0.0.1.evil.example", false},
		{"127.0.0.1:5000", "192.0.2.1:5000", false},
		{"127.0.0.1:5000", "0.0.0.0:5000", false},
		{"127.0.0.1:5000", "[::]:5000", false},
		{"[::1]:5000", "evil.example", false},
		{"127.0.0.1:5000", "", false},
		{"127.0.0.1:5000", ":5000", false},
		{"192.0.2.1:5000", "cloud.example:5000", true}, // others are asked who they are
	} {
		s := server(t, wire.PortManager, &servetest.Node{}, serve.Options{})
		for _, path := range []string{"/healthz", "/query/list", "/nowhere"} {
			w := callPort(s, http.MethodGet, path, "", "", at(c.local), host(c.host))
			if !c.ok {
				assert.Contains(t, refused(t, w, http.StatusForbidden), "Host", c.host)
			} else if path != "/nowhere" {
				assert.Equal(t, http.StatusOK, w.Code, c.host)
			}
		}
	}
}

// TestPagesOfTheWeb: what changes something must not come from a page of another origin.
func TestPagesOfTheWeb(t *testing.T) {
	const stop = "/query/stop_query/GLOBAL_ID_7"
	friend := serve.Access{Origins: []string{"http://localhost:3000"}}
	for _, c := range []struct {
		name   string
		access serve.Access
		method string
		how    []func(*http.Request)
		want   int
		allow  string
	}{
		{"no page", serve.Access{}, "POST", nil, 200, ""},
		{"a page of this port", serve.Access{}, "POST", []func(*http.Request){with("Origin", "http://127.0.0.1:5000")}, 200, ""},
		{"a page of another port", serve.Access{}, "POST", []func(*http.Request){with("Origin", "http://127.0.0.1:5001")}, 403, ""},
		{"a page of the web", serve.Access{}, "POST", []func(*http.Request){with("Origin", "http://evil.example")}, 403, ""},
		{"a file or a sandbox", serve.Access{}, "POST", []func(*http.Request){with("Origin", "null")}, 403, ""},
		{"what is no origin", serve.Access{}, "POST", []func(*http.Request){with("Origin", "%")}, 403, ""},
		{"a browser that tells", serve.Access{}, "POST", []func(*http.Request){with("Sec-Fetch-Site", "cross-site")}, 403, ""},
		{"a neighbour", serve.Access{}, "POST", []func(*http.Request){with("Sec-Fetch-Site", "same-site")}, 403, ""},
		{"a friend", friend, "POST", []func(*http.Request){with("Origin", "http://localhost:3000")}, 200, "http://localhost:3000"},
		{"a friend over another scheme", friend, "POST", []func(*http.Request){with("Origin", "https://localhost:3000")}, 403, ""},
		{"no friend", friend, "POST", []func(*http.Request){with("Origin", "http://evil.example")}, 403, ""},
		{"a friend asks first", friend, "OPTIONS", []func(*http.Request){with("Origin", "http://localhost:3000"), with("Access-Control-Request-Method", "POST")}, 204, "http://localhost:3000"},
		{"a friend from afar asks first", friend, "OPTIONS", []func(*http.Request){with("Origin", "http://localhost:3000"), with("Access-Control-Request-Method", "POST"), from("192.0.2.7:1")}, 204, "http://localhost:3000"},
		{"no friend asks first", friend, "OPTIONS", []func(*http.Request){with("Origin", "http://evil.example"), with("Access-Control-Request-Method", "POST")}, 405, ""},
		{"one asks first where nobody may", serve.Access{}, "OPTIONS", []func(*http.Request){with("Origin", "http://localhost:3000"), with("Access-Control-Request-Method", "POST")}, 405, ""},
	} {
		n := &servetest.Node{}
		w := callPort(server(t, wire.PortManager, n, serve.Options{Access: c.access}), c.method, stop, "", "", append(c.how, at("127.0.0.1:5000"), host("127.0.0.1:5000"))...)
		assert.Equal(t, c.want, w.Code, "%s: %s", c.name, w.Body)
		assert.Equal(t, c.allow, w.Header().Get("Access-Control-Allow-Origin"), c.name)
		_, count := n.Last()
		assert.Equal(t, c.want == 200, count == 1, c.name)
		if c.want == 204 {
			assert.Contains(t, w.Header().Get("Access-Control-Allow-Headers"), "Authorization")
			assert.Contains(t, w.Header().Get("Access-Control-Allow-Methods"), "POST")
		}
		if len(c.access.Origins) > 0 {
			assert.Equal(t, "Origin", w.Header().Get("Vary"), "caches must know")
		}
	}
	for _, o := range []string{"*", "localhost:3000", "http://localhost:3000/", "http://", ""} {
		_, err := serve.New((&servetest.Node{}).Handlers(wire.PortJobs), serve.Options{Access: serve.Access{Origins: []string{o}}})
		require.ErrorContains(t, err, "want one like http://localhost:3000", o)
	}
}
