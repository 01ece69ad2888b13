package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vidq/core"
	"vidq/internal/cli"
	"vidq/live/client"
	"vidq/live/wire"
)

// submitOptions are the flags of submit.
type submitOptions struct {
	peerOptions
	node     string
	camera   string
	pipeline []string
	delay    time.Duration
	latency  time.Duration
	accuracy float64
	key      string
	changed  func(flag string) bool
}

const submitExample = `  vidq-live submit --camera classroom --pipeline face_detection,face_alignment --latency 1s --accuracy 0.9
  echo '{"node_addr": "127.0.0.1:5001", "video_id": 0, "pipeline": ["face_detection"], "user_constraint": {"delay": 0.3}}' | vidq-live submit -`

// submitCommand asks a running system for a query.
func (a *app) submitCommand() *cobra.Command {
	o := &submitOptions{}
	c := &cobra.Command{
		Use:   "submit [FILE|-]",
		Short: "Ask a running system for a query",
		Long: `Ask a running system for a query: the body of POST /query/submit_query from a FILE or from stdin (-), or by flags. It
prints the query's id and where its video and results are.`,
		Example: submitExample,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return cli.Inputf("%s takes one file, got %q too", c.CommandPath(), args[1])
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.changed = c.Flags().Changed
			return a.submit(c.Context(), o, args)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.camera, "camera", "", "the camera, by its `ID`")
	f.StringVar(&o.node, "node", "", "its node, by its `ID` (default: the one that has such a camera)")
	f.StringSliceVar(&o.pipeline, "pipeline", nil, "`SERVICES` with commas between them, each fed with the output of the one before")
	f.DurationVar(&o.delay, "delay", 0, "bound of a frame's round trips over the camera frames that it stands for, `TIME`")
	f.DurationVar(&o.latency, "latency", 0, "bound of capture to result, `TIME`")
	f.Float64Var(&o.accuracy, "accuracy", 0, "lower bound of the accuracy, `SHARE` of the best")
	f.StringVar(&o.key, "key", "", "idempotency `KEY`: submitted again with it, the query is the same one")
	o.flags(c)
	return c
}

// ofQuery are the flags that say what a FILE would.
var ofQuery = []string{"camera", "node", "pipeline", "delay", "latency", "accuracy", "key"}

func (a *app) submit(ctx context.Context, o *submitOptions, args []string) error {
	if err := o.check(args); err != nil {
		return err
	}
	peer, c, err := o.peer()
	if err != nil {
		return err
	}
	defer c.Close()
	var q *wire.SubmitQuery
	if len(args) > 0 {
		q, err = a.readQuery(args[0])
	} else {
		q, err = o.query(ctx, peer)
	}
	if err != nil {
		return err
	}
	answer, err := peer.SubmitQuery(ctx, q)
	if err != nil {
		return o.explain(err)
	}
	if o.json {
		return a.printJSON(answer)
	}
	id := wire.FormatID(core.QueryID(answer.QueryID))
	return a.print("%s submitted; vidq-live status %s tells how it is, vidq-live stop %s ends it\n", id, id, id)
}

// check holds that the flags and arguments make sense.
func (o *submitOptions) check(args []string) error {
	i := slices.IndexFunc(ofQuery, o.changed)
	switch {
	case len(args) > 0 && i >= 0:
		return cli.Inputf("--%s: the file says all of the query; give a file or flags", ofQuery[i])
	case len(args) > 0:
		return nil
	case o.camera == "":
		return cli.Inputf("name a file or a camera, for example: vidq-live submit --camera classroom --pipeline face_detection; see vidq-live submit --help")
	case len(o.pipeline) == 0 || slices.Contains(o.pipeline, ""):
		return cli.Inputf("--pipeline: want services with commas between them, such as face_detection,face_alignment")
	case o.changed("delay") && o.delay <= 0:
		return cli.Inputf("--delay %v: want a time above 0, such as 300ms", o.delay)
	case o.changed("latency") && o.latency <= 0:
		return cli.Inputf("--latency %v: want a time above 0, such as 300ms", o.latency)
	case o.changed("accuracy") && !(o.accuracy > 0 && o.accuracy <= 1):
		return cli.Inputf("--accuracy %v: want a share above 0, at most 1", o.accuracy)
	}
	return nil
}

// maxQueryFile bounds a file with a query, bytes; the server takes no more.
const maxQueryFile = 1 << 20

// readQuery reads the body of a submission.
func (a *app) readQuery(name string) (*wire.SubmitQuery, error) {
	in := a.stdin
	if name == "-" {
		name = "stdin"
	} else {
		f, err := os.Open(name)
		if err != nil {
			return nil, cli.Inputf("%s: %w", name, cli.Bare(err))
		}
		defer f.Close()
		in = f
	}
	q := new(wire.SubmitQuery)
	if err := wire.ReadJSON(wire.JSONType, in, -1, maxQueryFile, q); err != nil {
		return nil, cli.Inputf("%s: %w", name, err)
	}
	return q, nil
}

// query is what the flags ask for.
func (o *submitOptions) query(ctx context.Context, peer client.Peer) (*wire.SubmitQuery, error) {
	videos, err := peer.Videos(ctx)
	if err != nil {
		return nil, o.explain(err)
	}
	var known, nodes []string
	for _, of := range videos {
		for _, v := range of {
			if v.VideoExtra == nil {
				continue
			}
			known = append(known, v.CameraID)
			if v.CameraID == o.camera && (o.node == "" || o.node == v.NodeID) {
				nodes = append(nodes, v.NodeID)
			}
		}
	}
	slices.Sort(known)
	slices.Sort(nodes)
	switch {
	case len(nodes) > 1:
		return nil, cli.Inputf("--camera: the nodes %s have a camera %q each; name one with --node", strings.Join(nodes, ", "), o.camera)
	case len(nodes) == 0:
		hint := ""
		if near := cli.Similar(o.camera, known); near != "" && near != o.camera {
			hint = " (did you mean \"" + near + "\"?)"
		}
		return nil, cli.Inputf("--camera: there is no camera %q; there are %s%s", o.camera, strings.Join(known, ", "), hint)
	}
	m := &core.SubmitQuery{Query: core.Query{
		Key: o.key, Node: core.NodeID(nodes[0]), Camera: core.CameraID(o.camera), Pipeline: core.Linear(o.pipeline...),
		Constraint: core.Constraint{Delay: core.Time(o.delay), Latency: core.Time(o.latency), Accuracy: o.accuracy},
	}}
	return wire.FromSubmitQuery(m, nobody{}), nil
}
