package store

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/core/coretest"
	"vidq/live/store/pgtest"
)

// childVariable names the store that a child process writes to until it is killed.
const childVariable = "VIDQ_STORE_CHILD"

// child writes as a query manager does under load, and tells on stdout what was
// acknowledged. It ends only by a signal, or when nobody listens.
func child(address string) {
	ctx := context.Background()
	die := func(err error) {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	s, err := Open(ctx, address, Options{})
	die(err)
	snap, err := s.Load(ctx)
	die(err)
	inc, err := s.NextIncarnation(ctx, "edge1")
	die(err)
	fmt.Println("life", inc, uint64(snap.LastID)+1)

	told := make(chan core.Saved, 100)
	w := s.NewWriter(func(saved core.Saved) { told <- saved })
	words := map[uint64]string{}
	id, seq := snap.LastID, uint64(0)
	for n := uint64(1); ; n++ {
		if n%5 == 0 {
			id++
			words[n] = fmt.Sprint("query ", id)
			w.Save(&core.Save{ID: n, Changes: []core.Change{query(id, core.StateRunning)}})
		} else {
			c := batchOf(id, "edge1", inc, seq+1, 20)
			seq += 20
			words[n] = fmt.Sprint("results ", seq)
			w.Save(&core.Save{ID: n, Changes: []core.Change{
				c, {Kind: core.ChangeNode, Node: core.SavedNode{Node: "edge1", Incarnation: inc, Seq: seq}},
			}})
		}
		for len(words) > 8 { // saves under way
			saved := <-told
			if saved.Err != "" {
				fmt.Println("error", saved.Err)
				os.Exit(1)
			}
			if _, err := fmt.Println(words[saved.ID]); err != nil {
				os.Exit(0)
			}
			delete(words, saved.ID)
		}
	}
}

// life is what a child said before it was killed.
type life struct {
	incarnation core.Incarnation
	firstID     core.QueryID
	queries     []core.QueryID // acknowledged
	seq         uint64         // acknowledged
}

// live runs a child until it has said so many lines, then kills it.
func live(t *testing.T, address string, lines int) life {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childVariable+"="+address)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	var l life
	killed := false
	for in := bufio.NewScanner(out); in.Scan(); lines-- { // what it said before its death counts too
		var id core.QueryID
		text := in.Text()
		if _, err := fmt.Sscanf(text, "query %d", &id); err == nil {
			l.queries = append(l.queries, id)
			assert.GreaterOrEqual(t, id, l.firstID)
		} else if _, err := fmt.Sscanf(text, "results %d", &l.seq); err != nil {
			_, err = fmt.Sscanf(text, "life %d %d", &l.incarnation, &l.firstID)
			require.NoError(t, err, text)
		}
		if lines <= 0 && !killed {
			killed = true
			require.NoError(t, c.Process.Signal(syscall.SIGKILL))
		}
	}
	require.Error(t, c.Wait())
	require.True(t, killed, "the child ended by itself")
	return l
}

// survived holds that a store has what was acknowledged, each once, and nothing in
// halves.
func survived(t *testing.T, s *Store, lives []life) {
	t.Helper()
	snap := load(t, s)
	have := map[core.QueryID]bool{}
	var all []Result
	for _, q := range snap.Queries {
		have[q.Query.ID] = true
		assert.LessOrEqual(t, q.Query.ID, snap.LastID)
		all = append(all, results(t, s, q.Query.ID, 1000)...)
	}
	all = append(all, results(t, s, 0, 1000)...) // before there was a query
	stored := map[core.Incarnation]map[uint64]bool{}
	for i := range all {
		r := &all[i]
		if stored[r.Incarnation] == nil {
			stored[r.Incarnation] = map[uint64]bool{}
		}
		assert.False(t, stored[r.Incarnation][r.Seq], "result %d of incarnation %d is stored twice", r.Seq, r.Incarnation)
		stored[r.Incarnation][r.Seq] = true
	}
	for i, l := range lives {
		if i > 0 {
			assert.Greater(t, l.incarnation, lives[i-1].incarnation)
			for _, id := range lives[i-1].queries {
				assert.Less(t, id, l.firstID, "an id was used again")
			}
		}
		for _, id := range l.queries {
			assert.True(t, have[id], "query %d was acknowledged, and is lost", id)
		}
		n := uint64(len(stored[l.incarnation]))
		assert.GreaterOrEqual(t, n, l.seq, "results were acknowledged, and are lost")
		for seq := uint64(1); seq <= n; seq++ {
			assert.True(t, stored[l.incarnation][seq], "result %d of incarnation %d is missing", seq, l.incarnation)
		}
	}
	last := lives[len(lives)-1]
	n := uint64(len(stored[last.incarnation]))
	if n > 0 { // a save is durable as a whole
		assert.Equal(t, []core.SavedNode{{Node: "edge1", Incarnation: last.incarnation, Seq: n}}, snap.Nodes)
	}
}

