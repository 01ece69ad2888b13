package store

import (
	"context"
	"database/sql"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core"
	"vidq/live/store/pgtest"
)

// refuses holds that a URL is refused with an error of a kind and these words.
func refuses(t *testing.T, address string, kind error, words ...string) {
	t.Helper()
	s, err := Open(context.Background(), address, Options{LockWait: 200 * time.Millisecond})
	if !assert.Error(t, err, address) {
		require.NoError(t, s.Close())
		return
	}
	assert.ErrorIs(t, err, kind, address)
	for _, w := range words {
		assert.ErrorContains(t, err, w)
	}
	assert.NotContains(t, err.Error(), "secret")
}

func TestBadURLsAreExplained(t *testing.T) {
	dir := t.TempDir()
	refuses(t, "", ErrURL, "empty", "sqlite:FILE")
	refuses(t, "vidq.db", ErrURL, "write sqlite:vidq.db")
	refuses(t, "mysql://root:secret@host/db", ErrURL, "scheme mysql is unknown", "sqlite:FILE")
	refuses(t, "sqlite:", ErrURL, "name is missing")
	refuses(t, "sqlite::memory:", ErrURL, "would forget")
	refuses(t, "sqlite:"+dir, ErrURL, "not a file")
	refuses(t, "sqlite:"+filepath.Join(dir, "none", "x.db"), ErrURL, "its folder", "none", "make it")
	refuses(t, "sqlite:a\x00b", ErrURL, "zero byte")
	refuses(t, "postgres://me:secret@host:port/db", ErrURL, "write postgres://")
	refuses(t, "postgres://me:secret@127.0.0.1:1/db", ErrUnreachable, "start the server", "me:xxxxx@")
	refuses(t, "postgres://127.0.0.1:1/db?user=me&password=secret", ErrUnreachable)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries, "nothing is left behind")
}

func TestStrangeFileNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a b.db", "a?mode=ro&x=%41.db", "ü#1.db", "file:x.db"} {
		s := open(t, "sqlite:"+filepath.Join(dir, name), Options{})
		commit(t, s, query(1, core.StateReady))
		require.NoError(t, s.Close())
		assert.FileExists(t, filepath.Join(dir, name))
	}
	s := open(t, "sqlite://"+filepath.Join(dir, "a b.db"), Options{})
	assert.Len(t, load(t, s).Queries, 1)
}

// TestOneProcessAtATime opens a store twice, also by another name.
func TestOneProcessAtATime(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		address := d.fresh(t)
		s := open(t, address, Options{})
		refuses(t, address, ErrLocked, "another process uses it", "stop it")
		if path, ok := strings.CutPrefix(address, "sqlite:"); ok {
			link := filepath.Join(t.TempDir(), "link.db")
			require.NoError(t, os.Symlink(path, link))
			refuses(t, "sqlite:"+link, ErrLocked)
			t.Chdir(filepath.Dir(path))
			refuses(t, "sqlite:"+filepath.Base(path), ErrLocked)
		}
		commit(t, s, query(1, core.StateReady)) // the first one goes on
		require.NoError(t, s.Close())
		open(t, address, Options{})
	})
}

// TestOpenWaitsForTheLock has the holder go while a second one waits.
func TestOpenWaitsForTheLock(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		address := d.fresh(t)
		s := open(t, address, Options{})
		go func() {
			time.Sleep(300 * time.Millisecond)
			assert.NoError(t, s.Close())
		}()
		open(t, address, Options{LockWait: 30 * time.Second})
	})
}

func TestSchemaFromTheFutureIsRefused(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		address := d.fresh(t)
		s := open(t, address, Options{})
		_, err := s.conn.ExecContext(context.Background(), "INSERT INTO "+versionTable+" (version_id, is_applied) VALUES (99, true)")
		require.NoError(t, err)
		require.NoError(t, s.Close())
		refuses(t, address, ErrNewer, "its schema is 99", "knows up to 1", "use that version")
	})
}

func TestDatabaseOfAnotherProgramIsRefused(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		address := d.fresh(t)
		e, err := newEngine(address)
		require.NoError(t, err)
		_, err = e.pool().Exec("CREATE TABLE results (x text)")
		require.NoError(t, err)
		require.NoError(t, e.close())
		refuses(t, address, ErrForeign, "vidq's alone")
		e, err = newEngine(address)
		require.NoError(t, err)
		defer e.close()
		var n int
		assert.Error(t, e.pool().QueryRow("SELECT count(*) FROM "+versionTable).Scan(&n), "it was changed")
	})
}

func TestDamagedFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.db")
	require.NoError(t, os.WriteFile(junk, []byte(strings.Repeat("this is no database ", 1000)), 0o600))
	refuses(t, "sqlite:"+junk, ErrCorrupt, "name another file")

	// Every page of a good file but the first is overwritten.
	path := filepath.Join(dir, "vidq.db")
	s := open(t, "sqlite:"+path, Options{})
	commit(t, s, query(1, core.StateReady), batchOf(1, "edge1", 1, 1, 100))
	require.NoError(t, s.Close())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := 4096; i < len(text); i++ {
		text[i] = 0xa5
	}
	require.NoError(t, os.WriteFile(path, text, 0o600))
	refuses(t, "sqlite:"+path, ErrCorrupt)
}

// TestRefusedWritesAreNotAccepted has the database refuse writes for a while.
func TestRefusedWritesAreNotAccepted(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		s := open(t, d.fresh(t), Options{})
		commit(t, s, query(1, core.StateReady))
		before := load(t, s)
		_, err := s.conn.ExecContext(context.Background(), d.refuse)
		require.NoError(t, err)
		err = s.Commit(context.Background(), []core.Save{{ID: 1, Changes: []core.Change{query(2, core.StateReady)}}})
		require.ErrorIs(t, err, ErrReadOnly)
		_, err = s.conn.ExecContext(context.Background(), d.allow)
		require.NoError(t, err)
		assert.Equal(t, before, load(t, s))
		commit(t, s, query(3, core.StateReady))
		assert.Equal(t, core.QueryID(3), load(t, s).LastID)
	})
}

// fill commits results with long names until the store is full, and returns how
// many were acknowledged.
func fill(t *testing.T, s *Store, kind error, words string) (n uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(4, 1))
	for {
		c := batchOf(1, "edge1", 1, n+1, 50)
		for i := range c.Result.Results {
			name := make([]byte, 6000) // of random letters, so that no engine shortens it
			for j := range name {
				name[j] = byte('a' + r.IntN(26))
			}
			c.Result.Results[i].Obs.Calls[0].Node = core.NodeID(name)
		}
		if err := s.Commit(context.Background(), []core.Save{{ID: n, Changes: []core.Change{c}}}); err != nil {
			require.ErrorContains(t, err, words)
			if kind != nil {
				require.ErrorIs(t, err, kind)
			}
			return n
		}
		n += 50
		require.Less(t, n, uint64(20_000), "it does not get full")
	}
}

// TestFullStoreRefuses fills a store to its limit: what was acknowledged is there,
// what was refused is not, and it goes on when there is room.
func TestFullStoreRefuses(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		s := open(t, databases[0].fresh(t), Options{})
		_, err := s.conn.ExecContext(context.Background(), "PRAGMA max_page_count = 500")
		require.NoError(t, err)
		n := fill(t, s, ErrFull, "make room")
		assert.Equal(t, n, fill(t, s, ErrFull, "make room"), "it was full for a moment only") // the first n are there already
		checkFull(t, s, n)
		_, err = s.conn.ExecContext(context.Background(), "PRAGMA max_page_count = 100000")
		require.NoError(t, err)
		commit(t, s, batchOf(1, "edge1", 1, n+1, 50))
		checkFull(t, s, n+50)
	})
	t.Run("postgres", func(t *testing.T) {
		srv := pgtest.New(t, pgtest.Options{FileLimit: 17 << 20})
		s := open(t, srv.Database(t), Options{})
		n := fill(t, s, nil, "could not extend file")
		checkFull(t, s, n)
		commit(t, s, query(1, core.StateReady)) // goes to another file
		assert.Len(t, load(t, s).Queries, 1)
	})
}

// checkFull holds that a query has exactly the results up to n.
func checkFull(t *testing.T, s *Store, n uint64) {
	t.Helper()
	require.Positive(t, n)
	require.Equal(t, upTo(n), seqs(results(t, s, 1, 1000)))
}

// TestFullDiskRefuses has the kernel refuse to let the write-ahead log grow, in a
// child process. What it had acknowledged before must be there.
func TestFullDiskRefuses(t *testing.T) {
	address := databases[0].fresh(t)
	c := exec.Command("/bin/sh", "-c", `ulimit -f 2000; exec "$0"`, os.Args[0]) // 1,000 KiB
	c.Env = append(os.Environ(), childVariable+"="+address)
	out, err := c.Output()
	require.Error(t, err, "the child was not refused")
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	last := lines[len(lines)-1]
	require.Contains(t, last, "error sqlite:", string(out))
	acknowledged := 0
	for _, l := range lines {
		if strings.HasPrefix(l, "results") {
			acknowledged += 20
		}
	}
	assert.Positive(t, acknowledged)
	s := open(t, address, Options{})
	snap := load(t, s)
	require.Len(t, snap.Nodes, 1)
	assert.GreaterOrEqual(t, snap.Nodes[0].Seq, uint64(acknowledged))
	n := len(results(t, s, 0, 1000))
	for _, q := range snap.Queries {
		n += len(results(t, s, q.Query.ID, 1000))
	}
	assert.Equal(t, snap.Nodes[0].Seq, uint64(n))
}

