package main

import (
	"fmt"
	"os"
	"strings"

	"vidq/core/sched"
	"vidq/internal/cli"
)

// maxSpecFile is how large a file of specifications may be, in bytes.
const maxSpecFile = 1 << 20

// parseSchedulers reads --scheduler: specifications with commas between them, in
// which @FILE stands for those that a file has, one a line. Lines of it that begin with # are comments.
func parseSchedulers(list string) (specs []sched.Spec, err error) {
	var plain []string
	flush := func() error {
		if plain == nil {
			return nil
		}
		more, err := sched.ParseSpecs(strings.Join(plain, ","))
		if err != nil {
			return fmt.Errorf("--scheduler: %w", err)
		}
		specs, plain = append(specs, more...), nil
		return nil
	}
	for _, element := range splitList(list) {
		path, isFile := strings.CutPrefix(strings.TrimSpace(element), "@")
		if !isFile {
			plain = append(plain, element)
			continue
		}
		if err := flush(); err != nil {
			return nil, err
		}
		entries, err := readSpecs(path)
		if err != nil {
			return nil, fmt.Errorf("--scheduler: @%w", err)
		}
		if len(entries) == 0 {
			return nil, cli.Inputf("--scheduler: @%s: there is no specification in it", path)
		}
		for _, e := range entries {
			specs = append(specs, e.spec)
		}
	}
	return specs, flush()
}

// splitList cuts a list at its commas; those within brackets or quotes belong to an
// element.
func splitList(text string) (elements []string) {
	depth, quoted, start := 0, rune(0), 0
	for i, r := range text {
		switch {
		case quoted != 0:
			if r == quoted {
				quoted = 0
			}
		case r == '"' || r == '\'':
			quoted = r
		case r == '[' || r == '{':
			depth++
		case r == ']' || r == '}':
			depth--
		case r == ',' && depth == 0:
			elements = append(elements, text[start:i])
			start = i + 1
		}
	}
	return append(elements, text[start:])
}

// specEntry is a line of a file of specifications with the comments right above it.
type specEntry struct {
	comments []string // with their #
	spec     sched.Spec
}

// readSpecs reads a file of specifications. Errors name the file and the line.
func readSpecs(path string) ([]specEntry, error) {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, cli.Inputf("%s: %w", path, cli.Bare(err))
	case !st.Mode().IsRegular():
		return nil, cli.Inputf("%s: is not a file", path)
	case st.Size() > maxSpecFile:
		return nil, cli.Inputf("%s: has %d bytes, want at most %d", path, st.Size(), maxSpecFile)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, cli.Inputf("%s: %w", path, cli.Bare(err))
	}
	var entries []specEntry
	var comments []string
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			comments = nil // they are not about what follows
			continue
		case line[0] == '#':
			comments = append(comments, line)
			continue
		}
		specs, err := sched.ParseSpecs(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, number, err)
		}
		if len(specs) > 1 {
			return nil, cli.Inputf("%s:%d: want one specification a line, got %d", path, number, len(specs))
		}
		entries = append(entries, specEntry{comments: comments, spec: specs[0]})
		comments = nil
	}
	return entries, nil
}
