package sim

import (
	"math/bits"
	"slices"
)

// item is an entry of the queue: 24 bytes, compared as one number of 192 bits.
//
//	at   instant, ns, never negative
//	key  the caller's canonical order at that instant
//	tag  sequence number (31 bits) | timer flag (1 bit) | reference (32 bits)
type item struct{ at, key, tag uint64 }

// borrow is 1 when x comes before y and 0 otherwise: the borrow of x-y over all
// three words. It is written without a branch, because which of two events comes
// first is a coin toss to the processor, and a mispredicted branch costs more
// than the three subtractions.
func borrow(x, y *item) uint64 {
	_, b := bits.Sub64(x.tag, y.tag, 0)
	_, b = bits.Sub64(x.key, y.key, b)
	_, b = bits.Sub64(x.at, y.at, b)
	return b
}

// queue is a priority queue of items in four parts by time:
//
//	near   what came out of the last bucket poured, sorted, the earliest at the end
//	late   what was pushed after that bucket was poured and comes before the next: a heap
//	wheel  the buckets cur, cur+1, ... of 2^shift ns each, unordered
//	far    what comes after the last bucket: a heap
//
// When near and late are empty, the next bucket that is not is poured into near. So
// an item is compared with those few of its own bucket only, not with all that are
// pending. At every check the width of a bucket is fitted to the pace of the events,
// such that it seldom holds more than one, and the number of buckets to that of the
// items. A bad fit (bursts, say) costs time, at worst that of a plain heap, and never
// changes the order in which items leave.
type queue struct {
	near  []item
	late  heap
	far   heap
	cur   uint64 // number of the first bucket: at >> shift
	shift uint
	heads []uint32 // of the buckets' lists, by number mod length (a power of two); 0 = empty
	used  []uint64 // bit set of the buckets that are not empty
	cells []cell   // cells[0] is not used
	free  uint32   // list of cells that are free
	in    int      // items in the wheel

	pops    int    // until the next check
	checked uint64 // instant of the check before
	period  int    // pops between checks
	scratch []item // for layout
}

type cell struct {
	item
	next uint32
}

const (
	minBuckets = 64
	maxBuckets = 1 << 17
	minPeriod  = 1 << 12 // pops between checks, at least
	firstShift = 20      // buckets of 1 ms, until the first check
)

func (q *queue) len() int { return len(q.near) + len(q.late) + q.in + len(q.far) }

func (q *queue) push(x item) {
	if x.at>>q.shift-q.cur < uint64(len(q.heads)) {
		q.link(x)
		return
	}
	q.pushOutside(x)
}

// pushOutside puts x where it belongs when that is not the wheel.
func (q *queue) pushOutside(x item) {
	switch {
	case len(q.heads) == 0: // the first item of all
		q.layout(minBuckets, firstShift)
		q.push(x)
	case x.at>>q.shift < q.cur:
		q.late.push(x)
	default:
		q.far.push(x)
	}
}

// link puts x into its bucket, which must be in the wheel.
func (q *queue) link(x item) {
	n := q.free
	if n == 0 {
		n = uint32(len(q.cells))
		q.cells = append(q.cells, cell{})
	}
	c := &q.cells[n]
	q.free = c.next
	b := x.at >> q.shift & uint64(len(q.heads)-1)
	h := &q.heads[b]
	c.item, c.next = x, *h
	*h = n
	q.used[b>>6] |= 1 << (b & 63)
	q.in++
}

// top returns the earliest item, nil if there is none. It is valid until the
// next push or pop.
func (q *queue) top() *item {
	if n := len(q.near); n > 0 && len(q.late) == 0 {
		return &q.near[n-1]
	}
	return q.topSlow()
}

func (q *queue) topSlow() *item {
	if len(q.near) == 0 && len(q.late) == 0 && !q.pour() {
		return nil
	}
	if n := len(q.near); n > 0 && (len(q.late) == 0 || borrow(&q.near[n-1], &q.late[0]) != 0) {
		return &q.near[n-1]
	}
	return &q.late[0]
}

// pop removes the item that top returned.
func (q *queue) pop(top *item) {
	at := top.at
	if len(q.late) > 0 && top == &q.late[0] {
		q.late.pop()
	} else {
		q.near = q.near[:len(q.near)-1]
	}
	if q.pops--; q.pops <= 0 {
		q.check(at)
	}
}

// pour fills near, which is empty, with the next items; false if there are none.
func (q *queue) pour() bool {
	if q.in == 0 {
		if len(q.far) == 0 {
			return false
		}
		q.cur = q.far[0].at >> q.shift
		q.reach()
	}
	b := q.nextUsed()
	q.cur += (b-q.cur)&uint64(len(q.heads)-1) + 1
	near := q.near[:0]
	for n := q.heads[b]; n != 0; {
		x := &q.cells[n]
		near = append(near, x.item)
		n, x.next, q.free = x.next, q.free, n
	}
	q.heads[b] = 0
	q.used[b>>6] &^= 1 << (b & 63)
	q.in -= len(near)
	q.near = near
	if len(near) > 1 {
		sortDown(near)
	}
	if len(q.far) > 0 {
		q.reach()
	}
	return true
}

