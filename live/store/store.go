package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"vidq/core"
)

// Options are a store's settings. Zero fields take the default.
type Options struct {
	// LockWait is how long Open waits for a process that holds the store; default
	// 3 s. A server may take a moment to see that a process was killed.
	LockWait time.Duration
	// Timeout bounds a transaction on a server; default 10 s. A file's has no bound.
	Timeout time.Duration
	// Recent is how many results of each query that has not ended are kept in
	// memory for Latest; default 64, -1 = none.
	Recent int
	// Batch is how many results a Writer commits at once, unless one save has more;
	// default 5,000. It bounds for how long a transaction keeps others waiting.
	Batch int
	// Queue is how many results and other changes wait in a Writer; default
	// 100,000. A save beyond is refused.
	Queue     int
	Retention Retention
	// Logger is told of connections lost and regained, and of what goes wrong in
	// the background; nil = nobody.
	Logger *slog.Logger
	// Now is the wall clock; nil = time.Now.
	Now func() time.Time
}

// withDefaults returns o with its zero fields filled in.
func (o Options) withDefaults() Options {
	for _, p := range []struct {
		at *time.Duration
		to time.Duration
	}{
		{&o.LockWait, 3 * time.Second}, {&o.Timeout, 10 * time.Second}, {&o.Retention.Every, 10 * time.Second},
	} {
		if *p.at <= 0 {
			*p.at = p.to
		}
	}
	for _, p := range []struct {
		at *int
		to int
	}{
		{&o.Batch, 5000}, {&o.Queue, 100_000}, {&o.Retention.Step, 500},
	} {
		if *p.at <= 0 {
			*p.at = p.to
		}
	}
	if o.Recent == 0 {
		o.Recent = 64
	}
	o.Recent = max(o.Recent, 0)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Store is a durable store that this process holds alone. Its methods may be
// called by several goroutines.
type Store struct {
	e      engine
	o      Options
	run    int64
	epoch  time.Time
	recent recent

	mu     sync.Mutex // of the writing connection, and of what follows
	conn   *sql.Conn  // nil = lost
	over   error      // why there will be no connection again; nil = there may
	state  state
	counts map[core.QueryID]*count // of the stored results

	retaining sync.Mutex  // while Retain deletes a step
	closed    atomic.Bool // over is ErrClosed
}

// state is the store's own row.
type state struct{ run, commits, lastQuery, lastResult int64 }

// Open opens the store of a URL, sqlite:FILE or postgres://USER@HOST/DATABASE,
// and makes or updates its tables. It fails with an *Error if the store cannot be
// used, or another process holds it.
func Open(ctx context.Context, address string, o Options) (*Store, error) {
	e, err := newEngine(address)
	if err != nil {
		return nil, err
	}
	o = o.withDefaults()
	s := &Store{e: e, o: o, counts: map[core.QueryID]*count{}}
	s.recent.size = o.Recent
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(e.explain(err), s.Close())
	}
	return s, nil
}

// open takes the store over.
func (s *Store) open(ctx context.Context) error {
	lock, cancel := context.WithTimeout(ctx, s.o.LockWait)
	defer cancel()
	c, err := s.e.connect(lock)
	if err != nil {
		return err
	}
	s.conn = c
	if err := migrate(ctx, s.e, c); err != nil {
		return err
	}
	if s.state, err = readState(ctx, c); err != nil {
		return err
	}
	return s.transact(ctx, func(ctx context.Context, c *sql.Conn, next *state) error {
		next.run++
		_, err := c.ExecContext(ctx, "UPDATE store SET epoch_ns = $1 WHERE epoch_ns = 0", s.o.Now().UnixNano())
		if err != nil {
			return err
		}
		var epoch int64
		if err := c.QueryRowContext(ctx, "SELECT epoch_ns FROM store").Scan(&epoch); err != nil {
			return err
		}
		s.epoch = time.Unix(0, epoch)
		s.run = next.run
		return s.meet(ctx, c)
	}, nil)
}

// meet takes in which queries there are.
func (s *Store) meet(ctx context.Context, c *sql.Conn) error {
	rows, err := c.QueryContext(ctx, "SELECT id, state FROM queries")
	if err != nil {
		return err
	}
	return each(rows, func() error {
		var id core.QueryID
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			return err
		}
		st, err := parseState(name)
		s.counts[id] = &count{}
		if !st.Ended() {
			s.recent.begin(id)
		}
		return err
	})
}

func readState(ctx context.Context, c *sql.Conn) (st state, err error) {
	err = c.QueryRowContext(ctx, "SELECT run, commits, last_query, last_result FROM store").
		Scan(&st.run, &st.commits, &st.lastQuery, &st.lastResult)
	return st, err
}

// Close gives the store up. A Writer is closed before.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Swap(true) {
		return nil
	}
	s.over = &Error{Store: s.e.dialect().name, Kind: ErrClosed}
	var err error
	if s.conn != nil {
		err = s.conn.Close()
		s.conn = nil
	}
	return errors.Join(err, s.e.close())
}

// Name returns the store's URL without the password.
func (s *Store) Name() string { return s.e.dialect().name }

// Run returns how often the store has been opened, this time included.
func (s *Store) Run() int64 { return s.run }

// Epoch returns when the store was made. A driver whose core.Time counts from
// here goes on after a restart where it was, as times that are stored require.
func (s *Store) Epoch() time.Time { return s.epoch }

