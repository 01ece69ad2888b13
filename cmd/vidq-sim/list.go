package main

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vidq/core/sched"
	"vidq/internal/cli"
	"vidq/kb"
	"vidq/scenarios"

	"github.com/spf13/cobra"
)

// listKinds are the arguments of list, in the order of its output.
var listKinds = []string{"scenarios", "suite", "schedulers", "sets", "classes", "services"}

func (a *app) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list [" + strings.Join(listKinds, "|") + "]",
		Short: "List what a scenario and the flags may name",
		Long: "List the shipped scenarios, the suite that schedulers are ranked over, the schedulers\nwith their parameters, " +
			"and the knowledge base: its sets with the node classes and the\nservices that each knows. Beside the listed scenarios there is random/SEED, one for each\nwhole number.",
		Example: "  vidq-sim list\n  vidq-sim list schedulers",
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return cli.Inputf("list: want one of %s, got %d words", strings.Join(listKinds, ", "), len(args))
			case len(args) == 1 && !slices.Contains(listKinds, args[0]):
				hint := ""
				if near := cli.Similar(args[0], listKinds); near != "" {
					hint = fmt.Sprintf(" (did you mean %q?)", near)
				}
				return cli.Inputf("list: want one of %s, got %q%s", strings.Join(listKinds, ", "), args[0], hint)
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			kinds := listKinds
			if len(args) > 0 {
				kinds = args
			}
			text, err := a.list(kinds)
			if err != nil {
				return err
			}
			return a.print("%s", text)
		},
	}
}

func (a *app) list(kinds []string) (string, error) {
	var b strings.Builder
	for i, kind := range kinds {
		if i > 0 {
			b.WriteString("\n")
		}
		if len(kinds) > 1 {
			b.WriteString(strings.ToUpper(kind) + "\n")
		}
		t := &strings.Builder{}
		var err error
		switch kind {
		case "scenarios":
			err = a.listScenarios(t, scenarios.Names())
		case "suite":
			err = a.listScenarios(t, scenarios.Suite())
		case "schedulers":
			listSchedulers(t)
		default:
			err = listKB(t, kind)
		}
		if err != nil {
			return "", err
		}
		b.WriteString(cli.Align(t.String(), 0))
	}
	var trimmed strings.Builder
	for line := range strings.Lines(b.String()) {
		trimmed.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return trimmed.String(), nil
}

func (a *app) listScenarios(w *strings.Builder, names []string) error {
	for _, name := range names {
		s, err := a.load(name, nil)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "  %s\t%s\n", name, s.Title)
	}
	return nil
}

func listSchedulers(w *strings.Builder) {
	for _, name := range sched.Names() {
		info := sched.Describe(name)
		doc := info.Doc
		if info.NeedsTruth {
			doc += " (told the truth: an upper bound)"
		}
		fmt.Fprintf(w, "  %s\t%s\n", name, doc)
		for _, p := range info.Params {
			fmt.Fprintf(w, "    %s=%s\t%s\n", p.Key, defaultText(p), paramDoc(p))
		}
	}
}

func defaultText(p sched.Param) string {
	if s, ok := p.Default.(string); ok {
		return s
	}
	if f, ok := p.Default.(float64); ok {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	if l, ok := p.Default.([]any); ok && len(l) == 0 {
		return "[]"
	}
	return strings.ReplaceAll(fmt.Sprint(p.Default), " ", ",")
}

// paramDoc is a parameter's doc with its type and what it may be.
func paramDoc(p sched.Param) string {
	what := p.Type
	if len(p.Choices) > 0 {
		what = strings.Join(p.Choices, "|")
	}
	number := func(f *float64) string {
		text := strconv.FormatFloat(*f, 'g', -1, 64)
		if p.Type == "duration" {
			text += "s"
		}
		return text
	}
	switch {
	case p.Min != nil && p.Max != nil:
		what += " " + number(p.Min) + ".." + number(p.Max)
	case p.Min != nil:
		what += " >= " + number(p.Min)
	case p.Max != nil:
		what += " <= " + number(p.Max)
	}
	return p.Doc + " (" + what + ")"
}

// listKB lists one kind of what the embedded sets of the knowledge base hold.
func listKB(w *strings.Builder, kind string) error {
	for _, name := range kb.Sets() {
		s, err := kb.Open(name, kb.Options{})
		if err != nil {
			return err
		}
		switch kind {
		case "sets":
			fmt.Fprintf(w, "  %s\t%s\n", name, s.Title())
		case "classes":
			fmt.Fprintf(w, "  %s\t%s\n", name, strings.Join(s.Classes(), " "))
		case "services":
			for i, v := range s.Services() {
				set := ""
				if i == 0 {
					set = name
				}
				fmt.Fprintf(w, "  %s\t%s\t%s\n", set, v.Name, strings.Join(v.Models, " "))
			}
		}
	}
	return nil
}

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of scenario files, for editors",
		Example: "  vidq-sim schema > scenario.schema.json",
		Args:    cli.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.print("%s\n", bytes.TrimRight(scenarios.Schema(), "\n"))
		},
	}
}
