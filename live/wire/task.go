package wire

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"

	"vidq/core"
)

// Encoding is how a request carries its images; the answer carries its own likewise.
type Encoding uint8

// The encodings.
const (
	EncodingLiteral   Encoding = iota // JSON with Python bytes literals, as the original
	EncodingMultipart                 // multipart/form-data: parts image, faces and ctx
	EncodingJPEG                      // the image is the body
)

// Box is x0, y0, x1, y1 in pixels of the analysed frame.
type Box [4]float64

// Task is what a service is asked to do: analyse a frame, or crops of it.
type Task struct {
	Encoding Encoding
	Image    []byte          // JPEG; nil = there are only crops
	Size     core.Resolution // of Image
	Faces    [][]byte        // JPEGs; nil = none were sent, empty = there is nothing to see
	Boxes    []Box           // of the faces or of what is in the image; nil = not told
	Prob     []float64       // one for each box; nil = not told
	// Crops asks for cut-outs in the answer. Who sends literals gets them unless
	// they say no, as from the original; else only who asks.
	Crops bool
	// Arrival is how long the body took to arrive, as its server saw it; no part of the request.
	Arrival core.Time
}

// literalTask is a task as the original sends it.
type literalTask struct {
	Image *string   `json:"image,omitzero" doc:"A JPEG as the text of a Python bytes literal."`
	Faces []string  `json:"faces,omitzero" doc:"JPEGs likewise."`
	Boxes []Box     `json:"bbox,omitzero" doc:"x0, y0, x1, y1 in pixels of the frame, one for each face."`
	Prob  []float64 `json:"prob,omitzero" doc:"Confidence of each box, 0..1."`
	*TaskExtra
}

// TaskExtra is what vidq adds to a task in JSON.
type TaskExtra struct {
	Crops *bool `json:"crops,omitzero" doc:"Whether the answer is to hold cut-outs."`
}

// taskContext is the part ctx of a multipart task.
type taskContext struct {
	Boxes []Box     `json:"bbox,omitzero" doc:"x0, y0, x1, y1 in pixels of the frame, one for each face."`
	Prob  []float64 `json:"prob,omitzero" doc:"Confidence of each box, 0..1."`
	Crops bool      `json:"crops,omitzero" doc:"Whether the answer is to hold cut-outs."`
}

// Parts of a multipart task or answer.
const (
	partImage   = "image"
	partFaces   = "faces"
	partContext = "ctx"
)

// ReadTask reads a request for a service: its Content-Type header, its body and
// the body's announced length (-1 = not told). Errors have status 400 (malformed), 413 (larger than the
// limits), 415 (another type) or 422 (well-formed, but no task).
func ReadTask(contentType string, body io.Reader, length int64, l Limits) (*Task, error) {
	l = l.WithDefaults()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = ""
	}
	var t *Task
	switch kind {
	case JSONType:
		t, err = readLiteralTask(body, length, &l)
	case FormType:
		if length > l.Body {
			return nil, tooLarge(l.Body)
		}
		t, err = readFormTask(body, params["boundary"], &l)
	case JPEGType:
		var image []byte
		image, err = Read(body, length, int64(l.Image))
		t = &Task{Encoding: EncodingJPEG, Image: image}
	default:
		return nil, Errorf(http.StatusUnsupportedMediaType,
			"the content type %q is not taken here; send %s, %s with a part image, or %s", contentType, JPEGType, FormType, JSONType)
	}
	if err != nil {
		return nil, err
	}
	if err := t.check(&l); err != nil {
		return nil, err
	}
	return t, nil
}

