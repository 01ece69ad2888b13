package store

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"vidq/core"
)

// appendCalls appends the stored form of calls: a JSON array that has for each
// stage the array [node, model, round trip, work, wait, transfer, bytes,
// attempts], times in nanoseconds. It takes a third of the bytes that objects
// with names would, and SQL reads it through the view calls.
func appendCalls(b []byte, calls []core.Call) []byte {
	b = append(b, '[')
	for i := range calls {
		c := &calls[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(append(b, '['), string(c.Node))
		for _, v := range [...]int64{
			int64(c.Model), int64(c.RoundTrip), int64(c.Work), int64(c.Wait), int64(c.Transfer),
		} {
			b = strconv.AppendInt(append(b, ','), v, 10)
		}
		b = appendNumber(append(b, ','), c.Bytes)
		b = strconv.AppendInt(append(b, ','), int64(c.Attempts), 10)
		b = append(b, ']')
	}
	return append(b, ']')
}

// appendText appends a JSON string. Bytes that are not UTF-8 stay as they are,
// so that the check of the whole finds them.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == 0: // not \u0000, which SQL could not make a text of
			b = append(b, c)
		case c < ' ':
			b = append(b, `\u00`...)
			b = append(b, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// appendNumber appends a JSON number, null for what is not finite.
func appendNumber(b []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

// decodeCalls reads what appendCalls wrote; no calls are nil.
func decodeCalls(text string) ([]core.Call, error) {
	var rows [][]json.RawMessage
	if err := json.Unmarshal([]byte(text), &rows); err != nil || len(rows) == 0 {
		return nil, err
	}
	calls := make([]core.Call, len(rows))
	for i, row := range rows {
		c, bytes := &calls[i], (*float64)(nil)
		into := []any{&c.Node, &c.Model, &c.RoundTrip, &c.Work, &c.Wait, &c.Transfer, &bytes, &c.Attempts}
		if len(row) != len(into) {
			return nil, fmt.Errorf("stage %d of calls has %d values, not %d", i+1, len(row), len(into))
		}
		for j := range into {
			if err := json.Unmarshal(row[j], into[j]); err != nil {
				return nil, err
			}
		}
		c.Bytes = orNaN(bytes)
	}
	return calls, nil
}

// orNaN returns NaN for nil.
func orNaN(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}
