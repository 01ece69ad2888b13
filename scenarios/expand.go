package scenarios

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"vidq/core"
)

// maxElements bounds what counts and patterns make of one list.
const maxElements = 100_000

// group is an element of a list as it is written and what it stands for.
type group struct {
	written *value
	made    []*value
	touched bool // one of those that were made was changed by --set
}

// expansion replaces counts and patterns by the elements that they stand for.
// What is of a wrong type is left alone: the binder says so.
type expansion struct {
	root   *table
	groups map[string][]*group
	nodes  []string       // ids
	counts map[string]int // of cameras by the id as written
}

// expand changes the lists of root and returns what became of each element.
func expand(root *table) (*expansion, error) {
	x := &expansion{root: root, groups: map[string][]*group{}, counts: map[string]int{}}
	steps := []struct {
		list string
		make func(*value) ([]*value, error)
	}{{"node", x.node}, {"camera", x.camera}, {"query", x.query}, {"link", x.link}}
	for _, s := range steps {
		if err := x.list(s.list, s.make); err != nil {
			return nil, err
		}
	}
	return x, nil
}

func (x *expansion) list(name string, one func(*value) ([]*value, error)) error {
	v := x.root.get(name)
	if v == nil {
		return nil
	}
	l, ok := v.v.([]*value)
	if !ok {
		return nil
	}
	made := []*value{}
	for i, e := range l {
		g := &group{written: e, made: []*value{e}}
		if t := e.table(); t != nil {
			m, err := one(e)
			if err != nil {
				var own *Error
				if errors.As(err, &own) && own.Key != "" {
					own.Key = name + "." + elementID(name, t, i) + "." + own.Key
				}
				return err
			}
			g.made = m
		}
		made = append(made, g.made...)
		x.groups[name] = append(x.groups[name], g)
		if len(made) > maxElements {
			return e.pos.err(name, "", "more than %d of them", maxElements)
		}
	}
	x.root.set(name, &value{v: made, pos: v.pos})
	return nil
}

// count returns an element's count; ok is false when it has none that is right.
func count(t *table) (n int, ok bool) {
	v := t.get("count")
	if v == nil {
		return 0, false
	}
	c, isInt := v.v.(int64)
	return int(c), isInt && c >= 0 && c <= 100_000
}

// copies makes n shallow copies of e with numbered ids.
func copies(e *value, n int, change func(t *table, k int)) []*value {
	made := make([]*value, n)
	for k := range n {
		t := newTable()
		for _, key := range e.table().keys {
			if key != "count" {
				t.set(key, e.table().m[key])
			}
		}
		if id := t.get("id"); id != nil && t.str("id") != "" {
			t.set("id", &value{v: t.str("id") + "-" + strconv.Itoa(k+1), pos: id.pos})
		}
		change(t, k)
		made[k] = &value{v: t, pos: e.pos}
	}
	return made
}

func (x *expansion) node(e *value) ([]*value, error) {
	made := []*value{e}
	if n, ok := count(e.table()); ok {
		made = copies(e, n, func(*table, int) {})
	}
	for _, m := range made {
		if id := m.table().str("id"); id != "" {
			x.nodes = append(x.nodes, id)
		}
	}
	return made, nil
}

func (x *expansion) camera(e *value) ([]*value, error) {
	t := e.table()
	n, ok := count(t)
	if ok {
		x.counts[t.str("id")] = n
	}
	spread := t.get("nodes")
	switch {
	case spread == nil && ok:
		return copies(e, n, func(*table, int) {}), nil
	case spread == nil:
		return []*value{e}, nil
	case t.get("node") != nil:
		return nil, spread.pos.err("nodes", "", "takes the place of node: give one of them")
	case !ok:
		return nil, spread.pos.err("nodes", "", "spreads the cameras of a count; without one use node")
	}
	names, err := stringList(spread)
	if err != nil {
		return nil, spread.pos.err("nodes", "", "%s", err)
	}
	nodes, _, err := x.resolve(names)
	if err == nil && len(nodes) == 0 && n > 0 {
		err = errors.New("names no node")
	}
	if err != nil {
		return nil, spread.pos.err("nodes", nearest(strings.Join(names, " "), x.nodes), "%s", err)
	}
	return copies(e, n, func(t *table, k int) {
		t.delete("nodes")
		t.set("node", &value{v: nodes[k%len(nodes)], pos: spread.pos})
	}), nil
}

