package video

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// split returns the widths of the pictures in a stream, and how it ended.
func split(t testing.TB, r io.Reader) (widths []int, err error) {
	t.Helper()
	s := newSplitter("stream", r)
	s.most = 100_000
	for {
		p, err := s.next()
		if err != nil {
			return widths, err
		}
		_, err = p.Image()
		require.NoError(t, err)
		widths = append(widths, int(p.Size().Width))
	}
}

// part is one of multipart, as cameras send it.
func part(b []byte) []byte {
	return append([]byte("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: "+strconv.Itoa(len(b))+"\r\n\r\n"), append(b[:len(b):len(b)], "\r\n"...)...)
}

func TestSplitter(t *testing.T) {
	a, b, c := flat(t, 16, 16, 50), flat(t, 24, 16, 90), flat(t, 32, 16, 200)
	// A thumbnail within a picture's header is part of it, and a scan may hold ff 00 and restarts.
	app := append([]byte{0xff, 0xd8, 0xff, 0xe1, byte((len(b) + 2) >> 8), byte(len(b) + 2)}, b...)
	app = append(app, a[2:]...)
	brokenHeader := append([]byte{0xff, 0xd8, 0xff, 0xe0, 0, 1}, a[2:]...)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, c := range map[string]struct {
		stream []byte
		want   []int
	}{
		"one after the other":     {join(a, b, c), []int{16, 24, 32}},
		"multipart":               {join(part(a), part(b), part(c)), []int{16, 24, 32}},
		"rubbish between":         {join([]byte("\xff\xff\x00\xff\xd9 HTTP"), a, []byte{0xff, 0xff}, b, bytes.Repeat([]byte("x"), 200_000), c), []int{16, 24, 32}},
		"fill bytes":              {join(a[:2], []byte{0xff, 0xff, 0xff}, a[2:], b), []int{16, 24}},
		"a thumbnail":             {join(app, c), []int{16, 32}},
		"breaks off, and goes on": {join(part(a[:len(a)-9]), part(b)), []int{24}},
		"breaks off in a header":  {join(a[:30], b, c), []int{32}}, // b's first bytes are taken for the rest of a's segment
		"a broken header":         {join(brokenHeader, c), []int{32}},
		"ends within a picture":   {join(a, b[:len(b)-2]), []int{16}},
		"ends within a segment":   {join(a, b[:40]), []int{16}},
		"nothing":                 {nil, nil},
		"no picture":              {[]byte(strings.Repeat("hello\xff", 1000)), nil},
		"begins, and is no more":  {[]byte{0xff, 0xd8}, nil},
	} {
		for how, r := range map[string]io.Reader{
			"whole": bytes.NewReader(c.stream), "by bytes": iotest.OneByteReader(bytes.NewReader(c.stream)),
		} {
			got, err := split(t, r)
			require.ErrorIs(t, err, io.EOF, name, how)
			assert.Equal(t, c.want, got, name+", "+how)
		}
	}
}

// A picture is handed out with its last byte, not when the next one begins.
func TestSplitterDoesNotWait(t *testing.T) {
	r, w := io.Pipe()
	defer r.Close()
	go w.Write(part(flat(t, 16, 16, 50))[:len(part(flat(t, 16, 16, 50)))-2])
	p, err := newSplitter("", r).next()
	require.NoError(t, err)
	assert.EqualValues(t, 16, p.Size().Width)
}

// What a picture may be is bounded, whether it tells its length or never ends.
func TestSplitterIsBounded(t *testing.T) {
	a := flat(t, 16, 16, 50)
	scan := bytes.Index(a, []byte{0xff, 0xda}) + 14
	endless := io.MultiReader(bytes.NewReader(a[:scan]), zeros{})
	segments := io.MultiReader(bytes.NewReader(a[:2]), &repeated{b: append([]byte{0xff, 0xe0, 0xff, 0xff}, make([]byte, 0xfffd)...)})
	for _, r := range []io.Reader{endless, segments} {
		_, err := split(t, r)
		require.ErrorContains(t, err, "a picture has more than 100000 bytes")
	}
	// A picture that says it is larger than memory is never decoded.
	huge := bytes.Clone(a)
	sof := bytes.Index(huge, []byte{0xff, 0xc0})
	copy(huge[sof+5:], []byte{0xff, 0xff, 0xff, 0xff})
	got, err := split(t, bytes.NewReader(append(huge, a...)))
	require.ErrorIs(t, err, io.EOF)
	assert.Equal(t, []int{16}, got)
	_, err = NewJPEG("huge.jpg", huge)
	require.ErrorContains(t, err, "huge.jpg: the picture is 65535x65535, more than 64000000 pixels")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// repeated gives b for ever.
type repeated struct {
	b  []byte
	at int
}

func (r *repeated) Read(p []byte) (int, error) {
	n := copy(p, r.b[r.at:])
	r.at = (r.at + n) % len(r.b)
	return n, nil
}

// Whatever comes, there is no panic, and every picture is a JPEG.
func FuzzSplitter(f *testing.F) {
	a := flat(f, 16, 16, 50)
	f.Add(a)
	f.Add(part(a))
	f.Add(append(a[:len(a)-7], a...))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newSplitter("stream", bytes.NewReader(b))
		for n := 0; ; n++ {
			p, err := s.next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			require.True(t, bytes.HasPrefix(p.JPEG(), []byte{0xff, 0xd8}) && bytes.HasSuffix(p.JPEG(), []byte{0xff, 0xd9}))
			require.Less(t, n, len(b))
		}
	})
}
