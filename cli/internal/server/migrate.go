package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/migrate"
	"github.com/tidelock-raft/tidelock/persist/snapfile"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	"github.com/tidelock-raft/tidelock/plugins"
)

// Place is a store in a data directory.
type Place struct {
	Store string
	Dir   string
}

// String writes the place as the command line does: wal:data/node1.
func (p Place) String() string { return p.Store + ":" + p.Dir }

// path is where the store keeps its files.
func (p Place) path() string { return filepath.Join(p.Dir, p.Store) }

const (
	copySuffix     = ".copy" // of what is read, so that the original stays as it is
	buildingSuffix = ".new"  // of what is being made
)

// migration is under way: both data directories are locked.
type migration struct {
	fs       vfs.FS
	from, to Place
	owner    identity
	locks    []io.Closer
	scratch  string // where what is read is copied to
	dry      bool
}

// Migrate moves a stopped node's data to another store, in the same data directory or in another
// one. What is read stays as it is; what is written has its name, and the directory its owner, only
// once it was read back and compared. With dry, nothing is left behind: the data are read, and
// compared with those of the target if there are any. Errors: exit.ErrUsage, core.ErrCorrupt.
func Migrate(ctx context.Context, from, to Place, dry bool) (migrate.Report, error) {
	m := &migration{fs: vfs.OS(), from: from, to: to, scratch: to.Dir, dry: dry}
	for _, p := range []Place{from, to} {
		if err := plugins.Validate(plugins.Store, p.Store, nil); err != nil {
			return migrate.Report{}, err
		}
	}
	err := m.begin()
	var r migrate.Report
	if err == nil {
		r, err = m.run(ctx)
		err = errors.Join(err, m.clean())
	}
	if errors.Is(err, migrate.ErrDifferent) {
		err = exit.Mark(err, core.ErrCorrupt)
	}
	return r, closeAll(err, m.locks...)
}

// directories is how many data directories there are.
func (m *migration) directories() int {
	if filepath.Clean(m.from.Dir) == filepath.Clean(m.to.Dir) {
		return 1
	}
	return 2
}

// copied is where a store is read.
func (m *migration) copied(store string) string {
	return filepath.Join(m.scratch, store+copySuffix)
}

// clean removes what is nobody's data, be it of an earlier try.
func (m *migration) clean() error {
	if m.dry {
		return os.RemoveAll(m.scratch)
	}
	return errors.Join(os.RemoveAll(m.copied(m.from.Store)), os.RemoveAll(m.to.path()+buildingSuffix))
}

// begin locks the directories and makes sure that they are what they should be.
func (m *migration) begin() error {
	var err error
	if m.owner, err = readIdentity(m.fs, m.from.Dir); errors.Is(err, fs.ErrNotExist) {
		return exit.Usagef("%s is no data directory of a node: it has no %s", m.from.Dir, identityName)
	} else if err != nil {
		return err
	}
	dirs := []string{m.from.Dir, m.to.Dir}[:m.directories()]
	for _, dir := range dirs {
		if err := m.lock(dir); err != nil {
			return err
		}
	}
	if len(dirs) == 1 && m.from.Store == m.to.Store {
		return exit.Usagef("%v is moved to itself", m.from)
	}
	moved := m.dry && m.owner.Store == m.to.Store
	if m.owner.Store != m.from.Store && !moved {
		return exit.Usagef("%s belongs to a node whose log is kept by store %s, not %s",
			m.from.Dir, m.owner.Store, m.from.Store)
	}
	if m.dry {
		m.scratch, err = os.MkdirTemp("", "tidelock-migrate-")
		return err
	}
	if len(dirs) == 1 {
		return vacant(m.to.path())
	}
	return vacant(m.to.Dir, m.copied(m.from.Store), m.to.path()+buildingSuffix)
}

func (m *migration) lock(dir string) error {
	if _, err := os.Stat(dir); m.dry && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := m.fs.MkdirAll(dir); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	lock, err := lockDirectory(m.fs, dir)
	if err == nil {
		m.locks = append(m.locks, lock)
	}
	return err
}

// vacant makes sure that a directory holds nothing but a lock and what may be there besides, if it
// is there at all.
func vacant(dir string, besides ...string) error {
	found, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look into the target: %w", err)
	}
	for _, f := range found {
		if f.Name() != "lock" && !slices.Contains(besides, filepath.Join(dir, f.Name())) {
			return exit.Usagef("%s is not empty: it holds %s. If nobody needs it, move it away", dir,
				f.Name())
		}
	}
	return nil
}

func (m *migration) run(ctx context.Context) (r migrate.Report, err error) {
	src, err := m.openCopy(m.from.Store, m.from.path())
	if err != nil {
		return r, fmt.Errorf("open %v: %w", m.from, err)
	}
	defer func() { err = closeAll(err, src) }()
	if m.dry {
		return m.look(ctx, src)
	}
	building := m.to.path() + buildingSuffix
	if err := os.RemoveAll(building); err != nil {
		return r, fmt.Errorf("remove what an earlier try left: %w", err)
	}
	if r, err = m.write(ctx, building, src); err != nil {
		return r, err
	}
	if m.directories() == 2 {
		if err := m.bodies(src); err != nil {
			return r, fmt.Errorf("copy snapshots: %w", err)
		}
	}
	return r, m.settle(building)
}

