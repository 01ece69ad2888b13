package wire

import (
	"net/http"
	"strconv"
	"strings"
)

// The original sends a JPEG as the text of a Python bytes literal and evaluates it on
// arrival. Here it is read as a literal and as nothing else.

// escapes are Python's escapes of one letter in bytes literals.
var escapes = [...]byte{
	'\\': '\\', '\'': '\'', '"': '"', 'n': '\n', 'r': '\r', 't': '\t', 'a': '\a', 'b': '\b', 'f': '\f', 'v': '\v',
}

// ParseLiteral reads the text of a Python bytes literal: b'...' or b"..." (or B)
// with the escapes \\ \' \" \n \r \t \a \b \f \v, \xHH and one to three octal digits
// up to \377. Everything else that Python has or had (other prefixes, triple quotes,
// joined lines, literals side by side, escapes it does not know) is refused, as
// are bytes beyond ASCII. It takes linear time and one allocation, that of the
// result. Errors tell the byte's offset in s and have status 422, or 413 when the result
// would have more than limit bytes.
func ParseLiteral(s string, limit int) ([]byte, error) {
	if len(s) < 3 || s[0] != 'b' && s[0] != 'B' || s[1] != '\'' && s[1] != '"' {
		return nil, badLiteral(0, `want b'...' or b"..."`)
	}
	n, err := measureLiteral(s)
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, Errorf(http.StatusRequestEntityTooLarge, "the bytes literal stands for %d bytes, more than %d; send a smaller image", n, limit)
	}
	out := make([]byte, 0, n)
	for i := 2; i < len(s)-1; {
		if c := s[i]; c != '\\' {
			out = append(out, c)
			i++
			continue
		}
		c, width, _ := escape(s[i:])
		out = append(out, c)
		i += width
	}
	return out, nil
}

func badLiteral(at int, text string) *Error {
	return Errorf(http.StatusUnprocessableEntity, "no Python bytes literal: %s at byte %d; send the image as it is, as image/jpeg", text, at)
}

// measureLiteral checks a literal from its second byte on, and returns how many
// bytes it stands for.
func measureLiteral(s string) (n int, err error) {
	quote := s[1]
	for i := 2; i < len(s); n++ {
		switch c := s[i]; {
		case c == '\\':
			_, width, text := escape(s[i:])
			if text != "" {
				return 0, badLiteral(i, text)
			}
			i += width
		case c == quote:
			if i != len(s)-1 {
				return 0, badLiteral(i+1, "something follows the literal")
			}
			return n, nil
		case c == '\n' || c == '\r' || c == 0 || c >= 0x80:
			return 0, badLiteral(i, "a byte that needs an escape")
		default:
			i++
		}
	}
	return 0, badLiteral(len(s), "the literal has no end")
}

// escape reads the escape that s begins with: its byte and its width, or what is
// wrong with it.
func escape(s string) (c byte, width int, wrong string) {
	if len(s) < 2 {
		return 0, 0, "an escape without an end"
	}
	switch e := s[1]; {
	case e == 'x':
		if len(s) < 4 {
			return 0, 0, "an escape without an end"
		}
		hi, ok1 := hexDigit(s[2])
		lo, ok2 := hexDigit(s[3])
		if !ok1 || !ok2 {
			return 0, 0, `\x without two hexadecimal digits`
		}
		return hi<<4 | lo, 4, ""
	case e >= '0' && e <= '7':
		v := 0
		for width = 1; width < 4 && width < len(s) && s[width] >= '0' && s[width] <= '7'; width++ {
			v = v<<3 | int(s[width]-'0')
		}
		if v > 0xff {
			return 0, 0, `an octal escape above \377`
		}
		return byte(v), width, ""
	case int(e) < len(escapes) && escapes[e] != 0:
		return escapes[e], 2, ""
	}
	return 0, 0, "an unknown escape"
}

// LiteralLen returns the length of FormatLiteral's text.
func LiteralLen(b []byte) int {
	n := len(`b''`)
	quote := literalQuote(b)
	for _, c := range b {
		switch {
		case c == quote || c == '\\' || c == '\n' || c == '\r' || c == '\t':
			n += 2
		case c < ' ' || c >= 0x7f:
			n += 4
		default:
			n++
		}
	}
	return n
}

// literalQuote is the quote that Python's repr takes: double only if the bytes hold
// single ones and no double one.
func literalQuote(b []byte) byte {
	single := false
	for _, c := range b {
		switch c {
		case '"':
			return '\''
		case '\'':
			single = true
		}
	}
	if single {
		return '"'
	}
	return '\''
}

// FormatLiteral returns what Python's repr prints of bytes.
func FormatLiteral(b []byte) string {
	const hex = "0123456789abcdef"
	var w strings.Builder
	w.Grow(LiteralLen(b))
	quote := literalQuote(b)
	w.WriteByte('b')
	w.WriteByte(quote)
	for _, c := range b {
		switch {
		case c == quote || c == '\\':
			w.WriteByte('\\')
			w.WriteByte(c)
		case c == '\n':
			w.WriteString(`\n`)
		case c == '\r':
			w.WriteString(`\r`)
		case c == '\t':
			w.WriteString(`\t`)
		case c < ' ' || c >= 0x7f:
			w.WriteString(`\x`)
			w.WriteByte(hex[c>>4])
			w.WriteByte(hex[c&15])
		default:
			w.WriteByte(c)
		}
	}
	w.WriteByte(quote)
	return w.String()
}

// imageName names a field, or an element of it (i >= 0), in an error about an image.
func imageName(field string, i int) string {
	if i < 0 {
		return field
	}
	return field + "[" + strconv.Itoa(i) + "]"
}
