package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"vidq/core"
	"vidq/core/sched"
	"vidq/internal/cli"
	"vidq/live"
	"vidq/live/loop"
	"vidq/live/serve"
	"vidq/live/store"
	"vidq/scenarios"
)

// parts are what a system is put together from. check makes those that depend on the
// user's input only, open those that are opened.
type parts struct {
	app      *app
	o        *runOptions
	scenario *scenarios.Scenario
	log      *slog.Logger
	system   live.Options
	store    *store.Store // nil = the query manager runs elsewhere
	temp     string       // folder of a store that nobody named
}

// check reads all input and holds that it makes sense.
func (p *parts) check(name string) error {
	o := p.o
	if err := o.check(); err != nil {
		return err
	}
	if err := oneOf("log-level", o.logLevel, "debug", "info", "warn", "error"); err != nil {
		return err
	}
	p.log = slog.New(slog.NewTextHandler(p.app.stderr, &slog.HandlerOptions{Level: levels[o.logLevel]}))
	if err := p.load(name); err != nil {
		return err
	}
	h, err := p.http()
	if err != nil {
		return err
	}
	s := p.scenario
	p.system = live.Options{
		Scenario: s, Scheduler: s.Scheduler.Spec, Seed: s.Seed, RealLinks: o.links == linksReal, Measure: len(o.nodes) == 1, PortBase: o.portBase,
		Video: !o.noVideo, HTTP: h, Log: p.log,
	}
	if o.changed("seed") {
		p.system.Seed = o.seed
	}
	for _, n := range o.nodes {
		p.system.Nodes = append(p.system.Nodes, core.NodeID(n))
	}
	if o.store != "" && !p.manages() {
		return cli.Inputf("--store: the query manager, which it is for, runs at node %q, not here", s.Manager)
	}
	return p.scheduler()
}

// load reads the scenario.
func (p *parts) load(name string) error {
	o := p.o
	set := slices.Clone(o.set)
	for _, a := range o.addrs {
		node, addr, ok := strings.Cut(a, "=")
		if !ok || node == "" || addr == "" {
			return cli.Inputf("--addr %q: want NODE=IP:PORT, such as edge1=10.0.0.2:5001", a)
		}
		set = append(set, "node."+node+".addr="+addr)
	}
	s, err := scenarios.Load(name, set)
	if err != nil {
		return o.command(name, err)
	}
	if s.Shipped != "" && s.Shipped != name {
		p.app.tell("vidq-live: %s: there is no such file; this is the shipped scenario %s\n", name, s.Shipped)
	}
	var known []string
	for i := range s.Nodes {
		known = append(known, string(s.Nodes[i].ID))
	}
	for i, n := range o.nodes {
		switch {
		case !slices.Contains(known, n):
			hint := ""
			if near := cli.Similar(n, known); near != "" {
				hint = fmt.Sprintf(" (did you mean %q?)", near)
			}
			return cli.Inputf("--node: there is no node %q; there are %s%s", n, strings.Join(known, ", "), hint)
		case slices.Contains(o.nodes[:i], n):
			return cli.Inputf("--node: %s is named twice", n)
		}
	}
	p.scenario = s
	return nil
}

// command adds to the error of a word that is no scenario which command it may stand for.
func (o *runOptions) command(word string, err error) error {
	var e *scenarios.Error
	if !errors.As(err, &e) || e.File != word || e.Line > 0 || e.Hint != "" {
		return err
	}
	if _, statErr := os.Lstat(word); !errors.Is(statErr, fs.ErrNotExist) {
		return err
	}
	if near := o.commands(word); len(near) > 0 {
		return cli.Inputf("%w (did you mean the command %q?)", err, near[0])
	}
	return err
}

// scheduler takes the scheduler that a flag names.
func (p *parts) scheduler() error {
	s := p.scenario
	if p.o.changed("scheduler") {
		specs, err := sched.ParseSpecs(p.o.scheduler)
		switch {
		case err != nil:
			return fmt.Errorf("--scheduler: %w", err)
		case len(specs) != 1:
			return cli.Inputf("--scheduler %q: want one scheduler; vidq-sim compares several", p.o.scheduler)
		}
		p.system.Scheduler = s.Scheduler.Merge(specs[0])
	}
	if sched.Describe(p.system.Scheduler.Name).NeedsTruth {
		return cli.Inputf("--scheduler: %s is told the truth, which nobody knows of a live system; it is for vidq-sim", p.system.Scheduler.Name)
	}
	if _, err := sched.New(p.system.Scheduler, s.Deps(p.system.Seed)); err != nil {
		return fmt.Errorf("--scheduler: %w", err)
	}
	return nil
}

