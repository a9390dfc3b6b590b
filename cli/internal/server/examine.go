package server

import (
	"errors"
	"path/filepath"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	"github.com/tidelock-raft/tidelock/persist/wal"
	"github.com/tidelock-raft/tidelock/plugins"
)

// Examine reads the data directory of a node that does not run, and says whose it is. It changes
// nothing there; the error is what would keep the node from starting. Of one that runs, only the
// owner is looked at. Errors: core.ErrCorrupt, fs.ErrNotExist.
func Examine(dir string) (owner core.NodeID, err error) {
	fsys := vfs.OS()
	found, err := readIdentity(fsys, dir)
	if err != nil {
		return 0, err
	}
	if found.Store != DefaultStore {
		data, err := OpenStopped(dir)
		if err != nil {
			return found.Node, runs(err)
		}
		return found.Node, data.Close()
	}
	lock, err := LockStopped(dir)
	if err != nil {
		return found.Node, runs(err)
	}
	defer lock.Close()
	_, err = wal.Verify(fsys, filepath.Join(dir, found.Store))
	return found.Node, err
}

// runs takes it for no error that a node runs on its data.
func runs(err error) error {
	if errors.Is(err, vfs.ErrLocked) {
		return nil
	}
	return err
}

// open opens the store at a path.
func (i identity) open(path string) (core.Store, error) {
	env := plugins.Env{Node: i.Node, Cluster: ClusterID(i.Cluster), Dir: path}
	return plugins.OpenStore(i.Store, env, nil)
}
