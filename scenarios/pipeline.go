package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"vidq/core"
)

// pipeline puts the stages of a query in an order in which parents stand before
// their children: the order of the file as far as that allows.
func (b *builder) pipeline(stages pipeline, key string) core.Pipeline {
	names := make([]string, len(stages))
	for i := range stages {
		names[i] = stages[i].Name
	}
	parents := make([][]int, len(stages))
	for i := range stages {
		k := fmt.Sprintf("%s[%d]", key, i+1)
		switch {
		case slices.Index(names, names[i]) < i:
			b.failAt(k, k, "", "a stage before is called %q too: give one of them another name", names[i])
		case stages[i].followsPrevious && i > 0:
			parents[i] = []int{i - 1}
		}
		for _, a := range stages[i].After {
			p := slices.Index(names, a)
			if p < 0 {
				b.failAt(k+".after", k+".after", nearest(a, names), "there is no stage %q in this pipeline", a)
				continue
			}
			if !slices.Contains(parents[i], p) {
				parents[i] = append(parents[i], p)
			}
		}
		slices.Sort(parents[i])
	}
	order, cycle := topological(parents)
	if cycle != nil {
		path := make([]string, len(cycle))
		for i, s := range cycle {
			path[i] = names[s]
		}
		b.failAt(key, key, "", "stages wait for each other in a cycle: %s", strings.Join(path, " -> "))
		return nil
	}
	p := make(core.Pipeline, len(order))
	place := make([]int, len(order)) // of a stage of the file in p
	for to, from := range order {
		place[from] = to
		p[to] = core.Stage{Name: names[from], Service: stages[from].Service}
		for _, q := range parents[from] {
			p[to].Parents = append(p[to].Parents, place[q])
		}
		slices.Sort(p[to].Parents)
	}
	return p
}

// topological orders nodes so that parents go first, the lower number first
// where there is a choice; or it returns a cycle, its first node repeated at its end.
func topological(parents [][]int) (order, cycle []int) {
	done := make([]bool, len(parents))
	for len(order) < len(parents) {
		next := -1
		for i, ps := range parents {
			if !done[i] && !slices.ContainsFunc(ps, func(p int) bool { return !done[p] }) {
				next = i
				break
			}
		}
		if next < 0 {
			return nil, findCycle(parents, done)
		}
		done[next] = true
		order = append(order, next)
	}
	return order, nil
}

// findCycle walks from parent to parent among those that are not done, each of
// which has one, until it meets itself.
func findCycle(parents [][]int, done []bool) []int {
	at := slices.Index(done, false)
	var path []int
	for !slices.Contains(path, at) {
		path = append(path, at)
		i := slices.IndexFunc(parents[at], func(p int) bool { return !done[p] })
		at = parents[at][i]
	}
	cycle := slices.Concat(path[slices.Index(path, at):], []int{at})
	slices.Reverse(cycle) // from parent to child
	return cycle
}
