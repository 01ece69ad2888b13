package sched

import (
	"cmp"
	"slices"

	"vidq/core"
)

// nodeAt is the index of a node in the view, -1 = none.
func nodeAt(v *core.View, id core.NodeID) int {
	i, found := slices.BinarySearchFunc(v.Nodes, id, func(n core.NodeView, id core.NodeID) int { return cmp.Compare(n.ID, id) })
	if !found {
		return -1
	}
	return i
}

// linkIndex is the index of a link in the view, -1 = none.
func linkIndex(v *core.View, from, to core.NodeID) int {
	i, found := slices.BinarySearchFunc(v.Links, to, func(l core.LinkView, to core.NodeID) int {
		return cmp.Or(cmp.Compare(l.From, from), cmp.Compare(l.To, to))
	})
	if !found {
		return -1
	}
	return i
}
