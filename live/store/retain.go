package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"vidq/core"
)

// Retention says what is kept. Zero fields keep everything. What is deleted is
// gone from the store's tables; its file does not become smaller, but grows no
// further.
type Retention struct {
	Age      time.Duration // results stored longer ago are deleted
	PerQuery int64         // of each query as many newest results are kept
	Ended    time.Duration // queries that ended longer ago are deleted with all their results; their keys are forgotten
	Every    time.Duration // how often a Writer looks; default 10 s
	Step     int           // results deleted in one transaction; default 500
}

// count is how many results of a query are stored.
type count struct {
	n     int64
	known bool // else n is only of those that came since nobody knows when
}

// Retain deletes one step of what Retention does not keep, in one short
// transaction, and reports whether there may be more to delete.
func (s *Store) Retain(ctx context.Context) (more bool, err error) {
	s.retaining.Lock()
	defer s.retaining.Unlock()
	now := s.o.Now()
	if r := &s.o.Retention; r.Age > 0 {
		if more, err = s.retainAge(ctx, now.Add(-r.Age).UnixMilli()); more || err != nil {
			return more, err
		}
	}
	if r := &s.o.Retention; r.Ended > 0 {
		if more, err = s.retainEnded(ctx, now.Add(-r.Ended).UnixMilli()); more || err != nil {
			return more, err
		}
	}
	if s.o.Retention.PerQuery > 0 {
		return s.retainCount(ctx)
	}
	return false, nil
}

// retainAge deletes of the oldest results those stored before an instant. It
// looks at no more rows than it may delete, so that it is short also when there is
// nothing to delete, and needs no index.
func (s *Store) retainAge(ctx context.Context, before int64) (more bool, err error) {
	n, err := s.remove(ctx, "stored_ms < $1 AND id IN (SELECT id FROM results ORDER BY id LIMIT $2)", before, int64(s.o.Retention.Step))
	return n == s.o.Retention.Step, err
}

// retainEnded deletes of one query that ended before an instant: its results
// first, then itself.
func (s *Store) retainEnded(ctx context.Context, before int64) (more bool, err error) {
	var query int64
	err = s.e.pool().QueryRowContext(ctx, `SELECT id FROM queries
		WHERE state IN ('done', 'stopped', 'failed') AND stored_ms < $1 ORDER BY id LIMIT 1`, before).Scan(&query)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, s.e.explain(err)
	}
	n, err := s.removeOldest(ctx, query, int64(s.o.Retention.Step))
	if err != nil || n == s.o.Retention.Step {
		return true, err
	}
	return true, s.transact(ctx, func(ctx context.Context, c *sql.Conn, _ *state) error {
		_, err := c.ExecContext(ctx, "DELETE FROM queries WHERE id = $1 AND stored_ms < $2", query, before)
		return err
	}, func() { delete(s.counts, core.QueryID(query)) })
}

// retainCount deletes of a query that has too many results, or counts those of
// one of which it does not know.
func (s *Store) retainCount(ctx context.Context) (more bool, err error) {
	s.mu.Lock()
	id, excess := s.overfull()
	upTo := s.state.lastResult
	if id != 0 && excess == 0 {
		s.counts[id].n = 0
	}
	s.mu.Unlock()
	if id == 0 {
		return false, nil
	}
	if excess > 0 {
		_, err = s.removeOldest(ctx, int64(id), min(excess, int64(s.o.Retention.Step)))
		return true, err
	}
	var n int64 // nothing is deleted meanwhile, and what is added has a higher id
	err = s.e.pool().QueryRowContext(ctx, "SELECT count(*) FROM results WHERE query = $1 AND id <= $2", int64(id), upTo).Scan(&n)
	if err != nil {
		return false, s.e.explain(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.counts[id]; k != nil {
		k.n, k.known = k.n+n, true
	}
	return true, nil
}

// overfull returns a query with more results than are kept, and how many more; or
// else one whose results have not been counted, and 0; or else 0.
func (s *Store) overfull() (id core.QueryID, excess int64) {
	for _, q := range slices.Sorted(maps.Keys(s.counts)) {
		k := s.counts[q]
		if k.known && k.n > s.o.Retention.PerQuery {
			return q, k.n - s.o.Retention.PerQuery
		}
		if !k.known && id == 0 {
			id = q
		}
	}
	return id, 0
}

// removeOldest deletes the oldest n results of a query.
func (s *Store) removeOldest(ctx context.Context, query, n int64) (int, error) {
	return s.remove(ctx, "id IN (SELECT id FROM results WHERE query = $1 ORDER BY id LIMIT $2)", query, n)
}

// remove deletes results, and returns how many.
func (s *Store) remove(ctx context.Context, where string, args ...any) (total int, err error) {
	gone := map[core.QueryID]int64{}
	err = s.transact(ctx, func(ctx context.Context, c *sql.Conn, _ *state) error {
		rows, err := c.QueryContext(ctx, "DELETE FROM results WHERE "+where+" RETURNING query", args...)
		if err != nil {
			return err
		}
		return each(rows, func() error {
			var id core.QueryID
			err := rows.Scan(&id)
			gone[id]++
			total++
			return err
		})
	}, func() {
		for id, n := range gone {
			if k := s.counts[id]; k != nil {
				k.n -= n
			}
		}
	})
	return total, err
}