// check holds what all encodings have in common.
func (t *Task) check(l *Limits) error {
	unfit := func(text string) error { return Errorf(http.StatusUnprocessableEntity, "%s", text) }
	if t.Image == nil && t.Faces == nil {
		return unfit("there is neither image nor faces; send one of them")
	}
	if t.Image != nil {
		var err error
		if t.Size, err = l.checkImage(t.Image); err != nil {
			return inField(partImage, -1, err)
		}
	}
	for i, f := range t.Faces {
		if _, err := l.checkImage(f); err != nil {
			return inField(partFaces, i, err)
		}
	}
	if t.Boxes != nil && t.Prob != nil && len(t.Boxes) != len(t.Prob) {
		return unfit("bbox and prob differ in length; send one prob for each bbox")
	}
	if t.Faces != nil && t.Boxes != nil && len(t.Boxes) != len(t.Faces) {
		return unfit("bbox and faces differ in length; send one bbox for each face")
	}
	for _, p := range t.Prob {
		if !(p >= 0 && p <= 1) {
			return unfit("prob holds a number that is not between 0 and 1; send confidences")
		}
	}
	return nil
}

// inField says in which field an error is.
func inField(field string, i int, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	in := *e
	in.Text = imageName(field, i) + ": " + e.Text
	return &in
}

func readLiteralTask(body io.Reader, length int64, l *Limits) (*Task, error) {
	data, err := Read(body, length, l.Body)
	if err != nil {
		return nil, err
	}
	in, err := Decode[literalTask](data)
	if err != nil {
		return nil, err
	}
	t := &Task{Encoding: EncodingLiteral, Boxes: in.Boxes, Prob: in.Prob, Crops: true}
	if in.TaskExtra != nil && in.Crops != nil {
		t.Crops = *in.Crops
	}
	if in.Image != nil {
		if t.Image, err = ParseLiteral(*in.Image, l.Image); err != nil {
			return nil, inField(partImage, -1, err)
		}
	}
	t.Faces, err = parseFaces(in.Faces, l)
	return t, err
}

// parseFaces reads crops that came as literals; nil stays nil.
func parseFaces(in []string, l *Limits) ([][]byte, error) {
	if len(in) > l.Images {
		return nil, tooMany(l.Images)
	}
	if in == nil {
		return nil, nil
	}
	out := make([][]byte, len(in))
	for i, s := range in {
		var err error
		if out[i], err = ParseLiteral(s, l.Image); err != nil {
			return nil, inField(partFaces, i, err)
		}
	}
	return out, nil
}

func tooMany(most int) *Error {
	return Errorf(http.StatusRequestEntityTooLarge, "there are more than %d faces; send fewer at once", most)
}

func readFormTask(body io.Reader, boundary string, l *Limits) (*Task, error) {
	t := &Task{Encoding: EncodingMultipart}
	told := false
	err := readForm(body, boundary, l, func(name string, data []byte) error {
		switch name {
		case partImage:
			if t.Image != nil {
				return Errorf(http.StatusUnprocessableEntity, "there are two parts image; send one")
			}
			t.Image = data
		case partFaces:
			t.Faces = append(t.Faces, data)
		case partContext:
			if told {
				return Errorf(http.StatusUnprocessableEntity, "there are two parts ctx; send one")
			}
			told = true
			c, err := Decode[taskContext](data)
			if err != nil {
				return inField(partContext, -1, err)
			}
			t.Boxes, t.Prob, t.Crops = c.Boxes, c.Prob, c.Crops
		}
		return nil
	})
	if t.Faces == nil && t.Image == nil && t.Boxes != nil && len(t.Boxes) == 0 {
		t.Faces = [][]byte{} // a form cannot hold an empty list of parts
	}
	return t, err
}

