package wire

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of JSON that is read; the shapes need less than ten.
const maxDepth = 32

// scanner reads JSON (RFC 8259) to the letter. encoding/json is not used because it
// takes keys that differ in case, the last of two equal keys and broken
// UTF-8, and tells neither a missing field from a zero nor an element's index.
type scanner struct {
	b []byte
	i int
}

// syntaxError is text that is not JSON.
type syntaxError struct {
	at   int // byte offset
	text string
}

func (e *syntaxError) Error() string {
	return "the body is not JSON: " + e.text + " at byte " + strconv.Itoa(e.at)
}

func (s *scanner) fail(text string) error { return &syntaxError{s.i, text} }

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return c
		}
	}
	return 0
}

// end reports what follows the value, if anything does.
func (s *scanner) end() error {
	if s.peek(); s.i < len(s.b) {
		return s.fail("something follows the value")
	}
	return nil
}

// word takes true, false or null.
func (s *scanner) word(w string) error {
	if !bytes.HasPrefix(s.b[s.i:], []byte(w)) {
		return s.fail("want a value")
	}
	s.i += len(w)
	return nil
}

// str takes a string, whose opening quote is next.
func (s *scanner) str() (string, error) {
	from, end, escaped := s.i+1, s.i+1, false
	for ; ; end++ {
		if end >= len(s.b) {
			s.i = len(s.b)
			return "", s.fail("the text ends within a string")
		}
		c := s.b[end]
		if c == '"' {
			break
		}
		if c < ' ' {
			s.i = end
			return "", s.fail("a control character within a string")
		}
		if c == '\\' {
			escaped = true
			end++
		}
	}
	raw := s.b[from:end]
	s.i = from
	if !utf8.Valid(raw) {
		return "", s.fail("a string that is not UTF-8")
	}
	if escaped {
		text, err := s.unescape(raw)
		s.i = max(s.i, end+1)
		return text, err
	}
	s.i = end + 1
	return string(raw), nil
}

// simple are the escapes of one letter and what they stand for.
var simple = [...]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescape replaces the escapes of a string's inside, which begins at s.i.
func (s *scanner) unescape(raw []byte) (string, error) {
	var b strings.Builder
	b.Grow(len(raw))
	from := s.i
	for len(raw) > 0 {
		k := bytes.IndexByte(raw, '\\')
		if k < 0 {
			b.Write(raw)
			break
		}
		b.Write(raw[:k])
		raw = raw[k:]
		s.i += k
		c := raw[1] // a backslash is never the last byte
		if c != 'u' {
			if int(c) >= len(simple) || simple[c] == 0 {
				return "", s.fail("an unknown escape in a string")
			}
			b.WriteByte(simple[c])
			raw, s.i = raw[2:], s.i+2
			continue
		}
		r, n := escapedRune(raw)
		if n == 0 {
			return "", s.fail("a broken \\u escape in a string")
		}
		b.WriteRune(r)
		raw, s.i = raw[n:], s.i+n
	}
	s.i = from // the caller goes on behind the string
	return b.String(), nil
}

// escapedRune reads \uXXXX, or two of them that make a surrogate pair, and returns
// how many bytes that took; 0 = it is none.
func escapedRune(b []byte) (r rune, n int) {
	hex := func(b []byte) (rune, bool) {
		if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
			return 0, false
		}
		v := rune(0)
		for _, c := range b[2:6] {
			d, ok := hexDigit(c)
			if !ok {
				return 0, false
			}
			v = v<<4 | rune(d)
		}
		return v, true
	}
	r, ok := hex(b)
	switch {
	case !ok:
		return 0, 0
	case !utf16.IsSurrogate(r):
		return r, 6
	}
	low, ok := hex(b[6:])
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// number takes a number and tells whether it is written as an integer.
func (s *scanner) number() (text []byte, integer bool, err error) {
	from := s.i
	if s.at() == '-' {
		s.i++
	}
	integer = true
	if s.at() == '0' {
		s.i++
	} else if !s.digits() {
		return nil, false, s.fail("want a value")
	}
	if s.at() == '.' {
		integer = false
		if s.i++; !s.digits() {
			return nil, false, s.fail("want a digit after the point")
		}
	}
	if c := s.at(); c == 'e' || c == 'E' {
		integer = false
		s.i++
		if c := s.at(); c == '+' || c == '-' {
			s.i++
		}
		if !s.digits() {
			return nil, false, s.fail("want a digit in the exponent")
		}
	}
	return s.b[from:s.i], integer, nil
}

// at returns the byte that is next, 0 at the end.
func (s *scanner) at() byte {
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// digits takes a run of digits and tells whether there was any.
func (s *scanner) digits() bool {
	from := s.i
	for s.at() >= '0' && s.at() <= '9' {
		s.i++
	}
	return s.i > from
}

// skip takes any value.
func (s *scanner) skip(depth int) error {
	switch c := s.peek(); c {
	case '"':
		_, err := s.str()
		return err
	case '{':
		return s.members(depth, func(string) error { return s.skip(depth + 1) })
	case '[':
		return s.elements(depth, func() error { return s.skip(depth + 1) })
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	default:
		_, _, err := s.number()
		return err
	}
}

// members takes an object, whose brace is next, and calls value for each value.
func (s *scanner) members(depth int, value func(key string) error) error {
	if depth >= maxDepth {
		return s.fail("nested too deeply")
	}
	s.i++
	if s.peek() == '}' {
		s.i++
		return nil
	}
	for {
		if s.peek() != '"' {
			return s.fail("want a key")
		}
		key, err := s.str()
		if err != nil {
			return err
		}
		if s.peek() != ':' {
			return s.fail("want a colon")
		}
		s.i++
		if err := value(key); err != nil {
			return err
		}
		if done, err := s.next('}'); done || err != nil {
			return err
		}
	}
}

// elements takes an array, whose bracket is next, and calls value for each value.
func (s *scanner) elements(depth int, value func() error) error {
	if depth >= maxDepth {
		return s.fail("nested too deeply")
	}
	s.i++
	if s.peek() == ']' {
		s.i++
		return nil
	}
	for {
		if err := value(); err != nil {
			return err
		}
		if done, err := s.next(']'); done || err != nil {
			return err
		}
	}
}

// next takes the comma between values, or the bracket that ends them.
func (s *scanner) next(end byte) (done bool, err error) {
	c := s.peek()
	if c != ',' && c != end {
		return false, s.fail("want a comma or " + string(end))
	}
	s.i++
	return c == end, nil
}
