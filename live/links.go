package live

import (
	"context"

	"vidq/core"
	"vidq/kb/world"
)

// links are how what nodes send each other gets there, beside the wire itself: emu.World
// emulates the scenario's. Nodes are told by their indices.
type links interface {
	// Message delivers a control message when it arrives, never if it is lost. deliver must
	// not block.
	Message(from, to int, m core.Message, deliver func())
	// Linked reports whether two nodes are joined both ways.
	Linked(a, b int) bool
	// Transfer returns when bytes have arrived, or ctx has ended.
	Transfer(ctx context.Context, from, to int, id uint64, bytes float64, key world.Key) error
}

// realLinks leave it to the network.
type realLinks struct{ s *System }

// Message implements links.
func (realLinks) Message(_, _ int, _ core.Message, deliver func()) { deliver() }

// Linked implements links.
func (l realLinks) Linked(a, b int) bool { return l.s.world.Linked(a, b) }

// Transfer implements links.
func (realLinks) Transfer(context.Context, int, int, uint64, float64, world.Key) error { return nil }
