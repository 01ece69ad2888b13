package serve_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/live/serve"
	"vidq/live/serve/servetest"
	"vidq/live/wire"
)

const (
	userToken = "user-0123456789abcdef"
	nodeToken = "node-0123456789abcdef"
)

// from sets where a request comes from.
func from(addr string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = addr } }

// with sets a header.
func with(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// shown gives the request a verified client certificate.
func shown(name string, dns ...string) func(*http.Request) {
	return func(r *http.Request) {
		leaf := &x509.Certificate{Subject: pkix.Name{CommonName: name}, DNSNames: dns}
		r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf}}, PeerCertificates: []*x509.Certificate{leaf}}
	}
}

func TestWhoMayCall(t *testing.T) {
	const far = "192.0.2.7:999"
	tokens := serve.Access{Tokens: serve.Tokens{User: userToken, Node: nodeToken}}
	user, node, either, public := "/node/get_video_info", "/node/heartbeat", "/job/list", "/healthz"
	bearer := func(t string) func(*http.Request) { return with("Authorization", "Bearer "+t) }
	unverified := func(r *http.Request) {
		shown("edge1")(r)
		r.TLS.VerifiedChains = nil
	}
	for _, c := range []struct {
		name   string
		access serve.Access
		path   string
		how    []func(*http.Request)
		want   int
	}{
		{"the loopback, as user", tokens, user, nil, 200},
		{"the loopback, as node", tokens, node, nil, 200},
		{"the loopback over IPv6", tokens, node, []func(*http.Request){from("[::1]:4")}, 200},
		{"the loopback as IPv4 in IPv6", tokens, node, []func(*http.Request){from("[::ffff:127.0.0.1]:4")}, 200},
		{"the loopback with a wrong token", tokens, user, []func(*http.Request){bearer("x")}, 401},
		{"the loopback with a token where there are none", serve.Access{}, user, []func(*http.Request){bearer("x")}, 200},
		{"a proxy on the loopback", tokens, user, []func(*http.Request){with("X-Forwarded-For", "192.0.2.9")}, 401},
		{"a proxy of the standard", tokens, user, []func(*http.Request){with("Forwarded", "for=192.0.2.9")}, 401},
		{"a proxy with a token", tokens, user, []func(*http.Request){with("X-Forwarded-For", "192.0.2.9"), bearer(userToken)}, 200},
		{"far, nothing shown", tokens, user, []func(*http.Request){from(far)}, 401},
		{"far, nothing shown, nothing asked", serve.Access{}, user, []func(*http.Request){from(far)}, 401},
		{"far, what is everybody's", tokens, public, []func(*http.Request){from(far)}, 200},
		{"far, metrics", tokens, "/metrics", []func(*http.Request){from(far)}, 401},
		{"far, a user as user", tokens, user, []func(*http.Request){from(far), bearer(userToken)}, 200},
		{"far, a user as node", tokens, node, []func(*http.Request){from(far), bearer(userToken)}, 403},
		{"far, a node as node", tokens, node, []func(*http.Request){from(far), bearer(nodeToken)}, 200},
		{"far, a node as user", tokens, user, []func(*http.Request){from(far), bearer(nodeToken)}, 403},
		{"far, a user where both may", tokens, either, []func(*http.Request){from(far), bearer(userToken)}, 200},
		{"far, a node where both may", tokens, either, []func(*http.Request){from(far), bearer(nodeToken)}, 200},
		{"far, half a token", tokens, user, []func(*http.Request){from(far), bearer(userToken[:20])}, 401},
		{"far, a token and more", tokens, user, []func(*http.Request){from(far), bearer(userToken + "x")}, 401},
		{"far, an empty token", tokens, user, []func(*http.Request){from(far), bearer("")}, 401},
		{"far, an empty token where there is no token for the role", serve.Access{Tokens: serve.Tokens{Node: nodeToken}}, user, []func(*http.Request){from(far), bearer("")}, 401},
		{"far, the scheme in small letters", tokens, user, []func(*http.Request){from(far), with("Authorization", "bearer "+userToken)}, 200},
		{"far, another scheme", tokens, user, []func(*http.Request){from(far), with("Authorization", "Basic "+userToken)}, 401},
		{"far, the token in the URL", tokens, user + "?token=" + userToken, []func(*http.Request){from(far)}, 401},
		{"far, no address", tokens, user, []func(*http.Request){from("@")}, 401},
		{"far, insecure", serve.Access{Insecure: true}, node, []func(*http.Request){from(far)}, 200},
		{"far, insecure but tokens are there", serve.Access{Insecure: true, Tokens: tokens.Tokens}, node, []func(*http.Request){from(far)}, 401},
		{"far, a certificate as node", tokens, node, []func(*http.Request){from(far), shown("edge1")}, 200},
		{"far, a certificate's DNS name", tokens, node, []func(*http.Request){from(far), shown("", "edge1")}, 200},
		{"far, another node's certificate", tokens, node, []func(*http.Request){from(far), shown("edge2")}, 403},
		{"another node's certificate on the loopback", tokens, node, []func(*http.Request){shown("edge2")}, 403},
		{"far, a certificate as user", tokens, user, []func(*http.Request){from(far), shown("edge1")}, 403},
		{"far, a certificate and a user's token", tokens, user, []func(*http.Request){from(far), shown("edge1"), bearer(userToken)}, 200},
		{"far, a certificate that nobody verified", tokens, node, []func(*http.Request){from(far), unverified}, 401},
		{"far, a certificate without name", tokens, node, []func(*http.Request){from(far), shown("")}, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &servetest.Node{}
			p, method, kind, body := wire.PortManager, http.MethodGet, "", ""
			if c.path == either {
				p = wire.PortJobs
			}
			if c.path == node {
				method, kind, body = http.MethodPost, wire.JSONType, valid[node]
			}
			var logged strings.Builder
			s := server(t, p, n, serve.Options{Access: c.access, Log: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))})
			w := callPort(s, method, c.path, kind, body, c.how...)
			assert.Equal(t, c.want, w.Code, w.Body)
			asked, count := n.Last()
			if c.want == http.StatusOK {
				if c.path == node && strings.Contains(c.name, "certificate") {
					assert.Equal(t, "edge1", string(asked.Caller.Node))
				}
			} else {
				assert.Zero(t, count, "it was asked all the same")
				refused(t, w, c.want)
				assert.Equal(t, c.want == http.StatusUnauthorized, w.Header().Get("WWW-Authenticate") != "")
			}
			for _, secret := range []string{userToken, nodeToken} {
				assert.NotContains(t, logged.String(), secret)
				assert.NotContains(t, w.Body.String(), secret)
			}
			assert.Contains(t, logged.String(), "request")
		})
	}
}

