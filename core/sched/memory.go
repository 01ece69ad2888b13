package sched

import "vidq/core"

// memory is what a scheduler remembers of each query. What it knows of a query
// goes when the query leaves the view. It does not allocate while the queries
// stay the same.
type memory[T any] struct {
	rows, next []remembered[T] // ascending by id; next is the spare
}

type remembered[T any] struct {
	id    core.QueryID
	state *T
}

// each calls f for every query of the view, ascending, with what is remembered
// of it: the zero value at first.
func (m *memory[T]) each(v *core.View, f func(q *core.QueryView, state *T)) {
	m.next = m.next[:0]
	k := 0
	for i := range v.Queries {
		q := &v.Queries[i]
		for k < len(m.rows) && m.rows[k].id < q.Query.ID {
			k++
		}
		r := remembered[T]{id: q.Query.ID}
		if k < len(m.rows) && m.rows[k].id == q.Query.ID {
			r = m.rows[k]
		} else {
			r.state = new(T)
		}
		m.next = append(m.next, r)
		f(q, r.state)
	}
	m.rows, m.next = m.next, m.rows
	clear(m.next) // so that nothing hangs on to the queries that left
}
