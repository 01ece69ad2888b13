package scenarios

import (
	"strings"

	"github.com/BurntSushi/toml"
)

// index knows for every key and list element of a TOML text where it stands. The
// library tells lines only in syntax errors, so this scanner finds them: it
// understands as much of TOML as is needed to tell keys from values. What it makes of
// a text that is not TOML does not matter, as the library refuses that.
type index struct {
	at     map[string]entry // by path
	single pos              // of the first [node], or the like, that is to be [[node]]
	list   string           // what that is
}

type entry struct{ line, order int }

type scanner struct {
	src    string
	i      int
	line   int
	ix     *index
	tables map[string]int // elements so far of each [[list]], by path
	depth  int
}

// buildIndex scans a text. It refuses only what nests too deeply.
func buildIndex(text string) (*index, error) {
	s := &scanner{src: text, line: 1, ix: &index{at: map[string]entry{}}, tables: map[string]int{}}
	prefix := ""
	for {
		s.space(true)
		switch s.peek() {
		case 0:
			if s.i >= len(s.src) {
				return s.ix, nil
			}
			s.next()
		case '[':
			prefix = s.header()
		default:
			s.pair(prefix)
		}
		if s.depth > maxDepth {
			return nil, pos{line: s.line}.err("", "", "lists and tables are nested more than %d deep", maxDepth)
		}
	}
}

func (s *scanner) peek() byte {
	if s.i < len(s.src) {
		return s.src[s.i]
	}
	return 0
}

func (s *scanner) next() {
	if s.i < len(s.src) {
		if s.src[s.i] == '\n' {
			s.line++
		}
		s.i++
	}
}

func (s *scanner) has(prefix string) bool { return strings.HasPrefix(s.src[s.i:], prefix) }

// space skips blanks and comments, with newlines also these.
func (s *scanner) space(newlines bool) {
	for s.i < len(s.src) {
		switch c := s.peek(); {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' && newlines:
			s.next()
		case c == '#' && newlines:
			for s.i < len(s.src) && s.peek() != '\n' {
				s.next()
			}
		default:
			return
		}
	}
}

func (s *scanner) mark(path string) {
	if _, ok := s.ix.at[path]; !ok {
		s.ix.at[path] = entry{s.line, len(s.ix.at) + 1}
	}
}

// header reads [a.b] or [[a.b]] and returns the path that it opens.
func (s *scanner) header() string {
	s.next()
	list := s.peek() == '['
	if list {
		s.next()
	}
	keys := s.key(']')
	path := ""
	if !list && len(keys) == 1 && identified[keys[0]] && s.ix.list == "" {
		s.ix.single, s.ix.list = pos{line: s.line}, keys[0]
	}
	for i, k := range keys {
		path = joinKey(path, k)
		s.mark(path)
		if n, ok := s.tables[path]; ok && (i < len(keys)-1 || !list) {
			path = joinIndex(path, n-1)
		}
	}
	if list {
		n := s.tables[path]
		s.tables[path] = n + 1
		path = joinIndex(path, n)
		s.mark(path)
	}
	for s.i < len(s.src) && s.peek() != '\n' && s.peek() != '#' {
		s.next()
	}
	if len(keys) > maxDepth {
		s.depth = maxDepth + 1
	}
	return path
}

// pair reads KEY = VALUE under a path.
func (s *scanner) pair(path string) {
	start := s.i
	keys := s.key('=')
	if len(keys) > maxDepth {
		s.depth = maxDepth + 1
		return
	}
	for _, k := range keys {
		path = joinKey(path, k)
		s.mark(path)
	}
	if s.peek() == '=' {
		s.next()
		s.value(path)
	}
	if s.i == start { // not TOML: go on anyhow
		s.next()
	}
}

// key reads a dotted key up to (without) the byte end or the line's.
func (s *scanner) key(end byte) []string {
	var keys []string
	for {
		s.space(false)
		switch c := s.peek(); c {
		case '"', '\'':
			from := s.i
			s.str()
			keys = append(keys, unquote(s.src[from:s.i]))
		case '.':
			s.next()
		case 0, '\n', end:
			return keys
		default:
			from := s.i
			for s.i < len(s.src) && !strings.ContainsRune(" \t\r\n.=]\"'", rune(s.peek())) {
				s.next()
			}
			if s.i == from {
				return keys
			}
			keys = append(keys, s.src[from:s.i])
		}
	}
}

// unquote reads a quoted key as the library does.
func unquote(s string) string {
	var v struct{ X string }
	if _, err := toml.Decode("x = "+s, &v); err != nil {
		return s
	}
	return v.X
}

// str skips a string of any of the four kinds.
func (s *scanner) str() {
	quote := s.src[s.i : s.i+1]
	if triple := quote + quote + quote; s.has(triple) {
		quote = triple
	}
	for range len(quote) {
		s.next()
	}
	for s.i < len(s.src) {
		switch {
		case quote[0] == '"' && s.peek() == '\\':
			s.next()
			s.next()
		case len(quote) == 1 && s.peek() == '\n':
			return
		case s.has(quote):
			for range len(quote) {
				s.next()
			}
			for len(quote) == 3 && s.peek() == quote[0] { // """..."" + """ ends with up to five
				s.next()
			}
			return
		default:
			s.next()
		}
	}
}

// value skips a value and marks what is in it.
func (s *scanner) value(path string) {
	if s.depth++; s.depth > maxDepth {
		return
	}
	s.space(false)
	switch s.peek() {
	case '"', '\'':
		s.str()
	case '[':
		s.next()
		s.elements(path)
	case '{':
		s.next()
		s.inline(path)
	default:
		for s.i < len(s.src) && !strings.ContainsRune(",]}#\n", rune(s.peek())) {
			s.next()
		}
	}
	if s.depth <= maxDepth { // else the excess is reported
		s.depth--
	}
}

func (s *scanner) elements(path string) {
	for i := 0; s.i < len(s.src) && s.depth <= maxDepth; {
		s.space(true)
		switch s.peek() {
		case ']':
			s.next()
			return
		case ',':
			s.next()
		case '}', 0: // not TOML
			s.next()
			return
		default:
			p := joinIndex(path, i)
			s.mark(p)
			s.value(p)
			i++
		}
	}
}

func (s *scanner) inline(path string) {
	for s.i < len(s.src) && s.depth <= maxDepth {
		s.space(true)
		switch s.peek() {
		case '}':
			s.next()
			return
		case ',':
			s.next()
		case ']', 0: // not TOML
			s.next()
			return
		default:
			s.pair(path)
		}
	}
}
