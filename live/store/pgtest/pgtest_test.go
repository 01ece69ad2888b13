package pgtest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMissingServerIsExplained(t *testing.T) {
	_, err := binaries(t.TempDir())
	assert.ErrorContains(t, err, "apt-get install postgresql")
}

func TestNewestVersionIsTaken(t *testing.T) {
	root := t.TempDir()
	for _, v := range []string{"9", "15", "13", "old"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, v, "bin"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, v, "bin", "postgres"), nil, 0o755))
	}
	bin, err := binaries(root)
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(root, "15", "bin"), bin)
}

// TestServerSurvivesKill commits, kills the server, and reads after its restart.
func TestServerSurvivesKill(t *testing.T) {
	s := New(t, Options{Sync: true})
	url := s.Database(t)
	ctx := context.Background()
	c, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	_, err = c.Exec(ctx, "CREATE TABLE x AS SELECT 42 AS y")
	require.NoError(t, err)
	s.Kill()
	assert.False(t, s.running())
	_, err = c.Exec(ctx, "SELECT 1")
	require.Error(t, err)
	require.NoError(t, s.Restart())
	c, err = pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer c.Close(ctx)
	var y int
	require.NoError(t, c.QueryRow(ctx, "SELECT y FROM x").Scan(&y))
	assert.Equal(t, 42, y)
	assert.NotEqual(t, url, s.Database(t))
}

func TestStopLeavesNothing(t *testing.T) {
	s, err := Start(Options{})
	require.NoError(t, err)
	s.Stop()
	assert.NoDirExists(t, s.dir)
	assert.False(t, s.running())
}
