package sim

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// What damages a disk for good may only strike a host that the others can spare: a majority of
// hosts, none of whose disks was damaged, hold everything that is committed, durably. The one that
// was struck is suspect for the rest of the run. It may refuse to start, or to go on, but never
// tell anything that is not so.
//
// What no log can notice is not drawn, because nothing is promised: a write that was confirmed and
// never made, if it was the last, and a disk that is put back to an earlier day. A disk that comes
// back empty is one of a voter that has forgotten; some stay away, some are filled again, within
// what core/raft/blank.go promises, and others are replaced (FaultReplace).

func init() {
	register(FaultRot, class{name: "bit rot", often: 2, least: shortest, draw: drawDamage,
		begin: down, end: damaging(rot)})
	register(FaultMissing, class{name: "missing file", often: 1, least: shortest, draw: drawDamage,
		begin: down, end: damaging(vanish)})
	register(FaultWipe, class{name: "lost disk", often: 2, draw: drawDamage, begin: down,
		end: damaging(wipe)})
	register(FaultLostWrite, class{name: "lost write", often: 1, least: shortest, draw: drawDamage,
		begin: down, end: damaging(loseWrite)})
	register(FaultStrayWrite, class{name: "misdirected write", often: 1, least: shortest,
		draw: drawDamage, begin: down, end: damaging(strayWrite)})
}

// spare reports whether the others can do without what a host holds.
func (w *World) spare(h *Host) bool {
	if w.shadow == nil || h.suspect {
		return h.suspect
	}
	newest := w.shadow.committed(w.shadow.commit)
	return newest.Index > 0 && w.errands == 0 && suffices(w.rules(), func(id core.NodeID) bool {
		o := w.Host(id)
		return o != h && !o.suspect && w.shadow.disk(id).holds(newest)
	})
}

func drawDamage(d *drawer, f *Fault) {
	f.Node, f.Number = d.host(), d.rng.Uint64()
}

// down ends the host, which is damaged before it comes back.
func down(w *World, a *active) { w.Host(a.Node).end(StopKill) }

func damaging(damage func(h *Host, number uint64) bool) func(w *World, a *active) {
	return func(w *World, a *active) {
		h := w.Host(a.Node)
		if !h.Up() && !h.rotten && h.forgot == nil && w.spare(h) && damage(h, a.Number) {
			h.suspect = true
			w.fired(a.Kind)
		}
		h.revive()
	}
}

// files lists what is on a host's disk.
func (h *Host) files() []string {
	var paths []string
	for _, dir := range []string{"snapshots", "wal"} {
		names, err := h.Disk.List(dir)
		if err != nil {
			continue // it was never made
		}
		for _, name := range names {
			if name != "lock" {
				paths = append(paths, dir+"/"+name)
			}
		}
	}
	return paths
}

// rot flips a bit of what was durable long ago. The last batch of a log is left alone: damage there
// looks like a batch that was being written.
func rot(h *Host, number uint64) bool {
	paths := h.files()
	if len(paths) == 0 {
		return false
	}
	path := paths[number%uint64(len(paths))]
	size, err := h.Disk.Size(path)
	if last, ok := h.wrote[path]; ok && strings.HasPrefix(path, "wal") {
		size = min(size, last)
	}
	if err != nil || size == 0 {
		return false
	}
	number /= uint64(len(paths))
	return h.Disk.Flip(path, int64(number/8%uint64(size)), 1<<(number%8)) == nil
}

// vanish removes a file that is not the newest of its directory.
func vanish(h *Host, number uint64) bool {
	paths := h.files()
	paths = slices.DeleteFunc(paths, func(path string) bool {
		return path == paths[len(paths)-1]
	})
	if len(paths) == 0 {
		return false
	}
	path := paths[number%uint64(len(paths))]
	return h.Disk.Remove(path) == nil && h.Disk.SyncDir(path[:strings.IndexByte(path, '/')]) == nil
}

