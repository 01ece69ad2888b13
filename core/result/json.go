package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"vidq/core"
)

// Encode writes the document as indented JSON with a final newline. The same
// document gives the same bytes: keys stand in the order of the types, floats in
// the shortest form that reads back the same.
func Encode(w io.Writer, d *Document) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return fmt.Errorf("result document: %w", err)
	}
	return nil
}

// Reasons counts frames that were dropped or failed by core.Reason. In JSON it is
// an object with a key for each reason that occurred.
type Reasons [core.NumReasons]int64

// MarshalJSON writes the reasons that occurred, in core's order.
func (r Reasons) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, n := range r {
		if n == 0 || i == int(core.ReasonNone) {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = strconv.AppendQuote(b, core.Reason(i).String())
		b = strconv.AppendInt(append(b, ':'), n, 10)
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads what MarshalJSON writes; an unknown reason is an error.
func (r *Reasons) UnmarshalJSON(b []byte) error {
	var m map[string]int64
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&m); err != nil {
		return err
	}
	*r = Reasons{}
	known := 0
	for i := range r {
		if n, ok := m[core.Reason(i).String()]; ok {
			r[i] = n
			known++
		}
	}
	if known != len(m) {
		return errors.New("drop_reasons holds a reason that this version does not know")
	}
	return nil
}
