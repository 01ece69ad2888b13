package schedtest

import (
	"errors"
	"fmt"
	"math"

	"vidq/core"
)

// Check reports everything that is wrong with a decision on a view: plans of
// unknown queries, plans that cannot run, settings of what is not there.
func Check(v *core.View, d *core.Decision) error {
	var errs []error
	planned := map[core.QueryID]bool{}
	for i := range d.Plans {
		p := &d.Plans[i]
		q := v.Query(p.Query)
		switch {
		case q == nil:
			errs = append(errs, fmt.Errorf("plan of query %d, which the view does not have", p.Query))
		case planned[p.Query]:
			errs = append(errs, fmt.Errorf("two plans of query %d", p.Query))
		default:
			if err := CheckPlan(v, q, &p.Plan); err != nil {
				errs = append(errs, fmt.Errorf("query %d: %w", p.Query, err))
			}
		}
		planned[p.Query] = true
	}
	for _, id := range d.Refused {
		if v.Query(id) == nil || planned[id] {
			errs = append(errs, fmt.Errorf("query %d is refused but unknown or planned", id))
		}
	}
	for _, s := range d.Services {
		if n := v.Node(s.Node); n == nil || n.Service(s.Service) == nil || s.Replicas < 1 || s.MaxBatch < 1 || s.Model < 0 {
			errs = append(errs, fmt.Errorf("service setting %+v", s))
		}
	}
	for _, p := range d.Pacing {
		if v.Query(p.Query) == nil || !(p.Rate >= 0) || math.IsInf(p.Rate, 0) {
			errs = append(errs, fmt.Errorf("pacing %+v", p))
		}
	}
	for _, c := range d.Charges {
		if n := v.Node(c.Node); n == nil || n.Service(c.Service) == nil || v.Query(c.Query) == nil || c.Calls < 1 || c.Resolution.Pixels() == 0 {
			errs = append(errs, fmt.Errorf("charge %+v", c))
		}
	}
	if d.Next < 0 {
		errs = append(errs, fmt.Errorf("next round at %v", d.Next))
	}
	return errors.Join(errs...)
}

// CheckPlan reports what is wrong with a plan for a query.
func CheckPlan(v *core.View, q *core.QueryView, p *core.Plan) error {
	c := p.Video
	switch {
	case !(c.FPS > 0) || math.IsInf(c.FPS, 0):
		return fmt.Errorf("fps %v", c.FPS)
	case c.Resolution.Pixels() == 0:
		return fmt.Errorf("resolution %v", c.Resolution)
	case c.Encoder == "":
		return errors.New("no encoder")
	case c.Quality < 0 || c.Quality > 100 || c.Encoder == "jpeg" && c.Quality == 0:
		return fmt.Errorf("quality %d of %s", c.Quality, c.Encoder)
	case p.InFlight < 1 || p.Buffer < 1 && p.Buffer != -1:
		return fmt.Errorf("window %d, buffer %d", p.InFlight, p.Buffer)
	case !(p.Pace >= 0) || math.IsInf(p.Pace, 0):
		return fmt.Errorf("pace %v", p.Pace)
	case !(p.Pad >= 0) || math.IsInf(p.Pad, 0):
		return fmt.Errorf("padding %v", p.Pad)
	case p.Refused:
		return errors.New("a plan that is refused")
	case len(p.Stages) != len(q.Query.Pipeline):
		return fmt.Errorf("%d stages for %d", len(p.Stages), len(q.Query.Pipeline))
	}
	for i, a := range p.Stages {
		if err := checkStage(v, q.Query.Node, q.Query.Pipeline[i].Service, a); err != nil {
			return fmt.Errorf("stage %d: %w", i, err)
		}
	}
	return nil
}

func checkStage(v *core.View, host core.NodeID, service string, a core.Assignment) error {
	n := v.Node(a.Node)
	switch {
	case n == nil || !n.Up && a.Node != host:
		return fmt.Errorf("node %s is not there", a.Node)
	case n.Service(service) == nil || n.Service(service).Workers < 1:
		return fmt.Errorf("node %s does not run %s", a.Node, service)
	case a.Node != host && (v.Link(host, a.Node) == nil || v.Link(a.Node, host) == nil):
		return fmt.Errorf("no link from %s to %s and back", host, a.Node)
	}
	for i := range v.Services {
		if s := &v.Services[i]; s.Name == service && (a.Model < 0 || a.Model >= len(s.Models)) {
			return fmt.Errorf("%s has no model %d", service, a.Model)
		}
	}
	target := core.Target{Class: n.Class, Role: n.Role}
	if a.Node == host {
		target.Role = core.RoleHost
	}
	if m := v.Predictor.Needs(service, a.Model, target).Memory; n.Memory > 0 && m > n.Memory {
		return fmt.Errorf("%s needs %g bytes, %s has %g", service, m, a.Node, n.Memory)
	}
	return nil
}