// readForm hands out the parts of a multipart form in their order. A part's size is
// bounded by Limits.Image, the whole by Limits.Body.
func readForm(body io.Reader, boundary string, l *Limits, part func(name string, data []byte) error) error {
	if boundary == "" {
		return Errorf(http.StatusBadRequest, "the content type %s has no boundary; let the HTTP client make the form", FormType)
	}
	if body == nil {
		body = bytes.NewReader(nil)
	}
	limited := &limitedReader{r: body, left: l.Body}
	r := multipart.NewReader(limited, boundary)
	for n := 0; ; n++ {
		p, err := r.NextRawPart()
		switch {
		case errors.Is(err, io.EOF) && errors.Unwrap(err) == nil: // a form without an end wraps it
			return nil
		case limited.left < 0:
			return tooLarge(l.Body)
		case err != nil:
			return Errorf(http.StatusBadRequest, "the form is broken: %v; let the HTTP client make it", err)
		case n >= l.Images+2:
			return tooMany(l.Images)
		}
		data, err := Read(p, -1, int64(l.Image))
		if limited.left < 0 {
			return tooLarge(l.Body)
		}
		if err == nil {
			err = part(p.FormName(), data)
		}
		if err != nil {
			return inField("part "+shorten(p.FormName(), 60), -1, err)
		}
	}
}

// limitedReader ends with an error, not with io.EOF, when more than left bytes come.
type limitedReader struct {
	r    io.Reader
	left int64 // below 0 = there was more
}

var errBeyond = errors.New("beyond the limit")

func (r *limitedReader) Read(b []byte) (int, error) {
	if r.left < 0 {
		return 0, errBeyond
	}
	if int64(len(b)) > r.left+1 {
		b = b[:r.left+1]
	}
	n, err := r.r.Read(b)
	r.left -= int64(n)
	if r.left < 0 {
		return 0, errBeyond
	}
	return n, err
}

// Encode returns the request that carries t: its Content-Type and its body. plain
// leaves out what the original does not know. A bare JPEG carries no crops or
// boxes: with some it panics, since the caller has chosen the wrong encoding.
func (t *Task) Encode(plain bool) (contentType string, body []byte, err error) {
	switch t.Encoding {
	case EncodingLiteral:
		in := literalTask{Boxes: t.Boxes, Prob: t.Prob, Faces: formatFaces(t.Faces), TaskExtra: &TaskExtra{Crops: &t.Crops}}
		if t.Image != nil {
			s := FormatLiteral(t.Image)
			in.Image = &s
		}
		body, err = encode(&in, plain)
		return JSONType, body, err
	case EncodingMultipart:
		return encodeForm(t.Image, t.Faces, &taskContext{Boxes: t.Boxes, Prob: t.Prob, Crops: t.Crops})
	default:
	}
	if t.Faces != nil || t.Boxes != nil || t.Prob != nil || t.Image == nil {
		panic("wire: a task that is not one image alone has no encoding as a JPEG")
	}
	return JPEGType, t.Image, nil
}

func formatFaces(in [][]byte) []string {
	if in == nil {
		return nil
	}
	out := make([]string, len(in))
	for i, f := range in {
		out[i] = FormatLiteral(f)
	}
	return out
}

// encodeForm makes a multipart form of an image (nil = none), crops and a context.
func encodeForm(image []byte, faces [][]byte, context any) (contentType string, body []byte, err error) {
	ctx, err := Encode(context)
	if err != nil {
		return "", nil, err
	}
	size := len(image) + len(ctx) + 512
	for _, f := range faces {
		size += len(f) + 256
	}
	b := bytes.NewBuffer(make([]byte, 0, size))
	w := multipart.NewWriter(b)
	add := func(name, kind, file string, data []byte) {
		h := textproto.MIMEHeader{}
		disposition := `form-data; name="` + name + `"`
		if file != "" {
			disposition += `; filename="` + file + `"`
		}
		h.Set("Content-Disposition", disposition)
		h.Set("Content-Type", kind)
		p, _ := w.CreatePart(h) // into memory: nothing can fail
		_, _ = p.Write(data)
	}
	add(partContext, JSONType, "", ctx)
	if image != nil {
		add(partImage, JPEGType, "image.jpg", image)
	}
	for _, f := range faces {
		add(partFaces, JPEGType, "face.jpg", f)
	}
	_ = w.Close()
	return w.FormDataContentType(), b.Bytes(), nil
}
