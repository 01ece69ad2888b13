// Package store keeps what the query manager must not forget, in SQLite (a file)
// or PostgreSQL (a server). It is what a live driver does core.Save with, and what
// it builds the manager from after a restart.
//
//	s, err := store.Open(ctx, "sqlite:vidq.db", store.Options{})
//	snapshot, err := s.Load(ctx)
//	inc, err := s.NextIncarnation(ctx, "cloud")
//	m := core.NewQueryManager(core.QueryManagerConfig{Node: "cloud", Incarnation: inc}, snapshot)
//	w := s.NewWriter(func(saved core.Saved) { inbox <- saved })   // Backend.Save is w.Save
//	...
//	err = w.Close(ctx)
//	err = s.Close()
//
// # What is promised
//
//   - A save that is answered without error is durable: it survives kill -9 of
//     this process and, as far as disk and server keep their word, the loss of
//     power. A save is durable as a whole or not at all; saves become so in order.
//   - A save that cannot be made durable (no space, no rights, no server) is
//     answered with an error that says what is wrong. Nothing of it is kept.
//   - A result is stored once: (node, incarnation, seq) is unique, and to save it
//     again is harmless, as long as retention has not deleted it. A manager does
//     not, since how far a node's results are stored is part of the same save.
//   - Query ids are not used again: the highest one is a counter of its own, which
//     no deletion of queries lowers. Nor are the ids of results, so that a page
//     after an id goes on where the last one ended.
//   - One process at a time holds a store. A second one is refused; the lock goes
//     with the process, however it ends. A process that lost its connection to a
//     server, and finds the store opened by another since, writes nothing more.
//
// # Where to begin
//
// migrations holds the tables, with a comment on each column: SQL users are meant
// to read them (queries, nodes, results, and the view calls with a row per stage
// call). store.go has Open and transact, through which everything is written;
// commit.go what a save becomes; writer.go the goroutine that gathers saves;
// read.go what is read back; retain.go what is deleted, and when. engine.go is
// what the two databases differ in, sqlite.go and postgres.go how.
//
// Times of the testbed are stored as they come, core.Time in nanoseconds. A driver
// whose clock goes on from Store.Epoch after a restart keeps them comparable.
package store