// TestFilesWithoutRightsAreExplained opens files as a user who may not write them.
func TestFilesWithoutRightsAreExplained(t *testing.T) {
	top, err := os.MkdirTemp("", "vidq-rights-") // t.TempDir is closed to others
	require.NoError(t, err)
	defer os.RemoveAll(top)
	require.NoError(t, os.Chmod(top, 0o755))
	program := filepath.Join(top, "program")
	copyFile(t, os.Args[0], program, 0o755)
	dir := filepath.Join(top, "dir")
	require.NoError(t, os.Mkdir(dir, 0o755))
	s := open(t, "sqlite:"+filepath.Join(dir, "vidq.db"), Options{})
	require.NoError(t, s.Close())
	for _, c := range []struct {
		mode       os.FileMode // of the folder
		file, want string
	}{
		{0o555, "vidq.db", "no rights"},
		{0o555, "new.db", "no rights"},
		{0o777, "vidq.db", "accepts no writes"}, // the file itself may not be written
	} {
		require.NoError(t, os.Chmod(filepath.Join(dir, "vidq.db"), 0o444))
		require.NoError(t, os.Chmod(dir, c.mode))
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "vidq.db-lock")))
		child := exec.Command(program)
		child.Env = []string{childVariable + "=sqlite:" + filepath.Join(dir, c.file)}
		child.Dir = top
		if os.Geteuid() == 0 {
			child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		out, err := child.CombinedOutput()
		require.Error(t, err)
		assert.Contains(t, string(out), c.want, c)
		assert.Contains(t, string(out), "writable", c)
	}
}

func copyFile(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	in, err := os.Open(from)
	require.NoError(t, err)
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, mode)
	require.NoError(t, err)
	_, err = io.Copy(out, in)
	require.NoError(t, err)
	require.NoError(t, out.Close())
}

func TestPostgresErrorsAreExplained(t *testing.T) {
	srv := server(t)
	address := srv.Database(t)
	refuses(t, strings.Replace(address, "/test", "/none", 1), ErrUnreachable, "no such database", "createdb")
	refuses(t, address+"&search_path=nowhere", ErrURL, "CREATE SCHEMA")
	srv.Exec(t, "CREATE ROLE guest LOGIN")
	refuses(t, strings.Replace(address, "postgres@", "guest@", 1), ErrRights, "GRANT CREATE ON SCHEMA")
	srv.Exec(t, "ALTER ROLE guest SET default_transaction_read_only = on; ")
	srv.Exec(t, "ALTER ROLE guest SUPERUSER")
	refuses(t, strings.Replace(address, "postgres@", "guest@", 1), ErrReadOnly, "turn it off")
}

// TestSchemasOfADatabaseAreStoresOfTheirOwn opens two stores in one database.
func TestSchemasOfADatabaseAreStoresOfTheirOwn(t *testing.T) {
	address := server(t).Database(t)
	e, err := newEngine(address)
	require.NoError(t, err)
	_, err = e.pool().Exec("CREATE SCHEMA other")
	require.NoError(t, err)
	require.NoError(t, e.close())
	a, b := open(t, address, Options{}), open(t, address+"&search_path=other", Options{})
	commit(t, a, query(1, core.StateReady))
	assert.Empty(t, load(t, b).Queries)
}

// TestDamageInsideIsAnErrorNotAPanic overwrites what is stored with other things.
func TestDamageInsideIsAnErrorNotAPanic(t *testing.T) {
	forEach(t, func(t *testing.T, d database) {
		for _, c := range []struct{ statement, want string }{
			{"UPDATE queries SET state = 'flying'", `"flying" is unknown`},
			{"UPDATE queries SET plan = '[]'", "plan of query 1"},
			{"UPDATE queries SET pipeline = '{}'", "pipeline of query 1"},
			{"UPDATE results SET outcome = ''", "outcome of result 1"},
			{"UPDATE results SET reason = 'x'", "reason of result 1"},
			{"UPDATE results SET calls = '[[1]]'", "calls of result 1"},
			{`UPDATE results SET calls = '[["a","b",0,0,0,0,0,0]]'`, "calls of result 1"},
			{"DELETE FROM store", sql.ErrNoRows.Error()},
		} {
			address := d.fresh(t)
			s := open(t, address, Options{})
			commit(t, s, query(1, core.StateReady), batchOf(1, "edge1", 1, 1, 1))
			_, err := s.conn.ExecContext(context.Background(), c.statement)
			require.NoError(t, err)
			_, err = s.Load(context.Background())
			if err == nil {
				_, err = s.Results(context.Background(), 1, 0, 10)
			}
			if err == nil {
				require.NoError(t, s.Close())
				_, err = Open(context.Background(), address, Options{})
			}
			assert.ErrorContains(t, err, c.want, c.statement)
		}
	})
}
