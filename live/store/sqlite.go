package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteEngine keeps a store in a file. A transaction is durable when its frames
// are synced to the write-ahead log (synchronous=FULL): it survives kill -9 and
// the loss of power.
type sqliteEngine struct {
	d    dialect
	path string
	db   *sql.DB
	// The lock is an exclusive transaction on a file of its own, FILE-lock: SQLite
	// takes it by the means of the platform, the kernel drops it with the process,
	// and the store's own file stays readable for others.
	lockDB *sql.DB
	lock   *sql.Conn
}

// applicationID marks a SQLite file as vidq's ("vidq" in ASCII).
const applicationID = "0x76696471"

// lockPoll is how often a lock that another process holds is tried again.
const lockPoll = 50 * time.Millisecond

// newSQLite checks a store's file name and opens it. Nothing is read or written
// before connect.
func newSQLite(path string) (*sqliteEngine, error) {
	name := "sqlite:" + path
	wrong := func(advice string, err error) error {
		return &Error{Store: name, Kind: ErrURL, Advice: advice, Err: err}
	}
	if path == "" {
		return nil, wrong("the file's name is missing: write sqlite:FILE", nil)
	}
	if strings.HasPrefix(path, ":memory:") {
		return nil, wrong("a store in memory would forget what it acknowledged: name a file", nil)
	}
	if strings.IndexByte(path, 0) >= 0 {
		return nil, wrong("the file's name has a zero byte", nil)
	}
	full, err := resolve(path)
	if err != nil {
		return nil, wrong("its folder "+filepath.Dir(path)+" cannot be used: make it, or name another file", err)
	}
	if info, err := os.Stat(full); err == nil && !info.Mode().IsRegular() {
		return nil, wrong("it is not a file: name a file, which is made if it is missing", nil)
	}
	e := &sqliteEngine{path: full, d: dialect{
		name: name, goose: goose.DialectSQLite3, migrations: "migrations/sqlite",
		begin: "BEGIN IMMEDIATE",
		inspect: `SELECT (SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '` + versionTable + `'),
			(SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\')`,
		setup: []string{"PRAGMA journal_mode = WAL", "PRAGMA application_id = " + applicationID},
	}}
	// Readers beside the writer are few: the API's pages.
	e.db, err = sql.Open("sqlite", fileURL(full, "busy_timeout(5000)", "synchronous(FULL)", "journal_size_limit(67108864)"))
	if err != nil {
		return nil, err
	}
	e.db.SetMaxOpenConns(5)
	return e, nil
}

// resolve returns the file that a name stands for, so that every name of a store
// leads to the same lock.
func resolve(path string) (string, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if target, err := filepath.EvalSymlinks(full); err == nil {
		return target, nil
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(full))
	return filepath.Join(dir, filepath.Base(full)), err
}

// fileURL is the name by which SQLite opens a file, whatever characters it has.
func fileURL(path string, pragmas ...string) string {
	u := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: url.Values{"_pragma": pragmas}.Encode()}
	return u.String()
}

func (e *sqliteEngine) connect(ctx context.Context) (*sql.Conn, error) {
	if err := e.takeLock(ctx); err != nil {
		return nil, err
	}
	return e.db.Conn(ctx)
}

// takeLock takes the lock unless this engine holds it already.
func (e *sqliteEngine) takeLock(ctx context.Context) error {
	if e.lock != nil {
		return nil
	}
	var err error
	if e.lockDB == nil {
		if e.lockDB, err = sql.Open("sqlite", fileURL(e.path+"-lock")); err != nil {
			return err
		}
	}
	for {
		if e.lock, err = e.lockDB.Conn(ctx); err == nil {
			if _, err = e.lock.ExecContext(ctx, "BEGIN EXCLUSIVE"); err == nil {
				return nil
			}
			err = errors.Join(err, e.lock.Close())
		}
		e.lock = nil
		if code(err) != sqlite3.SQLITE_BUSY || !pause(ctx, lockPoll) {
			return err
		}
	}
}

// pause waits, and reports whether ctx lasts for another try after it.
func pause(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < 2*d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func (e *sqliteEngine) pool() *sql.DB { return e.db }

func (e *sqliteEngine) dialect() *dialect { return &e.d }

func (e *sqliteEngine) insert(ctx context.Context, c *sql.Conn, t *table, rows [][]any) (int64, error) {
	marks := make([]string, len(t.columns))
	for i := range marks {
		marks[i] = "?"
	}
	st, err := c.PrepareContext(ctx, "INSERT INTO "+t.name+" ("+strings.Join(t.names(), ", ")+
		") VALUES ("+strings.Join(marks, ", ")+") "+t.conflict)
	if err != nil {
		return 0, err
	}
	total := int64(0)
	for _, row := range rows {
		var r sql.Result
		if r, err = st.ExecContext(ctx, row...); err != nil {
			break
		}
		n, _ := r.RowsAffected() // SQLite always knows
		total += n
	}
	return total, errors.Join(err, st.Close())
}

// code returns the primary result code of SQLite in an error, 0 = none.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// nothingToUndo reports whether SQLite refuses a ROLLBACK because it has undone
// the transaction by itself, as it does after some errors.
func nothingToUndo(err error) bool { return code(err) == sqlite3.SQLITE_ERROR }

func (e *sqliteEngine) explain(err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	x := &Error{Store: e.d.name, Err: err}
	switch code(err) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		x.Kind, x.Advice = ErrLocked, "stop it, or name another file"
	case sqlite3.SQLITE_FULL:
		x.Kind, x.Advice = ErrFull, "make room on the disk, or keep results for a shorter time"
	case sqlite3.SQLITE_READONLY:
		x.Kind, x.Advice = ErrReadOnly, "make the file and its folder writable"
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		x.Kind, x.Advice = ErrRights, "the file, its -wal, -shm and -lock, and its folder must be writable for the user that runs vidq"
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		x.Kind, x.Advice = ErrCorrupt, "name another file, or restore it from a copy"
	case sqlite3.SQLITE_IOERR:
		x.Advice = "the disk reports an error"
	}
	return x
}

func (e *sqliteEngine) close() error {
	err := e.db.Close()
	if e.lock != nil {
		err = errors.Join(err, e.lock.Close())
	}
	if e.lockDB != nil {
		err = errors.Join(err, e.lockDB.Close())
	}
	return err
}
