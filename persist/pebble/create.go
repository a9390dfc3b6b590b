package pebble

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	db "github.com/cockroachdb/pebble"

	"github.com/tidelock-raft/tidelock/core"
	ours "github.com/tidelock-raft/tidelock/persist/vfs"
)

// Pebble makes a database in so many steps that a power cut between them can leave one that it
// refuses to open. So a file of ours says that the database was made once. Where it is missing, and
// neither a table nor a log holds anything, the rest of an attempt is removed and made anew.
const (
	madeName    = "made"
	madeContent = "tidelock log in pebble\n"
)

// prefixes and suffixes are how the names of pebble's files begin or end, but for logs and tables.
var (
	prefixes = []string{"CURRENT", "MANIFEST-", "OPTIONS-", "marker.", "LOCK"}
	suffixes = []string{logSuffix, ".dbtmp"}
	tables   = []string{".sst", ".ldb"}
)

// prepare looks at what is there before pebble does, and reports whether there is a database.
func (t *tree) prepare() (exists bool, err error) {
	names, err := t.files.List(t.dir)
	if err != nil {
		return false, err
	}
	t.made = slices.Contains(names, madeName)
	holds, err := t.holds(names)
	if err != nil {
		return false, err
	}
	if !t.made && !holds {
		return false, t.clear(names)
	}
	found, err := db.Peek(t.dir, t.files)
	if err == nil && !found.Exists {
		err = errors.New("the database is gone, but for some of its files")
	}
	return true, t.explain(err)
}

// holds reports whether a table or log holds anything, once all logs were found to be whole.
func (t *tree) holds(names []string) (bool, error) {
	found := false
	for _, name := range names {
		path := filepath.Join(t.dir, name)
		switch suffix := filepath.Ext(name); {
		case slices.Contains(tables, suffix):
			found = true
		case suffix == logSuffix:
			holds, err := scan(t.files.fs, path)
			if err != nil {
				return false, err
			}
			found = found || holds
		}
	}
	return found, nil
}

func (t *tree) clear(names []string) error {
	for _, name := range names {
		begins := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
		if !slices.ContainsFunc(prefixes, begins) && !slices.Contains(suffixes, filepath.Ext(name)) {
			continue
		}
		if err := t.files.Remove(filepath.Join(t.dir, name)); err != nil {
			return fmt.Errorf("remove what a crash left: %w", err)
		}
	}
	return t.files.use(func() error { return t.files.fs.SyncDir(t.dir) })
}

// finish says that the database was made.
func (t *tree) finish() error {
	if t.made {
		return nil
	}
	return ours.WriteFile(t.files.fs, filepath.Join(t.dir, madeName), []byte(madeContent))
}

// explain adds what the disk has said. Where it has said nothing, it is the data that are wrong.
func (t *tree) explain(err error) error {
	if err == nil {
		return nil
	}
	fault := t.files.fault.err()
	switch {
	case errors.Is(err, core.ErrCorrupt):
		return err
	case fault == nil, db.IsCorruptionError(err), errors.Is(err, fs.ErrNotExist):
		return &core.CorruptError{Path: t.dir, Offset: -1, Err: err}
	case !errors.Is(err, fault):
		return fmt.Errorf("%w: %w", fault, err)
	}
	return err
}
