package server

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/session"
	"github.com/tidelock-raft/tidelock/persist/backup"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	"github.com/tidelock-raft/tidelock/plugins"
)

// Restored says what a data directory was made of.
type Restored struct {
	Dir     string
	Cluster string
	Meta    core.SnapshotMeta // with the members of the new cluster
	Digest  uint64            // of the state; zero: the machine has none
}

// Restore makes the data directory of a node of a new cluster from a backup, which is read twice:
// nothing is written before all of it was found to be right. Every node of the new cluster is made
// from the same file, with the same cluster and members.
//
// The directory says whose it is only in the end; a node does not start on one that was left
// half-way. Errors: exit.ErrUsage, exit.ErrRefused, core.ErrCorrupt.
func Restore(c Config, path string) (Restored, error) {
	c, err := c.complete()
	if err != nil {
		return Restored{}, err
	}
	meta, err := backup.Verify(path)
	switch {
	case err != nil:
		return Restored{}, err
	case c.Join:
		return Restored{}, exit.Usagef("--join: a new cluster is begun, there is none to join")
	case meta.Group != core.DefaultGroup:
		return Restored{}, exit.Usagef("%s: it holds group %d, a node begins with group %d", path,
			meta.Group, core.DefaultGroup)
	case meta.Cluster == ClusterID(c.Cluster):
		return Restored{}, exit.Usagef("--cluster is %q, as where the backup was made: say another "+
			"name, so that nodes of the old cluster and of the new one do not hear each other",
			c.Cluster)
	}
	if err := rehearse(c); err != nil {
		return Restored{}, refusal(err)
	}
	r := Restored{Dir: c.Dir, Cluster: c.Cluster, Meta: meta.Snapshot}
	r.Meta.Membership = c.membership()
	return r, refusal(r.make(c, path))
}

// make fills the directory, or leaves it as empty as it was.
func (r *Restored) make(c Config, path string) (err error) {
	m := migration{fs: vfs.OS()}
	if err := m.lock(c.Dir); err != nil {
		return err
	}
	defer func() { err = closeAll(err, m.locks...) }()
	if err := vacant(c.Dir); err != nil {
		return err
	}
	if err = r.fill(c, m.fs, path); err == nil {
		err = c.identity().write(m.fs, filepath.Join(c.Dir, identityName))
	}
	if err != nil {
		err = errors.Join(err, os.RemoveAll(c.storeDir()), os.RemoveAll(c.snapshotDir()))
	}
	return err
}

// fill writes the body and then the log that begins behind it.
func (r *Restored) fill(c Config, fsys vfs.FS, path string) error {
	p, err := openParts(c, fsys)
	if err != nil {
		return err
	}
	if err = r.body(p, path); err == nil {
		hard := core.HardState{Term: r.Meta.Term, Commit: r.Meta.Index}
		u := core.Update{Group: core.DefaultGroup, Install: &r.Meta, Hard: hard}
		err = p.store.Write([]core.Update{u})
	}
	return closeAll(err, p.store)
}

func (r *Restored) body(p *parts, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	in, err := backup.NewReader(file, path)
	if err != nil {
		return err
	}
	out, err := p.snapshots.Create(core.DefaultGroup, r.Meta.Position)
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, in); err != nil {
		out.Abort()
		return fmt.Errorf("copy the state: %w", err)
	}
	size, checksum, err := out.Commit()
	if err == nil && (size != r.Meta.Size || checksum != r.Meta.Checksum) {
		err = fmt.Errorf("%s has changed while it was read: %w", path, core.ErrCorrupt)
	}
	if err != nil {
		return err
	}
	return r.prove(p)
}

// prove has the machine take the state from where a node would.
func (r *Restored) prove(p *parts) error {
	inner, err := plugins.OpenMachine(p.Machine.Name, p.env(), p.Machine.Options)
	if err != nil {
		return err
	}
	machine := session.Wrap(inner)
	body, err := p.snapshots.Open(core.DefaultGroup, r.Meta.Position)
	if err != nil {
		return closeAll(err, machine)
	}
	err = machine.Restore(io.NewSectionReader(body, 0, body.Size()))
	if err == nil {
		r.Digest = machine.Digest()
	}
	return closeAll(err, body, machine)
}
