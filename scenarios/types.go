package scenarios

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"

	"vidq/core"
)

// The types of keys that TOML does not have.
type (
	duration   core.Time
	rate       float64 // bytes per second
	size       float64 // bytes
	resolution core.Resolution
	nodeAddr   netip.AddrPort
	endpoint   []string // a name, a pattern or a list of them
	services   []Service
	stage      struct {
		fileStage
		followsPrevious bool
	}
	pipeline []stage
	params   map[string]map[string]any
)

func wantString(v *value, example string) (string, error) {
	s, ok := v.v.(string)
	if !ok {
		return "", fmt.Errorf("want a string such as %q, got %s", example, v.kind())
	}
	return s, nil
}

func (d *duration) read(_ *binder, v *value, _ string) error {
	s, err := wantString(v, "300ms")
	if err != nil {
		return err
	}
	t, err := parseTime(s)
	*d = duration(t)
	return err
}

func (*duration) schema() (map[string]any, string) {
	return map[string]any{
		"type":    "string",
		"pattern": `^ *(0|([+]?[0-9.]+([eE][+-]?[0-9]+)? *(ns|us|µs|ms|s|m|h|d|y) *)+)$`,
	}, "span of time"
}

func (r *rate) read(_ *binder, v *value, _ string) error {
	s, err := wantString(v, "20Mbit/s")
	if err != nil {
		return err
	}
	x, err := parseRate(s)
	*r = rate(x)
	return err
}

func (*rate) schema() (map[string]any, string) {
	return map[string]any{"type": "string", "pattern": `^[0-9.]+([eE][+-]?[0-9]+)? *([kMGT]?bit/s|[kMG]?B/s)$`}, "rate"
}

func (a *nodeAddr) read(_ *binder, v *value, _ string) error {
	s, err := wantString(v, "10.0.0.2:5001")
	if err != nil {
		return err
	}
	at, err := netip.ParseAddrPort(s)
	switch {
	case err != nil || at.Port() == 0:
		return fmt.Errorf("want the node's ip and the port of its job manager, such as 10.0.0.2:5001, got %q", s)
	case at.Addr().IsUnspecified() || at.Addr().IsMulticast():
		return fmt.Errorf("%s is no address of one machine", at.Addr())
	}
	*a = nodeAddr(netip.AddrPortFrom(at.Addr().Unmap(), at.Port()))
	return nil
}

func (*nodeAddr) schema() (map[string]any, string) {
	return map[string]any{"type": "string", "pattern": `^(\[[0-9A-Fa-f:.]+\]|[0-9.]+):[0-9]+$`}, "ip:port"
}

func (z *size) read(_ *binder, v *value, _ string) error {
	s, err := wantString(v, "4GiB")
	if err != nil {
		return err
	}
	x, err := parseSize(s)
	if err == nil && x <= 0 {
		err = errors.New("must be above 0")
	}
	*z = size(x)
	return err
}

func (*size) schema() (map[string]any, string) {
	return map[string]any{"type": "string", "pattern": `^[0-9.]+([eE][+-]?[0-9]+)? *([kMGT]?B|[KMGT]iB)$`}, "size"
}

func (r *resolution) read(_ *binder, v *value, _ string) error {
	s, err := wantString(v, "720p")
	if err != nil {
		return err
	}
	x, err := core.ParseResolution(s)
	*r = resolution(x)
	if err != nil {
		var names []string
		for _, k := range core.Resolutions() {
			names = append(names, k.String())
		}
		return &unitError{msg: err.Error(), hint: nearest(s, names)}
	}
	return nil
}

func (*resolution) schema() (map[string]any, string) {
	return map[string]any{"type": "string", "pattern": `^(360p|480p|720p|1080p|[0-9]+x[0-9]+)$`}, "resolution"
}

func (e *endpoint) read(_ *binder, v *value, _ string) error {
	names, err := stringList(v)
	*e = names
	return err
}

// stringList reads a string or a list of strings; never nil without an error.
func stringList(v *value) ([]string, error) {
	names := []string{}
	for _, x := range v.list() {
		s, ok := x.v.(string)
		if !ok {
			return nil, fmt.Errorf("want a string or a list of strings, got %s in it", x.kind())
		}
		names = append(names, s)
	}
	return names, nil
}

