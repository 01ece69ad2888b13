package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"strings"

	"github.com/pressly/goose/v3"
)

// engine is what the databases differ in. Statements are common to both, and so
// is the form of parameters ($1, $2, ...).
type engine interface {
	// connect returns the connection that writes. It holds the store's lock, which
	// ends with it or with the process. It waits for the lock as long as ctx lasts.
	connect(ctx context.Context) (*sql.Conn, error)
	// pool is for migrations and for reading beside the writer.
	pool() *sql.DB
	// dialect returns what can be said in data.
	dialect() *dialect
	// insert puts rows into a table and returns how many were new or changed.
	insert(ctx context.Context, c *sql.Conn, t *table, rows [][]any) (int64, error)
	// explain tells people what an error of the engine means. nil stays nil.
	explain(err error) error
	// close gives up every connection, and the lock.
	close() error
}

// dialect is what the databases differ in, as data.
type dialect struct {
	name       string // the store's URL without the password
	goose      goose.Dialect
	migrations string   // folder of migrations
	begin      string   // begins a transaction that writes
	inspect    string   // selects the number of tables named versionTable, and of tables that would be in the way
	setup      []string // statements on the writing connection of a store that is known to be vidq's
	timeouts   bool     // statements are given up when their context ends
}

// versionTable is where goose keeps which migrations were applied.
const versionTable = "vidq_schema"

//go:embed migrations
var migrations embed.FS

// newEngine reads a store's URL.
func newEngine(address string) (engine, error) {
	scheme, rest, ok := strings.Cut(address, ":")
	switch {
	case ok && scheme == "sqlite":
		return newSQLite(strings.TrimPrefix(rest, "//"))
	case ok && (scheme == "postgres" || scheme == "postgresql"):
		return newPostgres(address)
	case ok && len(scheme) > 1 && strings.HasPrefix(rest, "//"):
		return nil, &Error{Store: redact(address), Kind: ErrURL, Advice: "the scheme " + scheme + " is unknown: write sqlite:FILE or postgres://USER@HOST/DATABASE"}
	case address == "":
		return nil, &Error{Store: "store", Kind: ErrURL, Advice: "the URL is empty: write sqlite:FILE or postgres://USER@HOST/DATABASE"}
	}
	return nil, &Error{Store: address, Kind: ErrURL, Advice: "there is no scheme: write sqlite:" + address + ", or postgres://USER@HOST/DATABASE"}
}

// redact takes the password out of a URL.
func redact(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		scheme, _, _ := strings.Cut(address, ":")
		return scheme + "://..." // who knows where the password is
	}
	if q := u.Query(); q.Has("password") {
		q.Set("password", "xxxxx")
		u.RawQuery = q.Encode()
	}
	return u.Redacted()
}

// migrate brings the tables to the form that this program knows. It refuses what
// is not a store, and a store that a newer program has written.
func migrate(ctx context.Context, e engine, c *sql.Conn) error {
	d := e.dialect()
	var versions, others, have int64
	if err := c.QueryRowContext(ctx, d.inspect).Scan(&versions, &others); err != nil {
		return e.explain(err)
	}
	if versions == 0 && others > 0 {
		return &Error{Store: d.name, Kind: ErrForeign, Advice: "name a file or database that is vidq's alone, or a new one"}
	}
	for _, s := range d.setup {
		if _, err := c.ExecContext(ctx, s); err != nil {
			return e.explain(err)
		}
	}
	files, err := fs.Sub(migrations, d.migrations)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(d.goose, e.pool(), files, goose.WithTableName(versionTable),
		goose.WithDisableGlobalRegistry(true), goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return e.explain(err)
	}
	sources := p.ListSources()
	want := sources[len(sources)-1].Version
	if versions > 0 {
		err = c.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+versionTable).Scan(&have)
	}
	if err != nil {
		return e.explain(err)
	}
	if have > want {
		return &Error{
			Store: d.name, Kind: ErrNewer, Advice: "use that version of vidq, or another store",
			Err: errors.New("its schema is " + itoa(have) + ", this program knows up to " + itoa(want)),
		}
	}
	_, err = p.Up(ctx)
	return e.explain(err)
}

// column is a table's column as the engines need it for inserts.
type column struct {
	name string
	kind kind
}

// kind is the type of a column's values in rows.
type kind uint8

const (
	integer  kind = iota // int64
	text                 // string
	number               // float64
	nullable             // *float64
	boolean              // bool
	document             // string, JSON
)

// table is a table as the engines need it for inserts.
type table struct {
	name     string
	columns  []column
	conflict string // what is done with a row that is there already
}

// names returns the columns' names.
func (t *table) names() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}

// replace is the conflict clause that takes the new row for the old one.
func replace(key string, columns []column) string {
	var b strings.Builder
	b.WriteString("ON CONFLICT (" + key + ") DO UPDATE SET ")
	sep := ""
	for _, c := range columns {
		if c.name != key {
			b.WriteString(sep + c.name + " = excluded." + c.name)
			sep = ", "
		}
	}
	return b.String()
}