// sortDown sorts items, the latest first.
func sortDown(s []item) {
	if len(s) > 16 {
		slices.SortFunc(s, func(a, b item) int { return compare(b, a) })
		return
	}
	for i := 1; i < len(s); i++ {
		x, j := s[i], i
		for ; j > 0 && borrow(&s[j-1], &x) != 0; j-- {
			s[j] = s[j-1]
		}
		s[j] = x
	}
}

// reach moves from far into the wheel what the wheel now covers.
func (q *queue) reach() {
	for len(q.far) > 0 && q.far[0].at>>q.shift-q.cur < uint64(len(q.heads)) {
		q.link(q.far.pop())
	}
}

// nextUsed returns the index of the first bucket that is not empty, from cur on.
func (q *queue) nextUsed() uint64 {
	b := q.cur & uint64(len(q.heads)-1)
	w := b >> 6
	word := q.used[w] >> (b & 63) << (b & 63)
	for word == 0 {
		w = (w + 1) & uint64(len(q.used)-1)
		word = q.used[w]
	}
	return w<<6 + uint64(bits.TrailingZeros64(word))
}

// check fits the layout to the pace since the check before: a bucket as wide as a
// quarter of the mean gap between events, up to four times that, and so many buckets
// that most of what is pushed falls into the wheel. Empty buckets cost next to
// nothing: they are skipped 64 at a time. The bounds leave room enough that a
// steady pace does not change the layout again and again.
func (q *queue) check(now uint64) {
	first := q.period == 0
	gap := (now - q.checked) / uint64(max(q.period, 1))
	shift := uint(bits.Len64(gap / 4))
	fits := q.shift == shift || q.shift == shift+1
	n := minBuckets
	for n < 8*q.len() && n < maxBuckets {
		n *= 2
	}
	if !first && (!fits || n >= 2*len(q.heads) || 8*n <= len(q.heads)) {
		q.layout(n, shift)
	}
	q.checked = now
	q.period = max(minPeriod, q.len())
	q.pops = q.period
}

// layout changes the number of buckets and their width. The earliest item that
// is left comes first, whether it was in near or not.
func (q *queue) layout(n int, shift uint) {
	all := q.scratch[:0]
	for _, h := range q.heads {
		for ; h != 0; h = q.cells[h].next {
			all = append(all, q.cells[h].item)
		}
	}
	all = append(append(append(all, q.far...), q.near...), q.late...)
	q.scratch = all
	q.far, q.near, q.late = q.far[:0], q.near[:0], q.late[:0]
	q.heads, q.used = empty(q.heads, n), empty(q.used, n/64)
	q.cells, q.free, q.in = append(q.cells[:0], cell{}), 0, 0
	q.shift, q.cur = shift, 0
	if len(all) > 0 {
		q.cur = slices.MinFunc(all, compare).at >> shift
	}
	for _, x := range all {
		q.push(x)
	}
}

// empty returns n zeros, in s if they fit.
func empty[T any](s []T, n int) []T {
	if n > cap(s) {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// all returns the pending items in their order.
func (q *queue) all() []item {
	var all []item
	for top := q.top(); top != nil; top = q.top() {
		all = append(all, *top)
		q.pop(top)
	}
	return all
}

func compare(a, b item) int { return int(borrow(&b, &a)) - int(borrow(&a, &b)) }

// heap is a binary heap of values.
type heap []item

func (q *heap) push(x item) {
	*q = append(*q, x)
	h := *q
	i := len(h) - 1
	for i > 0 {
		p := (i - 1) / 2
		if borrow(&x, &h[p]) == 0 {
			break
		}
		h[i] = h[p]
		i = p
	}
	h[i] = x
}

// pop removes and returns the first item. The hole goes down the smaller children
// to a leaf, without a look at the item that is to fill it; that one then rises: it
// comes from the end, so that its place is near the bottom.
func (q *heap) pop() item {
	h := *q
	first, x := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	*q = h
	if len(h) == 0 {
		return first
	}
	i, c := 0, 1
	for c < len(h) {
		if c+1 < len(h) {
			c += int(borrow(&h[c+1], &h[c]))
		}
		h[i] = h[c]
		i, c = c, 2*c+1
	}
	for i > 0 {
		p := (i - 1) / 2
		if borrow(&x, &h[p]) == 0 {
			break
		}
		h[i] = h[p]
		i = p
	}
	h[i] = x
	return first
}
