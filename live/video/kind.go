package video

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// kind is a kind of video source: one file of this package, whose init registers it.
type kind struct {
	name string
	doc  string // what its urls look like, for people
	// claim says how well the kind fits a place: 0 = not at all; the highest claim
	// opens it, of equal ones that of the lower name.
	claim func(at *location) int
	open  func(ctx context.Context, o *Options, at *location) (Source, error)
}

var kinds []*kind

// register adds a kind. A name that is taken is a mistake of the program.
func register(k *kind) {
	i, taken := slices.BinarySearchFunc(kinds, k.name, func(k *kind, name string) int { return strings.Compare(k.name, name) })
	if taken {
		panic("video: two kinds of source are called " + k.name)
	}
	kinds = slices.Insert(kinds, i, k)
}

// kindOf returns the kind that reads what is there, or nil.
func kindOf(at *location) *kind {
	var best *kind
	most := 0
	for _, k := range kinds {
		if c := k.claim(at); c > most {
			best, most = k, c
		}
	}
	return best
}

// known tells what urls may be.
func known() string {
	docs := make([]string, len(kinds))
	for i, k := range kinds {
		docs[i] = k.doc
	}
	return strings.Join(docs, "; ")
}

// location is where a video is. All fields are empty for a drawn one.
type location struct {
	scheme string // lower case; file for a path
	ext    string // of the path, lower case without the dot
	path   string // of a file or folder, absolute
	folder bool
	url    *url.URL // of everything but a file
}

// locate reads a url. A file or folder must exist.
func locate(text, dir string) (*location, error) {
	switch {
	case text == "":
		return &location{}, nil
	case strings.HasPrefix(text, "-"):
		return nil, fmt.Errorf("the url %q begins with -; write ./ before the name of a file", text)
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return nil, fmt.Errorf("the url %q holds a control character", text)
	case strings.Contains(text, "://"):
		u, err := url.Parse(text)
		if err != nil {
			// Its text would repeat the url, which may hold a password.
			var e *url.Error
			if errors.As(err, &e) {
				err = e.Err
			}
			return nil, fmt.Errorf("the url cannot be read: %w", err)
		}
		scheme := strings.ToLower(u.Scheme)
		if scheme != "file" {
			if u.Host == "" {
				return nil, fmt.Errorf("the url %s names no host", scheme+"://"+u.Path)
			}
			return &location{scheme: scheme, ext: extension(u.Path), url: u}, nil
		}
		text = u.Path
	}
	if !filepath.IsAbs(text) {
		text = filepath.Join(dir, text)
	}
	text, err := filepath.Abs(text)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(text)
	if err != nil {
		return nil, fmt.Errorf("its video is not there: %w", err)
	}
	return &location{scheme: "file", ext: extension(text), path: text, folder: info.IsDir()}, nil
}

func extension(path string) string {
	return strings.ToLower(strings.TrimPrefix(filepath.Ext(path), "."))
}

// name tells the place without what may be secret in it: no user, password or query.
func (at *location) name() string {
	if at.url == nil {
		return at.path
	}
	return at.scheme + "://" + at.url.Host + at.url.Path
}