// write copies src, closes and opens what was written, and compares.
func (m *migration) write(ctx context.Context, dir string, src core.Store) (migrate.Report, error) {
	dst, err := m.open(m.to.Store, dir)
	if err != nil {
		return migrate.Report{}, fmt.Errorf("open %v: %w", m.to, err)
	}
	_, err = migrate.Copy(ctx, dst, src)
	if err = closeAll(err, dst); err != nil {
		return migrate.Report{}, fmt.Errorf("write to %v: %w", m.to, err)
	}
	if dst, err = m.open(m.to.Store, dir); err != nil {
		return migrate.Report{}, fmt.Errorf("open %v again: %w", m.to, err)
	}
	r, err := migrate.Compare(ctx, dst, src)
	if err = closeAll(err, dst); err != nil {
		return r, fmt.Errorf("read %v back: %w", m.to, err)
	}
	return r, nil
}

// look compares src with the target, if that holds anything.
func (m *migration) look(ctx context.Context, src core.Store) (migrate.Report, error) {
	if vacant(m.to.path()) == nil {
		return migrate.Compare(ctx, src, src)
	}
	dst, err := m.openCopy(m.to.Store, m.to.path())
	if err != nil {
		return migrate.Report{}, fmt.Errorf("open %v: %w", m.to, err)
	}
	r, err := migrate.Compare(ctx, dst, src)
	return r, closeAll(err, dst)
}

// settle gives the directories their names and says whose they are, in this order.
func (m *migration) settle(building string) error {
	if err := m.fs.Rename(building, m.to.path()); err != nil {
		return fmt.Errorf("rename the new store: %w", err)
	}
	if err := m.fs.SyncDir(m.to.Dir); err != nil {
		return fmt.Errorf("sync %s: %w", m.to.Dir, err)
	}
	if err := m.carryIncarnation(); err != nil {
		return err
	}
	m.owner.Store = m.to.Store
	return m.owner.write(m.fs, filepath.Join(m.to.Dir, identityName))
}

// carryIncarnation has the node go on counting its runs where it did in its old directory.
func (m *migration) carryIncarnation() error {
	if m.directories() == 1 {
		return nil
	}
	last, err := readIncarnation(m.fs, filepath.Join(m.from.Dir, incarnationName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return writeIncarnation(m.fs, filepath.Join(m.to.Dir, incarnationName), last)
}

// openCopy opens a copy of what a store keeps at path: opening one may write to it.
func (m *migration) openCopy(store, path string) (core.Store, error) {
	dir := m.copied(store)
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("remove what an earlier try left: %w", err)
	}
	if err := os.CopyFS(dir, os.DirFS(path)); err != nil {
		return nil, fmt.Errorf("copy %s: %w", path, err)
	}
	return m.open(store, dir)
}

func (m *migration) open(store, dir string) (core.Store, error) {
	env := plugins.Env{Node: m.owner.Node, Cluster: ClusterID(m.owner.Cluster), Dir: dir}
	return plugins.OpenStore(store, env, nil)
}

// bodies copies those of the snapshots, and reads back those that the log speaks of.
func (m *migration) bodies(src core.Store) error {
	from, to := Config{Dir: m.from.Dir}.snapshotDir(), Config{Dir: m.to.Dir}.snapshotDir()
	names, err := m.fs.List(from)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := m.fs.MkdirAll(to); err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".tmp") {
			continue
		}
		if err := copyFile(m.fs, filepath.Join(to, name), filepath.Join(from, name)); err != nil {
			return err
		}
	}
	if err := m.fs.SyncDir(to); err != nil {
		return err
	}
	snapshots, err := snapfile.Open(m.fs, to)
	if err != nil {
		return err
	}
	return checkBodies(snapshots, src)
}

func copyFile(fsys vfs.FS, to, from string) error {
	in, err := fsys.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	size, err := in.Size()
	if err != nil {
		return err
	}
	out, err := fsys.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.NewOffsetWriter(out, 0), io.NewSectionReader(in, 0, size))
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

func checkBodies(snapshots core.Snapshots, src core.Store) error {
	groups, err := src.Groups()
	if err != nil {
		return err
	}
	for _, g := range groups {
		st, err := src.State(g)
		if err != nil {
			return err
		}
		if st.Snapshot.Size == 0 {
			continue
		}
		body, err := snapshots.Open(g, st.Snapshot.Position)
		if err != nil {
			return fmt.Errorf("group %d: %w", g, err)
		}
		_, err = io.Copy(io.Discard, io.NewSectionReader(body, 0, body.Size()))
		if err == nil && body.Checksum() != st.Snapshot.Checksum {
			err = fmt.Errorf("snapshot of group %d: %w: checksum %x, want %x", g, core.ErrCorrupt,
				body.Checksum(), st.Snapshot.Checksum)
		}
		if err = closeAll(err, body); err != nil {
			return err
		}
	}
	return nil
}
