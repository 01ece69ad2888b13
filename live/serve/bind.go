package serve

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"vidq/live/wire"
)

// Handlers answer the requests of one port: Manager, Jobs... return them.
type Handlers struct {
	port    wire.Port
	calls   map[string]call         // by method and path, as the table writes them
	streams map[string]http.Handler // likewise
}

// call answers one request, whose body has been read.
type call func(ctx context.Context, r *request) (*reply, error)

// request is a request as calls see it.
type request struct {
	http   *http.Request
	caller Caller
	body   any // a pointer to the route's Request; nil without one
	frame  *wire.FrameRef
}

// id returns the path's part {id}.
func (r *request) id() string { return r.http.PathValue("id") }

// page returns which rows of a list are asked for.
func (r *request) page() (wire.Page, error) {
	q := r.http.URL.Query()
	return wire.ParsePage(q.Get("after"), q.Get("limit"))
}

// reply is an answer: a value of wire's, or a body as it is.
type reply struct {
	value any
	plain bool // without what the original lacks
	kind  string
	body  []byte
}

// value answers with a value of one of wire's types.
func value(v any, err error) (*reply, error) {
	if err != nil {
		return nil, err
	}
	return &reply{value: v}, nil
}

// reading returns the call of a route whose request is a *T.
func reading[T any](f func(ctx context.Context, r *request, in *T) (*reply, error)) call {
	return func(ctx context.Context, r *request) (*reply, error) { return f(ctx, r, r.body.(*T)) }
}

// asking returns the call of a route that tells something of a query.
func asking[T any](f func(ctx context.Context, r *request) (T, error)) call {
	return func(ctx context.Context, r *request) (*reply, error) {
		v, err := f(ctx, r)
		return value(v, err)
	}
}

// key is how a route is found in Handlers.
func key(r *wire.Route) string { return r.Method + " " + r.Path }

// check panics unless h has exactly the routes of its port in the table: one place
// says what there is, and nothing is forgotten.
func (h *Handlers) check(chassis map[string]bool) {
	left := slices.Collect(maps.Keys(h.calls))
	left = slices.AppendSeq(left, maps.Keys(h.streams))
	slices.Sort(left)
	for _, r := range wire.Routes() {
		k := key(&r)
		if r.Port != h.port || chassis[k] {
			continue
		}
		_, stream := h.streams[k]
		if i := slices.Index(left, k); i < 0 || stream != (r.Media == wire.MJPEGType) {
			panic("serve: no handler for the route " + k)
		}
		left = slices.DeleteFunc(left, func(s string) bool { return s == k })
	}
	if len(left) > 0 {
		panic("serve: a handler without a route in wire's table: " + left[0])
	}
}
