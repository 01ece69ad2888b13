package scenarios

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// text writes the scenario as run: what the file says with the settings applied
// and with file names that are right from anywhere. An element whose count or pattern stands
// for several is written as it was, unless a setting changed one of them.
func (x *expansion) text(b *builder) string {
	for _, g := range x.groups["camera"] { // a camera that is written singly needs its queries so
		for _, q := range x.groups["query"] {
			if q.written.table().str("camera") == g.written.table().str("id") {
				q.touched = q.touched || g.touched
			}
		}
	}
	root := newTable()
	for _, k := range x.root.keys {
		v := x.root.m[k].clone()
		if groups, ok := x.groups[k]; ok {
			l := []*value{}
			for _, g := range groups {
				elems := []*value{g.written}
				if g.touched {
					elems = g.made
				}
				for _, e := range elems {
					l = append(l, e.clone())
				}
			}
			v.v = l
		}
		root.set(k, v)
	}
	if root.get("name") == nil {
		root.set("name", &value{v: b.s.Name})
	}
	b.absoluteNames(root)
	var w strings.Builder
	writeTable(&w, root, "")
	return w.String()
}

// absoluteNames replaces the file names of a tree.
func (b *builder) absoluteNames(root *table) {
	fix := func(t *table, key string) {
		if v := t.get(key); v != nil && t.str(key) != "" {
			v.v, _ = b.absolute(t.str(key), v.pos)
		}
	}
	if t := root.get("kb").table(); t != nil {
		fix(t, "belief")
		fix(t, "truth")
	}
	for _, c := range root.get("camera").list() {
		fix(c.table(), "content")
	}
	for _, l := range root.get("link").list() {
		fix(l.table(), "trace")
	}
}

// isTables reports whether v is a list of tables, which is written [[so]].
func isTables(v *value) bool {
	l, ok := v.v.([]*value)
	for _, e := range l {
		ok = ok && e.table() != nil
	}
	return ok && len(l) > 0
}

// headed reports whether v is written under a header of its own.
func headed(v *value, depth int) bool {
	return depth < 2 && (v.table() != nil || isTables(v) && depth == 0)
}

func writeTable(w *strings.Builder, t *table, path string) {
	depth := 0
	if path != "" {
		depth = strings.Count(path, ".") + 1
	}
	for _, k := range t.keys {
		if v := t.m[k]; !headed(v, depth) {
			fmt.Fprintf(w, "%s = %s\n", quoteKey(k), inline(v))
		}
	}
	for _, k := range t.keys {
		v := t.m[k]
		sub := address(path, quoteKey(k))
		switch {
		case !headed(v, depth):
		case v.table() != nil:
			fmt.Fprintf(w, "\n[%s]\n", sub)
			writeTable(w, v.table(), sub)
		default:
			for _, e := range v.list() {
				fmt.Fprintf(w, "\n[[%s]]\n", sub)
				for _, k := range e.table().keys {
					fmt.Fprintf(w, "%s = %s\n", quoteKey(k), inline(e.table().m[k]))
				}
			}
		}
	}
}

// inline writes a value on one line.
func inline(v *value) string {
	switch x := v.v.(type) {
	case *table:
		var parts []string
		for _, k := range x.keys {
			parts = append(parts, quoteKey(k)+" = "+inline(x.m[k]))
		}
		if len(parts) == 0 {
			return "{}"
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	case []*value:
		parts := make([]string, len(x))
		for i, e := range x {
			parts[i] = inline(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		return quoteString(x)
	case float64:
		return formatFloat(x)
	}
	return fmt.Sprint(v.v)
}

// formatFloat writes a number so that TOML reads a float.
func formatFloat(x float64) string {
	switch {
	case math.IsNaN(x):
		return "nan"
	case math.IsInf(x, 1):
		return "inf"
	case math.IsInf(x, -1):
		return "-inf"
	}
	s := strconv.FormatFloat(x, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}
