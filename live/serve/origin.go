package serve

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"vidq/live/wire"
)

// pages keeps out what a page of the web, open in a browser on this machine, might do
// through it: to the browser's user the loopback is open, to the page it must not be. It reports whether it has answered the
// request.
//
//   - On the loopback, Host must be a loopback name: a page whose name has been pointed at 127.0.0.1 (DNS
//     rebinding) has its own name there.
//   - What changes something must not come from another origin.
//   - Other origins read nothing unless Access.Origins names them (CORS).
func (g *gate) pages(w http.ResponseWriter, r *http.Request) bool {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		if ip, ok := ipOf(local.String()); ok && ip.IsLoopback() && !loopbackName(r.Host) {
			wire.Errorf(http.StatusForbidden, "the header Host is no name of the loopback; call http://127.0.0.1 or http://localhost").Write(w)
			return true
		}
	}
	origin := r.Header.Get("Origin")
	if len(g.origins) > 0 {
		h := w.Header()
		h.Add("Vary", "Origin")
		if g.origins[origin] {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Expose-Headers", "Retry-After")
			if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
				h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST")
				h.Set("Access-Control-Allow-Headers", strings.Join([]string{"Authorization", "Content-Type", wire.FrameHeader, wire.CapturedHeader, wire.InputHeader}, ", "))
				h.Set("Access-Control-Max-Age", "600")
				w.WriteHeader(http.StatusNoContent)
				return true
			}
		}
	}
	if g.cross.Check(r) != nil {
		wire.Errorf(http.StatusForbidden, "a page of another origin must not call this; start the node with --cors and that origin if it should").Write(w)
		return true
	}
	return false
}

// loopbackName says that a Host header names the loopback: by an address or as localhost
// (RFC 6761, section 6.3).
func loopbackName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
