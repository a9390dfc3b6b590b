package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/snapfile"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// Stopped is the data of a node that does not run, to be looked at. As long as it is open, the node
// cannot be started. Nothing in the data directory is changed: the store is a copy.
type Stopped struct {
	Node      core.NodeID
	Cluster   string
	Store     core.Store
	Snapshots core.Snapshots

	scratch string
	lock    io.Closer
}

// OpenStopped opens a data directory. Errors: exit.ErrUsage for what is none, and for that of a
// running node; core.ErrCorrupt.
func OpenStopped(dir string) (*Stopped, error) { return openStopped(dir, "") }

// openStopped is OpenStopped of a directory in which the name of the store may end in aside.
func openStopped(dir, aside string) (*Stopped, error) {
	fsys := vfs.OS()
	owner, err := readIdentity(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit.Usagef("%s is no data directory of a node: it has no %s", dir, identityName)
	}
	if err != nil {
		return nil, err
	}
	s := &Stopped{Node: owner.Node, Cluster: owner.Cluster}
	if s.lock, err = LockStopped(dir); err != nil {
		return nil, err
	}
	if err = s.open(fsys, owner, dir, aside); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// LockStopped locks a data directory against a node that would use it. Errors: exit.ErrUsage if one
// does.
func LockStopped(dir string) (io.Closer, error) { return lockDirectory(vfs.OS(), dir) }

// lockDirectory has nobody else use a data directory. Errors: exit.ErrUsage if somebody does.
func lockDirectory(fsys vfs.FS, dir string) (io.Closer, error) {
	lock, err := fsys.Lock(filepath.Join(dir, "lock"))
	if errors.Is(err, vfs.ErrLocked) {
		return nil, exit.Usagef("%s is in use: stop the node first, or copy the directory (%w)", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	return lock, nil
}

func (s *Stopped) open(fsys vfs.FS, owner identity, dir, aside string) (err error) {
	if s.scratch, err = os.MkdirTemp("", "tidelock-"); err != nil {
		return fmt.Errorf("make a directory for a copy: %w", err)
	}
	m := migration{owner: owner, scratch: s.scratch}
	path := Place{owner.Store, dir}.path()
	if _, err := os.Stat(path + aside); err == nil {
		path += aside
	}
	if s.Store, err = m.openCopy(owner.Store, path); err != nil {
		return fmt.Errorf("open %v: %w", Place{owner.Store, dir}, err)
	}
	if held, ok := s.Store.(core.SnapshotStore); ok {
		s.Snapshots = held
		return nil
	}
	s.Snapshots, err = snapfile.Open(looking{fsys}, Config{Dir: dir}.snapshotDir())
	if err != nil {
		return fmt.Errorf("open snapshots: %w", err)
	}
	return nil
}

// looking is a file system on which what is there is left alone, and what is not there is empty.
type looking struct{ vfs.FS }

func (looking) MkdirAll(string) error { return nil }
func (looking) Remove(string) error   { return nil }
func (looking) SyncDir(string) error  { return nil }

func (l looking) List(dir string) ([]string, error) {
	names, err := l.FS.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return names, err
}

// Close lets go of the data.
func (s *Stopped) Close() error {
	var errs []error
	if s.Store != nil {
		errs = append(errs, s.Store.Close())
	}
	if s.scratch != "" {
		errs = append(errs, os.RemoveAll(s.scratch))
	}
	return errors.Join(append(errs, s.lock.Close())...)
}
