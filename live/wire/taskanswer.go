package wire

import (
	"io"
	"mime"
	"net/http"

	"vidq/core"
)

// Counts are what a service counted: {"up", "total"} or a number for each class.
type Counts map[string]float64

// TaskAnswer is what a service answers. What it does not tell is nil.
type TaskAnswer struct {
	Faces   [][]byte // JPEGs cut out of the image, if asked for
	Boxes   []Box
	Prob    []float64
	Counts  Counts
	Service core.Time // the service's own time; told by vidq's services only
	Queue   core.Time // wait in the service's queue; likewise
	Timed   bool      // Service and Queue are told
	Arrival core.Time // how long the request's body took to arrive, from its headers on; 0 = not told
	Objects float64   // found; likewise told by vidq's services only, with Area
	Area    float64   // their mean box area, pixels of the analysed frame
	Counted bool      // Objects and Area are told
}

// MeanArea is the mean area of boxes, in pixels; 0 of none.
func MeanArea(boxes []Box) float64 {
	sum := 0.0
	for i := range boxes {
		b := &boxes[i]
		sum += float64(max(b[2]-b[0], 0) * max(b[3]-b[1], 0))
	}
	return sum / float64(max(len(boxes), 1))
}

// literalAnswer is an answer in JSON.
type literalAnswer struct {
	Faces  []string  `json:"faces,omitzero" doc:"Cut-outs as the text of Python bytes literals; only to who sent literals."`
	Boxes  []Box     `json:"bbox,omitzero" doc:"x0, y0, x1, y1 in pixels of the frame."`
	Prob   []float64 `json:"prob,omitzero" doc:"Confidence of each box, 0..1."`
	Counts Counts    `json:"count_result,omitzero" doc:"What was counted."`
	*Times
	*Found
}

// Times are what vidq's services tell of a call, in seconds. What is sent of a
// core.Time below 104 days is read back as the same nanoseconds.
type Times struct {
	Service float64 `json:"service_s" doc:"The service's own time, seconds." min:"0"`
	Queue   float64 `json:"queue_s" doc:"Wait in the service's queue, seconds." min:"0"`
	Arrival float64 `json:"arrival_s,omitzero" doc:"How long the request's body took to arrive, seconds." min:"0"`
}

// Found is what vidq's services tell of what they found.
type Found struct {
	Objects Float `json:"objects" doc:"How many objects were found." min:"0"`
	Area    Float `json:"obj_size_px" doc:"Their mean box area, pixels of the analysed frame." min:"0"`
}

// Encode returns the answer to a request of an encoding: its Content-Type and its
// body. Crops go out only if the request asked for them, as literals to who sent literals,
// else as parts of a form. An answer without crops is JSON whatever the request was,
// since it holds no image to encode. plain leaves out what the original does not know.
func (a *TaskAnswer) Encode(t *Task, plain bool) (contentType string, body []byte, err error) {
	out := literalAnswer{Boxes: a.Boxes, Prob: a.Prob, Counts: a.Counts}
	if a.Timed {
		out.Times = &Times{a.Service.Seconds(), a.Queue.Seconds(), a.Arrival.Seconds()}
	}
	if a.Counted {
		out.Found = &Found{Float(a.Objects), Float(a.Area)}
	}
	switch {
	case !t.Crops || a.Faces == nil:
	case t.Encoding == EncodingLiteral:
		out.Faces = formatFaces(a.Faces)
	default:
		return encodeForm(nil, a.Faces, &out)
	}
	body, err = encode(&out, plain)
	return JSONType, body, err
}

