package store

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// postgresEngine keeps a store in a PostgreSQL database, in the first schema of
// the connection's search_path. The lock is an advisory lock of the session that
// writes: nobody else can write as long as this session could.
type postgresEngine struct {
	d  dialect
	db *sql.DB
}

// lockClass sets vidq's advisory locks apart from those of others ("vidq" in
// ASCII); the second number of the lock is the schema's.
const lockClass = 0x76696471

func newPostgres(address string) (*postgresEngine, error) {
	name := redact(address)
	c, err := pgx.ParseConfig(address)
	if err != nil {
		// The text of err repeats the URL, without the password where it finds one.
		return nil, &Error{Store: name, Kind: ErrURL, Advice: "write postgres://USER:PASSWORD@HOST:PORT/DATABASE"}
	}
	for k, v := range map[string]string{
		"application_name":        "vidq",
		"synchronous_commit":      "on", // acknowledged is durable
		"tcp_keepalives_idle":     "10", // s; the lock of a machine that has vanished is free after 25 s
		"tcp_keepalives_count":    "3",
		"tcp_keepalives_interval": "5",
	} {
		if _, set := c.RuntimeParams[k]; !set || k == "synchronous_commit" {
			c.RuntimeParams[k] = v
		}
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 5 * time.Second
	}
	e := &postgresEngine{db: stdlib.OpenDB(*c), d: dialect{
		name: name, goose: goose.DialectPostgres, migrations: "migrations/postgres",
		begin: "BEGIN",
		inspect: `SELECT count(*) FILTER (WHERE relname = '` + versionTable + `'),
			count(*) FILTER (WHERE relname IN ('store', 'queries', 'nodes', 'incarnations', 'results', 'calls'))
			FROM pg_class WHERE relnamespace = current_schema()::regnamespace`,
		timeouts: true,
	}}
	e.db.SetMaxOpenConns(5)
	return e, nil
}

func (e *postgresEngine) connect(ctx context.Context) (*sql.Conn, error) {
	c, err := e.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	for {
		var schema sql.NullString
		var got sql.NullBool
		err = c.QueryRowContext(ctx, "SELECT current_schema(), pg_try_advisory_lock($1, hashtext(current_schema()))", lockClass).
			Scan(&schema, &got)
		switch {
		case err == nil && !schema.Valid:
			err = &Error{Store: e.d.name, Kind: ErrURL, Advice: "no schema of the search_path exists: create it with CREATE SCHEMA"}
		case err == nil && got.Bool:
			return c, nil
		case err == nil && pause(ctx, lockPoll):
			continue
		case err == nil:
			err = &Error{Store: e.d.name, Kind: ErrLocked, Advice: "stop it, or name another database"}
		}
		return nil, errors.Join(err, c.Close())
	}
}

func (e *postgresEngine) pool() *sql.DB { return e.db }

func (e *postgresEngine) dialect() *dialect { return &e.d }

// insert sends the rows as one array per column: one statement whatever their
// number, so that it is prepared once.
func (e *postgresEngine) insert(ctx context.Context, c *sql.Conn, t *table, rows [][]any) (int64, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	args := make([]any, len(t.columns))
	picked, arrays := make([]string, len(t.columns)), make([]string, len(t.columns))
	for i, col := range t.columns {
		arg := "$" + strconv.Itoa(i+1)
		picked[i] = col.name
		switch col.kind {
		case integer:
			args[i], arrays[i] = array[int64](rows, i), arg+"::bigint[]"
		case number:
			args[i], arrays[i] = array[float64](rows, i), arg+"::float8[]"
		case nullable:
			args[i], arrays[i] = array[*float64](rows, i), arg+"::float8[]"
		case boolean:
			args[i], arrays[i] = array[bool](rows, i), arg+"::boolean[]"
		case document:
			args[i], arrays[i] = array[string](rows, i), arg+"::text[]"
			picked[i] += "::json"
		case text:
			args[i], arrays[i] = array[string](rows, i), arg+"::text[]"
		}
	}
	names := strings.Join(t.names(), ", ")
	r, err := c.ExecContext(ctx, "INSERT INTO "+t.name+" ("+names+") SELECT "+strings.Join(picked, ", ")+
		" FROM unnest("+strings.Join(arrays, ", ")+") AS rows ("+names+") "+t.conflict, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// array collects a column of rows.
func array[T any](rows [][]any, column int) []T {
	a := make([]T, len(rows))
	for i, row := range rows {
		a[i] = row[column].(T)
	}
	return a
}

func (e *postgresEngine) explain(err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	x := &Error{Store: e.d.name, Err: err}
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	var network net.Error
	switch {
	case errors.Is(err, context.Canceled): // by the caller
	case errors.As(err, &pg):
		x.Advice, x.Kind = postgresKind(pg.Code)
	case errors.As(err, &connect), errors.As(err, &network), broken(err):
		x.Kind, x.Advice = ErrUnreachable, "start the server, or mend host and port"
	}
	return x
}

// postgresKind tells what an SQLSTATE means (PostgreSQL's manual, appendix A).
func postgresKind(state string) (advice string, kind error) {
	switch state {
	case "53100":
		return "make room on the server's disk, or keep results for a shorter time", ErrFull
	case "25006":
		return "the server is a standby, or default_transaction_read_only is on: name the primary, or turn it off", ErrReadOnly
	case "28000", "28P01":
		return "mend user and password, or the server's pg_hba.conf", ErrRights
	case "42501":
		return "let the user own the database, or GRANT CREATE ON SCHEMA", ErrRights
	case "3D000":
		return "there is no such database: make it with createdb", ErrUnreachable
	case "XX001", "XX002":
		return "restore the database from a backup", ErrCorrupt
	case "53300":
		return "the server has no connection left: raise max_connections", ErrUnreachable
	}
	switch state[:min(2, len(state))] {
	case "08", "57":
		return "start the server, or wait until it has started", ErrUnreachable
	}
	return "", nil
}

func (e *postgresEngine) close() error { return e.db.Close() }
