package sched

import (
	"math"
	"math/rand/v2"
	"slices"
)

// joint looks for the plans of all queries together that are worth most.
type joint struct {
	slot    slot
	clients []client // the queries that something can be decided for
	memory  []client // of those and of earlier ones
	draw    *rand.Rand
	effort  int // evaluations that are left
	marked  []bool
	worths  []float64 // of each client's choice
	order   []int
	best    []int
	ranked  []ranked
}

// ranked is an option with what it seems to be worth to all.
type ranked struct {
	option int
	worth  float64
}

// choose counts option i of a client in place of its present choice.
func (j *joint) choose(c *client, i int) {
	j.count(c, -1)
	c.chosen = i
	j.count(c, +1)
}

func (j *joint) count(c *client, sign float64) {
	o := &c.options[c.chosen]
	for t := o.takes[0]; t < o.takes[1]; t++ {
		j.slot.queues[c.takes[t].queue].count(&c.takes[t], sign)
	}
}

// value is what the present choices are worth together.
func (j *joint) value() float64 {
	sum := 0.0
	for i := range j.clients {
		c := &j.clients[i]
		j.worths[i] = c.worth(&j.slot, c.chosen)
		sum += j.worths[i]
	}
	j.effort -= len(j.clients)
	return sum
}

// bounds works out what each query is worth at most, with nobody else there.
func (j *joint) bounds() {
	for i := range j.clients {
		c := &j.clients[i]
		c.alone = math.Inf(-1)
		for o := range c.options {
			j.choose(c, o)
			c.alone = max(c.alone, c.worth(&j.slot, o))
		}
		j.choose(c, 0)
	}
}

// done reports whether nobody could have more than a little from anything.
func (j *joint) done() bool {
	for i := range j.clients {
		if j.worths[i] < j.clients[i].alone-enough {
			return false
		}
	}
	return true
}

// plans is how many joint plans there are, at most limit+1.
func (j *joint) plans(limit int) int {
	n := 1
	for i := range j.clients {
		if n *= len(j.clients[i].options); n > limit {
			return limit + 1
		}
	}
	return n
}

// exhaust tries every joint plan.
func (j *joint) exhaust() float64 {
	best := math.Inf(-1)
	j.save()
	for {
		if x := j.value(); x > best+1e-12 {
			best = x
			j.save()
		}
		i := 0
		for ; i < len(j.clients); i++ {
			c := &j.clients[i]
			if c.chosen+1 < len(c.options) {
				j.choose(c, c.chosen+1)
				break
			}
			j.choose(c, 0)
		}
		if i == len(j.clients) {
			break
		}
	}
	j.load()
	return best
}

// save keeps the present choices, load returns to them.
func (j *joint) save() {
	j.best = j.best[:0]
	for i := range j.clients {
		j.best = append(j.best, j.clients[i].chosen)
	}
}

func (j *joint) load() {
	for i := range j.clients {
		j.choose(&j.clients[i], j.best[i])
	}
}

// enough is how far below the most that it could be worth a plan may be to be left
// as it is.
const enough = .004

// ascend climbs from the plans in force, from nobody being served, and then in random
// orders from nobody and from random plans in turn, and keeps the best joint plan.
func (j *joint) ascend(starts int) float64 {
	j.bounds()
	best := math.Inf(-1)
	for n := range starts {
		for i := range j.clients {
			c, at := &j.clients[i], 0
			switch {
			case n == 0:
				at = max(c.present, 0)
			case n > 2 && n%2 == 1:
				at = j.draw.IntN(len(c.options))
			}
			j.choose(c, at)
		}
		j.order = j.order[:0]
		for i := range j.clients {
			j.order = append(j.order, i)
		}
		switch n {
		case 0:
		case 1:
			j.sort()
		default:
			j.draw.Shuffle(len(j.order), func(a, b int) { j.order[a], j.order[b] = j.order[b], j.order[a] })
		}
		if x := j.climb(); x > best+1e-9 {
			best = x
			j.save()
		}
		if j.effort <= 0 || j.done() {
			break
		}
	}
	j.load()
	return best
}

