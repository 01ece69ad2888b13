package core

import "math/bits"

// queryTable finds what belongs to a query by the query's id: a hash table with
// linear probing, whose keys and values lie side by side, so that what is found is
// found in one cache line. The zero value is empty and ready.
type queryTable[T comparable] struct {
	slots []querySlot[T] // a power of two, at most half of them used
	shift uint           // 64 minus the number of bits of an index
	n     int
}

type querySlot[T comparable] struct {
	id    QueryID
	value T // the zero value = the slot is free
}

// home is where an id belongs: Fibonacci hashing, which spreads numbers in a row.
func (t *queryTable[T]) home(id QueryID) int {
	return int(uint64(id) * 0x9e3779b97f4a7c15 >> t.shift)
}

// find returns the slot of id, or the free one at which looking for it ends.
func (t *queryTable[T]) find(id QueryID) int {
	var none T
	i := t.home(id)
	for t.slots[i].id != id && t.slots[i].value != none {
		i = (i + 1) & (len(t.slots) - 1)
	}
	return i
}

// get returns the value of id, the zero value if there is none.
func (t *queryTable[T]) get(id QueryID) (value T) {
	if t.n > 0 {
		value = t.slots[t.find(id)].value
	}
	return value
}

// put sets the value of id, which must not be the zero value.
func (t *queryTable[T]) put(id QueryID, value T) {
	if 2*(t.n+1) > len(t.slots) {
		t.grow()
	}
	var none T
	s := &t.slots[t.find(id)]
	if s.value == none {
		t.n++
	}
	s.id, s.value = id, value
}

func (t *queryTable[T]) grow() {
	var none T
	old := t.slots
	t.slots = make([]querySlot[T], max(8, 2*len(old)))
	t.shift = 64 - uint(bits.TrailingZeros(uint(len(t.slots))))
	for _, s := range old {
		if s.value != none {
			t.slots[t.find(s.id)] = s
		}
	}
}

// remove takes id out, if it is there. Those behind it that would no longer be
// found move up.
func (t *queryTable[T]) remove(id QueryID) {
	var none T
	if t.get(id) == none {
		return
	}
	mask := len(t.slots) - 1
	hole := t.find(id)
	for i := (hole + 1) & mask; t.slots[i].value != none; i = (i + 1) & mask {
		if (i-t.home(t.slots[i].id))&mask >= (i-hole)&mask {
			t.slots[hole] = t.slots[i]
			hole = i
		}
	}
	t.slots[hole] = querySlot[T]{}
	t.n--
}
