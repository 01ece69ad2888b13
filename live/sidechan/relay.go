package sidechan

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"time"

	"vidq/core"
	"vidq/live/wire"
)

// Relay is the cloud's side channel: it shows what a query's node shows. Each viewer
// has a connection to the node of its own, which ends when either side does.
type Relay struct {
	client http.Client
	lookup func(core.QueryID) (addr string, ok bool)
}

// NewRelay returns a relay that asks lookup for the address (host:port) of the side channel
// at a query's node, and calls it by the client's transport. The client's timeout is not heeded, as a
// stream has no end, nor are redirects followed: no node can send the cloud elsewhere.
func NewRelay(client *http.Client, lookup func(core.QueryID) (addr string, ok bool)) *Relay {
	r := &Relay{client: *client, lookup: lookup}
	r.client.Timeout = 0
	r.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return r
}

// errLate is why a node is not waited for any longer.
var errLate = errors.New("the node does not answer")

// ServeHTTP relays the query whose id the request's path names as {id}.
func (l *Relay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, err := wire.ParseID(r.PathValue("id"))
	if err != nil {
		refuse(w, err)
		return
	}
	addr, ok := l.lookup(id)
	if !ok {
		refuse(w, wire.Errorf(http.StatusNotFound, "there is no video of the query %s: it is unknown, has ended or has no node yet; GET /query/list tells all", wire.FormatID(id)))
		return
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	late := time.AfterFunc(patience, func() { cancel(errLate) })
	resp, err := l.call(ctx, addr, id, late)
	if err != nil {
		refuse(w, err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	stream(w)
	if r.Method != http.MethodHead {
		v := viewer{w: w, control: http.NewResponseController(w)}
		defer v.end()
		relay(&v, resp.Body)
	}
}

// call opens the node's stream. Late is stopped when the node has answered.
func (l *Relay) call(ctx context.Context, addr string, id core.QueryID, late *time.Timer) (*http.Response, error) {
	defer late.Stop()
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, wire.Errorf(http.StatusBadGateway, "the node's address %q is none (%v); it comes with the node's join", addr, err)
	}
	u := url.URL{Scheme: "http", Host: addr, Path: "/user/video/" + wire.FormatID(id)}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, wire.Errorf(http.StatusBadGateway, "the node's address %q is none; it comes with the node's join", addr)
	}
	resp, err := l.client.Do(req)
	switch {
	case err != nil && errors.Is(context.Cause(ctx), errLate), isTimeout(err):
		return nil, wire.Errorf(http.StatusGatewayTimeout, "the node at %s does not answer; is it overloaded, or the link to it down?", addr)
	case err != nil:
		var e *url.Error
		if errors.As(err, &e) {
			err = e.Err
		}
		return nil, wire.Errorf(http.StatusBadGateway, "the node at %s cannot be reached: %v", addr, err)
	}
	if err := checkAnswer(resp, addr, id); err != nil {
		_ = resp.Body.Close() // is not read
		return nil, err
	}
	return resp, nil
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// checkAnswer tells what is wrong with a node's answer: what it does not know is not found here
// either, anything else but a stream is the node's fault.
func checkAnswer(resp *http.Response, addr string, id core.QueryID) error {
	kind, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return wire.Errorf(http.StatusNotFound, "the node at %s has no query %s, or not any more; GET /query/list tells all", addr, wire.FormatID(id))
	case resp.StatusCode != http.StatusOK:
		return wire.Errorf(http.StatusBadGateway, "the node at %s answers %d instead of a video; see its log", addr, resp.StatusCode)
	case err != nil || kind != "multipart/x-mixed-replace" || params["boundary"] != "frame":
		return wire.Errorf(http.StatusBadGateway, "the node at %s answers no video (want %s); does a side channel listen there?", addr, wire.MJPEGType)
	}
	return nil
}

// relay hands on what comes, as it comes.
func relay(v *viewer, from io.Reader) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if n > 0 && v.send(b[:n]) != nil || err != nil {
			return
		}
	}
}
