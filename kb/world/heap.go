package world

// mark is an entry of a marks: something that ends when a clock reaches at. Clocks
// are unsigned and may wrap around; marks of one heap lie within half their range
// of each other.
type mark struct {
	at  uint64
	id  uint64 // the owner's; orders equal marks
	aux uint64 // the owner's
}

// marks is a small binary heap of marks by (at, id), so that what it gives does
// not depend on the order in which it was filled.
type marks []mark

func (a *mark) before(b *mark) bool {
	if d := int64(a.at - b.at); d != 0 {
		return d < 0
	}
	return a.id < b.id
}

func (h *marks) push(m mark) {
	*h = append(*h, m)
	h.up(len(*h)-1, m)
}

// pop removes and returns the first mark, which must exist.
func (h *marks) pop() mark {
	m := (*h)[0]
	h.removeAt(0)
	return m
}

// remove removes the mark of id, wherever it is, in time proportional to the
// number of marks.
func (h *marks) remove(id uint64) (mark, bool) {
	for i, m := range *h {
		if m.id == id {
			h.removeAt(i)
			return m, true
		}
	}
	return mark{}, false
}

func (h *marks) removeAt(i int) {
	n := len(*h) - 1
	x := (*h)[n]
	*h = (*h)[:n]
	if i == n {
		return
	}
	if i > 0 && x.before(&(*h)[(i-1)/2]) {
		h.up(i, x)
		return
	}
	h.down(i, x)
}

// up puts m in the hole at i or above.
func (h *marks) up(i int, m mark) {
	s := *h
	for i > 0 {
		p := (i - 1) / 2
		if !m.before(&s[p]) {
			break
		}
		s[i] = s[p]
		i = p
	}
	s[i] = m
}

// down puts m in the hole at i or below. Which of two children comes first is
// found without a branch, which the processor could only guess.
func (h *marks) down(i int, m mark) {
	s := *h
	for {
		c := 2*i + 1
		if c+1 >= len(s) {
			if c >= len(s) || !s[c].before(&m) {
				break
			}
		} else {
			d := s[c+1].at - s[c].at
			if d == 0 && s[c+1].id < s[c].id {
				d--
			}
			c += int(d >> 63)
			if !s[c].before(&m) {
				break
			}
		}
		s[i] = s[c]
		i = c
	}
	s[i] = m
}
