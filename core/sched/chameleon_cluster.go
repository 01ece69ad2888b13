package sched

import (
	"cmp"
	"math"
	"slices"

	"vidq/core"
)

// cameraGroup is the clustering of queries of one kind, by what each knob's values
// are worth to them.
type cameraGroup struct {
	by      []int       // indices of the scheduler's rows, by kind
	points  [][]float64 // of the kind in hand
	ids     []core.QueryID
	nearest []int // the cluster of each point
	centres []float64
	size    []int
}

// rounds of k-means; it has nearly always settled before.
const clusterRounds = 10

// cluster finds the leader of every query. One that was never looked at fully
// follows the first of its kind that was.
func (s *chameleon) cluster() {
	g := &s.group
	g.by = g.by[:0]
	for i := range s.rows {
		g.by = append(g.by, i)
	}
	slices.SortFunc(g.by, func(i, j int) int {
		return cmp.Or(cmp.Compare(s.rows[i].st.kin, s.rows[j].st.kin), cmp.Compare(i, j))
	})
	for from := 0; from < len(g.by); {
		to := from + 1
		for to < len(g.by) && s.rows[g.by[to]].st.kin == s.rows[g.by[from]].st.kin {
			to++
		}
		s.clusterKind(g.by[from:to])
		from = to
	}
}

func (s *chameleon) clusterKind(rows []int) {
	g := &s.group
	g.points, g.ids = g.points[:0], g.ids[:0]
	for _, i := range rows {
		if r := &s.rows[i]; len(r.st.worth) > 0 {
			g.points, g.ids = append(g.points, r.st.worth), append(g.ids, r.q.Query.ID)
		}
	}
	if len(g.points) == 0 {
		return
	}
	k := g.seed(s.Clusters, s.Similar)
	for range clusterRounds {
		g.average(k)
		if !g.assign(k) {
			break
		}
	}
	g.average(k)
	first := core.QueryID(0)
	for c := range k {
		leader, least := core.QueryID(0), math.Inf(1)
		for i, p := range g.points {
			if d := distance2(p, g.centre(c)); g.nearest[i] == c && d < least {
				leader, least = g.ids[i], d
			}
		}
		for i := range g.points {
			if g.nearest[i] == c {
				s.rows[s.index(g.ids[i])].st.leader = leader
			}
		}
		if c == 0 {
			first = leader
		}
	}
	for _, i := range rows {
		if st := s.rows[i].st; len(st.worth) == 0 {
			st.leader = first
		}
	}
}

// seed takes the first point, then again and again the one that is farthest from
// all that were taken, until none is farther than similar or there are most.
func (g *cameraGroup) seed(most int, similar float64) (k int) {
	d := len(g.points[0])
	g.nearest = append(g.nearest[:0], make([]int, len(g.points))...)
	g.centres = append(g.centres[:0], g.points[0]...)
	for k = 1; ; k++ {
		farthest, far := 0, float64(similar*similar)
		for i, p := range g.points {
			x := distance2(p, g.centres[g.nearest[i]*d:(g.nearest[i]+1)*d])
			if y := distance2(p, g.centres[(k-1)*d:k*d]); y < x {
				g.nearest[i], x = k-1, y
			}
			if x > far {
				farthest, far = i, x
			}
		}
		if k == most || far <= float64(similar*similar) {
			return k
		}
		g.centres = append(g.centres, g.points[farthest]...)
	}
}

func (g *cameraGroup) centre(c int) []float64 {
	d := len(g.points[0])
	return g.centres[c*d : (c+1)*d]
}

// average makes the centres the means of their points; one without points stays.
func (g *cameraGroup) average(k int) {
	g.size = append(g.size[:0], make([]int, k)...)
	for _, c := range g.nearest {
		if g.size[c]++; g.size[c] == 1 {
			clear(g.centre(c))
		}
	}
	for i, p := range g.points {
		centre := g.centre(g.nearest[i])
		for j := range p {
			centre[j] += p[j] / float64(g.size[g.nearest[i]])
		}
	}
}

// assign gives every point to its nearest centre and reports whether any changed.
func (g *cameraGroup) assign(k int) (changed bool) {
	for i, p := range g.points {
		best, least := g.nearest[i], distance2(p, g.centre(g.nearest[i]))
		for c := range k {
			if d := distance2(p, g.centre(c)); d < least {
				best, least = c, d
			}
		}
		if best != g.nearest[i] {
			g.nearest[i], changed = best, true
		}
	}
	return changed
}

// distance2 is the squared Euclidean distance.
func distance2(a, b []float64) (sum float64) {
	for i := range a {
		d := a[i] - b[i]
		sum += float64(d * d)
	}
	return sum
}
