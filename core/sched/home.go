package sched

import "vidq/core"

// home is the node at which a scheduler that chooses no placement has a service
// run for a query. place is "cloud" (the query's assigned cloud; where none can
// serve, another edge, else the host) or "host" (where it cannot serve, as cloud).
// A camera in the cloud is served there. It returns nil when no node can serve.
func home(v *core.View, q *core.Query, service string, model int, place string) *core.NodeView {
	host := v.Node(q.Node)
	here := usable(v, q.Node, host, service, model)
	if here && (place == "host" || host.Role == core.RoleCloud) {
		return host
	}
	if n := remote(v, q, service, model); n != nil {
		return n
	}
	if here {
		return host
	}
	return nil
}

// homes appends to dst the home of each stage of q, all with the model; false when
// a stage has none.
func homes(v *core.View, q *core.Query, model int, place string, dst []core.Assignment) ([]core.Assignment, bool) {
	for i := range q.Pipeline {
		n := home(v, q, q.Pipeline[i].Service, model, place)
		if n == nil {
			return dst, false
		}
		dst = append(dst, core.Assignment{Node: n.ID, Model: model})
	}
	return dst, true
}

// topology tells when homes may have changed.
type topology struct{ sum uint64 }

// changed reports whether a node came, went, failed or recovered, or began or
// ceased to offer a service, since the last call. It is true at the first one.
func (t *topology) changed(v *core.View) bool {
	sum := uint64(1)
	for i := range v.Nodes {
		n := &v.Nodes[i]
		for k := range len(n.ID) {
			sum = (sum ^ uint64(n.ID[k])) * 0x100000001b3 // FNV-1a
		}
		if n.Up {
			sum++
		}
		for k := range n.Services {
			sum = mix(sum, uint64(min(max(n.Services[k].Workers, 0), 1)))
		}
	}
	was := t.sum
	t.sum = sum
	return was != sum
}

// upTo returns limit, or where the camera's frames are smaller the largest of the
// knobs' resolutions that the camera has.
func upTo(k *core.Knobs, limit core.Resolution, c *core.Camera) (core.Resolution, bool) {
	if limit.Width > c.Resolution.Width || limit.Height > c.Resolution.Height {
		return within(k, c.Resolution)
	}
	return limit, true
}

// watch tells whether a query has gone silent: frames that fail teach nothing, so
// that a controller must take their absence for lateness.
type watch struct {
	revision uint64
	heard    core.Time
}

// silent reports whether the present plan should have given results by now; n is
// how many of its frames the round brought, slow what one of them may take. It
// reports a silence once, then waits as long again.
func (w *watch) silent(v *core.View, q *core.QueryView, n int, slow core.Time) bool {
	if n > 0 || w.revision != q.Plan.Revision || q.State != core.StateRunning || q.Applied != q.Plan.Revision {
		w.revision, w.heard = q.Plan.Revision, v.Now
		return false
	}
	fps := min(q.Plan.Video.FPS, q.Camera.FPS)
	if v.Now-w.heard <= max(patience*core.Second, core.FromSeconds(2/fps)+4*slow) {
		return false
	}
	w.heard = v.Now
	return true
}
