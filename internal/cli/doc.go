// Package cli is what the project's commands have in common: what they exit with and
// what they say to wrong input (errors.go, flags.go), how a document appears under its
// name (output.go), and the table of a result document (table.go).
package cli
