package core

// resultRing holds a node's results until the manager has made them durable.
// What is under way is held by its message; the ring holds what comes after.
// Together they never hold more than the ring's bound (or one batch and one
// result): on overflow the oldest result that is not under way is lost.
type resultRing struct {
	waiting deque[Result] // seqs without gap
	seq     uint64        // last given out
	lost    int64
	bound   int
	batch   int

	sent    *SyncResults // under way; nil = none
	pause   Time         // before it is sent again
	flushAt Time         // when the waiting ones have waited long enough
}

func newResultRing(s *Settings) resultRing {
	return resultRing{bound: s.ResultRing, batch: min(max(s.BatchSize, 1), max(s.ResultRing/2, 1))}
}

// push returns a new result to be filled in, with its seq. Its Obs.Calls may be used again.
func (r *resultRing) push(now Time, m *JobManager) *Result {
	under := 0
	if r.sent != nil {
		under = len(r.sent.Results)
	}
	if n := r.waiting.len(); n > 0 && n+under >= r.bound {
		r.waiting.pop()
		r.lost++
	}
	if r.waiting.len() == 0 {
		r.flushAt = now.Add(m.set.SyncEvery)
		if r.sent == nil {
			m.due.set(dueSync, r.flushAt)
		}
	}
	r.seq++
	p := r.waiting.push()
	p.Seq = r.seq
	return p
}

// sync sends the next batch if none is under way and there is enough of it, or
// it has waited long enough.
func (m *JobManager) sync(now Time, fx *Effects) {
	r := &m.results
	n := r.waiting.len()
	if r.sent != nil || n == 0 || n < r.batch && now < r.flushAt {
		return
	}
	n = min(n, r.batch)
	calls := 0
	for i := range n {
		calls += len(r.waiting.at(i).Obs.Calls)
	}
	msg := fx.made.syncs.next()
	msg.Node, msg.Incarnation, msg.First = m.cfg.Node, m.cfg.Incarnation, r.waiting.at(0).Seq
	msg.Results = fx.made.results.take(n)
	all := fx.made.calls.take(calls) // the message is immutable, the ring's memory is not
	for i := range n {
		p := r.waiting.pop()
		msg.Results[i] = *p
		k := copy(all, p.Obs.Calls)
		msg.Results[i].Obs.Calls = all[:k:k]
		all = all[k:]
	}
	r.sent, r.flushAt = msg, now // what is left has waited
	r.pause = m.set.ResendAfter
	m.sendResults(now, fx)
}

// sendResults sends the batch under way, and again until it is acknowledged.
func (m *JobManager) sendResults(now Time, fx *Effects) {
	r := &m.results
	m.tell(r.sent, fx)
	m.due.set(dueSync, now.Add(m.jitter(r.pause)))
	r.pause = m.longer(r.pause)
}

// syncDue flushes results that have waited, or sends the batch under way again.
func (m *JobManager) syncDue(now Time, fx *Effects) {
	if m.results.sent != nil {
		m.sendResults(now, fx)
		return
	}
	m.sync(now, fx)
}

// syncAck lets go of results that are durable.
func (m *JobManager) syncAck(now Time, a *SyncAck, fx *Effects) {
	r := &m.results
	if a.Incarnation != m.cfg.Incarnation || r.sent == nil || a.Seq < r.sent.First || a.Seq > r.seq {
		return
	}
	if done := a.Seq - r.sent.First + 1; done < uint64(len(r.sent.Results)) {
		rest := *r.sent
		rest.First += done
		rest.Results = rest.Results[done:]
		r.sent = &rest
		return
	}
	r.sent = nil
	m.due.clear(dueSync)
	m.sync(now, fx)
	if r.sent == nil && r.waiting.len() > 0 {
		m.due.set(dueSync, r.flushAt)
	}
}
