package live

import (
	"sync"

	"vidq/core"
)

// plans remembers the last plans of queries, of which results are told long after.
type plans struct {
	mu sync.Mutex
	of map[core.QueryID][]core.Plan // oldest first
}

// plansKept is how many plans of a query are remembered: frames under the ones before are long done.
const plansKept = 8

// add remembers a plan, unless it is none or the last one again.
func (p *plans) add(q core.QueryID, plan core.Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of = map[core.QueryID][]core.Plan{}
	}
	all := p.of[q]
	if plan.Revision == 0 || len(all) > 0 && all[len(all)-1].Revision == plan.Revision {
		return
	}
	all = append(all, plan)
	p.of[q] = all[max(len(all)-plansKept, 0):]
}

// like returns the revision of the newest plan of which same is true, 0 if none is remembered.
func (p *plans) like(q core.QueryID, same func(*core.Plan) bool) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.of[q]
	for i := len(all) - 1; i >= 0; i-- {
		if same(&all[i]) {
			return all[i].Revision
		}
	}
	return 0
}

// get returns the plan of a revision, other if it is not remembered.
func (p *plans) get(q core.QueryID, revision uint64, other core.Plan) core.Plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, plan := range p.of[q] {
		if plan.Revision == revision {
			return plan
		}
	}
	return other
}
