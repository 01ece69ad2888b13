package sidechan

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"vidq/live/wire"
)

// patience is how long a viewer may take for a picture before it is taken to be gone.
const patience = 10 * time.Second

// boundary goes before the first part and after every one.
const boundary = "--frame\r\n"

// ServeHTTP shows the query whose id the request's path names as {id}. The stream ends with the
// query, or when the viewer leaves or takes nothing for 10 s.
func (c *Channel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, err := wire.ParseID(r.PathValue("id"))
	if err != nil {
		refuse(w, err)
		return
	}
	h := c.find(id)
	if h == nil {
		refuse(w, wire.Errorf(http.StatusNotFound, "there is no query %s at this node, or it has ended; GET /query/list at the cloud tells all", wire.FormatID(id)))
		return
	}
	h.enter()
	defer h.leave()
	stream(w)
	if r.Method == http.MethodHead {
		return
	}
	v := viewer{w: w, control: http.NewResponseController(w)}
	defer v.end()
	if v.send([]byte(boundary)) != nil {
		return
	}
	var seen *shot
	for {
		s, err := h.next(r.Context(), seen)
		if err != nil {
			return
		}
		if picture, err := s.encoded(); err == nil && v.picture(picture) != nil {
			return
		}
		seen = s
	}
}

// stream writes the header of a stream.
func stream(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", wire.MJPEGType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Accel-Buffering", "no") // proxies in between that heed it do not collect parts
}

// refuse answers with an error, which is a wire.Error or becomes one.
func refuse(w http.ResponseWriter, err error) {
	var e *wire.Error
	if !errors.As(err, &e) {
		e = wire.Errorf(http.StatusInternalServerError, "%v", err)
	}
	e.Write(w)
}

// viewer is where a stream goes to.
type viewer struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// picture sends a part.
func (v *viewer) picture(jpeg []byte) error {
	head := fmt.Appendf(nil, "Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n", len(jpeg))
	return v.send(head, jpeg, []byte("\r\n"+boundary))
}

// hurry gives the viewer its patience from now on. A writer that has no deadlines is served
// without.
func (v *viewer) hurry() error {
	if err := v.control.SetWriteDeadline(time.Now().Add(patience)); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// end lets the server write what ends the answer: the last picture's deadline may be past.
func (v *viewer) end() { _ = v.hurry() }

// send writes and flushes, within the viewer's patience.
func (v *viewer) send(parts ...[]byte) error {
	if err := v.hurry(); err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := v.w.Write(p); err != nil {
			return err
		}
	}
	if err := v.control.Flush(); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
