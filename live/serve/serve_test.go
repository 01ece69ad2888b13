package serve_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"vidq/live/serve"
	"vidq/live/serve/servetest"
	"vidq/live/wire"
)

func TestEveryPortHasItsRoutes(t *testing.T) {
	for _, p := range wire.Ports() {
		s := server(t, p, &servetest.Node{}, serve.Options{})
		for _, path := range []string{"/healthz", "/readyz", "/openapi.json"} {
			w := callPort(s, http.MethodGet, path, "", "")
			assert.Equal(t, http.StatusOK, w.Code, w.Body)
			assert.Equal(t, wire.JSONType, w.Header().Get("Content-Type"))
		}
	}
}
