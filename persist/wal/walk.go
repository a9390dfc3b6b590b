package wal

import (
	"path/filepath"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// Item is one record of a log, where it stands. What its kind does not have is nil.
type Item struct {
	Segment string // name of the file
	Offset  int64  // in it
	Frame   uint64 // the batch that it belongs to
	Kind    string // entry, moved, hard, install, snapshot, compact, remove or group
	Group   core.GroupID

	Entry       *core.Entry        // of entry and moved; Data is good until the visit ends
	Hard        *core.HardState    // of hard and group
	Start, Last *core.Position     // of group; of compact, Start
	Snapshot    *core.SnapshotMeta // of install, snapshot and group
}

// Walk is Verify that visits every record on its way. It ends with the visitor's error, too.
func Walk(fsys vfs.FS, dir string, visit func(Item) error) (Report, error) {
	return inspect(fsys, dir, func(s *segment, off int64, f frame, body []byte) error {
		for off += frameHeader; len(body) > 0; {
			r, rest, err := parseRecord(body)
			if err == nil {
				err = r.check()
			}
			item := Item{Segment: filepath.Base(s.path), Offset: off, Frame: f.sequence}
			if err == nil {
				err = item.fill(&r)
			}
			if err != nil {
				return s.corrupt(off, err)
			}
			if err := visit(item); err != nil {
				return err
			}
			off, body = off+int64(r.place.length), rest
		}
		return nil
	})
}

func (i *Item) fill(r *record) error {
	i.Kind, i.Group = r.kind.String(), r.group
	switch r.kind {
	case recordEntry, recordMoved:
		e := r.entry()
		i.Entry = &e
	case recordHard:
		h := r.hard()
		i.Hard = &h
	case recordCompact:
		i.Start = &core.Position{Index: core.Index(r.word(0)), Term: core.Term(r.word(1))}
	case recordInstall, recordSnapshot:
		meta, err := r.snapshot()
		i.Snapshot = &meta
		return err
	case recordGroup:
		st, err := r.state()
		i.Hard, i.Start, i.Last, i.Snapshot = &st.Hard, &st.Start, &st.Last, &st.Snapshot
		return err
	}
	return nil
}