// http is who may call, and how calls are made.
func (p *parts) http() (*live.HTTP, error) {
	o := p.o
	h := &live.HTTP{Version: p.app.version, Access: serve.Access{Insecure: o.insecure, Origins: o.cors}}
	if o.tokenFile != "" {
		tokens, err := serve.ReadTokens(o.tokenFile)
		if err != nil {
			return nil, cli.Inputf("--token-file: %w", err)
		}
		h.Access.Tokens, h.Token = tokens, tokens.Node
	}
	if err := h.Access.Validate(); err != nil {
		return nil, cli.Inputf("--cors: %w", err)
	}
	var err error
	if h.TLS, err = serve.TLS(o.tls.cert, o.tls.key, o.clientCA); err != nil {
		return nil, cli.Inputf("%w", err)
	}
	if h.TLS == nil {
		if o.tls.ca != "" {
			return nil, cli.Inputf("--tls-ca needs --tls-cert and --tls-key: the nodes of a system speak TLS, or none does")
		}
		return h, nil
	}
	of := certificates{ca: p.authority()}
	if o.clientCA != "" && len(o.nodes) == 1 { // it is that node's: several must not all be one
		of.cert, of.key = o.tls.cert, o.tls.key
	}
	if h.ClientTLS, err = of.client(); err != nil {
		return nil, err
	}
	return h, nil
}

// authority is the file of who has signed the nodes' certificates; one that nobody has signed
// speaks for itself.
func (p *parts) authority() string { return cmp.Or(p.o.tls.ca, p.o.clientCA, p.o.tls.cert) }

// manages reports whether the query manager runs in this process.
func (p *parts) manages() bool {
	return len(p.o.nodes) == 0 || slices.Contains(p.o.nodes, string(p.scenario.Manager))
}

// open opens the store and sets the clock: the testbed's time goes on from that of the store,
// in processes without it from that of the query manager.
func (p *parts) open(ctx context.Context) error {
	var zero time.Time
	since := time.Now()
	if p.manages() {
		if err := p.openStore(ctx); err != nil {
			return err
		}
		zero = p.store.Epoch()
		p.system.Store = live.Durable{Store: p.store}
		p.system.Incarnation = p.incarnations()
		if p.store.Run() == 1 {
			since = zero
		}
	} else {
		var err error
		if zero, err = live.Epoch(ctx, &p.system); err != nil {
			return err
		}
	}
	p.system.Clock = loop.NewClockAt(zero)
	p.system.Since = max(p.system.Clock.Time(since), 0)
	return nil
}

func (p *parts) openStore(ctx context.Context) error {
	url := p.o.store
	if url == "" {
		dir, err := os.MkdirTemp("", "vidq-live-")
		if err != nil {
			return fmt.Errorf("a temporary store: %w; name one with --store", err)
		}
		p.temp, url = dir, "sqlite:"+filepath.Join(dir, "vidq.db")
	}
	s, err := store.Open(ctx, url, store.Options{Logger: p.log})
	switch {
	case errors.Is(err, store.ErrURL) || errors.Is(err, store.ErrForeign) || errors.Is(err, fs.ErrNotExist):
		return cli.Inputf("--store: %w", err)
	case err != nil:
		return fmt.Errorf("--store: %w", err)
	}
	p.store = s
	return nil
}

// incarnations counts the starts of nodes in the store. Where that fails they are counted
// from the last one on: nodes start all the same, and results of theirs are stored only
// when the store is well again.
func (p *parts) incarnations() func(core.NodeID) core.Incarnation {
	var mu sync.Mutex
	last := map[core.NodeID]core.Incarnation{}
	return func(n core.NodeID) core.Incarnation {
		mu.Lock()
		defer mu.Unlock()
		for {
			inc, err := p.store.NextIncarnation(context.Background(), n)
			if err != nil {
				p.log.Error("a node's start could not be stored", "node", n, "error", err)
				inc = last[n] + 1
			}
			if inc > last[n] {
				last[n] = inc
				return inc
			}
		}
	}
}

// close gives up what open has opened.
func (p *parts) close() {
	if p.store != nil {
		if err := p.store.Close(); err != nil {
			p.log.Error("the store could not be closed", "error", err)
		}
	}
	if p.temp != "" {
		_ = os.RemoveAll(p.temp) // a left-over is harmless
	}
}
