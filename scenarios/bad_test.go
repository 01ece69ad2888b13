package scenarios

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBad loads every testdata/*.bad.toml. Its first line is "# want: MESSAGE",
// the error without the file's name; "..." in it stands for anything.
func TestBad(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bad.toml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".bad.toml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			first, _, _ := strings.Cut(string(text), "\n")
			want, ok := strings.CutPrefix(first, "# want: ")
			require.True(t, ok, "the first line says what is wanted")
			sep := ": "
			if want[0] >= '0' && want[0] <= '9' {
				sep = ":"
			}
			_, err = Load(file, nil)
			assertMessage(t, file+sep+want, err)
		})
	}
}

func assertMessage(t *testing.T, want string, err error) {
	t.Helper()
	require.Error(t, err)
	var e *Error
	require.ErrorAs(t, err, &e, "every error has a place")
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(want), `\.\.\.`, ".*") + "$"
	assert.Regexp(t, pattern, err.Error())
	assert.NotContains(t, err.Error(), "\n", "an error is one line")
}

// TestBadFiles are what no file of testdata can be.
func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	huge := write("huge.toml", "")
	require.NoError(t, os.Truncate(huge, 100<<20)) // sparse: nothing is written, and nothing may be read
	deep := write("deep.toml", "a = "+strings.Repeat("[", 500_000))
	inline := write("inline.toml", "a = "+strings.Repeat("{ a = ", 100_000))
	dotted := write("dotted.toml", "a"+strings.Repeat(".a", 400_000)+" = 1")
	empty := write("empty.toml", "")
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600)) // nobody will ever write into it
	binary := write("binary.toml", "\x00\x01\x02\xff")
	for _, c := range []struct{ name, path, want string }{
		{"empty", empty, empty + ": is empty: a scenario needs at least duration, [kb], [scheduler] and one [[node]]"},
		{"100 MB", huge, huge + ": has 104857600 bytes; a scenario has at most 1048576 (traces belong in files of their own)"},
		{"pipe", pipe, pipe + ": is a pipe or a device; want a scenario file"},
		{"without end", "/dev/zero", "/dev/zero: is a pipe or a device; want a scenario file"},
		{"directory", dir, dir + ": is a directory; want a scenario file"},
		{"missing", filepath.Join(dir, "fce.toml"), filepath.Join(dir, "fce.toml") + ": there is no such file, nor a shipped scenario of that name; shipped: ... (did you mean \"face\"?)"},
		{"stdin", "-", "-: a scenario is not read from stdin; name its file"},
		{"random without a seed", "random", "random: want random/SEED with a whole number from 0 to 18446744073709551615, such as random/7"},
		{"random of no number", "random/-1", "random/-1: want random/SEED with a whole number from 0 to ..."},
		{"missing name", "citi", "citi: there is no such file, nor a shipped scenario of that name; shipped: ... (did you mean \"city\"?)"},
		{"below a file", filepath.Join(empty, "x.toml"), filepath.Join(empty, "x.toml") + ": not a directory"},
		{"deep lists", deep, deep + ":1: lists and tables are nested more than 64 deep"},
		{"deep tables", inline, inline + ":1: lists and tables are nested more than 64 deep"},
		{"deep keys", dotted, dotted + ":1: lists and tables are nested more than 64 deep"},
		{"binary", binary, binary + ":1: ..."},
		{"zero byte in the name", "a\x00b", "a\x00b: invalid argument"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(c.path, nil)
			assertMessage(t, c.want, err)
		})
	}
}

// TestFirstErrorWins checks that of several errors the first in the file is told,
// whatever the order in which they are found.
func TestFirstErrorWins(t *testing.T) {
	text := strings.NewReplacer(`fps = 30`, `fps = "30"`, `rate = "20Mbit/s"`, `rat = "20Mbit/s"`).Replace(small)
	_, err := Load(writeScenario(t, text), nil)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "link.edge1-cloud.rat: unknown key")
}

func TestNearest(t *testing.T) {
	known := []string{"fps", "resolution", "content", "loop", "phase", "edge-1", "edge-10"}
	for word, want := range map[string]string{
		"fsp": "fps", "Resolution": "resolution", "rsolution": "resolution", "reso": "resolution", "zzz": "",
		"": "", "edge1": "edge-1", "edge-1": "edge-1", "edge-11": "edge-1", "contents": "content", "q": "",
		strings.Repeat("x", 1000): "",
	} {
		assert.Equal(t, want, nearest(word, known), word)
	}
	assert.Equal(t, 1, distance("ab", "ba"), "neighbours that changed places are one mistake")
	assert.Equal(t, 3, distance("", "abc"))
	assert.Equal(t, 3, distance("abc", ""))
}
