// Package wiretest has what tests of the wire and of the live system share: the exchanges
// captured from a run of the original (live/testdata/exchanges.json), with pictures where the capture lacks
// them.
package wiretest

import (
	"bytes"
	"encoding/json"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// Exchange is a request and its answer, captured from a run of the original.
type Exchange struct {
	Name         string
	Method, Path string
	Port         int
	Request      []byte // nil = none
	Status       int
	Media        string
	Answer       []byte
}

// placeholder stands in the file where the original sent an image; its length is what is
// known of it.
var placeholder = regexp.MustCompile(`<jpeg literal of (\d+) characters>`)

// Exchanges reads the captured exchanges from a file, with JPEGs that format (which
// is wire.FormatLiteral, unless that is under test) writes in the told lengths.
func Exchanges(t testing.TB, file string, format func([]byte) string) []Exchange {
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var all []struct {
		Name    string
		Request struct {
			Method, Path, Port string
			Body               json.RawMessage
		}
		Response struct {
			Status      int
			ContentType string `json:"content_type"`
			Body        json.RawMessage
		}
	}
	require.NoError(t, json.Unmarshal(data, &all))
	images := map[string][]byte{}
	withImages := func(b []byte) []byte {
		return placeholder.ReplaceAllFunc(b, func(p []byte) []byte {
			n := string(placeholder.FindSubmatch(p)[1])
			if images[n] == nil {
				length, err := strconv.Atoi(n)
				require.NoError(t, err)
				literal := format(Picture(t, length, format))
				require.Len(t, literal, length)
				quoted, err := json.Marshal(literal)
				require.NoError(t, err)
				images[n] = quoted[1 : len(quoted)-1]
			}
			return images[n]
		})
	}
	out := make([]Exchange, len(all))
	for i, e := range all {
		port, err := strconv.Atoi(e.Request.Port)
		require.NoError(t, err)
		out[i] = Exchange{
			Name: e.Name, Method: e.Request.Method, Path: "/" + e.Request.Path, Port: port,
			Status: e.Response.Status, Media: e.Response.ContentType, Answer: withImages(e.Response.Body),
		}
		if b := e.Request.Body; string(b) != "null" {
			out[i].Request = withImages(b)
		}
	}
	return out
}

// Noise returns a JPEG of a size that shows noise.
func Noise(t testing.TB, width, height int) []byte {
	m := image.NewGray(image.Rect(0, 0, width, height))
	r := rand.New(rand.NewPCG(uint64(width), uint64(height)))
	for i := range m.Pix {
		m.Pix[i] = byte(r.Uint32())
	}
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, m, nil))
	return b.Bytes()
}

// Picture returns a JPEG whose literal, as format writes it, has so many characters: comments of
// NULs, which are four characters each, and letters, which are one, fill it up.
func Picture(t testing.TB, characters int, format func([]byte) string) []byte {
	b := Noise(t, 16, 16)
	length := func(b []byte) int { return len(format(b)) }
	with := func(nuls, letters int) []byte {
		n := 2 + nuls + letters
		out := append([]byte{}, b[:2]...)
		out = append(out, 0xff, 0xfe, byte(n>>8), byte(n))
		out = append(out, make([]byte, nuls)...)
		return append(append(out, bytes.Repeat([]byte("a"), letters)...), b[2:]...)
	}
	for characters-length(b) > 4*61_000 {
		b = with(60_000, 0)
	}
	most := (characters - length(b)) / 4
	for nuls := most; nuls >= 0 && nuls > most-10; nuls-- {
		for letters := range 40 {
			if p := with(nuls, letters); length(p) == characters {
				return p
			}
		}
	}
	require.Fail(t, "no JPEG of that many characters", characters)
	return nil
}
