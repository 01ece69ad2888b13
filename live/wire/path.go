package wire

import (
	"strconv"
	"strings"
)

// path leads to the value that is being read or written; the text is made only
// when needed.
type path []step

// step is an element, or a field if index is negative.
type step struct {
	key   string
	index int
}

func (p *path) push(key string, index int) { *p = append(*p, step{key, index}) }
func (p *path) pop()                       { *p = (*p)[:len(*p)-1] }

func (p path) String() string {
	var b strings.Builder
	for i, s := range p {
		switch {
		case s.index >= 0:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case i > 0:
			b.WriteString("." + s.key)
		default:
			b.WriteString(s.key)
		}
	}
	return b.String()
}