func (*endpoint) schema() (map[string]any, string) {
	str := map[string]any{"type": "string"}
	return map[string]any{"anyOf": []any{str, map[string]any{"type": "array", "items": str}}}, "string or list of strings"
}

func (s *services) read(b *binder, v *value, key string) error {
	t := v.table()
	if t == nil {
		names, err := stringList(v)
		if err != nil {
			return errors.New(`want a table such as { face_detection = 2 } or a list of names, got ` + v.kind())
		}
		t = newTable()
		for _, n := range names {
			if t.get(n) != nil {
				return fmt.Errorf("names %q twice", n)
			}
			t.set(n, &value{v: newTable(), pos: v.pos})
		}
	}
	for _, name := range t.keys {
		e := t.m[name]
		if n, ok := e.v.(int64); ok {
			w := newTable()
			w.set("workers", &value{v: n, pos: e.pos})
			e = &value{v: w, pos: e.pos}
		}
		if e.table() == nil {
			b.wrong(e, address(key, name), "a number of workers or a table of settings")
			continue
		}
		var f fileService
		b.bind(e, reflect.ValueOf(&f).Elem(), address(key, name), "")
		*s = append(*s, Service{Name: name, Workers: f.Workers, MaxBatch: f.Batch, Queue: f.Queue, Model: f.Model})
	}
	return nil
}

func (*services) schema() (map[string]any, string) {
	entry := map[string]any{"anyOf": []any{
		map[string]any{"type": "integer", "minimum": 1},
		map[string]any{"$ref": "#/$defs/service"},
	}}
	return map[string]any{"anyOf": []any{
		map[string]any{"type": "object", "additionalProperties": entry},
		map[string]any{"type": "array", "items": map[string]any{"type": "string"}},
	}}, "table of [service](#service) settings or list of names"
}

func (p *pipeline) read(b *binder, v *value, key string) error {
	l, ok := v.v.([]*value)
	if !ok {
		return errors.New(`want a list of stages such as ["face_detection", "face_alignment"], got ` + v.kind())
	}
	for i, e := range l {
		k := fmt.Sprintf("%s[%d]", key, i+1)
		st := stage{followsPrevious: true}
		switch x := e.v.(type) {
		case string:
			b.pos[k] = e.pos
			st.Service = x
		case *table:
			b.bind(e, reflect.ValueOf(&st.fileStage).Elem(), k, "")
			st.followsPrevious = x.get("after") == nil
		default:
			b.wrong(e, k, "a service's name or a stage's table")
		}
		if st.Name == "" {
			st.Name = st.Service
		}
		*p = append(*p, st)
	}
	return nil
}

func (*pipeline) schema() (map[string]any, string) {
	return map[string]any{"type": "array", "minItems": 1, "maxItems": core.MaxStages, "items": map[string]any{"anyOf": []any{
		map[string]any{"type": "string"},
		map[string]any{"$ref": "#/$defs/stage"},
	}}}, "list of names or of [stages](#stage)"
}

func (p *params) read(b *binder, v *value, key string) error {
	if v.table() == nil {
		return errors.New("want a table of parameters, got " + v.kind())
	}
	if *p == nil {
		*p = params{}
	}
	_, name, _ := strings.Cut(key, ".")
	m := map[string]any{}
	for _, k := range v.table().keys {
		b.pos[address(key, k)] = v.table().m[k].pos
		m[k] = v.table().m[k].plain()
	}
	(*p)[name] = m
	return nil
}

func (*params) schema() (map[string]any, string) { return nil, "table" }

// plain returns v as a TOML decoder would.
func (v *value) plain() any {
	switch x := v.v.(type) {
	case *table:
		m := make(map[string]any, len(x.keys))
		for _, k := range x.keys {
			m[k] = x.m[k].plain()
		}
		return m
	case []*value:
		l := make([]any, len(x))
		for i, e := range x {
			l[i] = e.plain()
		}
		return l
	}
	return v.v
}
