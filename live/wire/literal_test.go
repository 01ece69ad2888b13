package wire

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLiteralIsPythons compares with what CPython 3.11's repr prints (testdata/repr.txt: bytes in
// hexadecimal, their repr): every byte alone, all in a row, quotes in all mixtures.
func TestLiteralIsPythons(t *testing.T) {
	data, err := os.ReadFile("testdata/repr.txt")
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	require.Greater(t, len(lines), 300)
	for _, line := range lines {
		code, repr, _ := strings.Cut(line, " ")
		b, err := hex.DecodeString(strings.Trim(code, "-"))
		require.NoError(t, err)
		assert.Equal(t, repr, FormatLiteral(b))
		assert.Equal(t, len(repr), LiteralLen(b))
		got, err := ParseLiteral(repr, len(b))
		require.NoError(t, err, repr)
		assert.True(t, bytes.Equal(b, got), repr)
	}
}

func TestLiteralForms(t *testing.T) {
	for text, want := range map[string]string{
		`b''`: "", `B""`: "", `b'a"b'`: `a"b`, `b"a'b"`: "a'b", `b'\'\"\\'`: `'"\`,
		`b'\n\r\t\a\b\f\v'`: "\n\r\t\a\b\f\v", `b'\xfF\x00'`: "\xff\x00",
		`b'\0'`: "\x00", `b'\08'`: "\x008", `b'\1234'`: "S4", `b'\377'`: "\xff", `b'\7\77'`: "\x07?", "b'\t\x01\x7f'": "\t\x01\x7f",
	} {
		got, err := ParseLiteral(text, 100)
		if assert.NoError(t, err, text) {
			assert.Equal(t, want, string(got), text)
		}
	}
}

func TestLiteralRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"": "at byte 0", "b": "at byte 0", "b'": "at byte 0", "'a'": "at byte 0", `"a"`: "at byte 0", `rb'a'`: "at byte 0", `br'a'`: "at byte 0",
		`u'a'`: "at byte 0", ` b'a'`: "at byte 0", `b 'a'`: "at byte 0", `b'a`: "no end at byte 3", `b'a"`: "no end at byte 4",
		`b'a' `: "follows the literal at byte 4", `b'a'b'b'`: "at byte 4", `b'a'+b'b'`: "at byte 4", `b'''a'''`: "at byte 3", `b'a'.hex()`: "at byte 4",
		`b'\'`: "no end at byte 4", `b'ab\q'`: "unknown escape at byte 4", `b'\x4'`: "hexadecimal digits at byte 2", `b'\xg0'`: "at byte 2", `b'\x`: "without an end at byte 2",
		`b'\400'`: `above \377 at byte 2`, `b'\8'`: "at byte 2", `b'\u0041'`: "at byte 2", `b'\N{DASH}'`: "at byte 2", "b'\\\n'": "at byte 2",
		"b'a\nb'": "needs an escape at byte 3", "b'\r'": "at byte 2", "b'\x00'": "at byte 2", "b'ä'": "at byte 2", "b'\xff'": "at byte 2",
		`__import__('os').system('x')`: "at byte 0", `b'' if 1 else b''`: "at byte 3",
	} {
		_, err := ParseLiteral(text, 100)
		if assert.Error(t, err, text) {
			assert.Equal(t, 422, status(t, err), text)
			assert.Contains(t, err.Error(), want, text)
		}
	}
	_, err := ParseLiteral(`b'\x00\x00\x00'`, 2)
	assert.Equal(t, 413, status(t, err))
}

// randomBytes are bytes in which those that need care are frequent.
func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = [...]byte{'\'', '"', '\\', '\n', 0, 0xff, 'x', byte(r.Uint32())}[r.IntN(8)]
	}
	return b
}

func TestLiteralRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		b := randomBytes(r, r.IntN(60))
		got, err := ParseLiteral(FormatLiteral(b), len(b))
		require.NoError(t, err)
		require.True(t, bytes.Equal(b, got))
	}
}

// TestLiteralAllocatesOnce also holds that reading takes linear time: one that allocates once
// and reads twice cannot do otherwise.
func TestLiteralAllocatesOnce(t *testing.T) {
	s := FormatLiteral(randomBytes(rand.New(rand.NewPCG(3, 4)), 90_000))
	assert.LessOrEqual(t, testing.AllocsPerRun(10, func() {
		if _, err := ParseLiteral(s, 1<<20); err != nil {
			t.Fatal(err)
		}
	}), 1.0)
}

func FuzzParseLiteral(f *testing.F) {
	for _, s := range []string{`b'\xff\xd8'`, `b"it's\n\0\377"`, `b'`, `b'\'`, `rb''`, `b'\x'`, "b'\\\n'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := ParseLiteral(s, len(s))
		if err != nil {
			status(t, err)
			return
		}
		again, err := ParseLiteral(FormatLiteral(b), len(b))
		require.NoError(t, err)
		require.True(t, bytes.Equal(b, again))
	})
}

func FuzzFormatLiteral(f *testing.F) {
	f.Add([]byte("'\"\\\n\x00\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := FormatLiteral(b)
		require.Len(t, s, LiteralLen(b))
		got, err := ParseLiteral(s, len(b))
		require.NoError(t, err, s)
		require.True(t, bytes.Equal(b, got), s)
	})
}

func BenchmarkParseLiteral(b *testing.B) {
	s := FormatLiteral(randomBytes(rand.New(rand.NewPCG(3, 4)), 90_000))
	b.SetBytes(90_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseLiteral(s, 1<<20); err != nil {
			b.Fatal(err)
		}
	}
}
