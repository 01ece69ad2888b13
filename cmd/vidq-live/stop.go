package main

import (
	"context"

	"github.com/spf13/cobra"

	"vidq/core"
	"vidq/internal/cli"
	"vidq/live/wire"
)

// stopCommand ends a query of a running system.
func (a *app) stopCommand() *cobra.Command {
	o := &peerOptions{}
	c := &cobra.Command{
		Use:     "stop ID",
		Short:   "End a query of a running system for good",
		Long:    "End a query of a running system for good. Its results stay; ending it again does nothing.",
		Example: "  vidq-live stop GLOBAL_ID_1",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return cli.Inputf("%s takes one query's id, such as GLOBAL_ID_1: vidq-live status lists all", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return a.stop(c.Context(), o, args[0]) },
	}
	o.flags(c)
	return c
}

func (a *app) stop(ctx context.Context, o *peerOptions, word string) error {
	id, err := queryID(word)
	if err != nil {
		return err
	}
	peer, c, err := o.peer()
	if err != nil {
		return err
	}
	defer c.Close()
	answer, err := peer.StopQuery(ctx, &core.StopQuery{Query: id})
	if err != nil {
		return o.explain(err)
	}
	if o.json {
		return a.printJSON(wire.FromStopAnswer(answer))
	}
	return a.print("%s has ended\n", wire.FormatID(id))
}
