package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"vidq/core"
	"vidq/core/sched"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rowsOf writes n rows of a job's frames.
func rowsOf(f *runFiles, n int) {
	for i := range n {
		f.Frame(frameOf(int64(i), core.Second), .5)
	}
}

// TestTablesDoNotDependOnWhoIsFirst: the same jobs in any order of their ends give the
// same bytes, with the hashes of what is there, and a job that was given up leaves nothing.
func TestTablesDoNotDependOnWhoIsFirst(t *testing.T) {
	text := func(order []int, given map[int]bool) string {
		dir := t.TempDir()
		ts, err := newTables(dir, 4)
		require.NoError(t, err)
		files := make([]*runFiles, 4)
		for i := range 3 { // the last one is not begun
			files[i], err = ts.begin(i, job{scheduler: sched.Spec{Name: "latfirst"}, seed: uint64(i)})
			require.NoError(t, err)
		}
		for _, i := range order {
			rowsOf(files[i], 3000) // more than is buffered
			if given[i] {
				ts.omit(i)
				rowsOf(files[i], 3000)
				_ = files[i].close() // whatever it says: nobody looks at it
				continue
			}
			require.NoError(t, files[i].close())
			ts.done(i)
		}
		items, err := ts.finish()
		require.NoError(t, err)
		require.Len(t, items, len(csvFiles))
		for _, m := range items {
			b, err := os.ReadFile(filepath.Join(dir, m.Name))
			require.NoError(t, err)
			h := sha256.Sum256(b)
			assert.Equal(t, hex.EncodeToString(h[:]), m.SHA256, m.Name)
			assert.Equal(t, int64(len(b)), m.Bytes, m.Name)
		}
		assert.Len(t, tree(t, dir), 1+len(csvFiles), "the folder and its tables, no part of one")
		b, err := os.ReadFile(filepath.Join(dir, "frames.csv"))
		require.NoError(t, err)
		return string(b)
	}
	want := text([]int{0, 1, 2}, nil)
	for _, order := range [][]int{{0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		require.Equal(t, want, text(order, nil))
	}
	first := text([]int{0, 1, 2}, map[int]bool{0: true})
	assert.Less(t, len(first), len(want))
	assert.Equal(t, first, text([]int{2, 1, 0}, map[int]bool{0: true}))
	middle := text([]int{1, 0, 2}, map[int]bool{1: true})
	assert.Len(t, middle, len(first))
	assert.Equal(t, middle, text([]int{0, 1, 2}, map[int]bool{1: true}))
}

// TestTablesLeaveLittleForTheEnd: of a run that is interrupted the rows are in their place
// and hashed but for what is in a buffer, however many they are.
func TestTablesLeaveLittleForTheEnd(t *testing.T) {
	dir := t.TempDir()
	ts, err := newTables(dir, 100)
	require.NoError(t, err)
	for i := range 3 { // one after the other, as a single worker does
		f, err := ts.begin(i, job{scheduler: sched.Spec{Name: "latfirst"}, seed: uint64(i)})
		require.NoError(t, err)
		rowsOf(f, 20_000)
		assert.Len(t, tree(t, dir), 1+len(csvFiles), "no rows beside the tables")
		before := ts.list[0].bytes
		require.NoError(t, f.close())
		assert.Less(t, ts.list[0].bytes-before, int64(1<<16+1000))
		ts.done(i)
	}
	_, err = ts.finish()
	require.NoError(t, err)
}
