package serve

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"vidq/core"
	"vidq/live/loop"
	"vidq/live/wire"
)

// writer knows whether an answer has begun, and bounds how long its reader may take
// nothing.
type writer struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	status  int // 0 = not begun
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader begins the answer.
func (w *writer) WriteHeader(code int) {
	if w.status == 0 && code >= 200 {
		w.status = code
	}
	w.patience()
	w.ResponseWriter.WriteHeader(code)
}

func (w *writer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.patience()
	return w.ResponseWriter.Write(b)
}

// FlushError sends what was written. Until the next Write its reader need take nothing.
func (w *writer) FlushError() error {
	w.patience()
	err := w.control.Flush()
	w.rest()
	return err
}

// Flush is FlushError for handlers that know http.Flusher.
func (w *writer) Flush() { _ = w.FlushError() } // the next Write tells as much

// patience gives the reader time to take something, rest gives it for ever. Where there
// are no deadlines (a test without connection) it has that anyway.
func (w *writer) patience() { _ = w.control.SetWriteDeadline(time.Now().Add(w.stall)) }

func (w *writer) rest() { _ = w.control.SetWriteDeadline(time.Time{}) }

// write answers a request.
func (c *chain) write(w http.ResponseWriter, r *http.Request, a *reply, err error) {
	if err == nil && a.body == nil {
		a.kind = wire.JSONType
		if a.plain {
			a.body, err = wire.EncodePlain(a.value)
		} else {
			a.body, err = wire.Encode(a.value)
		}
	}
	if err != nil {
		c.refusal(r, err).Write(w)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(a.body) // the caller may be gone
}

// refusal turns an error into what is answered. What is not meant for callers is logged.
func (c *chain) refusal(r *http.Request, err error) *wire.Error {
	var e *wire.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return wire.Errorf(http.StatusGatewayTimeout, "there was no answer in time; try again, it is safe to repeat")
	case errors.Is(err, context.Canceled), errors.Is(err, loop.ErrStopped):
		e = wire.Errorf(http.StatusServiceUnavailable, "the node is shutting down; try again")
		e.RetryAfter = core.Second
		return e
	}
	c.options.Log.Error("a request failed", "port", int(c.port), "method", r.Method, "path", r.URL.Path, "error", err)
	return internal()
}

// internal is what callers are told of a fault of the node's own.
func internal() *wire.Error {
	return wire.Errorf(http.StatusInternalServerError, "the node failed at this request; its log says why")
}

// own are the routes that every port has.
type own struct {
	call    call
	handler http.Handler
}

func (c *chain) own() map[string]own {
	description := wire.OpenAPI(c.options.Version, c.port)
	metrics := c.options.Metrics
	if metrics == nil {
		metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			wire.Errorf(http.StatusNotFound, "there are no metrics on port %d; ask another port of this node", c.port).Write(w)
		})
	}
	return map[string]own{
		"GET /healthz": {call: func(context.Context, *request) (*reply, error) {
			return c.health("alive"), nil
		}},
		"GET /readyz":  {call: c.ready},
		"GET /metrics": {handler: metrics},
		"GET /openapi.json": {handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", wire.JSONType)
			_, _ = w.Write(description)
		})},
	}
}

func (c *chain) ready(ctx context.Context, _ *request) (*reply, error) {
	if c.options.Ready == nil {
		return c.health("ready"), nil
	}
	if err := c.options.Ready(ctx); err != nil {
		e := wire.Errorf(http.StatusServiceUnavailable, "not ready: %v", err)
		e.RetryAfter = core.Second
		return nil, e
	}
	return c.health("ready"), nil
}

func (c *chain) health(msg string) *reply {
	h := &wire.Health{Msg: msg}
	if !c.options.Epoch.IsZero() {
		h.EpochUnixNS = c.options.Epoch.UnixNano()
	}
	return &reply{value: h}
}

// callerKey is of the caller in a stream's context.
type callerKey struct{}

// CallerOf returns who asked for a stream, by the context of its request.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
