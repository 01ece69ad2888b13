package live

import (
	"vidq/core"
	"vidq/live/store"
)

// Durable is a store of package store as a system wants it.
type Durable struct{ *store.Store }

var _ Store = Durable{}

// Saver implements Store.
func (d Durable) Saver(answer func(core.Saved)) Saver { return d.NewWriter(answer) }
