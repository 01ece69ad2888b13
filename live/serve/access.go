package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"vidq/core"
	"vidq/live/wire"
)

// Access is who may call, and from where.
//
// Callers on the loopback may do everything. Others must show the token of a role, or
// a certificate that Options.TLS takes, which gives the role node; without either set up, a
// server does not listen beyond the loopback unless Insecure, when all may do everything.
type Access struct {
	Tokens   Tokens
	Insecure bool
	// Origins are the pages of the web that may call (CORS), as scheme://host[:port].
	Origins []string
}

// Tokens are the secrets of roles; "" = nobody has the role by token.
type Tokens struct{ User, Node string }

// minToken is the least length of a token: 16 letters of base64 are 96 bits.
const minToken = 16

// ReadTokens reads a file of lines "user TOKEN" and "node TOKEN". Empty lines and those
// that begin with # are skipped. Errors name the file and the line, never a token.
func ReadTokens(file string) (Tokens, error) {
	var t Tokens
	data, err := os.ReadFile(file)
	if err != nil {
		return t, fmt.Errorf("cannot read tokens: %w", err)
	}
	for i, line := range strings.Split(string(data), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		bad := func(what string) error { return fmt.Errorf("%s:%d: %s", file, i+1, what) }
		if len(words) != 2 {
			return t, bad("want a role and its token: user TOKEN or node TOKEN")
		}
		at, ok := map[string]*string{"user": &t.User, "node": &t.Node}[words[0]]
		switch {
		case !ok:
			return t, bad("the role is neither user nor node")
		case *at != "":
			return t, bad("the role " + words[0] + " has a token already")
		}
		*at = words[1]
		if err := t.Validate(); err != nil {
			return t, bad(err.Error())
		}
	}
	if t == (Tokens{}) {
		return t, fmt.Errorf("%s: holds no token; want lines like: node TOKEN", file)
	}
	return t, nil
}

// Validate reports what is wrong with tokens.
func (t Tokens) Validate() error {
	for _, s := range []string{t.User, t.Node} {
		if s == "" {
			continue
		}
		if len(s) < minToken {
			return fmt.Errorf("a token has less than %d characters; openssl rand -hex 24 makes one", minToken)
		}
		for _, c := range []byte(s) {
			if c <= ' ' || c > '~' {
				return errors.New("a token has a character that no HTTP header can hold; openssl rand -hex 24 makes one")
			}
		}
	}
	if t.User != "" && t.User == t.Node {
		return errors.New("user and node have the same token; give each its own")
	}
	return nil
}

// admissible reports why a port must not be served at an address.
func (o *Options) admissible(p wire.Port, at net.Addr) error {
	if ip, ok := ipOf(at.String()); ok && ip.IsLoopback() || o.Access.Insecure {
		return nil
	}
	certificates := o.TLS != nil && o.TLS.ClientCAs != nil
	if o.Access.Tokens == (Tokens{}) && !certificates {
		return fmt.Errorf("port %d would listen on %s, where %w: give tokens (--token-file) or certificates (--client-ca), listen on 127.0.0.1, or say --insecure", p, at, ErrUnguarded)
	}
	return nil
}

// ErrUnguarded is why a server does not listen beyond the loopback.
var ErrUnguarded = errors.New("everybody could control this node")

// ipOf returns the ip of ip:port.
func ipOf(addr string) (netip.Addr, bool) {
	a, err := netip.ParseAddrPort(addr)
	return a.Addr().Unmap(), err == nil
}

// gate decides who comes in.
type gate struct {
	user, node *[sha256.Size]byte // nil = no such token
	open       bool               // all may do everything
	cross      *http.CrossOriginProtection
	origins    map[string]bool
}

// Validate reports what is wrong with it.
func (a Access) Validate() error {
	_, err := newGate(&a)
	return err
}

func newGate(a *Access) (gate, error) {
	if err := a.Tokens.Validate(); err != nil {
		return gate{}, err
	}
	g := gate{open: a.Insecure && a.Tokens == (Tokens{}), cross: http.NewCrossOriginProtection(), origins: map[string]bool{}}
	hash := func(s string) *[sha256.Size]byte {
		if s == "" {
			return nil
		}
		h := sha256.Sum256([]byte(s))
		return &h
	}
	g.user, g.node = hash(a.Tokens.User), hash(a.Tokens.Node)
	for _, o := range a.Origins {
		if err := g.cross.AddTrustedOrigin(o); err != nil {
			return g, fmt.Errorf("%w; want one like http://localhost:3000", err)
		}
		g.origins[o] = true
	}
	return g, nil
}

const everything = wire.AccessUser | wire.AccessNode

// caller returns who sent a request, or why it may not call what needs one of some roles:
// 401 if it has shown nothing that counts, 403 if it is somebody else.
func (g *gate) caller(r *http.Request, need wire.Access) (Caller, *wire.Error) {
	c := Caller{}
	if a, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		c.Addr = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	if g.open || c.Addr.Addr().IsLoopback() && !forwarded(r) {
		c.Role = everything
	}
	if n, ok := certified(r); ok {
		c.Node, c.Role = n, c.Role|wire.AccessNode
	}
	if g.user != nil || g.node != nil {
		if h := r.Header.Get("Authorization"); h != "" {
			role := g.role(h)
			if role == 0 {
				return c, wire.Errorf(http.StatusUnauthorized, "the token is wrong; send the header Authorization: Bearer TOKEN with one of the node's token file")
			}
			c.Role |= role
		}
	}
	switch {
	case need == wire.AccessPublic, c.Role&need != 0:
		return c, nil
	case c.Role == 0:
		return c, wire.Errorf(http.StatusUnauthorized, "who calls from beyond the loopback must say who it is; send the header Authorization: Bearer TOKEN, or a client certificate")
	case need == wire.AccessNode:
		return c, wire.Errorf(http.StatusForbidden, "only nodes may call this; send the token of the role node")
	}
	return c, wire.Errorf(http.StatusForbidden, "only users may call this; send the token of the role user")
}

// forwarded says that a request came through a proxy, whose address says nothing about
// who sent it.
func forwarded(r *http.Request) bool {
	return r.Header["Forwarded"] != nil || r.Header["X-Forwarded-For"] != nil || r.Header["X-Real-Ip"] != nil
}

// role returns the role of the token of an Authorization header, 0 = of none. Its time does
// not depend on how much of a token was right.
func (g *gate) role(header string) (role wire.Access) {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return 0
	}
	h := sha256.Sum256([]byte(strings.TrimSpace(token)))
	if g.user != nil && subtle.ConstantTimeCompare(h[:], g.user[:]) == 1 {
		role = wire.AccessUser
	}
	if g.node != nil && subtle.ConstantTimeCompare(h[:], g.node[:]) == 1 {
		role = wire.AccessNode
	}
	return role
}

// certified returns the node that a verified client certificate is for: its common
// name, or else the first of its DNS names.
func certified(r *http.Request) (core.NodeID, bool) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return "", false
	}
	leaf := r.TLS.VerifiedChains[0][0]
	switch {
	case leaf.Subject.CommonName != "":
		return core.NodeID(leaf.Subject.CommonName), true
	case len(leaf.DNSNames) > 0:
		return core.NodeID(leaf.DNSNames[0]), true
	}
	return "", false
}

// speaksFor holds that who has proved to be a node speaks for no other.
func (c *Caller) speaksFor(n core.NodeID) error {
	if c.Node == "" || c.Node == n {
		return nil
	}
	return wire.Errorf(http.StatusForbidden, "node_id is %q, but your certificate is that of node %q; send what is your own", n, c.Node)
}
