package scenarios

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Error is what is wrong with a scenario, in the terms of whoever wrote it. It
// reads "face.toml:12: camera.classroom.fps: must be above 0".
type Error struct {
	File string // as it was named; "" = not from a file
	Line int    // from 1; 0 = the file as a whole, or not from a file
	Set  string // the text of the --set that it comes from; "" = from the file
	Key  string // address of the key as --set takes it; "" = none
	Msg  string
	Hint string // the nearest known word; "" = none is near
}

// Error returns one line with place, key, message and hint.
func (e *Error) Error() string {
	var b strings.Builder
	switch {
	case e.Set != "" && strings.ContainsFunc(e.Set, func(r rune) bool { return !strconv.IsPrint(r) }):
		fmt.Fprintf(&b, "--set %q: ", e.Set) // it may hold several lines
	case e.Set != "":
		fmt.Fprintf(&b, "--set %s: ", e.Set)
	case e.File != "" && e.Line > 0:
		fmt.Fprintf(&b, "%s:%d: ", e.File, e.Line)
	case e.File != "":
		fmt.Fprintf(&b, "%s: ", e.File)
	}
	if e.Key != "" && !strings.HasPrefix(e.Set, e.Key+"=") {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Msg)
	if e.Hint != "" {
		fmt.Fprintf(&b, " (did you mean %q?)", e.Hint)
	}
	return b.String()
}

// pos is where a value was written: a line of the file or a --set.
type pos struct {
	line int
	set  string
}

func (p pos) err(key, hint, format string, args ...any) *Error {
	return &Error{Line: p.line, Set: p.set, Key: key, Hint: hint, Msg: fmt.Sprintf(format, args...)}
}

// nearest returns the known word that is most like word, if one is like it at
// all: a spelling distance of at most a third of the longer one's length, or one
// being the beginning of the other. Ties go to the first in the order of known.
func nearest(word string, known []string) string {
	best, bestDist := "", 1<<30
	lower := strings.ToLower(word)
	if len(lower) > 200 {
		return ""
	}
	for _, k := range known {
		lk := strings.ToLower(k)
		d := 3 * distance(lower, lk)
		if d > max(len(lk), len(lower), 3) {
			if len(lower) < 3 || len(lk) < 3 || !strings.HasPrefix(lk, lower) && !strings.HasPrefix(lower, lk) {
				continue
			}
			d += 1000 // a common beginning is the weaker likeness
		}
		if d < bestDist {
			best, bestDist = k, d
		}
	}
	return best
}

// distance counts the insertions, deletions, substitutions and swaps of
// neighbours that make b of a (Damerau's distance with restricted swaps).
func distance(a, b string) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}

// words lists known words for a message, shortened when there are many.
func words(known []string) string {
	w := slices.Clone(known)
	if len(w) > 12 {
		w = append(w[:12], "...")
	}
	return strings.Join(w, ", ")
}
