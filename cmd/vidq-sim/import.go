package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"vidq/core"
	"vidq/internal/cli"
	"vidq/kb"

	"github.com/spf13/cobra"
)

// formMOT is the form of a MOTChallenge gt.txt; the other forms are network logs'.
const formMOT = "mot"

// forms lists the forms that import reads, with what they are.
func forms() [][2]string {
	return append([][2]string{{formMOT, "MOTChallenge gt.txt: content"}}, kb.NetworkForms()...)
}

type importOptions struct {
	form, out, class, size string
	frameRate              float64 // 0 = not given
	frameRateSet           bool
}

func (a *app) importCommand() *cobra.Command {
	o := &importOptions{}
	var known strings.Builder
	for _, f := range forms() {
		fmt.Fprintf(&known, "\n  %-14s %s", f[0], f[1])
	}
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Turn a MOTChallenge gt.txt or a network log into the project's form",
		Long: `Turn a recording into the project's form, for a camera's content or a link's trace:
a MOTChallenge gt.txt (what its seqinfo.ini says of frame rate and size is taken from
beside it or the folder above), or a log of a network's throughput. The forms:
` + known.String(),
		Example: `  vidq-sim import PETS09-S2L1/gt.txt --out pets.csv
  vidq-sim import bus.ljansbakken-oslo.log --out bus.csv
  vidq-sim face --set camera.classroom.content=pets.csv --set link.edge1-cloud.trace=bus.csv`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return cli.Inputf("import: want one file, got %d; see %s --help", len(args), c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.frameRateSet = c.Flags().Changed("frame-rate")
			return a.importFile(c.Context(), o, args[0])
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.out, "out", "-", "write to `FILE`; - is stdout")
	f.StringVar(&o.form, "form", "", "the file's `FORM` (default: told by its first line)")
	f.Float64Var(&o.frameRate, "frame-rate", 0, "frames per second of a gt.txt without seqinfo.ini, `RATE`")
	f.StringVar(&o.size, "size", "", "pixels of the frames of a gt.txt without seqinfo.ini, `WIDTHxHEIGHT`")
	f.StringVar(&o.class, "class", "", "content `CLASS` that a gt.txt shows (default: the knowledge base's)")
	return c
}

func (a *app) importFile(ctx context.Context, o *importOptions, path string) error {
	var names []string
	for _, f := range forms() {
		names = append(names, f[0])
	}
	if o.form != "" && !slices.Contains(names, o.form) {
		return cli.Inputf("--form %q: want one of %s; vidq-sim import --help says what they are", o.form, strings.Join(names, ", "))
	}
	info := kb.SeqInfo{FrameRate: o.frameRate, Class: o.class}
	if o.frameRateSet && !(o.frameRate > 0 && !math.IsInf(o.frameRate, 1)) {
		return cli.Inputf("--frame-rate %v: want a number above 0, such as 25", o.frameRate)
	}
	if o.size != "" {
		r, err := core.ParseResolution(o.size)
		if err != nil {
			return cli.Inputf("--size: %w", err)
		}
		info.Width, info.Height = float64(r.Width), float64(r.Height)
	}
	var b bytes.Buffer // nothing is written when the input is wrong
	var err error
	if !interruptible(ctx, nil, func() { err = convert(&b, path, o.form, info) }) {
		return errNothing
	}
	var unknown *kb.Error
	if errors.As(err, &unknown) && unknown.File == path {
		switch {
		case unknown.Key == "frameRate" && o.frameRate == 0:
			return cli.Inputf("%w; give it with --frame-rate", err)
		case unknown.Key == "imWidth" && o.size == "":
			return cli.Inputf("%w; give it with --size", err)
		}
	}
	if err != nil {
		return err
	}
	out, err := cli.NewOutput("--out", o.out, a.stdout)
	if err != nil {
		return err
	}
	defer out.Discard()
	if _, err := out.Write(b.Bytes()); err != nil {
		return err
	}
	return out.Commit()
}

// convert writes a recording in the project's form; without a form it goes by the
// file's first line.
func convert(w io.Writer, path, form string, info kb.SeqInfo) error {
	mot := form == formMOT
	if form == "" {
		var err error
		if mot, err = isMOT(path); err != nil {
			return err
		}
	}
	if mot {
		return kb.ImportMOTFile(w, path, info)
	}
	return importNetwork(w, path, form)
}

// importNetwork turns a network log into a link's trace.
func importNetwork(w io.Writer, path, form string) error {
	f, err := openRegular(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it is only read
	return kb.ImportNetwork(w, f, path, form)
}

// openRegular opens a file of at most kb.MaxFile bytes for reading. A pipe is refused:
// to open one may last for ever, and what is read to tell the form would be missing
// afterwards.
func openRegular(path string) (*os.File, error) {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, cli.Inputf("%s: %w", path, cli.Bare(err))
	case !st.IsDir() && !st.Mode().IsRegular():
		return nil, cli.Inputf("%s: is a pipe or a device; want a file", path)
	case st.Size() > kb.MaxFile:
		return nil, cli.Inputf("%s: is larger than %d MB", path, kb.MaxFile>>20)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, cli.Inputf("%s: %w", path, cli.Bare(err))
	}
	return f, nil
}

// isMOT tells a gt.txt, whose rows are at least seven numbers with commas, from a
// network log.
func isMOT(path string) (bool, error) {
	f, err := openRegular(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }() // it is only read
	head := make([]byte, 1024)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return false, cli.Inputf("%s: %w", path, cli.Bare(err))
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(head[:n])), "\n")
	cells := strings.Split(strings.TrimSpace(line), ",")
	if len(cells) < 7 {
		return false, nil
	}
	for _, c := range cells[:7] {
		if _, err := strconv.ParseFloat(strings.TrimSpace(c), 64); err != nil {
			return false, nil
		}
	}
	return true, nil
}
