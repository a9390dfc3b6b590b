package sim

import (
	"slices"
	"strings"

	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// What damages a disk for good may only strike a host that the others can spare: a majority of
// hosts, none of whose disks was damaged, hold everything that is committed, durably. The one that
// was struck is suspect for the rest of the run. It may refuse to start, or to go on, but never
// tell anything that is not so.
//
// What no log can notice is not drawn, because nothing is promised: a disk that confirms what it
// never wrote, one that is put back to an earlier day, and one that comes back empty under the same
// id. To a cluster they are a replica that forgot its vote. Such a host has to be removed and to be
// added under another id; here it stays away.

func init() {
	register(FaultRot, class{name: "bit rot", often: 2, least: shortest, draw: drawDamage,
		begin: down, end: damaging(rot)})
	register(FaultMissing, class{name: "missing file", often: 1, least: shortest, draw: drawDamage,
		begin: down, end: damaging(vanish)})
	register(FaultWipe, class{name: "lost disk", often: 1, draw: drawDamage, begin: down,
		end: damaging(wipe)})
}

// spare reports whether the others can do without what a host holds.
func (w *World) spare(h *Host) bool {
	if w.shadow == nil || h.suspect {
		return h.suspect
	}
	good, newest := 0, w.shadow.committed(w.shadow.commit)
	for _, o := range w.Hosts {
		if o != h && !o.suspect && newest.Index > 0 && w.shadow.disk(o.ID).holds(newest) {
			good++
		}
	}
	return good > len(w.Hosts)/2
}

func drawDamage(d *drawer, f *Fault) {
	f.Node, f.Number = d.host(), d.rng.Uint64()
}

// down ends the host, which is damaged before it comes back.
func down(w *World, a *active) { w.Host(a.Node).end(StopKill) }

func damaging(damage func(h *Host, number uint64) bool) func(w *World, a *active) {
	return func(w *World, a *active) {
		h := w.Host(a.Node)
		if !h.Up() && w.spare(h) && damage(h, a.Number) {
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
			if !strings.HasSuffix(name, "LOCK") {
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

// wipe takes the host away for good.
func wipe(h *Host, _ uint64) bool {
	h.Disk, h.rotten = vfs.NewMemory(h.w.disk.Uint64()), true
	return true
}

// extents is where each file was last written.
type extents map[string]int64

func (e extents) note(op vfs.Op) {
	if op.Kind == vfs.OpWrite {
		e[op.Path] = op.Offset
	}
}
