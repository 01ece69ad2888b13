package store

import (
	"context"
	"database/sql"
	"time"

	"vidq/core"
)

// Commit makes saves durable in one transaction, in their order: all of them, or
// on an error none. Results that are stored already are not stored again.
func (s *Store) Commit(ctx context.Context, saves []core.Save) error {
	batches := make([]*batch, len(saves))
	for i := range saves {
		var err error
		if batches[i], err = encode(saves[i].Changes); err != nil {
			return &Error{Store: s.Name(), Err: err}
		}
	}
	return s.commit(ctx, batches)
}

// commit makes batches durable in one transaction.
func (s *Store) commit(ctx context.Context, batches []*batch) error {
	b := merge(batches)
	now := s.o.Now().UnixMilli()
	inserted := int64(0)
	return s.transact(ctx, func(ctx context.Context, c *sql.Conn, next *state) error {
		rows := make([][]any, 0, len(b.queries))
		for _, q := range b.queries {
			q.row[queryStored] = now
			rows = append(rows, q.row)
			next.lastQuery = max(next.lastQuery, int64(q.id))
		}
		if _, err := s.e.insert(ctx, c, &queryTable, rows); err != nil {
			return err
		}
		rows = rows[:0]
		for _, n := range b.nodes {
			rows = append(rows, n.row)
		}
		if _, err := s.e.insert(ctx, c, &nodeTable, rows); err != nil {
			return err
		}
		for i, row := range b.results {
			next.lastResult++
			row[resultID], row[resultStored] = next.lastResult, now
			b.kept[i].ID, b.kept[i].Stored = next.lastResult, time.UnixMilli(now)
		}
		var err error
		inserted, err = s.e.insert(ctx, c, &resultTable, b.results)
		return err
	}, func() { s.learn(b, inserted) })
}

// merge makes one batch of several. Of a query's or node's rows the last is kept:
// a statement cannot change a row twice.
func merge(batches []*batch) *batch {
	if len(batches) == 1 && len(batches[0].queries) <= 1 && len(batches[0].nodes) <= 1 {
		return batches[0]
	}
	all := &batch{}
	queryAt := map[core.QueryID]int{}
	nodeAt := map[core.NodeID]int{}
	for _, b := range batches {
		for _, q := range b.queries {
			if i, there := queryAt[q.id]; there {
				all.queries[i] = q
				continue
			}
			queryAt[q.id] = len(all.queries)
			all.queries = append(all.queries, q)
		}
		for _, n := range b.nodes {
			if i, there := nodeAt[n.node]; there {
				all.nodes[i] = n
				continue
			}
			nodeAt[n.node] = len(all.nodes)
			all.nodes = append(all.nodes, n)
		}
		all.results = append(all.results, b.results...)
		all.kept = append(all.kept, b.kept...)
	}
	return all
}

// learn takes in what has become durable. inserted is how many of the batch's
// results were new: if some were not, nobody knows which, and memory gives up the
// queries that they may be of.
func (s *Store) learn(b *batch, inserted int64) {
	fresh := inserted == int64(len(b.kept))
	for i := range b.kept {
		k := s.counted(b.kept[i].Obs.Query)
		k.n++
		k.known = k.known && fresh
	}
	s.recent.add(b.kept, fresh)
	for i := range b.queries {
		q := &b.queries[i]
		s.counted(q.id)
		if q.ended {
			s.recent.end(q.id)
		} else {
			s.recent.begin(q.id)
		}
	}
}

// counted returns the count of a query's results.
func (s *Store) counted(id core.QueryID) *count {
	k := s.counts[id]
	if k == nil {
		k = &count{}
		s.counts[id] = k
	}
	return k
}
