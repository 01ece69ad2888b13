package core

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestChunksHandOutNothingTwice(t *testing.T) {
	var c chunks[int]
	seen := map[*int]bool{}
	for i := range 2000 {
		s := c.take(i % 7)
		require.Len(t, s, i%7)
		require.Equal(t, len(s), cap(s), "an append must not reach into the next message")
		for j := range s {
			require.Zero(t, s[j])
			require.False(t, seen[&s[j]])
			seen[&s[j]] = true
			s[j] = i + 1
		}
		p := c.next()
		require.Zero(t, *p)
		require.False(t, seen[p])
		seen[p] = true
		*p = i + 1
	}
	assert.LessOrEqual(t, c.size, chunkValues)
}

// TestChunksAreBounded: what one message can keep from being freed.
func TestChunksAreBounded(t *testing.T) {
	var c chunks[int]
	c.take(1)
	assert.Equal(t, 1, c.size, "who sends little allocates little")
	for range 10_000 {
		c.take(3)
		require.LessOrEqual(t, c.size, chunkValues)
	}
	for range 1000 {
		c.take(500)
		require.LessOrEqual(t, c.size, chunkSlices*500)
	}
	c = chunks[int]{}
	for range 100 {
		c.take(3)
	}
	assert.Zero(t, testing.AllocsPerRun(1000, func() { c.take(3) }), "a chunk in %d/3, which rounds to nothing", chunkValues)
}
