package sched

import "vidq/core"

// usable reports whether the query's host can have the service run at n now: it
// is able to, and n is up or the host itself. (While the host is down no plan
// helps or harms.)
func usable(v *core.View, host core.NodeID, n *core.NodeView, service string, model int) bool {
	return n != nil && (n.Up || n.ID == host) && able(v, host, n, service, model)
}

// able reports whether the query's host can have the service run at n when n is
// up: n has workers for it and memory enough, and is the host itself or linked
// with it both ways.
func able(v *core.View, host core.NodeID, n *core.NodeView, service string, model int) bool {
	if s := n.Service(service); s == nil || s.Workers < 1 || model < 0 {
		return false
	}
	if n.ID != host && !linked(v, host, n.ID) || !modelKnown(v, service, model) {
		return false
	}
	return n.Memory <= 0 || v.Predictor == nil || v.Predictor.Needs(service, model, target(n, host)).Memory <= n.Memory
}

// linked reports whether there is a link from a to b and back.
func linked(v *core.View, a, b core.NodeID) bool {
	return v.Link(a, b) != nil && v.Link(b, a) != nil
}

// modelKnown reports whether the service has that model, as far as it is described.
func modelKnown(v *core.View, service string, model int) bool {
	for i := range v.Services {
		if s := &v.Services[i]; s.Name == service {
			return model < len(s.Models)
		}
	}
	return true
}

// target is a node as a predictor looks at it for a query of the host.
func target(n *core.NodeView, host core.NodeID) core.Target {
	if n.ID == host {
		return core.Target{Class: n.Class, Role: core.RoleHost}
	}
	return core.Target{Class: n.Class, Role: n.Role}
}

// remote chooses the node, other than the host, that a query uses for a service
// now: a cloud, or if no cloud can serve, another edge. It returns nil when there
// is none.
func remote(v *core.View, q *core.Query, service string, model int) *core.NodeView {
	if n := remoteOf(v, q, service, model, core.RoleCloud); n != nil {
		return n
	}
	return remoteOf(v, q, service, model, core.RoleEdge)
}

// remoteOf is the node of the role that the query is assigned to, or while that is
// down the next one: a query whose node fails moves on while the others stay
// where they are. It returns nil when no such node can serve now.
func remoteOf(v *core.View, q *core.Query, service string, model int, role core.Role) *core.NodeView {
	first := assigned(v, q, service, model, role)
	if first < 0 {
		return nil
	}
	for i := range v.Nodes {
		n := &v.Nodes[(first+i)%len(v.Nodes)]
		if n.Role == role && n.ID != q.Node && usable(v, q.Node, n, service, model) {
			return n
		}
	}
	return nil
}

// assigned spreads queries evenly, by their ids, over the nodes of a role that are
// able to serve them, up or not: it depends on what there is and not on how it
// is. It returns an index of v.Nodes, -1 when there is no such node.
func assigned(v *core.View, q *core.Query, service string, model int, role core.Role) int {
	count := uint64(0)
	for i := range v.Nodes {
		if n := &v.Nodes[i]; n.Role == role && n.ID != q.Node && able(v, q.Node, n, service, model) {
			count++
		}
	}
	if count == 0 {
		return -1
	}
	k := (uint64(q.ID) - 1) % count // ids start at 1; there is a k-th
	for i := 0; ; i++ {
		if n := &v.Nodes[i]; n.Role == role && n.ID != q.Node && able(v, q.Node, n, service, model) {
			if k == 0 {
				return i
			}
			k--
		}
	}
}

// fits reports whether the query's present plan can still run as it is.
func fits(v *core.View, q *core.QueryView) bool {
	if q.Plan.Revision == 0 || q.Plan.Refused || len(q.Plan.Stages) != len(q.Query.Pipeline) {
		return false
	}
	for i, a := range q.Plan.Stages {
		if !usable(v, q.Query.Node, v.Node(a.Node), q.Query.Pipeline[i].Service, a.Model) {
			return false
		}
	}
	return true
}

// within returns the largest of the knobs' resolutions that is not above limit,
// or the smallest if all are. It reports false when there are no knobs.
func within(k *core.Knobs, limit core.Resolution) (core.Resolution, bool) {
	if len(k.Resolutions) == 0 {
		return core.Resolution{}, false
	}
	best := k.Resolutions[0]
	for _, r := range k.Resolutions[1:] {
		if r.Width <= limit.Width && r.Height <= limit.Height {
			best = r
		}
	}
	return best, true
}

// encoder returns the named encoder of the knobs with its best quality, the
// first encoder for "". An encoder without qualities gets a usual one. It reports
// false when there is none.
func encoder(k *core.Knobs, name string) (string, int, bool) {
	for i := range k.Encoders {
		e := &k.Encoders[i]
		if name != "" && e.Name != name {
			continue
		}
		switch {
		case len(e.Qualities) > 0:
			return e.Name, e.Qualities[0], true
		case e.Name == "jpeg":
			return e.Name, 90, true
		}
		return e.Name, 23, true
	}
	return "", 0, false
}

// same reports whether the plans decide the same, pacing apart.
func same(a, b *core.Plan) bool {
	if a.Video != b.Video || a.InFlight != b.InFlight || a.Buffer != b.Buffer || a.Refused != b.Refused || len(a.Stages) != len(b.Stages) {
		return false
	}
	for i := range a.Stages {
		if a.Stages[i] != b.Stages[i] {
			return false
		}
	}
	return true
}
