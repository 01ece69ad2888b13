package video

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

func init() {
	register(&kind{
		name: "folder",
		doc:  "a folder of pictures (*.jpg, *.jpeg, *.png), shown in the order of their names",
		claim: func(at *location) int {
			if at.folder {
				return 2
			}
			return 0
		},
		open: func(ctx context.Context, o *Options, at *location) (Source, error) {
			if _, err := openFolder(ctx, at.path); err != nil {
				return nil, err
			}
			return newFootage(ctx, o, at, false, func(ctx context.Context) (reader, error) { return openFolder(ctx, at.path) }), nil
		},
	})
}

// folder is a folder of pictures, one for each camera frame.
type folder struct {
	ctx   context.Context
	path  string
	names []string // that are left
}

func openFolder(ctx context.Context, path string) (*folder, error) {
	entries, err := os.ReadDir(path) // sorted
	if err != nil {
		return nil, err
	}
	f := &folder{ctx: ctx, path: path}
	for _, e := range entries {
		if slices.Contains([]string{"jpg", "jpeg", "png"}, extension(e.Name())) && !e.IsDir() {
			f.names = append(f.names, e.Name())
		}
	}
	if len(f.names) == 0 {
		return nil, fmt.Errorf("the folder %s holds no picture (*.jpg, *.jpeg or *.png)", path)
	}
	return f, nil
}

// read reads the next file. One that is no picture is broken; its frame is left out.
func (f *folder) read() (*Picture, error) {
	if len(f.names) == 0 {
		return nil, io.EOF
	}
	if err := f.ctx.Err(); err != nil {
		return nil, err
	}
	name := filepath.Join(f.path, f.names[0])
	f.names = f.names[1:]
	b, err := readFile(name)
	if err != nil {
		return nil, broken{err}
	}
	decode := NewJPEG
	if extension(name) == "png" {
		decode = newPNG
	}
	p, err := decode(name, b)
	if err != nil {
		return nil, broken{err}
	}
	return p, nil
}

func (f *folder) close() {}

// maxFile bounds the file of a picture, bytes.
const maxFile = 64 << 20

// readFile reads a regular file of bounded size: opening a pipe could take for ever.
func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%s: is no file of at most %d bytes", name, maxFile)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxFile))
}
