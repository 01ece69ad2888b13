package serve_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/live/client"
	"vidq/live/serve"
	"vidq/live/serve/pipenet"
	"vidq/live/serve/servetest"
	"vidq/live/wire"
)

// authority signs certificates and keeps them in PEM files of a folder.
type authority struct {
	t    *testing.T
	dir  string
	name string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	a := &authority{t: t, dir: t.TempDir(), name: name}
	a.cert, a.key = a.make(&x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	return a
}

// make signs a certificate, by itself if there is no parent, and writes name.pem and name.key.
func (a *authority) make(c, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	c.SerialNumber = big.NewInt(1)
	c.NotBefore, c.NotAfter = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	require.NoError(a.t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(a.t, err)
	for ext, block := range map[string]*pem.Block{".pem": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: secret}} {
		require.NoError(a.t, os.WriteFile(filepath.Join(a.dir, c.Subject.CommonName+ext), pem.EncodeToMemory(block), 0o600))
	}
	out, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return out, key
}

// sign makes a certificate of a name that is good for servers and clients.
func (a *authority) sign(name string) {
	a.make(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, a.key)
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// TestCertificates: over the network, a node is who its certificate says; who shows none or one of
// another authority, and who speaks an old TLS or none, gets nothing.
func TestCertificates(t *testing.T) {
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	ours.sign("cloud")
	ours.sign("edge1")
	theirs.sign("edge1")
	synctest.Test(t, func(t *testing.T) {
		config, err := serve.TLS(ours.file("cloud.pem"), ours.file("cloud.key"), ours.file("ours.pem"))
		require.NoError(t, err)
		n := &servetest.Node{}
		s, err := serve.New(n.Handlers(wire.PortManager), serve.Options{TLS: config, Log: quiet})
		require.NoError(t, err)
		network := &pipenet.Net{}
		l, err := network.Listen("192.0.2.1:5000")
		require.NoError(t, err)
		served := make(chan error)
		go func() { served <- s.Serve(l) }()
		call := func(config *tls.Config) error {
			c := client.New(client.Options{Dial: network.Dialer(netip.MustParseAddr("192.0.2.7")), TLS: config})
			defer c.Close()
			_, err := c.Peer("192.0.2.1:5000", false).Heartbeat(t.Context(), &core.Heartbeat{Node: "edge1", Incarnation: 1, Number: 1})
			return err
		}
		shows := func(ca string, by *authority, name string) *tls.Config {
			cert, key := "", ""
			if name != "" {
				cert, key = by.file(name+".pem"), by.file(name+".key")
			}
			c, err := serve.ClientTLS(ca, cert, key)
			require.NoError(t, err)
			return c
		}
		require.NoError(t, call(shows(ours.file("ours.pem"), ours, "edge1")))
		asked, _ := n.Last()
		assert.Equal(t, core.NodeID("edge1"), asked.Caller.Node)
		assert.Equal(t, wire.AccessNode, asked.Caller.Role)
		var told *wire.Error
		require.ErrorAs(t, call(shows(ours.file("ours.pem"), ours, "cloud")), &told)
		assert.Equal(t, 403, told.HTTP, "it speaks for another node")
		require.ErrorAs(t, call(shows(ours.file("ours.pem"), nil, "")), &told)
		assert.Equal(t, 401, told.HTTP, "it shows none")
		strange := shows(ours.file("ours.pem"), theirs, "edge1")
		require.ErrorAs(t, call(strange), &told)
		assert.Equal(t, 401, told.HTTP, "crypto/tls does not show what the server did not ask for")
		strange = strange.Clone()
		strange.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &strange.Certificates[0], nil }
		old := shows(ours.file("ours.pem"), ours, "edge1")
		old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		var away *client.Unreachable
		for name, config := range map[string]*tls.Config{
			"one of another authority": strange,
			"an old TLS":               old,
			"no trust in the server":   shows(theirs.file("theirs.pem"), ours, "edge1"),
			"no TLS":                   nil,
		} {
			err := call(config)
			if name == "no TLS" { // net/http says so in plain text
				require.ErrorAs(t, err, &told, name)
				assert.Equal(t, 502, told.HTTP)
				continue
			}
			require.ErrorAs(t, err, &away, name)
		}
		_, count := n.Last()
		assert.Equal(t, 1, count)
		require.NoError(t, s.Shutdown(t.Context()))
		require.NoError(t, <-served)
	})
}

func TestCertificateFiles(t *testing.T) {
	a := newAuthority(t, "ours")
	a.sign("cloud")
	cert, key, ca := a.file("cloud.pem"), a.file("cloud.key"), a.file("ours.pem")
	for _, c := range []struct{ cert, key, ca, want string }{
		{"", "", "", ""},
		{cert, key, "", ""},
		{cert, key, ca, ""},
		{"", "", ca, "--client-ca needs --tls-cert"},
		{cert, "", "", "must be given together"},
		{"", key, "", "must be given together"},
		{cert, a.file("none"), "", "none"},
		{key, cert, "", "cloud.key"},
		{ca, key, "", "ours.pem"},
		{cert, key, a.file("none"), "cannot read certificates"},
		{cert, key, key, "holds no certificate"},
	} {
		got, err := serve.TLS(c.cert, c.key, c.ca)
		if c.want != "" {
			assert.ErrorContains(t, err, c.want)
			continue
		}
		require.NoError(t, err)
		if assert.Equal(t, c.cert == "", got == nil) && got != nil {
			assert.EqualValues(t, tls.VersionTLS12, got.MinVersion)
			assert.Equal(t, c.ca != "", got.ClientCAs != nil)
		}
	}
	_, err := serve.ClientTLS(a.file("none"), "", "")
	assert.ErrorContains(t, err, "none")
	_, err = serve.ClientTLS("", cert, ca)
	assert.ErrorContains(t, err, "ours.pem")
}

// TestHTTP2: over one connection of HTTP/2, where a deadline that has passed ends a stream even if nobody is
// writing, slow answers come and idle videos stay.
func TestHTTP2(t *testing.T) {
	a := newAuthority(t, "ours")
	a.sign("cloud")
	config, err := serve.TLS(a.file("cloud.pem"), a.file("cloud.key"), "")
	require.NoError(t, err)
	trust, err := serve.ClientTLS(a.file("ours.pem"), "", "")
	require.NoError(t, err)
	trust.ServerName = "192.0.2.1"
	node := slow(8 * time.Second)
	show := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 3 {
			_, _ = io.WriteString(w, "part")
			w.(http.Flusher).Flush()
			time.Sleep(time.Minute)
		}
	})
	h := serve.SideCloud(node.SideChannel(), show)
	online(t, h, serve.Options{TLS: config, Stall: 2 * time.Second, Timeout: 10 * time.Second}, func(t *testing.T, l *line) {
		l.scheme, l.http.TLSClientConfig, l.http.ForceAttemptHTTP2 = "https", trust, true
		for range 2 {
			a := l.ask(t.Context(), http.MethodPost, "/user/update_node_addr", wire.JSONType, strings.NewReader(valid["/user/update_node_addr"]))
			require.NoError(t, a.err)
			assert.Equal(t, "HTTP/2.0", a.proto)
			assert.Equal(t, 200, a.code, a.body)
			assert.Equal(t, 8*time.Second, a.took)
		}
		video := l.get("/user/video/GLOBAL_ID_7")
		require.NoError(t, video.err)
		assert.Equal(t, "partpartpart", video.body)
		assert.Equal(t, 3*time.Minute, video.took)
	})
}