func (x *expansion) query(e *value) ([]*value, error) {
	t := e.table()
	n, ok := count(t)
	camera, every := t.get("camera"), t.get("every")
	cameras, counted := x.counts[t.str("camera")]
	switch {
	case !ok && counted:
		return nil, camera.pos.err("camera", "", "camera %q has a count: give the query a count too, or name one of %[1]s-1 to %[1]s-%d", t.str("camera"), cameras)
	case !ok && every != nil:
		return nil, every.pos.err("every", "", "sets the queries of a count apart; there is none")
	case !ok:
		return []*value{e}, nil
	case counted && n > cameras:
		return nil, t.get("count").pos.err("count", "", "there are only %d cameras %s-1 to %[2]s-%[1]d", cameras, t.str("camera"))
	}
	start, err1 := parseTime(t.str("start"))
	if t.get("start") == nil {
		err1 = nil
	}
	step, err2 := parseTime(t.str("every"))
	return copies(e, n, func(t *table, k int) {
		if counted {
			t.set("camera", &value{v: t.str("camera") + "-" + strconv.Itoa(k+1), pos: camera.pos})
		}
		if every != nil && err1 == nil && err2 == nil {
			t.delete("every")
			at := core.Never
			if k == 0 || step <= (core.Never-start)/core.Time(k) {
				at = start + core.Time(k)*step
			}
			t.set("start", &value{v: formatTime(at), pos: every.pos})
		}
	}), nil
}

// ends returns the two ends of a link as they are written; ok is false when the
// link does not have two.
func ends(t *table) (from, to []string, ok bool) {
	a, b := t.get("from"), t.get("to")
	if between := t.get("between"); between != nil {
		l, isList := between.v.([]*value)
		if !isList || len(l) != 2 || a != nil || b != nil {
			return nil, nil, false
		}
		a, b = l[0], l[1]
	}
	if a == nil || b == nil {
		return nil, nil, false
	}
	from, err1 := stringList(a)
	to, err2 := stringList(b)
	return from, to, err1 == nil && err2 == nil
}

func (x *expansion) link(e *value) ([]*value, error) {
	t := e.table()
	from, to, ok := ends(t)
	if !ok {
		return []*value{e}, nil
	}
	key := "from"
	at := e.pos
	if v := t.get("between"); v != nil {
		key, at = "between", v.pos
	}
	a, many1, err := x.resolve(from)
	b, many2, err2 := x.resolve(to)
	if err == nil {
		err = err2
	}
	if err != nil {
		return nil, at.err(key, "", "%s", err)
	}
	if !many1 && !many2 {
		return []*value{e}, nil
	}
	if len(a)*len(b) > 4*maxElements {
		return nil, at.err(key, "", "more than %d links", maxElements)
	}
	var made []*value
	seen := map[[2]string]bool{}
	for _, p := range a {
		for _, q := range b {
			if p == q || seen[[2]string{p, q}] || key == "between" && seen[[2]string{q, p}] {
				continue
			}
			seen[[2]string{p, q}] = true
			c := copies(e, 1, func(*table, int) {})[0]
			setEnds(c.table(), p, q, at)
			made = append(made, c)
		}
	}
	return made, nil
}

// setEnds writes the two ends in the form that the link has.
func setEnds(t *table, from, to string, at pos) {
	a, b := &value{v: from, pos: at}, &value{v: to, pos: at}
	if t.get("between") != nil {
		t.set("between", &value{v: []*value{a, b}, pos: at})
		return
	}
	t.set("from", a)
	t.set("to", b)
}

// resolve replaces patterns by the ids of the nodes that match, in the order of
// the nodes; many is set when the names stand for a list. Plain names stay, known or not.
func (x *expansion) resolve(names []string) (ids []string, many bool, err error) {
	many = len(names) != 1
	for _, n := range names {
		switch {
		case strings.Contains(n, "*"):
			many = true
			before := len(ids)
			for _, id := range x.nodes {
				if ok, err := path.Match(n, id); err == nil && ok {
					ids = append(ids, id)
				}
			}
			if len(ids) == before {
				return nil, many, fmt.Errorf("no node is called like %q", n)
			}
		case strings.Contains(n, ".."):
			many = true
			more, err := numbered(n)
			if err != nil {
				return nil, many, err
			}
			ids = append(ids, more...)
		default:
			ids = append(ids, n)
		}
		if len(ids) > maxElements {
			return nil, many, fmt.Errorf("names more than %d nodes", maxElements)
		}
	}
	return ids, many, nil
}

// numbered reads edge-3..5 as edge-3, edge-4, edge-5.
func numbered(pattern string) ([]string, error) {
	head, last, _ := strings.Cut(pattern, "..")
	base := strings.TrimRight(head, "0123456789")
	a, err1 := strconv.Atoi(head[len(base):])
	b, err2 := strconv.Atoi(last)
	if err1 != nil || err2 != nil || a > b || b-a >= maxElements {
		return nil, fmt.Errorf("%q is not of the form NAME1..9", pattern)
	}
	ids := make([]string, 0, b-a+1)
	for k := a; k <= b; k++ {
		ids = append(ids, base+strconv.Itoa(k))
	}
	return ids, nil
}

// ids returns the ids by which the elements of a list can be addressed: as made,
// and as written.
func (x *expansion) ids(list string) []string {
	var ids []string
	i := 0
	for k, g := range x.groups[list] {
		for _, m := range g.made {
			if t := m.table(); t != nil {
				ids = append(ids, elementID(list, t, i))
			}
			i++
		}
		if t := g.written.table(); t != nil {
			if id := elementID(list, t, k); !slices.Contains(ids[max(0, len(ids)-1):], id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}
