// Package snapfile keeps the bodies of snapshots in files: a core.Snapshots on a vfs.FS.
//
// A body is written under a temporary name and gets its own only when it is whole and durable, so
// a file with the name of a snapshot is one. It is cut into blocks with a checksum each: a reader
// that jumps about is told of damage as surely as one that reads all. format.go draws it.
package snapfile

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/internal/change"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// Directory is a directory of snapshots.
type Directory struct {
	fs  vfs.FS
	dir string
}

var _ core.Snapshots = (*Directory)(nil)

// Open opens a directory of snapshots, makes it as needed, and removes what a crash has left in it.
func Open(fsys vfs.FS, dir string) (*Directory, error) {
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("open snapshots: %w", err)
	}
	names, err := fsys.List(dir)
	if err != nil {
		return nil, fmt.Errorf("open snapshots: %w", err)
	}
	for _, name := range names {
		of, unfinished := strings.CutSuffix(name, temporary)
		if _, ok := parseName(of); ok && unfinished {
			if err := fsys.Remove(filepath.Join(dir, name)); err != nil {
				return nil, fmt.Errorf("remove what a crash left: %w", err)
			}
		}
	}
	if err := fsys.SyncDir(dir); err != nil { // who gave the names may have been killed before
		return nil, fmt.Errorf("open snapshots: %w", err)
	}
	return &Directory{fs: fsys, dir: dir}, nil
}

func (d *Directory) path(n name) string { return filepath.Join(d.dir, n.String()) }

// Create implements core.Snapshots.
func (d *Directory) Create(g core.GroupID, at core.Position) (core.SnapshotWriter, error) {
	n := name{g, at}
	f, err := d.fs.Create(d.path(n) + temporary)
	if err != nil {
		return nil, fmt.Errorf("create snapshot: %w", err)
	}
	return newWriter(d, n, f), nil
}

// Open implements core.Snapshots. It checks that the file is as long as it was made, and the parts
// of it that are not the body; blocks of the body are checked as they are read.
func (d *Directory) Open(g core.GroupID, at core.Position) (core.SnapshotReader, error) {
	n := name{g, at}
	f, err := d.fs.Open(d.path(n))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: group %d, %v", core.ErrNoSnapshot, g, at)
	}
	if err != nil {
		return nil, fmt.Errorf("open snapshot: %w", err)
	}
	r := &reader{file: f, name: n, path: d.path(n)}
	if err := r.open(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

// List implements core.Snapshots.
func (d *Directory) List(g core.GroupID) ([]core.Position, error) {
	names, err := d.fs.List(d.dir)
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	var list []core.Position
	for _, s := range names {
		if n, ok := parseName(s); ok && n.group == g {
			list = append(list, n.at)
		}
	}
	slices.SortFunc(list, change.Compare)
	return list, nil
}

// Retain implements core.Snapshots.
func (d *Directory) Retain(g core.GroupID, keep ...core.Position) error {
	list, err := d.List(g)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(at core.Position) bool { return slices.Contains(keep, at) })
	if len(list) == 0 {
		return nil
	}
	for _, at := range list {
		if err := d.fs.Remove(d.path(name{g, at})); err != nil {
			return fmt.Errorf("remove snapshot: %w", err)
		}
	}
	if err := d.fs.SyncDir(d.dir); err != nil {
		return fmt.Errorf("remove snapshots: %w", err)
	}
	return nil
}