// TestKillLosesNothing kills a process that writes, again and again.
func TestKillLosesNothing(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		r := rand.New(rand.NewPCG(3, 1))
		address := d.fresh(t)
		var lives []life
		for range 1 + coretest.Cases(5) {
			lives = append(lives, live(t, address, r.IntN(150)))
			s := open(t, address, Options{})
			survived(t, s, lives)
			require.NoError(t, s.Close())
		}
	})
}

// TestServerCrashLosesNothing kills the server, with fsync on, under a Writer that
// goes on when it is back.
func TestServerCrashLosesNothing(t *testing.T) {
	srv := pgtest.New(t, pgtest.Options{Sync: true})
	s := open(t, srv.Database(t), Options{Timeout: 5 * time.Second})
	told := make(chan core.Saved, 100_000)
	w := s.NewWriter(func(saved core.Saved) { told <- saved })
	acknowledged, refused := map[uint64]bool{}, 0
	n := uint64(0)
	put := func(times int) {
		for range times {
			n++
			w.Save(&core.Save{ID: n, Changes: []core.Change{batchOf(1, "edge1", 1, n, 1)}})
		}
	}
	hear := func(times int) (errs int) {
		for range times {
			saved := <-told
			if saved.Err == "" {
				acknowledged[saved.ID] = true
			} else {
				errs++
			}
		}
		return errs
	}
	for range 3 {
		put(50)
		assert.Zero(t, hear(50))
		put(20)
		srv.Kill()
		put(20)
		refused += hear(40)
		require.NoError(t, srv.Restart())
	}
	put(1)
	assert.Zero(t, hear(1), "it goes on")
	require.NoError(t, w.Close(context.Background()))
	assert.Positive(t, refused)
	have := map[uint64]bool{}
	for _, r := range results(t, s, 1, 1000) {
		assert.False(t, have[r.Seq])
		have[r.Seq] = true
	}
	for id := range acknowledged {
		assert.True(t, have[id], "result %d was acknowledged, and is lost", id)
	}
}

// TestSilentServerIsNotWaitedForForever stops the server's processes: saves are
// refused after the timeout, and the store goes on when the server does.
func TestSilentServerIsNotWaitedForForever(t *testing.T) {
	srv := pgtest.New(t, pgtest.Options{})
	s := open(t, srv.Database(t), Options{Timeout: time.Second, LockWait: time.Second})
	commit(t, s, query(1, core.StateReady))
	srv.Pause()
	defer srv.Resume()
	begin := time.Now()
	err := s.Commit(context.Background(), []core.Save{{ID: 1, Changes: []core.Change{query(2, core.StateReady)}}})
	assert.ErrorIs(t, err, ErrUnreachable)
	assert.Less(t, time.Since(begin), time.Minute)
	srv.Resume()
	require.Eventually(t, func() bool {
		return s.Commit(context.Background(), []core.Save{{ID: 1, Changes: []core.Change{query(3, core.StateReady)}}}) == nil
	}, time.Minute, 100*time.Millisecond)
	assert.Len(t, load(t, s).Queries, 2)
}

// TestStoreThatWasTakenOverIsLost breaks the connection of a store, has another
// one opened meanwhile, and holds that the first writes nothing more.
func TestStoreThatWasTakenOverIsLost(t *testing.T) {
	address := server(t).Database(t)
	a := open(t, address, Options{})
	commit(t, a, query(1, core.StateReady))
	a.drop(context.Canceled) // as when the network breaks
	b := open(t, address, Options{})
	commit(t, b, query(2, core.StateReady))
	try := func() error {
		return a.Commit(context.Background(), []core.Save{{ID: 1, Changes: []core.Change{query(2, core.StateStopped)}}})
	}
	assert.ErrorIs(t, try(), ErrLocked)
	require.NoError(t, b.Close())
	assert.ErrorIs(t, try(), ErrLost)
	assert.ErrorIs(t, try(), ErrLost)
	b = open(t, address, Options{})
	assert.Equal(t, core.StateReady, load(t, b).Queries[1].State)
}

// TestCommitWhoseAnswerIsLost breaks the connection after the server has committed
// and before it says so: the store finds out that the save is durable.
func TestCommitWhoseAnswerIsLost(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		for _, durable := range []bool{true, false} {
			s := open(t, d.fresh(t), Options{})
			commit(t, s, query(1, core.StateReady))
			next := s.state
			next.commits++
			if durable {
				commit(t, s, query(2, core.StateReady))
				s.state.commits-- // as if the answer had not come
			}
			s.drop(context.Canceled)
			assert.Equal(t, durable, s.confirm(next))
			s.drop(context.Canceled)
			commit(t, s, query(3, core.StateReady)) // it takes in what it did not know
			assert.Equal(t, core.QueryID(3), load(t, s).LastID)
		}
	})
}
