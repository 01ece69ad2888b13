package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Prepare makes a command tree say what is wrong with flags, and leave it to its caller to
// tell errors.
func Prepare(root *cobra.Command, version string) {
	root.Version = version
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetVersionTemplate("vidq {{.Version}}\n")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		var bad *pflag.InvalidValueError
		if errors.As(err, &bad) {
			return Inputf("--%s %q: want %s; see %s --help", bad.GetFlag().Name, bad.GetValue(), flagWords(bad.GetFlag().Value.Type()), c.CommandPath())
		}
		return Inputf("%w%s; see %s --help", err, flagHint(c, err), c.CommandPath())
	})
}

// flagWords says what a flag of a type takes.
func flagWords(kind string) string {
	switch kind {
	case "duration":
		return "a time with a unit (ns, us, ms, s, m, h), such as 10s"
	case "int":
		return "a whole number"
	case "uint64":
		return "a whole number that is not negative"
	case "float64":
		return "a number"
	}
	return "a " + kind
}

// flagHint says what an unknown flag may stand for: a flag of the command that is spelled
// like it, or the same flag of another command.
func flagHint(c *cobra.Command, err error) string {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || len(unknown.GetSpecifiedName()) < 3 { // a letter or two may be anything
		return ""
	}
	word := unknown.GetSpecifiedName()
	var known []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	if near := Similar(word, known); near != "" {
		return fmt.Sprintf(" (did you mean --%s?)", near)
	}
	for _, other := range c.Root().Commands() {
		if other.Flags().Lookup(word) != nil {
			return fmt.Sprintf(" (it is a flag of %s)", other.CommandPath())
		}
	}
	return ""
}

// Similar is the first known word that is spelled like a word as commands are: at most two
// letters differ, or it begins with the word; "" = none.
func Similar(word string, known []string) string {
	spelling := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, k := range known {
		spelling.AddCommand(&cobra.Command{Use: k, Run: func(*cobra.Command, []string) {}})
	}
	if near := spelling.SuggestionsFor(word); len(near) > 0 {
		return near[0]
	}
	return ""
}

// NoArgs refuses arguments.
func NoArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Inputf("%s takes no argument, got %q", c.CommandPath(), args[0])
	}
	return nil
}
