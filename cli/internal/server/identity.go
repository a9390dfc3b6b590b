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
	"github.com/tidelock-raft/tidelock/plugins"
)

const (
	identityName   = "identity.json"
	identityFormat = 1
	// maxIdentity bounds what is read of it, and of the node's incarnation, in bytes.
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
	found, err := readIdentity(fsys, c.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return introduce(fsys, path, c)
	}
	if err != nil {
		return err
	}
	return found.check(path, c.identity())
}

// readIdentity reads the file of a data directory. Errors: fs.ErrNotExist, core.ErrCorrupt.
func readIdentity(fsys vfs.FS, dir string) (found identity, err error) {
	path := filepath.Join(dir, identityName)
	if err := readJSON(fsys, path, &found); err != nil {
		return found, err
	}
	switch {
	case found.Format != identityFormat:
		return found, fmt.Errorf("%s: format %d, want %d: another version has written it",
			path, found.Format, identityFormat)
	case found.Node == 0 || found.Cluster == "" || found.Store == "":
		return found, &core.CorruptError{Path: path, Offset: -1, Err: errors.New("a field is missing")}
	}
	return found, nil
}

// readJSON reads one of the small files of a data directory. Errors: fs.ErrNotExist,
// core.ErrCorrupt.
func readJSON(fsys vfs.FS, path string, found any) error {
	content, err := vfs.ReadFile(fsys, path, maxIdentity)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if err := json.Unmarshal(content, found); err != nil {
		return &core.CorruptError{Path: path, Offset: -1, Err: err}
	}
	return nil
}

// introduce writes the file into a directory without data. Data without an owner are somebody's
// who lost the file.
func introduce(fsys vfs.FS, path string, c Config) error {
	held := []string{c.storeDir(), c.snapshotDir()}
	for _, p := range plugins.List(plugins.Store) { // another store's, too
		held = append(held, filepath.Join(c.Dir, p.Name))
	}
	for _, sub := range held {
		names, err := fsys.List(sub)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look into data directory: %w", err)
		}
		if len(names) > 0 {
			return &core.CorruptError{Path: path, Offset: -1,
				Err: fmt.Errorf("the file is missing beside data in %s", sub)}
		}
	}
	return c.identity().write(fsys, path)
}

func (i identity) write(fsys vfs.FS, path string) error {
	content, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return fmt.Errorf("encode identity: %w", err)
	}
	return vfs.WriteFile(fsys, path, append(content, '\n'))
}

// check compares what the directory says with what the node is started as.
func (found identity) check(path string, want identity) error {
	switch {
	case found.Node != want.Node:
		return exit.Usagef("%s: the directory belongs to node %d, this is node %d",
			path, found.Node, want.Node)
	case found.Cluster != want.Cluster:
		return exit.Usagef("%s: the directory belongs to cluster %q, this node to %q",
			path, found.Cluster, want.Cluster)
	case found.Store != want.Store:
		dir := filepath.Dir(path)
		return exit.Usagef("%s: the log is kept by store %s, this node was to use %s; to move it: "+
			"tidelock migrate-store --from %v --to %v", path, found.Store, want.Store,
			Place{found.Store, dir}, Place{want.Store, dir})
	}
	return nil
}

// storeDir and snapshotDir are where the parts of the node keep their files.
func (c Config) storeDir() string    { return filepath.Join(c.Dir, c.Store.Name) }
func (c Config) snapshotDir() string { return filepath.Join(c.Dir, "snapshots") }
