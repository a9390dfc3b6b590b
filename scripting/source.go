package scripting

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tidelock-raft/tidelock/scripting/sandbox"
)

// ReadSource reads a script and, from the same directory and below, the modules that it and they
// require. From then on no file is needed. Modules that are not there, and sources that are too
// long, are left for New to refuse. Errors are those of the file system.
func ReadSource(path string) (Source, error) {
	src := Source{Name: filepath.Base(path)}
	text, err := readFile(os.Open(path))
	if err != nil {
		return src, fmt.Errorf("read script: %w", err)
	}
	dir, err := os.OpenRoot(filepath.Dir(path)) // modules must not lead out of it
	if err != nil {
		return src, fmt.Errorf("read script: %w", err)
	}
	defer dir.Close()
	files, size, known := []sandbox.File{{Text: text}}, len(text), map[string]bool{}
	for i := 0; i < len(files) && size <= sandbox.MaxSource; i++ {
		for _, name := range sandbox.Requires(files[i].Module+".lua", files[i].Text) {
			if known[name] || len(files) > sandbox.MaxModules {
				continue
			}
			known[name] = true
			text, err := readFile(dir.Open(filepath.FromSlash(name) + ".lua"))
			switch {
			case errors.Is(err, fs.ErrNotExist):
				continue
			case err != nil:
				return src, fmt.Errorf("read module %s: %w", name, err)
			}
			files, size = append(files, sandbox.File{Module: name, Text: text}), size+len(text)
		}
	}
	if src.Text = text; len(files) > 1 {
		src.Text = sandbox.Bundle(files)
	}
	return src, nil
}

// readFile reads a file; of one that is too long for a script, enough to see that.
func readFile(file *os.File, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, sandbox.MaxSource+1))
}
