package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

const (
	identityName   = "identity.json"
	identityFormat = 1
	// maxIdentity bounds what is read of the file, in bytes.
	maxIdentity = 4096
)

// identity says whose data a directory holds, so that no node ever takes another's vote or log for
// its own. It is written once, before anything else.
type identity struct {
	Format  int         `json:"format"`
	Node    core.NodeID `json:"node"`
	Cluster string      `json:"cluster"`
	Store   string      `json:"store"` // another store would find an empty log, and vote again
}

func (c Config) identity() identity {
	return identity{identityFormat, c.ID, c.Cluster, c.Store.Name}
}

// claim makes the directory, which exists, the node's own, or makes sure that it is. It writes only
// where there is no data. Errors: exit.ErrUsage for the directory of another node,
// core.ErrCorrupt for one whose owner cannot be told.
func claim(fsys vfs.FS, c Config) error {
	path := filepath.Join(c.Dir, identityName)
	content, err := vfs.ReadFile(fsys, path, maxIdentity)
	if errors.Is(err, fs.ErrNotExist) {
		return introduce(fsys, path, c)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	var found identity
	if err := json.Unmarshal(content, &found); err != nil {
		return &core.CorruptError{Path: path, Offset: -1, Err: err}
	}
	return found.check(path, c.identity())
}

// introduce writes the file into a directory without data. Data without an owner are somebody's
// who lost the file.
func introduce(fsys vfs.FS, path string, c Config) error {
	for _, sub := range []string{c.storeDir(), c.snapshotDir()} {
		names, err := fsys.List(sub)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look into data directory: %w", err)
		}
		if len(names) > 0 {
			return &core.CorruptError{Path: path, Offset: -1,
				Err: fmt.Errorf("the file is missing beside data in %s", sub)}
		}
	}
	content, err := json.MarshalIndent(c.identity(), "", "  ")
	if err != nil {
		return fmt.Errorf("encode identity: %w", err)
	}
	return vfs.WriteFile(fsys, path, append(content, '\n'))
}

// check compares what the directory says with what the node is started as.
func (found identity) check(path string, want identity) error {
	switch {
	case found.Format != identityFormat:
		return fmt.Errorf("%s: format %d, want %d: another version has written it",
			path, found.Format, identityFormat)
	case found.Node == 0 || found.Cluster == "" || found.Store == "":
		return &core.CorruptError{Path: path, Offset: -1, Err: errors.New("a field is missing")}
	case found.Node != want.Node:
		return exit.Usagef("%s: the directory belongs to node %d, this is node %d",
			path, found.Node, want.Node)
	case found.Cluster != want.Cluster:
		return exit.Usagef("%s: the directory belongs to cluster %q, this node to %q",
			path, found.Cluster, want.Cluster)
	case found.Store != want.Store:
		return exit.Usagef("%s: the log is kept by store %s, this node was to use %s",
			path, found.Store, want.Store)
	}
	return nil
}

// storeDir and snapshotDir are where the parts of the node keep their files.
func (c Config) storeDir() string    { return filepath.Join(c.Dir, c.Store.Name) }
func (c Config) snapshotDir() string { return filepath.Join(c.Dir, "snapshots") }
