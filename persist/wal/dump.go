package wal

import (
	"errors"
	"fmt"
	"io"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// Report is what Verify found in a log.
type Report struct {
	Segments, Frames, Records int
	Bytes                     int64 // in frames
	Groups                    []core.GroupID
	Closed                    bool  // there is a proof: no batch can be missing
	Unfinished                error // what lies behind the end and is no batch; nil: nothing
}

// Verify reads a log and checks every record, without changing anything. Errors are those of Open.
// The log must not be open for writing.
func Verify(fsys vfs.FS, dir string) (Report, error) {
	return inspect(fsys, dir, nil)
}

// Dump writes a line for each segment, frame and record of a log to w, up to the first damage,
// which it returns like Verify.
func Dump(w io.Writer, fsys vfs.FS, dir string) error {
	report, err := inspect(fsys, dir, func(s *segment, off int64, f frame, body []byte) error {
		return dumpFrame(w, s, off, f, body)
	})
	if err == nil && report.Unfinished != nil {
		_, err = fmt.Fprintf(w, "end: %v\n", report.Unfinished)
	}
	return err
}

func inspect(fsys vfs.FS, dir string, visit func(*segment, int64, frame, []byte) error,
) (Report, error) {
	list, err := numbers(fsys, dir)
	if err != nil {
		return Report{}, err
	}
	var report Report
	r := recovery{visit: func(s *segment, off int64, f frame, body []byte) error {
		report.Frames++
		report.Records += int(f.records)
		report.Bytes += frameRoom(int64(f.length))
		if visit == nil {
			return nil
		}
		return visit(s, off, f, body)
	}}
	if err = r.run(fsys.Open, dir, list); err == nil {
		report.Segments = len(r.segments)
		report.Groups = r.ids()
		report.Closed = r.proved > 0
		report.Unfinished = r.cause
	}
	closeFiles(append(r.segments, r.next))
	return report, err
}

func dumpFrame(w io.Writer, s *segment, off int64, f frame, body []byte) error {
	var errs []error
	line := func(format string, args ...any) {
		_, err := fmt.Fprintf(w, format+"\n", args...)
		errs = append(errs, err)
	}
	if off == firstFrame {
		line("segment %s log=%016x salt=%016x bytes=%d", s.path, s.log, s.salt, s.size)
	}
	line("  %08x frame %d %v bytes=%d records=%d sum=%08x",
		off, f.sequence, f.kind, f.length, f.records, f.head)
	for off += frameHeader; len(body) > 0; {
		r, rest, err := parseRecord(body)
		if err == nil {
			err = r.check()
		}
		if err != nil {
			return s.corrupt(off, err)
		}
		line("    %08x %v group=%d %s", off, r.kind, r.group, r.describe())
		off, body = off+int64(r.place.length), rest
	}
	return errors.Join(errs...)
}

// describe prints the payload of a record that has been checked.
func (r *record) describe() string {
	switch r.kind {
	case recordEntry, recordMoved:
		e := r.entry()
		return fmt.Sprintf("%v %v time=%d data=%s", e.Position, e.Kind, e.Time, preview(e.Data))
	case recordHard:
		return describeHard(r.hard())
	case recordCompact:
		at := core.Position{Index: core.Index(r.word(0)), Term: core.Term(r.word(1))}
		return "up to " + at.String()
	case recordGroup:
		st, err := r.state()
		return fmt.Sprintf("%s start=%v last=%v snapshot=%s",
			describeHard(st.Hard), st.Start, st.Last, describeMeta(st.Snapshot, err))
	case recordInstall, recordSnapshot:
		return describeMeta(r.snapshot())
	}
	return ""
}

func describeHard(h core.HardState) string {
	return fmt.Sprintf("term=%d vote=%d commit=%d", h.Term, h.Vote, h.Commit)
}

func describeMeta(m core.SnapshotMeta, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%v time=%d bytes=%d checksum=%016x %v",
		m.Position, m.Time, m.Size, m.Checksum, m.Membership)
}

// previewBytes is how much of an entry's data is shown.
const previewBytes = 32

func preview(data []byte) string {
	if len(data) <= previewBytes {
		return fmt.Sprintf("%q", data)
	}
	return fmt.Sprintf("%q… (%d bytes)", data[:previewBytes], len(data))
}
