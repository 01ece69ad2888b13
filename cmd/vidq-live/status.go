package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vidq/core"
	"vidq/internal/cli"
	"vidq/live/client"
	"vidq/live/wire"
)

// statusCommand tells how the queries of a running system are.
func (a *app) statusCommand() *cobra.Command {
	o := &peerOptions{}
	c := &cobra.Command{
		Use:     "status [ID]",
		Short:   "List the queries of a running system, or tell how one is",
		Long:    "List the queries of a running system, or tell of one its plan, what was seen of it lately and its last results.",
		Example: "  vidq-live status\n  vidq-live status GLOBAL_ID_1",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return cli.Inputf("%s takes one query's id, got %q too", c.CommandPath(), args[1])
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			var id core.QueryID
			if len(args) > 0 {
				var err error
				if id, err = queryID(args[0]); err != nil {
					return err
				}
			}
			peer, k, err := o.peer()
			if err != nil {
				return err
			}
			defer k.Close()
			if id != 0 {
				err = a.statusOf(c.Context(), o, peer, id)
			} else {
				err = a.list(c.Context(), o, peer)
			}
			return o.explain(err)
		},
	}
	o.flags(c)
	return c
}

// list prints all queries.
func (a *app) list(ctx context.Context, o *peerOptions, peer client.Peer) error {
	all := wire.QueryList{Queries: []wire.QueryRow{}}
	for page := (wire.Page{Limit: wire.MaxPage}); ; {
		l, err := peer.Queries(ctx, page)
		if err != nil {
			return err
		}
		all.Queries = append(all.Queries, l.Queries...)
		if page.After = core.QueryID(l.Next); page.After == 0 {
			break
		}
	}
	if o.json {
		return a.printJSON(&all)
	}
	if len(all.Queries) == 0 {
		return a.print("there is no query; vidq-live submit --help tells how to ask for one\n")
	}
	var rows strings.Builder
	rows.WriteString("id\tname\tstate\tframes\tsubmitted\tcamera\tpipeline\tasks\t\n")
	for i := range all.Queries {
		q := &all.Queries[i]
		name, camera := "-", fmt.Sprintf("%s/%d", q.NodeAddr, q.VideoID)
		if x := q.SubmitExtra; x != nil && x.Key != "" {
			name = nameOf(q)
		}
		if x := q.SubmitExtra; x != nil && x.CameraID != "" {
			camera = x.NodeID + "/" + x.CameraID
		}
		fmt.Fprintf(&rows, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t\n", wire.FormatID(core.QueryID(q.QueryID)), name, core.State(q.StateName), q.FramesDone,
			time.Unix(0, int64(q.SubmittedAt*1e9)).Format(time.DateTime), camera, strings.Join(q.Pipeline, ","), constraintWords(&q.UserConstraint))
	}
	return a.print("%s", table(rows.String()))
}

// details are what is told of a query.
type details struct {
	Query   *wire.QueryRow `json:"query"`
	Plan    wire.Plan      `json:"plan"`
	Runtime wire.Runtime   `json:"runtime"`
	Results *wire.Results  `json:"results"`
}

// statusOf prints what is known of a query.
func (a *app) statusOf(ctx context.Context, o *peerOptions, peer client.Peer, id core.QueryID) error {
	l, err := peer.Queries(ctx, wire.Page{After: id - 1, Limit: 1})
	if err != nil {
		return err
	}
	plan, err := peer.Plan(ctx, id)
	if err != nil {
		return err
	}
	seen, err := peer.Runtime(ctx, id)
	if err != nil {
		return err
	}
	results, err := peer.Results(ctx, id)
	if err != nil {
		return err
	}
	d := details{&l.Queries[0], plan, wire.FromRuntime(seen), results}
	if o.json {
		return a.printJSON(&d)
	}
	return a.print("%s", d.text(&seen))
}

// text is for people.
func (d *details) text(seen *core.RuntimeInfo) string {
	q := d.Query
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %s; asks %s\n", wire.FormatID(core.QueryID(q.QueryID)), core.State(q.StateName), amount(int(q.FramesDone), "frame", "frames"), constraintWords(&q.UserConstraint))
	fmt.Fprintf(&b, "plan: %s\n", planWords(&d.Plan))
	if seen.Frames > 0 {
		fmt.Fprintf(&b, "lately: delay %s, latency %s (p95 %s)", ms(seen.Delay), ms(seen.Latency), ms(seen.LatencyP95))
		if seen.ObjKnown {
			fmt.Fprintf(&b, ", %s objects of %s pixels", number(seen.ObjN), number(seen.ObjSize))
		}
		b.WriteString("\n")
	}
	if d.Results == nil {
		b.WriteString("no result yet\n")
		return b.String()
	}
	var rows strings.Builder
	rows.WriteString("frame\tdelay\tplan\tresult\t\n")
	for i := range d.Results.AppendedResult {
		f := &d.Results.AppendedResult[i]
		var found []string
		for _, what := range slices.Sorted(maps.Keys(f.Counts)) {
			found = append(found, what+" "+number(f.Counts[what]))
		}
		fmt.Fprintf(&rows, "%s\t%s\t%s\t%s\t\n", number(f.FrameID), ms(core.FromSeconds(f.Delay)), planWords(&f.ExtPlan), strings.Join(found, ", "))
	}
	b.WriteString(table(rows.String()))
	return b.String()
}
