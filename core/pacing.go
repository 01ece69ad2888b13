package core

// reserve books bytes with the job's leaky bucket, which lets them through at
// pace bytes per second, and returns when they may leave. Bytes that could leave
// only after the frame's deadline are not booked (ok false): the frame waits for
// its deadline instead, since dropping it at once would burn a file's frames.
func (j *job) reserve(now, deadline Time, bytes, pace float64) (at Time, ok bool) {
	at = max(now, j.paceNext)
	if at >= deadline {
		return deadline, false
	}
	j.paceNext = at.Add(FromSeconds(max(bytes, 0) / pace))
	return at, true
}

// settle corrects the bucket by what an attempt sent beyond what it was charged
// for: the bytes of a frame are known only when it has been encoded.
func (j *job) settle(more, sent float64) {
	if sent <= 0 || more == 0 {
		return
	}
	if d := FromSeconds(more / j.plan.Pace); d < 0 {
		j.paceNext = max(j.paceNext+d, 0)
	} else {
		j.paceNext = j.paceNext.Add(d)
	}
}

// repace turns what is booked at the old pace into the time it takes at the new.
func (j *job) repace(now Time, old, pace float64) {
	if old == pace || j.paceNext <= now {
		return
	}
	if pace <= 0 || old <= 0 {
		j.paceNext = now
		return
	}
	j.paceNext = now.Add(FromSeconds(float64((j.paceNext-now).Seconds()*old) / pace))
}
