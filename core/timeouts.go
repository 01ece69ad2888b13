package core

// deadlines is a machine's table of instants at which it has something to do,
// one per id, ids being small numbers that its owner gives out. It is a binary
// heap that knows the place of every id, ordered by instant, then id.
type deadlines struct {
	heap  []deadline
	place []int32 // of an id in the heap; -1 = not in it
}

type deadline struct {
	at Time
	id int32
}

// next returns the earliest instant, Never if there is none.
func (d *deadlines) next() Time {
	if len(d.heap) == 0 {
		return Never
	}
	return d.heap[0].at
}

// add makes id known, without an instant. Ids are added in order: 0, 1, 2...
func (d *deadlines) add() (id int32) {
	d.place = append(d.place, -1)
	return int32(len(d.place) - 1)
}

// atMost sees to it that id is due no later than at. An earlier instant stays:
// who is woken too early looks again and asks anew. That makes the common case,
// in which an id's instant only ever moves into the future, free.
func (d *deadlines) atMost(id int32, at Time) {
	p := d.place[id]
	switch {
	case p < 0:
		d.push(id, at)
	case at < d.heap[p].at:
		d.heap[p].at = at
		d.up(int(p))
	}
}

// set makes id due at exactly at.
func (d *deadlines) set(id int32, at Time) {
	p := d.place[id]
	if p < 0 {
		d.push(id, at)
		return
	}
	d.heap[p].at = at
	d.up(int(p))
	d.down(int(d.place[id]))
}

// clear takes id out.
func (d *deadlines) clear(id int32) {
	p := int(d.place[id])
	if p < 0 {
		return
	}
	last := len(d.heap) - 1
	d.swap(p, last)
	d.heap = d.heap[:last]
	d.place[id] = -1
	if p < last {
		moved := d.heap[p].id
		d.up(p)
		d.down(int(d.place[moved]))
	}
}

// pop takes out and returns the first id that is due at now.
func (d *deadlines) pop(now Time) (id int32, ok bool) {
	if d.next() > now || len(d.heap) == 0 {
		return 0, false
	}
	id = d.heap[0].id
	d.clear(id)
	return id, true
}

func (d *deadlines) push(id int32, at Time) {
	d.heap = append(d.heap, deadline{at, id})
	d.place[id] = int32(len(d.heap) - 1)
	d.up(len(d.heap) - 1)
}

func (d *deadlines) less(i, j int) bool {
	a, b := &d.heap[i], &d.heap[j]
	return a.at < b.at || a.at == b.at && a.id < b.id
}

func (d *deadlines) swap(i, j int) {
	d.heap[i], d.heap[j] = d.heap[j], d.heap[i]
	d.place[d.heap[i].id], d.place[d.heap[j].id] = int32(i), int32(j)
}

func (d *deadlines) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !d.less(i, parent) {
			return
		}
		d.swap(i, parent)
		i = parent
	}
}

func (d *deadlines) down(i int) {
	for {
		c := 2*i + 1
		if c >= len(d.heap) {
			return
		}
		if c+1 < len(d.heap) && d.less(c+1, c) {
			c++
		}
		if !d.less(c, i) {
			return
		}
		d.swap(i, c)
		i = c
	}
}

// deque is a queue in a ring that doubles when it is full. The memory of what
// was taken out is kept for what comes next.
type deque[T any] struct {
	n     int
	head  int
	items []T // a power of two
}

func (d *deque[T]) len() int { return d.n }

// at returns the i-th item from the front.
func (d *deque[T]) at(i int) *T { return &d.items[(d.head+i)&(len(d.items)-1)] }

// push adds an item at the back and returns it, with whatever it held before.
func (d *deque[T]) push() *T {
	if d.n == len(d.items) {
		items := make([]T, max(4, 2*d.n))
		for i := range d.n {
			items[i] = *d.at(i)
		}
		d.items, d.head = items, 0
	}
	d.n++
	return d.at(d.n - 1)
}

// pop takes the front item out; it stays valid until the next push.
func (d *deque[T]) pop() *T {
	p := d.at(0)
	d.head = (d.head + 1) & (len(d.items) - 1)
	d.n--
	return p
}

// remove takes the i-th item from the front out, moving those behind it up.
func (d *deque[T]) remove(i int) {
	for ; i+1 < d.n; i++ {
		*d.at(i) = *d.at(i + 1)
	}
	d.n--
}
