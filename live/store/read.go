package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vidq/core"
)

// Result is a result as it is stored.
type Result struct {
	ID          int64 // rises with every result of the store, also over restarts; never used again
	Node        core.NodeID
	Incarnation core.Incarnation
	Stored      time.Time // to the millisecond
	core.Result
}

// MaxPage bounds how many results one call returns.
const MaxPage = 10_000

// Load returns the state from which a query manager is rebuilt.
func (s *Store) Load(ctx context.Context) (core.Snapshot, error) {
	var snap core.Snapshot
	err := s.read(ctx, func(ctx context.Context, c *sql.Conn) error {
		snap = core.Snapshot{LastID: core.QueryID(s.state.lastQuery)}
		rows, err := c.QueryContext(ctx, "SELECT "+strings.Join(queryTable.names(), ", ")+" FROM queries ORDER BY id")
		if err != nil {
			return err
		}
		err = each(rows, func() error {
			q, err := scanQuery(rows)
			snap.Queries = append(snap.Queries, q)
			return err
		})
		if err != nil {
			return err
		}
		rows, err = c.QueryContext(ctx, "SELECT node, incarnation, seq FROM nodes ORDER BY node")
		if err != nil {
			return err
		}
		return each(rows, func() error {
			var n core.SavedNode
			err := rows.Scan(&n.Node, &n.Incarnation, &n.Seq)
			snap.Nodes = append(snap.Nodes, n)
			return err
		})
	})
	if err != nil {
		return core.Snapshot{}, err
	}
	return snap, nil
}

// Done returns how many done frames of each query are stored: less than there were where
// retention has deleted some.
func (s *Store) Done(ctx context.Context) (map[core.QueryID]int64, error) {
	all := map[core.QueryID]int64{}
	err := s.read(ctx, func(ctx context.Context, c *sql.Conn) error {
		rows, err := c.QueryContext(ctx, "SELECT query, count(*) FROM results WHERE outcome = $1 GROUP BY query", core.OutcomeDone.String())
		if err != nil {
			return err
		}
		return each(rows, func() error {
			var q, n int64
			err := rows.Scan(&q, &n)
			all[core.QueryID(q)] = n
			return err
		})
	})
	return all, err
}

// Results returns up to limit results of a query, ascending by ID, from the first
// one after an ID on; 0 begins at the oldest. It does not keep commits waiting.
func (s *Store) Results(ctx context.Context, query core.QueryID, after int64, limit int) ([]Result, error) {
	return s.page(ctx, "id > $2 ORDER BY id", query, after, limit)
}

// Latest returns the newest n results of a query that are of done frames, however many others came
// since, ascending by ID; from memory if it holds as many.
func (s *Store) Latest(ctx context.Context, query core.QueryID, n int) ([]Result, error) {
	if results, ok := s.recent.last(query, max(n, 0)); ok {
		return results, nil
	}
	results, err := s.page(ctx, "id > $2 AND outcome = '"+core.OutcomeDone.String()+"' ORDER BY id DESC", query, 0, n)
	slices.Reverse(results)
	return results, err
}

// page reads results of a query.
func (s *Store) page(ctx context.Context, where string, query core.QueryID, after int64, limit int) ([]Result, error) {
	limit = min(limit, MaxPage)
	if limit <= 0 {
		return nil, nil
	}
	if s.closed.Load() {
		return nil, &Error{Store: s.Name(), Kind: ErrClosed}
	}
	rows, err := s.e.pool().QueryContext(ctx, "SELECT "+strings.Join(resultTable.names(), ", ")+
		" FROM results WHERE query = $1 AND "+where+" LIMIT $3", int64(query), after, limit)
	if err != nil {
		return nil, s.e.explain(err)
	}
	var results []Result
	err = each(rows, func() error {
		r, err := scanResult(rows)
		results = append(results, r)
		return err
	})
	if err != nil {
		return nil, s.e.explain(err)
	}
	return results, nil
}

// each calls f for each row, and closes rows.
func each(rows *sql.Rows, f func() error) error {
	for rows.Next() {
		if err := f(); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

func scanQuery(rows *sql.Rows) (q core.SavedQuery, err error) {
	var state, pipeline, plan string
	var revision, stored int64 // the revision is part of the plan
	c := &q.Query.Constraint
	if err = rows.Scan(&q.Query.ID, &q.Query.Key, &q.Query.Node, &q.Query.Camera, &state, &q.Since, &q.Next,
		&c.Delay, &c.Latency, &c.Accuracy, &pipeline, &revision, &plan, &stored); err != nil {
		return q, err
	}
	if q.State, err = parseState(state); err != nil {
		return q, err
	}
	if q.Query.Pipeline, err = decodePipeline(pipeline); err != nil {
		return q, fmt.Errorf("pipeline of query %d: %w", q.Query.ID, err)
	}
	if q.Plan, err = decodePlan(plan); err != nil {
		return q, fmt.Errorf("plan of query %d: %w", q.Query.ID, err)
	}
	return q, nil
}

func scanResult(rows *sql.Rows) (r Result, err error) {
	var outcome, reason, calls string
	var stored int64
	var objects, size, area *float64
	o := &r.Obs
	if err = rows.Scan(&r.ID, &o.Query, &r.Node, &r.Incarnation, &r.Seq, &outcome, &reason, &r.CameraFrame, &r.Captured,
		&o.Frame, &o.Revision, &o.At, &o.Latency, &o.RoundTrip, &o.Gap, &o.Encode,
		&objects, &size, &area, &o.Known, &calls, &stored); err != nil {
		return r, err
	}
	o.Objects, o.Size, o.Area = orNaN(objects), orNaN(size), orNaN(area)
	r.Stored = time.UnixMilli(stored)
	if r.Outcome, err = parse(core.OutcomeFailed, outcome); err != nil {
		return r, fmt.Errorf("outcome of result %d: %w", r.ID, err)
	}
	if r.Reason, err = parse(core.Reason(core.NumReasons-1), reason); err != nil {
		return r, fmt.Errorf("reason of result %d: %w", r.ID, err)
	}
	if o.Calls, err = decodeCalls(calls); err != nil {
		return r, fmt.Errorf("calls of result %d: %w", r.ID, err)
	}
	return r, nil
}

func parseState(name string) (core.State, error) { return parse(core.StateFailed, name) }

// parse returns the value that has a name; last is the last one that there is.
func parse[T interface {
	~uint8
	String() string
}](last T, name string) (T, error) {
	for v := T(0); v <= last; v++ {
		if v.String() == name {
			return v, nil
		}
	}
	return 0, fmt.Errorf("%q is unknown", name)
}
