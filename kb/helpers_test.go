package kb_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"vidq/kb"
)

// dataDir is where real data lies if somebody has put it there.
const dataDir = "../../shared/data"

// data returns a path below the folder of real data, or skips the test's part
// that needs it: ok is false when it is absent.
func data(t *testing.T, parts ...string) (string, bool) {
	t.Helper()
	p := filepath.Join(append([]string{dataDir}, parts...)...)
	if _, err := os.Stat(p); err != nil {
		t.Logf("%s is absent: not compared with real data", p)
		return "", false
	}
	return p, true
}

func open(t testing.TB, name string) *kb.Set {
	t.Helper()
	s, err := kb.Open(name, kb.Options{})
	require.NoError(t, err)
	return s
}