// sort puts those first whose cheapest plans are cheapest.
func (j *joint) sort() {
	cheapest := func(i int) float64 {
		x := math.Inf(1)
		for _, o := range j.clients[i].options[1:] {
			x = min(x, o.cost)
		}
		return x
	}
	slices.SortStableFunc(j.order, func(a, b int) int {
		switch x, y := cheapest(a), cheapest(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return a - b
	})
}

// climb lets one query after the other take the option that is worth most to all
// together, until none moves.
func (j *joint) climb() float64 {
	total := j.value()
	for pass := 0; (pass == 0 || j.effort > 0) && !j.done(); pass++ {
		moved := false
		for _, i := range j.order {
			if j.worths[i] >= j.clients[i].alone-enough {
				continue
			}
			if j.improve(i) {
				moved = true
			}
			if pass > 0 && j.effort <= 0 { // everybody is looked at once
				break
			}
		}
		if !moved { // those that are served well may still make room
			moved = j.makeRoom()
		}
		was := total
		if total = j.value(); !moved || total <= was+1e-9 {
			break
		}
	}
	return total
}

// makeRoom lets those who are served well take what is worth more to all together.
func (j *joint) makeRoom() (moved bool) {
	for _, i := range j.order {
		if j.effort <= 0 {
			break
		}
		if j.worths[i] >= j.clients[i].alone-enough && j.crowded(i) && j.improve(i) {
			moved = true
		}
	}
	return moved
}

// crowded reports whether a query uses a queue that somebody waits at.
func (j *joint) crowded(i int) bool {
	c := &j.clients[i]
	o := &c.options[c.chosen]
	for _, t := range c.takes[o.takes[0]:o.takes[1]] {
		q := &j.slot.queues[t.queue]
		if q.users > 1 && slices.Max(q.load[:]) > .5*q.capacity {
			return true
		}
	}
	return false
}

// exactly is how many options are weighed with all that they do to the others.
const exactly = 4

// improve lets client i take the best option: all are ranked by what they are worth
// to it less what their load seems to cost the others, and the first are weighed
// exactly while there is effort left.
func (j *joint) improve(i int) bool {
	c := &j.clients[i]
	was := c.chosen
	j.rank(i)
	if j.effort <= 0 {
		best := j.ranked[0].option
		j.choose(c, best)
		j.worths[i] = c.worth(&j.slot, best)
		return best != was
	}
	best, gain := was, 1e-6
	for _, r := range j.ranked[:min(len(j.ranked), exactly)] {
		if r.option == was {
			continue
		}
		if g := j.gain(i, was, r.option); g > gain {
			best, gain = r.option, g
		}
	}
	if best == was {
		return false
	}
	j.mark(c, was, best, true)
	j.choose(c, best)
	for k := range j.clients {
		if j.touched(k) {
			j.worths[k] = j.clients[k].worth(&j.slot, j.clients[k].chosen)
		}
	}
	j.mark(c, was, best, false)
	return true
}

// rank ranks the options of client i, the best first.
func (j *joint) rank(i int) {
	c := &j.clients[i]
	was := c.chosen
	j.ranked = j.ranked[:0]
	j.count(c, -1)
	for o := range c.options {
		c.chosen = o
		x := 0.0
		for _, t := range c.takes[c.options[o].takes[0]:c.options[o].takes[1]] {
			x -= j.slot.queues[t.queue].toll(&t)
		}
		j.count(c, +1)
		x += c.worth(&j.slot, o)
		j.count(c, -1)
		at, _ := slices.BinarySearchFunc(j.ranked, x, func(r ranked, x float64) int {
			if r.worth >= x {
				return -1
			}
			return 1
		})
		j.ranked = slices.Insert(j.ranked, at, ranked{o, x})
		if len(j.ranked) > 2*exactly {
			j.ranked = j.ranked[:2*exactly]
		}
	}
	j.effort -= len(c.options)
	c.chosen = was
	j.count(c, +1)
}

// toll is about what a load costs those who use the queue already.
func (q *queue) toll(t *take) float64 {
	if !(q.capacity > 0) {
		return 0
	}
	x := 0.0
	for k := range q.load {
		a, b := q.load[k]/(q.capacity*q.gain), (q.load[k]+t.load[k])/(q.capacity*q.gain)
		x += strain(b) - strain(a)
	}
	return q.users * x / oracleInstants
}

// strain rises from 0 at a utilisation of .7 to 1 at 1, and more slowly from there.
func strain(r float64) float64 {
	switch x := (r - .7) / .3; {
	case x <= 0:
		return 0
	case x < 1:
		return x * x
	default:
		return min(1+.2*(x-1), 3)
	}
}

// gain is what all together gain when client i goes from one option to another.
func (j *joint) gain(i, from, to int) float64 {
	c := &j.clients[i]
	j.mark(c, from, to, true)
	j.choose(c, to)
	gain := 0.0
	for k := range j.clients {
		if k == i || j.touched(k) {
			gain += j.clients[k].worth(&j.slot, j.clients[k].chosen) - j.worths[k]
			j.effort--
		}
	}
	j.choose(c, from)
	j.mark(c, from, to, false)
	return gain
}

// mark marks the queues that two options of a client use, or takes the marks away.
func (j *joint) mark(c *client, a, b int, on bool) {
	for _, o := range [2]*option{&c.options[a], &c.options[b]} {
		for _, t := range c.takes[o.takes[0]:o.takes[1]] {
			j.marked[t.queue] = on
		}
	}
}

// touched reports whether client k uses a queue that is marked.
func (j *joint) touched(k int) bool {
	c := &j.clients[k]
	o := &c.options[c.chosen]
	for _, t := range c.takes[o.takes[0]:o.takes[1]] {
		if j.marked[t.queue] {
			return true
		}
	}
	return false
}
