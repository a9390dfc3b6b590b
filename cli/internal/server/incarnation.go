package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/node"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

const (
	incarnationName   = "incarnation.json"
	incarnationFormat = 1
)

// incarnation is what a data directory holds of the last run of its node.
type incarnation struct {
	Format int    `json:"format"`
	Last   uint32 `json:"last"`
}

// incarnate gives a run its number, above those of all runs before it wherever the clock stands,
// and writes it down before anybody hears of it. The clock is what tells a node whose disk was
// replaced from its former self. Errors: core.ErrCorrupt.
func incarnate(fsys vfs.FS, dir string, now time.Time) (uint32, error) {
	path := filepath.Join(dir, incarnationName)
	last, err := readIncarnation(fsys, path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return 0, err
	case last == math.MaxUint32:
		return 0, fmt.Errorf("%s: no number is left after %d", path, last)
	}
	next := max(last+1, node.Incarnation(now))
	return next, writeIncarnation(fsys, path, next)
}

func writeIncarnation(fsys vfs.FS, path string, last uint32) error {
	content, err := json.Marshal(incarnation{incarnationFormat, last})
	if err != nil {
		return fmt.Errorf("encode incarnation: %w", err)
	}
	return vfs.WriteFile(fsys, path, append(content, '\n'))
}

// readIncarnation returns the number of the last run. Errors: fs.ErrNotExist, core.ErrCorrupt.
func readIncarnation(fsys vfs.FS, path string) (uint32, error) {
	var found incarnation
	if err := readJSON(fsys, path, &found); err != nil {
		return 0, err
	}
	switch {
	case found.Format != incarnationFormat:
		return 0, fmt.Errorf("%s: format %d, want %d: another version has written it",
			path, found.Format, incarnationFormat)
	case found.Last == 0:
		return 0, &core.CorruptError{Path: path, Offset: -1, Err: errors.New("a field is missing")}
	}
	return found.Last, nil
}
