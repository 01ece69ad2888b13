// Package result turns the records of a run into its result document: what
// `vidq-sim --json` writes, and what its table is made of. docs/result.md describes
// every key of the document and the rules behind it.
//
// Reading guide:
//
//   - document.go has the document's types; figures.go and summary.go put several runs
//     together (Student's t, paired differences); compare.go and mser.go have what a
//     comparison of schedulers needs beyond (ranks, precision, the end of the warm-up),
//     observe.go the figures one by one.
//   - collector.go is what a driver calls: Query before a query's first frame, Add for
//     every record, and the few things that no record tells.
//   - query.go keeps a query's account. The result in force is closed when the next
//     one takes its place (supersede): only then is it known which camera frames it
//     served, and with that its accuracy and whether it met the constraint.
//   - series.go follows slo_time.joint second by second.
//   - ageing.go has the clock of camera frames and the closed forms of their sums;
//     histogram.go the counting of times within .1%.
//   - run.go makes the Run of it and checks that frames are conserved.
//
// A result is taken to be in force up to an age of 1 s, in slo_time as in accuracy:
// otherwise a query that is refused after one good result would be met for ever.
package result
