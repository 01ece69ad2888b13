package main

import (
	"github.com/spf13/cobra"

	"vidq/internal/cli"
)

const rootLong = `vidq-live runs a scenario in real time: it starts cloud, edges, their compute services and cameras, submits the
scenario's queries, and prints addresses and a line for each scheduling round. Without SCENARIO it runs the shipped
classroom, face. Services are emulated: they hold a worker for as long as the scenario's truth says, and links carry
what the scenario's would. Cameras without a url are drawn.

In one process the cloud's ports 5000 and 5100 and the first edge's 5001, 5101 and 5500 are on 127.0.0.1, the cloud's
others on 127.0.0.2, further nodes on 127.0.0.3 and up; a node's addr in the scenario (or --addr) says otherwise.

Ctrl-C ends it. Exit codes: 0 done; 1 it could not go on; 2 the input is wrong and nothing was started.`

const rootExample = `  vidq-live                                        the classroom, until Ctrl-C
  vidq-live campus --scheduler vidq --until 1m --json result.json
  vidq-live face --set link.edge1-cloud.rate=5Mbit/s --store sqlite:face.db
  vidq-live face --node cloud                      on one machine or in one terminal,
  vidq-live face --node edge1                      on another: see --addr`

// rootCommand builds the command tree. Its default command runs a system.
func (a *app) rootCommand() *cobra.Command {
	o := &runOptions{}
	root := &cobra.Command{
		Use:     "vidq-live [SCENARIO]",
		Short:   "Run video queries on edge and cloud in real time",
		Long:    rootLong,
		Example: rootExample,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return cli.Inputf("%s takes one scenario, got %q too; see %s --help", c.CommandPath(), args[1], c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			name := defaultScenario
			if len(args) > 0 {
				name = args[0]
			}
			o.changed = c.Flags().Changed
			o.commands = c.Root().SuggestionsFor
			return a.live(c.Context(), o, name)
		},
	}
	cli.Prepare(root, a.version)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	a.runFlags(root, o)
	root.AddCommand(a.submitCommand(), a.statusCommand(), a.stopCommand())
	return root
}

// defaultScenario is run when none is named.
const defaultScenario = "face"

func (a *app) runFlags(c *cobra.Command, o *runOptions) {
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.scheduler, "scheduler", "", "the scheduler, `NAME[params]` such as 'latfirst[mode=peer]' (default: the scenario's)")
	f.Uint64Var(&o.seed, "seed", 0, "seed of all that is drawn `S` (default: the scenario's)")
	f.StringArrayVar(&o.set, "set", nil, "override a scenario key, `KEY=VALUE` (repeatable)")
	f.DurationVar(&o.until, "until", 0, "end after this `TIME`, such as 1m (default: at Ctrl-C)")
	f.StringArrayVar(&o.nodes, "node", nil, "run only this node's part, `NAME` (repeatable); the others run elsewhere, on the same scenario and seed. Links are then real")
	f.StringArrayVar(&o.addrs, "addr", nil, "where a node is, `NODE=IP:PORT` with the port of its job manager (repeatable; the same as --set node.NODE.addr=IP:PORT)")
	f.StringVar(&o.services, "services", servicesEmulated, "compute services, `KIND`: emulated or opencv")
	f.StringVar(&o.links, "links", "", "links, `KIND`: emulated or real, which are left to the network (default: emulated, and real with --node)")
	f.StringVar(&o.store, "store", "", "the query manager's store, `URL` sqlite:FILE or postgres://USER@HOST/DATABASE; started again on it, queries and results are there and go on (default: a temporary SQLite file that lasts as long as the process)")
	f.StringVar(&o.json, "json", "", "write the result document to `FILE` at the end; - is stdout, which then holds nothing else")
	f.StringArrayVar(&o.cors, "cors", nil, "let pages of this `ORIGIN` call, such as http://localhost:3000 (repeatable)")
	f.StringVar(&o.tokenFile, "token-file", "", "tokens of callers from beyond this machine, `FILE` with lines: user TOKEN, node TOKEN")
	f.StringVar(&o.tls.cert, "tls-cert", "", "serve over TLS with this certificate, PEM `FILE`; it names the addresses of its nodes")
	f.StringVar(&o.tls.key, "tls-key", "", "its key, PEM `FILE`")
	f.StringVar(&o.clientCA, "client-ca", "", "take certificates that this authority has signed for those of nodes, PEM `FILE`; their name is the node's")
	f.StringVar(&o.tls.ca, "tls-ca", "", "the authority of the other nodes' certificates, PEM `FILE` (default: --client-ca, else --tls-cert itself)")
	f.BoolVar(&o.insecure, "insecure", false, "let everybody call who can reach an address beyond this machine")
	f.BoolVar(&o.noVideo, "no-video", false, "cameras have no pixels: frames are counted, and there is nothing to watch")
	f.StringVar(&o.logLevel, "log-level", "warn", "what is logged on stderr, `LEVEL`: debug, info, warn or error")
	f.IntVar(&o.portBase, "port-base", 0, "added to every port that the scenario does not say")
	_ = f.MarkHidden("port-base") // for tests; it is there
}
