package scenarios

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzLoad feeds the loader texts and settings: whatever they are, it answers
// with a scenario that holds or with an *Error, and its text as run says the same.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/*.toml")
	if err != nil {
		f.Fatal(err)
	}
	shippedFiles, _ := filepath.Glob("*.toml")
	for _, file := range append(files, shippedFiles...) {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), "camera.classroom.fps=10")
	}
	f.Add(small, `query.headup.constraint={ delay = "1s" }`)
	f.Add(small, "link.cloud-edge1.trace=lte")
	f.Add(counted, "camera.cam-2.fps=1")
	f.Add(counted, "node.edge-1.services.face_detection.batch=3")
	f.Add("a = \"\"\"\n\"\"\"\"\"\nb = '''x'''\n\"q\\u0041\".'r' = { s = [1, { t = 2 }] } # c", "x=1")
	f.Fuzz(func(t *testing.T, text, set string) {
		where := origin{file: "fuzz.toml", dir: t.TempDir()}
		for _, settings := range [][]string{nil, {set}} {
			s, err := parse(text, where, settings)
			if err != nil {
				var e *Error
				if !errors.As(err, &e) || e.Error() == "" {
					t.Fatalf("an error without a place: %v", err)
				}
				continue
			}
			if err := s.Validate(); err != nil {
				t.Fatalf("what was loaded does not hold: %v", err)
			}
			again, err := parse(s.Text, where, nil)
			if err != nil {
				t.Fatalf("the text as run: %v\n%s", err, s.Text)
			}
			if again.Text != s.Text {
				t.Fatalf("the text as run of the text as run differs:\n%s\n%s", s.Text, again.Text)
			}
		}
	})
}
