package video

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// TestMain runs the tests; or, with a variable set by a test, what that test wants to have killed.
func TestMain(m *testing.M) {
	if path := os.Getenv(helperVariable); path != "" {
		helper(path)
		return
	}
	goleak.VerifyTestMain(m)
}

// flat returns a JPEG of one light.
func flat(t testing.TB, w, h int, light uint8) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = light
	}
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, m, nil))
	return b.Bytes()
}

// light returns that of a picture's middle.
func light(t testing.TB, p *Picture) int {
	t.Helper()
	m, err := p.Image()
	require.NoError(t, err)
	c := m.Rect.Min.Add(m.Rect.Size().Div(2))
	return int(color.GrayModel.Convert(m.At(c.X, c.Y)).(color.Gray).Y)
}

// reports keeps what a source reports.
type reports struct {
	mu  sync.Mutex
	all []error
}

func (r *reports) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, err)
}

func (r *reports) texts() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	texts := make([]string, len(r.all))
	for i, err := range r.all {
		if texts[i] = "again"; err != nil {
			texts[i] = err.Error()
		}
	}
	return texts
}

// rest reads a file from a frame on to its end.
func rest(t testing.TB, s Source, from int64) (all []Frame) {
	t.Helper()
	for {
		f, err := s.Next(context.Background(), from)
		if errors.Is(err, ErrEnded) {
			return all
		}
		require.NoError(t, err)
		require.GreaterOrEqual(t, f.Number, from)
		all, from = append(all, f), f.Number+1
	}
}