// TestNodesSpeakForThemselves: in every message that tells a node, who has a certificate may tell only its own.
func TestNodesSpeakForThemselves(t *testing.T) {
	for _, path := range []string{"/node/join", "/node/heartbeat", "/query/sync_result", "/query/sync_results"} {
		for name, want := range map[string]int{"edge1": 200, "edge2": 403} {
			n := &servetest.Node{}
			w := callPort(server(t, wire.PortManager, n, serve.Options{}), http.MethodPost, path, wire.JSONType, valid[path], shown(name))
			assert.Equal(t, want, w.Code, "%s: %s", path, w.Body)
		}
	}
}

func TestNobodyListensToStrangers(t *testing.T) {
	certificate := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errDeaf }
	tlsOnly, withCA := &tls.Config{GetCertificate: certificate}, &tls.Config{GetCertificate: certificate, ClientCAs: x509.NewCertPool()}
	for _, c := range []struct {
		addr string
		o    serve.Options
		ok   bool
		warn bool
	}{
		{"127.0.0.1:5000", serve.Options{}, true, false},
		{"127.0.0.9:5000", serve.Options{}, true, false},
		{"[::1]:5000", serve.Options{}, true, false},
		{"0.0.0.0:5000", serve.Options{}, false, false},
		{"[::]:5000", serve.Options{}, false, false},
		{"192.0.2.1:5000", serve.Options{}, false, false},
		{"192.0.2.1:5000", serve.Options{TLS: tlsOnly}, false, false},
		{"192.0.2.1:5000", serve.Options{TLS: withCA}, true, false},
		{"192.0.2.1:5000", serve.Options{Access: serve.Access{Tokens: serve.Tokens{Node: nodeToken}}}, true, true},
		{"192.0.2.1:5000", serve.Options{TLS: tlsOnly, Access: serve.Access{Tokens: serve.Tokens{Node: nodeToken}}}, true, false},
		{"192.0.2.1:5000", serve.Options{Access: serve.Access{Insecure: true}}, true, false},
	} {
		var logged strings.Builder
		c.o.Log = slog.New(slog.NewTextHandler(&logged, nil))
		l := &deaf{addr: net.TCPAddrFromAddrPort(addrPort(c.addr))}
		err := server(t, wire.PortManager, &servetest.Node{}, c.o).Serve(l)
		if c.ok {
			assert.ErrorIs(t, err, errDeaf, c.addr)
		} else {
			assert.ErrorContains(t, err, "--token-file", c.addr)
			assert.NotErrorIs(t, err, errDeaf)
		}
		assert.True(t, l.closed, "the listener is closed")
		assert.Equal(t, c.warn, strings.Contains(logged.String(), "readable"), c.addr)
	}
}

func TestTokenFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	for _, c := range []struct{ text, want string }{
		{"# both\n\nuser " + userToken + "\r\n node\t" + nodeToken, ""},
		{"node " + nodeToken, ""},
		{"", "holds no token"},
		{"# user x", "holds no token"},
		{"user", ":1: want a role and its token"},
		{"user a b", ":1: want a role and its token"},
		{"\nroot " + userToken, ":2: the role is neither user nor node"},
		{"user " + userToken + "\nuser " + nodeToken, ":2: the role user has a token already"},
		{"user " + userToken + "\nnode " + userToken, ":2: user and node have the same token"},
		{"user 0123456789abcde", ":1: a token has less than 16 characters"},
		{"user 0123456789abcdefä", ":1: a token has a character"},
	} {
		require.NoError(t, os.WriteFile(file, []byte(c.text), 0o600))
		got, err := serve.ReadTokens(file)
		if c.want != "" {
			assert.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "0123456789", "no token in an error")
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, nodeToken, got.Node)
		assert.Contains(t, []string{"", userToken}, got.User)
	}
	_, err := serve.ReadTokens(file + "x")
	assert.ErrorContains(t, err, "cannot read tokens")
	_, err = serve.New((&servetest.Node{}).Handlers(wire.PortJobs), serve.Options{Access: serve.Access{Tokens: serve.Tokens{User: "short"}}})
	assert.ErrorContains(t, err, "less than 16")
}
