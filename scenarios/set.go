package scenarios

import (
	"reflect"
	"strings"
	"unicode/utf8"
)

// setting is one --set KEY=VALUE.
type setting struct {
	text  string
	keys  []string
	value string
}

func (s *setting) pos() pos { return pos{set: s.text} }

// parseSettings splits the texts; it does not know yet whether the keys exist.
func parseSettings(texts []string) ([]*setting, error) {
	var all []*setting
	for _, text := range texts {
		key, val, ok := strings.Cut(text, "=")
		s := &setting{text: text, keys: strings.Split(strings.TrimSpace(key), "."), value: strings.TrimSpace(val)}
		for _, k := range s.keys {
			ok = ok && k != ""
		}
		if !ok {
			return nil, s.pos().err("", "", "want KEY=VALUE, such as camera.classroom.fps=10")
		}
		if !utf8.ValidString(text) {
			return nil, s.pos().err("", "", "is not UTF-8")
		}
		all = append(all, s)
	}
	return all, nil
}

// applyWritten applies the settings that address what is written in the file, and
// returns those that may address an element which a count or pattern makes.
func applyWritten(root *table, all []*setting) (later []*setting, err error) {
	for _, s := range all {
		if isElement(s.keys) {
			found := elements(root, s.keys[0], s.keys[1])
			if len(found) == 0 {
				later = append(later, s)
				continue
			}
		}
		if err := s.apply(root); err != nil {
			return nil, err
		}
	}
	return later, nil
}

// applyMade applies the settings that applyWritten left.
func (x *expansion) applyMade(later []*setting) error {
	for _, s := range later {
		found := elements(x.root, s.keys[0], s.keys[1])
		if len(found) == 0 {
			known := x.ids(s.keys[0])
			return s.pos().err("", nearest(s.keys[1], known), "there is no %s %q; there is %s", s.keys[0], s.keys[1], orNone(known))
		}
		for _, g := range x.groups[s.keys[0]] {
			for _, m := range g.made {
				for _, e := range found {
					g.touched = g.touched || m == e
				}
			}
		}
		if err := s.apply(x.root); err != nil {
			return err
		}
	}
	return nil
}

func orNone(known []string) string {
	if len(known) == 0 {
		return "none"
	}
	return words(known)
}

func isElement(keys []string) bool { return len(keys) > 1 && identified[keys[0]] }

// elements returns the elements of a list that have the id; a link's id may be
// in either order, though the order as written goes first.
func elements(root *table, list, id string) []*value {
	v := root.get(list)
	if v == nil || v.table() != nil {
		return nil
	}
	var found, reversed []*value
	for i, e := range v.list() {
		t := e.table()
		if t == nil {
			continue
		}
		if elementID(list, t, i) == id {
			found = append(found, e)
		}
		if from, to, ok := ends(t); ok && list == "link" && strings.Join(to, "+")+"-"+strings.Join(from, "+") == id {
			reversed = append(reversed, e)
		}
	}
	if len(found) == 0 {
		return reversed
	}
	return found
}

func (s *setting) apply(root *table) error {
	return s.walk(root, reflect.TypeFor[fileScenario](), s.keys)
}

// walk goes down from a table of a struct's type to where the value belongs.
func (s *setting) walk(t *table, typ reflect.Type, keys []string) error {
	f, known := fieldOf(typ, keys[0])
	if f == nil {
		if rest, _ := fieldOf(typ, "*"); rest != nil && len(keys) > 1 {
			return s.put(s.child(t, keys[0]), keys[1:], nil)
		}
		return s.pos().err("", nearest(keys[0], known), "unknown key %q; known here: %s", keys[0], strings.Join(known, ", "))
	}
	if len(keys) == 1 {
		return s.put(t, keys, f.Type)
	}
	switch {
	case f.Type == reflect.TypeFor[services]():
		return s.service(t, keys)
	case reflect.PointerTo(f.Type).Implements(customType):
	case f.Type.Kind() == reflect.Struct:
		return s.walk(s.child(t, keys[0]), f.Type, keys[1:])
	case isElement(keys) && typ == reflect.TypeFor[fileScenario]():
		if len(keys) == 2 {
			return s.pos().err("", "", "names a whole %s: add one of its keys", keys[0])
		}
		for _, e := range elements(t, keys[0], keys[1]) {
			if err := s.walk(e.table(), f.Type.Elem(), keys[2:]); err != nil {
				return err
			}
		}
		return nil
	}
	return s.pos().err("", "", "%s has no keys below it", strings.Join(s.keys[:len(s.keys)-len(keys)+1], "."))
}

// fieldOf finds a struct's field by key and lists the keys that there are.
func fieldOf(typ reflect.Type, key string) (f *reflect.StructField, known []string) {
	for i := range typ.NumField() {
		sf := typ.Field(i)
		k := sf.Tag.Get("toml")
		if k == key {
			f = &sf
		}
		if k != "*" {
			known = append(known, k)
		}
	}
	return f, known
}

// child returns a copy of the table at key, which takes the old one's place, or
// a new one. Elements that a count has made share their tables, hence the copy.
func (s *setting) child(t *table, key string) *table {
	v := t.get(key)
	if v.table() == nil {
		v = &value{v: newTable(), pos: s.pos()}
	} else {
		v = v.clone()
	}
	t.set(key, v)
	return v.table()
}

func (s *setting) put(t *table, keys []string, typ reflect.Type) error {
	if len(keys) > 1 {
		return s.pos().err("", "", "%s has no keys below it", strings.Join(s.keys[:len(s.keys)-len(keys)+1], "."))
	}
	v, err := anyValue(s.value)
	if typ != nil {
		v, err = typed(s.value, typ)
	}
	if err != nil {
		return s.pos().err("", "", "%s", err)
	}
	v = v.clone()
	v.place(s.pos())
	t.set(keys[0], v)
	return nil
}

// place sets the position of v and of all in it.
func (v *value) place(p pos) {
	v.pos = p
	switch x := v.v.(type) {
	case *table:
		for _, k := range x.keys {
			x.m[k].place(p)
		}
	case []*value:
		for _, e := range x {
			e.place(p)
		}
	}
}

// service sets node.ID.services.NAME=N or node.ID.services.NAME.KEY=VALUE.
func (s *setting) service(t *table, keys []string) error {
	if v := t.get("services"); v != nil && v.table() == nil { // a list of names
		all := newTable()
		for _, e := range v.list() {
			if name, ok := e.v.(string); ok {
				all.set(name, &value{v: newTable(), pos: e.pos})
			}
		}
		t.set("services", &value{v: all, pos: v.pos})
	}
	all := s.child(t, "services")
	if len(keys) == 2 {
		return s.put(all, keys[1:], nil)
	}
	if n := all.get(keys[1]); n != nil && n.table() == nil {
		one := newTable()
		one.set("workers", n)
		all.set(keys[1], &value{v: one, pos: n.pos})
	}
	return s.walk(s.child(all, keys[1]), reflect.TypeFor[fileService](), keys[2:])
}
