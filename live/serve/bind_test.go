package serve

import (
	"maps"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"vidq/live/wire"
)

// TestHandlersAreTheTable: a route that is forgotten, one too many, and one that should stream, are seen.
func TestHandlersAreTheTable(t *testing.T) {
	video := http.NotFoundHandler()
	whole := func() Handlers {
		h := SideCloud(nil, video)
		h.calls, h.streams = maps.Clone(h.calls), maps.Clone(h.streams)
		return h
	}
	_, err := New(whole(), Options{})
	assert.NoError(t, err)
	for want, change := range map[string]func(h *Handlers){
		"no handler for the route POST /user/update_node_addr":             func(h *Handlers) { delete(h.calls, "POST /user/update_node_addr") },
		"no handler for the route GET /user/video/{id}":                    func(h *Handlers) { delete(h.streams, videoRoute) },
		"a handler without a route in wire's table: GET /user/nothing":     func(h *Handlers) { h.calls["GET /user/nothing"] = h.calls["POST /user/update_node_addr"] },
		"a handler without a route in wire's table: GET /healthz":          func(h *Handlers) { h.streams["GET /healthz"] = video },
		"a handler without a route in wire's table: POST /user/update_nod": func(h *Handlers) { h.port = wire.PortSideEdge },
	} {
		h := whole()
		change(&h)
		func() {
			defer func() { assert.Contains(t, recover(), want) }()
			_, _ = New(h, Options{})
		}()
	}
}
