package main

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"vidq/core"
	"vidq/internal/cli"
	"vidq/live/client"
	"vidq/live/serve"
	"vidq/live/wire"
)

// certificates are the PEM files of TLS.
type certificates struct{ ca, cert, key string }

// client is how a client with them speaks TLS.
func (f *certificates) client() (*tls.Config, error) {
	c, err := serve.ClientTLS(f.ca, f.cert, f.key)
	if err != nil {
		return nil, cli.Inputf("%w", err)
	}
	return c, nil
}

// peerOptions are the flags of commands that call a running system.
type peerOptions struct {
	server    string
	tokenFile string
	tls       certificates
	json      bool
}

// defaultServer is where a system of one process has its query manager.
const defaultServer = "127.0.0.1:5000"

func (o *peerOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.server, "server", defaultServer, "the query manager, `ADDR` as ip:port or https://host:port")
	f.StringVar(&o.tokenFile, "token-file", "", "`FILE` with a line: user TOKEN")
	f.StringVar(&o.tls.ca, "tls-ca", "", "the authority of the server's certificate, PEM `FILE`; the server is then called over TLS")
	f.StringVar(&o.tls.cert, "tls-cert", "", "a certificate to show, PEM `FILE`")
	f.StringVar(&o.tls.key, "tls-key", "", "its key, PEM `FILE`")
	f.BoolVar(&o.json, "json", false, "print the answer as JSON")
}

// peer returns the query manager's port; the client is to be closed.
func (o *peerOptions) peer() (client.Peer, *client.Client, error) {
	none := client.Peer{}
	addr, secure := strings.CutPrefix(o.server, "https://")
	addr = strings.TrimSuffix(strings.TrimPrefix(addr, "http://"), "/")
	if host, port, err := net.SplitHostPort(addr); err != nil || host == "" || port == "" {
		return none, nil, cli.Inputf("--server %q: want ip:port, such as %s", o.server, defaultServer)
	}
	var c client.Options
	if secure || o.tls != (certificates{}) {
		t, err := o.tls.client()
		if err != nil {
			return none, nil, err
		}
		c.TLS = t
	}
	if o.tokenFile != "" {
		t, err := serve.ReadTokens(o.tokenFile)
		switch {
		case err != nil:
			return none, nil, cli.Inputf("--token-file: %w", err)
		case t.User == "":
			return none, nil, cli.Inputf("--token-file: %s has no token of the role user; add a line: user TOKEN", o.tokenFile)
		}
		c.Token = t.User
	}
	k := client.New(c)
	return k.Peer(addr, false), k, nil
}

// explain says what an answer that was no success means to who runs the command: what the
// server refused is the user's input.
func (o *peerOptions) explain(err error) error {
	var told *wire.Error
	var away *client.Unreachable
	switch {
	case errors.As(err, &told):
		switch told.HTTP {
		case http.StatusUnauthorized, http.StatusForbidden:
			return cli.Inputf("%s: %w (--token-file)", o.server, err)
		case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
			return cli.Inputf("%s: %w", o.server, err)
		}
		return &failed{o.server + ": " + err.Error()}
	case errors.As(err, &away):
		return &failed{err.Error() + "; is vidq-live running? --server says where"}
	}
	return err
}

// failed is an error of which all is said.
type failed struct{ text string }

func (e *failed) Error() string { return e.text }

// printJSON prints a value of wire's.
func (a *app) printJSON(v any) error {
	text, err := wire.Encode(v)
	if err != nil {
		return err
	}
	return a.print("%s\n", text)
}

// queryID reads a query's id, as the system writes it or as a number.
func queryID(word string) (core.QueryID, error) {
	for _, text := range []string{word, "GLOBAL_ID_" + word} {
		if id, err := wire.ParseID(text); err == nil {
			return id, nil
		}
	}
	return 0, cli.Inputf("%q is no query's id; want one like GLOBAL_ID_1: vidq-live status lists all", word)
}
