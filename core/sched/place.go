package sched

import "vidq/core"

// usable reports whether the query's host can have the service run at n: the
// node has workers for it and memory enough, and is the host itself or up and
// linked with it both ways. (While the host is down no plan helps or harms.)
func usable(v *core.View, host core.NodeID, n *core.NodeView, service string, model int) bool {
	if n == nil || !n.Up && n.ID != host || model < 0 {
		return false
	}
	if s := n.Service(service); s == nil || s.Workers < 1 {
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

// remote chooses the node, other than the host, that a query uses for a service:
// a cloud that is linked with the host, or if no cloud can serve, another edge.
// The queries of a host are spread over its clouds by their ids, and a query
// whose node fails goes on to the next while the others stay where they are. It
// returns nil when there is none.
func remote(v *core.View, q *core.Query, service string, model int) *core.NodeView {
	if n := remoteOf(v, q, service, model, core.RoleCloud); n != nil {
		return n
	}
	return remoteOf(v, q, service, model, core.RoleEdge)
}

func remoteOf(v *core.View, q *core.Query, service string, model int, role core.Role) *core.NodeView {
	reachable := 0 // also those that are down now, so that a failure moves only its own queries
	for i := range v.Nodes {
		if n := &v.Nodes[i]; n.Role == role && n.ID != q.Node && linked(v, q.Node, n.ID) {
			reachable++
		}
	}
	if reachable == 0 {
		return nil
	}
	first := int((uint64(q.ID) - 1) % uint64(reachable)) // ids start at 1
	var before *core.NodeView                            // usable, but earlier in the round than first
	k := 0
	for i := range v.Nodes {
		n := &v.Nodes[i]
		if n.Role != role || n.ID == q.Node || !linked(v, q.Node, n.ID) {
			continue
		}
		if usable(v, q.Node, n, service, model) {
			if k >= first {
				return n
			}
			if before == nil {
				before = n
			}
		}
		k++
	}
	return before
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
