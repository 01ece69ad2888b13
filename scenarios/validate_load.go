package scenarios

import (
	"fmt"
	"math"
	"slices"

	"vidq/core"
	"vidq/kb"
)

// allCameras checks the cameras and what they show.
func (v *validator) allCameras() *Error {
	opened := map[[2]string]bool{}
	for i := range v.s.Cameras {
		c := &v.s.Cameras[i]
		key := "camera." + string(c.ID)
		if err := badID(key+".id", string(c.ID)); err != nil {
			return err
		}
		switch {
		case v.cameras[c.ID] != nil:
			return wrong(key+".id", "another camera has this id")
		case v.nodes[c.Node] == nil:
			return dangling(key+".node", "node", string(c.Node), v.nodeIDs)
		case !finite(c.FPS) || c.FPS <= 0:
			return wrong(key+".fps", "must be above 0")
		case c.Resolution.Pixels() == 0:
			return wrong(key+".resolution", "must not be empty")
		case c.Length < 0:
			return wrong(key+".frames", "must not be negative")
		case c.Mode == core.ModeLive && c.Length > 0:
			return wrong(key+".frames", "is for cameras of mode file")
		}
		v.cameras[c.ID] = c
		v.cameraIDs = append(v.cameraIDs, string(c.ID))
		if ref := [2]string{c.Content, c.Dir}; !opened[ref] {
			opened[ref] = true
			if err := v.content(c, key+".content"); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *validator) content(c *Camera, key string) *Error {
	if !isFile(c.Content) && !slices.Contains(kb.Generators(), c.Content) {
		e := dangling(key, "content", c.Content, kb.Generators())
		e.Msg += "; there is " + orNone(kb.Generators()) + ", or a file"
		return e
	}
	if _, err := kb.OpenContent(c.Content, c.Dir, c.FPS, v.s.Seed, c.ID); err != nil {
		return wrong(key, "%s", err)
	}
	return nil
}

func (v *validator) allQueries() *Error {
	seen := map[string]bool{}
	for i := range v.s.Queries {
		q := &v.s.Queries[i]
		key := "query." + q.ID
		if err := badID(key+".id", q.ID); err != nil {
			return err
		}
		camera := v.cameras[q.Camera]
		switch {
		case seen[q.ID]:
			return wrong(key+".id", "another query has this id")
		case camera == nil:
			return dangling(key+".camera", "camera", string(q.Camera), v.cameraIDs)
		case q.Node != camera.Node:
			return wrong(key+".camera", "its camera is at node %q, not %q", camera.Node, q.Node)
		case q.Start < 0:
			return wrong(key+".start", "must not be negative")
		case q.Stop <= q.Start:
			return wrong(key+".stop", "must be later than the start")
		case q.Constraint.Delay < 0 || q.Constraint.Latency < 0:
			return wrong(key+".constraint", "a bound of time must not be negative")
		case !(q.Constraint.Accuracy >= 0 && q.Constraint.Accuracy <= 1):
			return wrong(key+".constraint.accuracy", "must be between 0 and 1")
		}
		seen[q.ID] = true
		if err := q.Pipeline.Validate(); err != nil {
			return wrong(key+".pipeline", "%s", err)
		}
		for _, st := range q.Pipeline {
			if err := v.stage(camera.Node, st.Service, key+".pipeline"); err != nil {
				return err
			}
		}
	}
	return nil
}

// stage checks that a service is known and that a host can call it somewhere.
func (v *validator) stage(host core.NodeID, service, key string) *Error {
	for _, set := range []struct {
		*kb.Set
		what string
	}{{v.truth, "truth"}, {v.belief, "belief"}} {
		if serviceInfo(set.Set, service) == nil {
			names := serviceNames(set.Set)
			return &Error{Key: key, Hint: nearest(service, names), Msg: fmt.Sprintf(
				"the %s %q knows no service %q; it knows %s", set.what, set.Name(), service, orNone(names))}
		}
	}
	offered := func(n *Node) bool {
		return slices.ContainsFunc(n.Services, func(s Service) bool { return s.Name == service })
	}
	for i := range v.s.Nodes {
		n := &v.s.Nodes[i]
		linked := v.direct[[2]core.NodeID{host, n.ID}] && v.direct[[2]core.NodeID{n.ID, host}]
		if offered(n) && (n.ID == host || linked) {
			return nil
		}
	}
	return wrong(key, "neither %q nor a node that it has a link to and from offers %s", host, service)
}

func (v *validator) allFaults() *Error {
	seen := map[string]bool{}
	for i := range v.s.Faults {
		f := &v.s.Faults[i]
		key := "fault." + f.ID
		if err := badID(key+".id", f.ID); err != nil {
			return err
		}
		_, there := v.s.Link(f.Link[0], f.Link[1])
		there = there || v.direct[f.Link] || v.direct[[2]core.NodeID{f.Link[1], f.Link[0]}]
		switch {
		case seen[f.ID]:
			return wrong(key+".id", "another fault has this id")
		case f.At < 0:
			return wrong(key+".at", "must not be negative")
		case f.For <= 0:
			return wrong(key+".for", "must be above 0")
		case !slices.Contains(faultKindNames(), f.Kind):
			return dangling(key+".kind", "kind of fault", f.Kind, faultKindNames())
		case f.Node != "" && v.nodes[f.Node] == nil:
			return dangling(key+".node", "node", string(f.Node), v.nodeIDs)
		case f.Link[0] != "" && !there:
			return wrong(key+".link", "there is no link between %q and %q", f.Link[0], f.Link[1])
		case f.Service != "" && !v.offers(f.Node, f.Service):
			return v.noService(f, key+".service")
		case f.Factor < 0 || !finite(f.Factor):
			return wrong(key+".factor", "must not be negative")
		case math.IsNaN(f.Rate):
			return wrong(key+".rate", "must be a number")
		case f.Kind == FaultServiceSlow && f.Factor == 0:
			return wrong(key+".factor", "must be above 0")
		case !(f.Loss >= 0 && f.Loss <= 1):
			return wrong(key+".loss", "must be between 0 and 1")
		}
		seen[f.ID] = true
	}
	return nil
}

// offers reports whether a node, or any for "", offers the service.
func (v *validator) offers(node core.NodeID, service string) bool {
	for i := range v.s.Nodes {
		n := &v.s.Nodes[i]
		if (node == "" || node == n.ID) && slices.ContainsFunc(n.Services, func(s Service) bool { return s.Name == service }) {
			return true
		}
	}
	return false
}

func (v *validator) noService(f *Fault, key string) *Error {
	if f.Node == "" {
		e := dangling(key, "service", f.Service, serviceNames(v.truth))
		e.Msg += fmt.Sprintf(" at any node; the truth %q has %s", v.truth.Name(), orNone(serviceNames(v.truth)))
		return e
	}
	var names []string
	for _, s := range v.nodes[f.Node].Services {
		names = append(names, s.Name)
	}
	return &Error{Key: key, Hint: nearest(f.Service, names), Msg: fmt.Sprintf("node %q does not offer %q", f.Node, f.Service)}
}
