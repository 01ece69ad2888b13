package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"vidq/core"
	"vidq/core/result"
	"vidq/internal/cli"
	"vidq/live"
	"vidq/live/wire"
)

// console tells what goes on, a line for each thing that happens. What happens is put
// into a queue, since nobody may wait for a terminal; what does not fit is not told.
type console struct {
	app    *app
	p      *parts
	system *live.System
	queue  chan func(ctx context.Context) string
	told   int   // queries that have been told of
	err    error // of stdout; nothing is told after it
}

// Bounds of what is told.
const (
	queueLength = 256
	fewQueries  = 3 // of which each round's line tells the plans
	mostTold    = 8 // queries that are told one by one
	durable     = 100 * time.Millisecond
)

func newConsole(a *app, p *parts) *console {
	return &console{app: a, p: p, queue: make(chan func(context.Context) string, queueLength)}
}

func (c *console) put(line func(context.Context) string) {
	select {
	case c.queue <- line:
	default:
	}
}

// run tells what happens until ctx ends.
func (c *console) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case line := <-c.queue:
			c.say(line(ctx))
		}
	}
}

func (c *console) say(text string) {
	switch {
	case text == "" || c.err != nil:
	case c.p.o.json == "-":
		c.app.tell("%s", text)
	default:
		c.err = c.app.print("%s", text)
	}
}

// begin tells what runs, and where.
func (c *console) begin(s *live.System) {
	c.system = s
	p := c.p
	head := cli.Headline(p.scenario, &result.Document{Vidq: c.app.version, Scenario: p.scenario.Name}, fmt.Sprintf("seed %d · %s", p.system.Seed, p.system.Scheduler))
	var rows strings.Builder
	rows.WriteString("node\tpart\taddress\t\n")
	var services string
	for _, at := range s.Ports() {
		part, _, _ := strings.Cut(at.Port.What(), " (")
		fmt.Fprintf(&rows, "%s\t%s\t%s\t\n", at.Node, part, c.url(at.Addr, ""))
		if at.Port == wire.PortServices && services == "" {
			if n := p.scenario.Node(at.Node); len(n.Services) > 0 {
				services = c.url(at.Addr, "/execute_task/"+n.Services[0].Name)
			}
		}
	}
	var b strings.Builder
	b.WriteString(head + "\n\n" + table(rows.String()) + "\n")
	if s.Queries() != nil {
		b.WriteString(c.curl(c.url(s.ManagerAddr(wire.PortManager), "/query/list")) + "\n")
	}
	if services != "" {
		b.WriteString(c.curl("-F image=@frame.jpg "+services) + "\n")
	}
	b.WriteString("Ctrl-C ends it.\n\n")
	c.say(b.String())
}

// url is a path of a port.
func (c *console) url(addr, path string) string {
	scheme := "http"
	if c.p.system.HTTP.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + addr + path
}

// curl is a command that works: with what a caller must show.
func (c *console) curl(rest string) string {
	text := "curl "
	h := c.p.system.HTTP
	if h.TLS != nil {
		text += "--cacert " + c.p.authority() + " "
	}
	if h.Access.Tokens.User != "" && !local(rest) {
		text += `-H "Authorization: Bearer $TOKEN" `
	}
	return text + rest
}

// local reports whether a URL within a text is on the loopback.
func local(text string) bool {
	_, rest, _ := strings.Cut(text, "://")
	host, _, _ := strings.Cut(rest, "/")
	a, err := netip.ParseAddrPort(host)
	return err == nil && a.Addr().IsLoopback()
}

// submitted tells of a query of the scenario.
func (c *console) submitted(query string, id core.QueryID) {
	c.put(func(context.Context) string {
		name := wire.FormatID(id)
		switch c.told++; {
		case c.told < mostTold || c.told == len(c.p.scenario.Queries):
			return fmt.Sprintf("%s is %s: video %s\n%s%s\n", query, name, c.url(c.system.ManagerAddr(wire.PortSideCloud), "/user/video/"+name),
				strings.Repeat(" ", len(query)+4), c.curl(c.url(c.system.ManagerAddr(wire.PortManager), "/query/get_result/"+name)))
		case c.told == mostTold:
			return "and more: see the list\n"
		}
		return ""
	})
}

// round tells of a scheduling round.
func (c *console) round(r *core.RoundRecord) {
	round := *r
	c.put(func(ctx context.Context) string {
		select { // a round's plans are in force when they are durable
		case <-time.After(durable):
		case <-ctx.Done():
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s  round %d: %s, %s changed", seconds(round.At), round.Round, amount(round.Queries, "query", "queries"), amount(round.Changed, "plan", "plans"))
		for _, more := range []struct {
			n    int
			what string
		}{{round.Refused, "refused"}, {round.Invalid, "invalid"}, {round.Settings, "services set"}, {round.Charges, "charged"}} {
			if more.n > 0 {
				fmt.Fprintf(&b, ", %d %s", more.n, more.what)
			}
		}
		return b.String() + c.plans(ctx, round.Queries) + "\n"
	})
}

// plans tells what queries are at after a round, if they are few.
func (c *console) plans(ctx context.Context, queries int) string {
	if queries == 0 || queries > fewQueries {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var text strings.Builder
	manager := c.system.Queries()
	told := 0
	for page := (wire.Page{Limit: wire.MaxPage}); told < queries; {
		l, err := manager.List(ctx, page)
		if err != nil {
			return ""
		}
		for i := range l.Queries {
			q := &l.Queries[i]
			if core.State(q.StateName).Ended() || told == fewQueries {
				continue
			}
			told++
			id := core.QueryID(q.QueryID)
			plan, err := manager.Plan(ctx, id)
			if err != nil {
				return ""
			}
			seen, err := manager.Runtime(ctx, id)
			if err != nil {
				return ""
			}
			text.WriteString(" · " + nameOf(q) + " " + planWords(&plan))
			if seen.Frames > 0 {
				fmt.Fprintf(&text, ", latency %s (p95 %s)", ms(seen.Latency), ms(seen.LatencyP95))
			}
		}
		if page.After = core.QueryID(l.Next); page.After == 0 {
			break
		}
	}
	return text.String()
}

// record tells of plans where there is no query manager that tells of rounds.
func (c *console) record(machine string, r core.Record) {
	p, ok := r.(*core.PlanRecord)
	if !ok || c.p.manages() {
		return
	}
	plan := p.Plan
	plan.Stages = slices.Clone(plan.Stages)
	at, node, id := p.At, p.Node, p.Query
	c.put(func(context.Context) string {
		w := wire.FromPlan(&plan, &core.Query{}, nobody{})
		return fmt.Sprintf("%s  %s: %s %s\n", seconds(at), node, wire.FormatID(id), planWords(&w))
	})
}
