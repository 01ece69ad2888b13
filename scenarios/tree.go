package scenarios

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// value is a TOML value with the place where it was written: a *table, []*value,
// string, int64, float64, bool, or something else that no key takes (a date).
type value struct {
	v   any
	pos pos
}

// table is a TOML table whose keys keep their order.
type table struct {
	keys []string
	m    map[string]*value
}

func newTable() *table { return &table{m: map[string]*value{}} }

func (t *table) get(key string) *value {
	if t == nil {
		return nil
	}
	return t.m[key]
}

func (t *table) set(key string, v *value) {
	if t.m[key] == nil {
		t.keys = append(t.keys, key)
	}
	t.m[key] = v
}

func (t *table) delete(key string) {
	if t.m[key] != nil {
		delete(t.m, key)
		t.keys = slices.DeleteFunc(t.keys, func(k string) bool { return k == key })
	}
}

// str returns the string at key, "" when there is none.
func (t *table) str(key string) string {
	if v := t.get(key); v != nil {
		s, _ := v.v.(string)
		return s
	}
	return ""
}

// table returns v's table, or nil.
func (v *value) table() *table {
	if v == nil {
		return nil
	}
	t, _ := v.v.(*table)
	return t
}

// list returns v's elements; a single value is a list of itself.
func (v *value) list() []*value {
	if v == nil {
		return nil
	}
	if l, ok := v.v.([]*value); ok {
		return l
	}
	return []*value{v}
}

// clone copies v so deep that changing the copy's tables and lists leaves v alone.
func (v *value) clone() *value {
	c := &value{v: v.v, pos: v.pos}
	switch x := v.v.(type) {
	case *table:
		t := newTable()
		for _, k := range x.keys {
			t.set(k, x.m[k].clone())
		}
		c.v = t
	case []*value:
		l := make([]*value, len(x))
		for i, e := range x {
			l[i] = e.clone()
		}
		c.v = l
	}
	return c
}

// kind names v's TOML type for messages.
func (v *value) kind() string {
	switch v.v.(type) {
	case *table:
		return "a table"
	case []*value:
		return "a list"
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a number"
	case bool:
		return "a boolean"
	}
	return "a date or time"
}

// maxDepth bounds how deeply lists and tables may nest, so that no input
// exhausts the stack.
const maxDepth = 64

// parseTree reads TOML. The library checks the syntax and gives the values, the
// index the lines and the order.
func parseTree(text string) (*value, error) {
	ix, err := buildIndex(text)
	if err != nil {
		return nil, err
	}
	var m map[string]any
	if _, err := toml.Decode(text, &m); err != nil {
		var pe toml.ParseError
		if errors.As(err, &pe) {
			if ix.list != "" && ix.single.line <= pe.Position.Line { // what follows clashes with it
				return nil, ix.single.err("", "", "[%s] is one table: want [[%[1]s]], of which there may be several", ix.list)
			}
			return nil, pos{line: max(pe.Position.Line, 1)}.err("", "", "%s", syntaxMessage(pe))
		}
		return nil, pos{line: 1}.err("", "", "%s", strings.TrimPrefix(err.Error(), "toml: "))
	}
	return ix.tree(m, "", 1), nil
}

// syntaxMessage is a parse error's message without the position, which the
// library puts in some messages and not in others. It says what language the file is
// held to be in, since it may be another file altogether.
func syntaxMessage(pe toml.ParseError) string {
	msg := pe.Message
	if msg == "" {
		msg = strings.TrimPrefix(pe.Error(), "toml: ")
	}
	return "is not TOML: " + msg
}

// tree makes a value of what the library decoded at a path of the index.
func (ix *index) tree(x any, path string, line int) *value {
	if e, ok := ix.at[path]; ok {
		line = e.line
	}
	v := &value{v: x, pos: pos{line: line}}
	switch x := x.(type) {
	case map[string]any:
		t := newTable()
		for _, k := range ix.ordered(x, path) {
			t.set(k, ix.tree(x[k], joinKey(path, k), line))
		}
		v.v = t
	case []map[string]any:
		l := make([]*value, len(x))
		for i := range x {
			l[i] = ix.tree(x[i], joinIndex(path, i), line)
		}
		v.v = l
	case []any:
		l := make([]*value, len(x))
		for i := range x {
			l[i] = ix.tree(x[i], joinIndex(path, i), line)
		}
		v.v = l
	}
	return v
}

// ordered returns m's keys in the order of the file.
func (ix *index) ordered(m map[string]any, path string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		ea, eb := ix.at[joinKey(path, a)], ix.at[joinKey(path, b)]
		if ea.order != eb.order {
			return ea.order - eb.order
		}
		return strings.Compare(a, b)
	})
	return keys
}

// Paths of the index: keys and element numbers, each ended by a byte that is in
// neither.
func joinKey(path, key string) string     { return path + key + "\x00" }
func joinIndex(path string, i int) string { return path + strconv.Itoa(i) + "\x01" }

// idChars are the characters of ids and of bare keys.
const idChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

func quoteKey(key string) string {
	if key != "" && strings.Trim(key, idChars) == "" {
		return key
	}
	return quoteString(key)
}

// quoteString writes a TOML basic string.
func quoteString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
