package core

// chunks hands out values for messages and saved changes, allocated many at a time.
// No value is handed out twice: what is sent is immutable and may be held by
// anybody for as long as he likes, in another goroutine too. So nobody gives
// anything back, and a chunk is garbage once nothing of it is held.
//
// Chunks grow with what is asked for, so that who sends little allocates little. A
// message that is kept keeps its chunk: at most chunkValues values, or eight of
// the largest messages. The zero value is ready.
type chunks[T any] struct {
	free []T
	size int // of the last chunk
}

const (
	chunkValues = 64
	chunkSlices = 8
	chunkGrowth = 8
)

// next returns a zero value.
func (c *chunks[T]) next() *T { return &c.take(1)[0] }

// take returns n zero values side by side.
func (c *chunks[T]) take(n int) []T {
	if n > len(c.free) {
		c.size = max(n, min(chunkGrowth*c.size, max(chunkValues, chunkSlices*n)))
		c.free = make([]T, c.size)
	}
	s := c.free[:n:n]
	c.free = c.free[n:]
	return s
}