// transact does f in one transaction and makes it durable, then does done, if it
// is not nil; or undoes it. next is the store's row as the transaction will leave
// it. On an error nothing is changed, but if a server falls silent in the middle
// of a commit and stays silent for Options.Timeout: then it may be durable all the
// same.
func (s *Store) transact(ctx context.Context, f func(ctx context.Context, c *sql.Conn, next *state) error, done func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return &Error{Store: s.Name(), Err: err}
	}
	work, cancel := s.bound(ctx)
	defer cancel()
	if err := s.begin(work); err != nil {
		return s.e.explain(err)
	}
	next := s.state
	next.commits++
	err := f(work, s.conn, &next)
	if err == nil {
		_, err = s.conn.ExecContext(work, "UPDATE store SET run = $1, commits = $2, last_query = $3, last_result = $4",
			next.run, next.commits, next.lastQuery, next.lastResult)
	}
	if err != nil {
		s.rollback()
		return s.e.explain(err)
	}
	if _, err = s.conn.ExecContext(work, "COMMIT"); err != nil {
		s.rollback()
		if !s.confirm(next) {
			return s.e.explain(err)
		}
	}
	s.state = next
	if done != nil {
		done()
	}
	return nil
}

// read does f while nobody writes, so that all it reads is of one instant.
func (s *Store) read(ctx context.Context, f func(ctx context.Context, c *sql.Conn) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	work, cancel := s.bound(ctx)
	defer cancel()
	err := s.begin(work)
	if err == nil {
		err = f(work, s.conn)
		s.rollback()
	}
	return s.e.explain(err)
}

// bound returns the context of a transaction. On a file ctx only counts before:
// to watch it would cost more than the statements.
func (s *Store) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.e.dialect().timeouts {
		return context.WithTimeout(ctx, s.o.Timeout)
	}
	return context.WithoutCancel(ctx), func() {}
}

// begin begins a transaction, on a new connection if the old one is broken.
func (s *Store) begin(ctx context.Context) error {
	if s.over != nil {
		return s.over
	}
	if s.conn != nil {
		_, err := s.conn.ExecContext(ctx, s.e.dialect().begin)
		if err == nil || refused(s.e.explain(err)) {
			return err
		}
		s.drop(err)
	}
	st, err := s.reconnect(ctx)
	if err != nil {
		return err
	}
	if st.commits != s.state.commits { // one that was given up as unknown is durable
		s.state = st
		s.recent.clear()
		for _, n := range s.counts {
			*n = count{}
		}
	}
	_, err = s.conn.ExecContext(ctx, s.e.dialect().begin)
	return err
}

// rollback ends a transaction that failed. A connection that cannot even do that
// is given up, and the server undoes the rest. SQLite undoes some by itself, and
// then says that there is nothing to undo.
func (s *Store) rollback() {
	ctx, cancel := s.bound(context.Background())
	defer cancel()
	if _, err := s.conn.ExecContext(ctx, "ROLLBACK"); err != nil && !nothingToUndo(err) {
		s.drop(err)
	}
}

// drop gives up the writing connection.
func (s *Store) drop(why error) {
	s.o.Logger.Warn("the connection to the store is given up", "store", s.Name(), "error", why)
	// ErrBadConn keeps it from going back to the pool, with its lock.
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = s.conn.Close() // says ErrConnDone
	s.conn = nil
}

// reconnect makes a new writing connection. The lock was free for a moment: if
// somebody has opened the store meanwhile, what is known here is out of date, and
// the store is lost for good.
func (s *Store) reconnect(ctx context.Context) (state, error) {
	lock, cancel := context.WithTimeout(ctx, s.o.LockWait)
	defer cancel()
	c, err := s.e.connect(lock)
	if err != nil {
		return state{}, err
	}
	s.conn = c
	st, err := readState(ctx, c)
	if err == nil && st.run != s.state.run {
		s.over = &Error{Store: s.Name(), Kind: ErrLost, Advice: "start again, or stop the other"}
		err = s.over
	}
	if err != nil {
		s.drop(err)
		return state{}, err
	}
	s.o.Logger.Info("the store is connected again", "store", s.Name())
	return st, nil
}

// confirm finds out whether a transaction is durable whose COMMIT failed: if it
// is, the store's row is as it left it.
func (s *Store) confirm(next state) bool {
	ctx, cancel := context.WithTimeout(context.Background(), s.o.Timeout)
	defer cancel()
	for s.over == nil {
		var st state
		var err error
		if s.conn == nil {
			st, err = s.reconnect(ctx)
		} else if st, err = readState(ctx, s.conn); err != nil {
			s.drop(err)
		}
		if err == nil {
			return st.commits == next.commits
		}
		if !pause(ctx, 4*lockPoll) {
			break
		}
	}
	return false
}

// NextIncarnation raises and returns how often a node's process was started: the
// incarnation of its machines. It is durable, and above every incarnation that
// results were stored of.
func (s *Store) NextIncarnation(ctx context.Context, node core.NodeID) (core.Incarnation, error) {
	c := checker{of: "node"}
	name := c.text("name", string(node))
	if c.err != nil {
		return 0, &Error{Store: s.Name(), Err: c.err}
	}
	var inc int64
	err := s.transact(ctx, func(ctx context.Context, c *sql.Conn, _ *state) error {
		err := c.QueryRowContext(ctx, `SELECT coalesce(max(incarnation), 0) + 1 FROM (
			SELECT incarnation FROM incarnations WHERE node = $1
			UNION ALL SELECT incarnation FROM nodes WHERE node = $1) AS known`, name).Scan(&inc)
		if err == nil {
			_, err = c.ExecContext(ctx, `INSERT INTO incarnations (node, incarnation) VALUES ($1, $2)
				ON CONFLICT (node) DO UPDATE SET incarnation = excluded.incarnation`, name, inc)
		}
		return err
	}, nil)
	return core.Incarnation(inc), err
}

func itoa(v int64) string { return strconv.FormatInt(v, 10) }