// ReadTaskAnswer reads a service's answer, vidq's or the original's: its HTTP
// status, Content-Type, body and announced length. An answer that tells of an error is
// returned as that *Error; what is no answer is one of status 502.
func ReadTaskAnswer(status int, contentType string, body io.Reader, length int64, l Limits) (*TaskAnswer, error) {
	l = l.WithDefaults()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = ""
	}
	if kind == FormType && status/100 == 2 {
		return readFormAnswer(body, params["boundary"], &l)
	}
	in, err := ReadAnswer[literalAnswer](status, contentType, body, length, l.Body)
	if err != nil {
		return nil, err
	}
	faces, err := parseFaces(in.Faces, &l)
	if err != nil {
		return nil, badAnswer(err)
	}
	return in.answer(faces, &l)
}

func readFormAnswer(body io.Reader, boundary string, l *Limits) (*TaskAnswer, error) {
	var in literalAnswer
	var faces [][]byte
	told := false
	err := readForm(body, boundary, l, func(name string, data []byte) (err error) {
		switch name {
		case partFaces:
			faces = append(faces, data)
		case partContext:
			told = true
			in, err = Decode[literalAnswer](data)
		}
		return err
	})
	if err == nil && !told {
		err = Errorf(http.StatusUnprocessableEntity, "the form has no part ctx")
	}
	if err != nil {
		return nil, badAnswer(err)
	}
	if faces == nil {
		faces = [][]byte{} // a form is sent only when crops were asked for
	}
	return in.answer(faces, l)
}

func (in *literalAnswer) answer(faces [][]byte, l *Limits) (*TaskAnswer, error) {
	a := &TaskAnswer{Faces: faces, Boxes: in.Boxes, Prob: in.Prob, Counts: in.Counts}
	if in.Times != nil {
		a.Timed = true
		a.Service, a.Queue, a.Arrival = core.FromSeconds(in.Service), core.FromSeconds(in.Queue), core.FromSeconds(in.Arrival)
	}
	if in.Found != nil {
		a.Objects, a.Area, a.Counted = float64(in.Objects), float64(in.Area), true
	}
	for i, f := range faces {
		if _, err := l.checkImage(f); err != nil {
			return nil, badAnswer(inField(partFaces, i, err))
		}
	}
	if a.Prob != nil && len(a.Prob) != len(a.Boxes) || faces != nil && len(faces) != len(a.Boxes) {
		return nil, badAnswer(Errorf(http.StatusUnprocessableEntity, "faces, bbox and prob differ in length"))
	}
	return a, nil
}

// ReadAnswer reads the JSON answer of a control call. An answer that tells of an error, by its HTTP status or by the
// field error, is returned as that *Error, with its own HTTP status if that is one of errors; an answer that is
// none (HTML, cut off, too long, of the wrong shape) as one of status 502.
func ReadAnswer[T any](status int, contentType string, body io.Reader, length, limit int64) (T, error) {
	var v T
	data, err := Read(body, length, limit)
	if err != nil {
		return v, badAnswer(err)
	}
	t, _, err := mime.ParseMediaType(contentType)
	if err != nil || t != JSONType {
		return v, Errorf(http.StatusBadGateway, "the peer answered HTTP %d of type %q, want %s; look into its log", status, shorten(contentType, 60), JSONType)
	}
	if told, err := Decode[toldError](data); err == nil && told.Error != nil {
		e := Errorf(status, "%s", *told.Error)
		if told.Status != nil && *told.Status != 0 {
			e.Status = *told.Status
		}
		if status/100 == 2 {
			e.HTTP = http.StatusUnprocessableEntity // the original refuses with HTTP 200
		}
		return v, e
	}
	if status/100 != 2 {
		return v, Errorf(http.StatusBadGateway, "the peer answered HTTP %d without an error text; look into its log", status)
	}
	if err := DecodeInto(data, &v); err != nil {
		return v, badAnswer(err)
	}
	return v, nil
}

// toldError is what an answer tells of an error.
type toldError struct {
	Status *int    `json:"status,omitzero"`
	Error  *string `json:"error,omitzero"`
}

// badAnswer says that a peer's answer is wrong.
func badAnswer(err error) *Error {
	return Errorf(http.StatusBadGateway, "the peer's answer makes no sense: %v; is it vidq or the original?", err)
}