// forgotten is what a host knew whose disk is lost: the newest term in which it may have voted.
type forgotten struct{ term core.Term }

// wipe gives the host an empty disk. It stays away for good, or it is filled again.
func wipe(h *Host, number uint64) bool {
	if h.suspect {
		return false
	}
	term := h.w.shadow.disk(h.ID).hard.Term
	if h.rotten = number%4 == 0 || !h.refillable(term); h.rotten {
		h.Disk = h.w.newDisk()
		return true
	}
	h.Wipe()
	h.forgot, h.born = &forgotten{term}, h.incarnation+1
	return true
}

// refillable reports whether core/raft/blank.go promises anything to a host that has forgotten what
// it did up to a term: it began with the group and votes in it, no other has forgotten, and no
// leader of an earlier term, which knows less than it did, is left to feed it.
func (h *Host) refillable(term core.Term) bool {
	member, _ := h.w.shadow.newest.Find(h.ID)
	if int(h.ID) > h.w.Options.Nodes || member.Role&core.Voter == 0 {
		return false
	}
	return !slices.ContainsFunc(h.w.Hosts, func(o *Host) bool {
		return o.forgot != nil || o.Up() && o.Status().Role == "leader" && o.Status().Term < term
	})
}

// fed reports whether a host has been given all that is committed, of the newest term in which it
// may have voted or a later one: no other candidate of that term has such a log, and none of an
// earlier one is heard.
func (b *forgotten) fed(s *shadow, d *disk) bool {
	newest := s.committed(s.commit)
	return newest.Term >= b.term && d.last().Index >= newest.Index && d.holds(newest)
}

// sector has change alter one sector of a file, as far as records stand behind it: there the log
// has to notice. It reports whether anything is not as it was.
func sector(h *Host, number uint64, change func(f vfs.File, off int64, data []byte) error) bool {
	paths := h.files()
	if len(paths) == 0 {
		return false
	}
	path := paths[number%uint64(len(paths))]
	size, err := h.Disk.Size(path)
	if last, ok := h.wrote[path]; ok && strings.HasPrefix(path, "wal") {
		size = min(size, last)
	}
	if count := uint64(size) / sectorBytes; err == nil && count > 0 {
		off := int64(number / uint64(len(paths)) % count * sectorBytes)
		return h.rewrite(path, off, change) == nil
	}
	return false
}

var errUnchanged = errors.New("sim: the sector holds what it held")

func (h *Host) rewrite(
	path string, off int64, change func(f vfs.File, off int64, data []byte) error,
) error {
	f, err := h.Disk.OpenReadWrite(path)
	if err != nil {
		return err
	}
	data := make([]byte, sectorBytes)
	if _, err = f.ReadAt(data, off); err == nil {
		err = change(f, off, data)
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// loseWrite has a sector hold nothing, as if what was written there had not been.
func loseWrite(h *Host, number uint64) bool {
	return sector(h, number, func(f vfs.File, off int64, data []byte) error {
		if !bytes.ContainsFunc(data, func(r rune) bool { return r != 0 }) {
			return errUnchanged
		}
		_, err := f.WriteAt(make([]byte, sectorBytes), off)
		return err
	})
}

// strayWrite has a sector hold what was meant for the one before.
func strayWrite(h *Host, number uint64) bool {
	return sector(h, number, func(f vfs.File, off int64, data []byte) error {
		meant := make([]byte, sectorBytes)
		if _, err := f.ReadAt(meant, max(off-sectorBytes, 0)); err != nil {
			return err
		}
		if bytes.Equal(meant, data) {
			return errUnchanged
		}
		_, err := f.WriteAt(meant, off)
		return err
	})
}

// extents is where each file was last written.
type extents map[string]int64

func (e extents) note(op vfs.Op) {
	if op.Kind == vfs.OpWrite {
		e[op.Path] = op.Offset
	}
}
