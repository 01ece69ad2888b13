// Package scenarios reads experiment files. A scenario file is TOML; Load turns
// it into a Scenario, the one Go type from which the simulator, and the live
// system build everything that they run.
//
// # Reading guide
//
// Start with scenario.go: the types that the rest of the program sees. Then
// file.go: the structs that are the file's form. Their tags are the only place where a
// key, its meaning, unit, default and bounds are written; the loader (bind.go), the JSON
// Schema (schema.go) and docs/scenario.md (docs.go) are made of them. Loading goes
// through these steps:
//
//	tree.go      TOML to a tree whose every value knows its line (index.go finds the
//	             lines, which the TOML library does not tell)
//	set.go       --set KEY=VALUE changes the tree
//	expand.go    count and patterns become elements
//	bind.go      the tree fills the structs; unknown keys, types and bounds (types.go
//	             has the types that TOML does not have, units.go their units)
//	build.go     the structs become a Scenario: files are opened, kinds of faults
//	             (faults.go) and stages' parents (pipeline.go) found
//	validate.go  names are resolved and the whole is checked (validate_load.go: what
//	             is asked of it); programs that build a Scenario call this too
//	write.go     the scenario as run, for run folders
//
// Everything that is wrong is an *Error with file, line, key and, if there is one,
// the nearest known word. Only the first error in the order of the file is told.
//
// # Adding to it
//
// A scenario is one .toml file in this folder: it is embedded, listed and tested by
// itself. Those in suite/ are what schedulers are ranked over: each has bounds of time and of
// accuracy, no static plan serves it, and somebody who knows what comes does (held by
// the tests there; testdata/static.txt has the best static plans). random.go makes
// scenarios that nobody has seen.
//
// A key is one field in file.go and its use in build.go; run go test ./scenarios
// -update to write the documentation again. A kind of fault is one entry in faults.go
// (and its effect in the drivers).
//
// # Decisions that are not obvious
//
// Within a pipeline a stage follows the one written before it unless it has `after`, so
// that a list of names is the linear case. A link given by from and to carries one way
// only; calls need both ways, and so does a node to the query manager. A query of a
// count goes with the camera of the same number.
package scenarios

//go:generate go test . -run "TestDocs$|TestTraces" -update
