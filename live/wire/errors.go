package wire

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"vidq/core"
)

// Error is a refusal as it goes over the wire: an HTTP status and the JSON
// {"status": non-zero, "error": text}. Every error that this package returns is an
// *Error, so that a server writes it as it is.
type Error struct {
	Status     int       // of the JSON; 0 is written as 1
	HTTP       int       // of the answer; 0 is written as 500
	Text       string    // what is wrong and what to do about it
	RetryAfter core.Time // for 429 and 503; 0 = not told
}

// StatusDown is the status of an Error that says that a service's process is down, though its node is up:
// core takes it to be unreachable.
const StatusDown = 2

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// Errorf returns a refusal with an HTTP status.
func Errorf(status int, format string, args ...any) *Error {
	return &Error{Status: 1, HTTP: status, Text: fmt.Sprintf(format, args...)}
}

// errorBody is an Error in JSON.
type errorBody struct {
	Status int    `json:"status" doc:"Never 0."`
	Error  string `json:"error" doc:"What is wrong, and what to do about it."`
}

// Write answers a request with e.
func (e *Error) Write(w http.ResponseWriter) {
	body := errorBody{Status: e.Status, Error: strings.ToValidUTF8(e.Text, "?")}
	if body.Status == 0 {
		body.Status = 1
	}
	code := e.HTTP
	if code == 0 {
		code = http.StatusInternalServerError
	}
	data, err := Encode(&body)
	if err != nil {
		panic("wire: an error's text is valid UTF-8: " + err.Error())
	}
	h := w.Header()
	h.Set("Content-Type", JSONType)
	h.Set("X-Content-Type-Options", "nosniff")
	if e.RetryAfter > 0 {
		seconds := (e.RetryAfter-1)/core.Second + 1 // rounded up: not before
		h.Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	w.WriteHeader(code)
	_, _ = w.Write(data) // the caller may be gone
}

// Refusal turns the text with which core refuses a query (SubmitAnswer.Err,
// StopAnswer.Err) into an Error with the HTTP status that fits it: 404 for what is
// unknown, 409 for a key that another query has, 503 when the store failed, else
// 422. It returns nil for "".
func Refusal(text string) *Error {
	has := func(words string) bool { return strings.Contains(text, words) }
	switch {
	case text == "":
		return nil
	case strings.HasPrefix(text, "unknown ") || has(" has no camera "):
		return Errorf(http.StatusNotFound, "%s", text)
	case has("belongs to another query"):
		return Errorf(http.StatusConflict, "%s; choose another key or submit the same query", text)
	case has("could not be stored"):
		e := Errorf(http.StatusServiceUnavailable, "%s; try again", text)
		e.RetryAfter = core.Second
		return e
	}
	return Errorf(http.StatusUnprocessableEntity, "%s", text)
}
