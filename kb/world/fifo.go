package world

// fifo is a queue in a ring that grows by doubling and never shrinks.
type fifo[T any] struct {
	ring []T // length is 0 or a power of two
	head int
	n    int
}

func (q *fifo[T]) len() int { return q.n }

// first returns the oldest element, which must exist.
func (q *fifo[T]) first() *T { return &q.ring[q.head] }

// add returns a new last element to be filled in by the caller. It holds what was
// there before.
func (q *fifo[T]) add() *T {
	if q.n == len(q.ring) {
		q.grow()
	}
	q.n++
	return &q.ring[(q.head+q.n-1)&(len(q.ring)-1)]
}

// drop removes the oldest element, which must exist.
func (q *fifo[T]) drop() {
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
}

func (q *fifo[T]) grow() {
	ring := make([]T, max(8, 2*len(q.ring)))
	k := copy(ring, q.ring[q.head:])
	copy(ring[k:], q.ring[:q.head])
	q.ring, q.head = ring, 0
}
