package wal

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// How a log ends, and what proves damage.
//
// A crash can hurt one frame only: the one that was being written, for a frame is written when the
// one before it is durable. It was not acknowledged. So the log may end at the first frame that
// does not verify, under these conditions; otherwise it is damaged, Open returns a
// *core.CorruptError, and no file is touched:
//
//  1. Nothing was ever written behind it: no header of a later frame is in the segment, and none at
//     the start of the segment that follows. A header in its place is that of the frame that the
//     log was about to write.
//  2. The segment does not have to go on: a sealed one is followed by another, and a file that is
//     shorter than it was made has not lost anything but room.
//
// The segment in use was then made before it was needed, so files that follow it are empty.
//
// So each batch proves the one before it, and the last one has a proof of its own (see format.go):
// Close writes it, Open does after a crash, and so does a log that was not written to for a moment
// (proveAfter). It costs a sync when nobody waits for one.
//
// What remains: damage to the very last batch of a log that crashed within that moment looks like
// a batch that was being written, and Open takes it for that, with a warning that says where. It
// takes a crash and, at once, a second fault in just those bytes. To tell the two apart would take
// a second sync before each acknowledgement, which doubles the time of every write. To treat such a
// replica as one that may have forgotten what it acknowledged, its vote included, and keep it from
// voting until a leader has vouched for it would be safe without that sync; but after a power cut
// in the midst of writing, every replica would be such a one, and no leader ever elected. So it
// comes back without its last batch. Raft survives that, as it does the loss of a replica's disk,
// while a majority of the others have what was acknowledged. An operator who sees the warning, and
// no crash to explain it, should replace the disk.
//
// A frame that is whole may yet not be durable. If the process was killed before the sync, Open's
// own sync makes up for it. If the sync failed, the system may believe that the pages are clean and
// show them until it restarts: the process that sees the error therefore wipes the header of the
// frame (revoke), so that no other takes it for durable. Nothing that was acknowledged is ever
// written over, not even with the same bytes: that would expose it to one more power cut.

// end is where and how the log ends.
type end struct {
	sequence uint64    // of the next frame; 0 before the first frame that is read
	chain    uint32    // head of the last frame
	kind     frameKind // of the last frame
	at       int64     // offset behind it
	cause    error     // why what lies there is not a frame; nil: nothing was ever there
	torn     bool      // it surely is a frame that was being written
}

// recovery reads a log.
type recovery struct {
	index
	end
	next   *segment // made, but not in use
	proved uint64   // sequence, if there is a proof that nothing is missing before it; or zero
	visit  func(s *segment, off int64, f frame, body []byte) error
}

// numbers returns the numbers of the segments in a directory, ascending.
func numbers(fsys vfs.FS, dir string) ([]uint64, error) {
	names, err := fsys.List(dir)
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	var list []uint64
	for _, name := range names {
		if !strings.HasSuffix(name, suffix) {
			continue
		}
		number, ok := segmentNumber(name)
		if !ok || number == 0 || number > 1<<32-1 {
			return nil, &core.CorruptError{Path: filepath.Join(dir, name), Offset: -1,
				Err: fmt.Errorf("%w: its name is not a segment's", ErrForeign)}
		}
		list = append(list, number)
	}
	slices.Sort(list)
	return list, nil
}

// missing is the damage of a segment that is not there.
func missing(dir string, number uint64, err error) error {
	return &core.CorruptError{Path: filepath.Join(dir, segmentName(number)), Offset: -1, Err: err}
}

// run reads the segments. Their files stay open also after an error: see closeFiles.
func (r *recovery) run(open func(string) (vfs.File, error), dir string, list []uint64) error {
	r.groups = map[core.GroupID]*group{}
	for i, number := range list {
		if i > 0 && number != list[i-1]+1 {
			return missing(dir, list[i-1]+1, ErrMissing)
		}
		s, err := openSegment(open, dir, number)
		if err != nil {
			return err
		}
		r.segments = append(r.segments, s)
		if s.log != r.segments[0].log {
			return s.corrupt(0, fmt.Errorf("%w: got log %x, want %x",
				ErrForeign, s.log, r.segments[0].log))
		}
	}
	all := r.segments
	for i, s := range all {
		r.segments = all[:i+1]
		done, err := r.segment(s, all[i+1:])
		if err != nil {
			r.segments = all
			return err
		}
		if done {
			break
		}
	}
	used := len(r.segments)
	if used > 1 && r.at == firstFrame {
		used--
	}
	if r.segments = slices.Clip(all[:used]); used < len(all) {
		r.next = all[used]
	}
	if err := r.complete(); err != nil {
		return missing(dir, all[0].number-1, err)
	}
	return nil
}

// closeFiles closes the files of segments after a failure; some may be listed twice.
func closeFiles(segments []*segment) {
	for i, s := range segments {
		if s != nil && !slices.Contains(segments[:i], s) {
			s.release() // nothing is lost by an error: all that was written is synced
		}
	}
}

// segment applies the frames of one segment; done is whether the log ends in it.
func (r *recovery) segment(s *segment, after []*segment) (done bool, err error) {
	c, err := newScanner(s)
	if err != nil {
		return false, err
	}
	if s.number == 1 {
		r.sequence = 1
	}
	for r.kind != frameSeal || c.at == firstFrame {
		off := c.at
		f, body, err := c.next(r.end)
		if errors.Is(err, errBroken) {
			return true, r.stop(c, f, err, after)
		}
		if err == nil {
			err = r.frame(s, off, f, body)
		}
		if err != nil {
			return false, err
		}
		r.end = end{sequence: f.sequence + 1, chain: f.head, kind: f.kind, at: c.at}
	}
	if len(after) == 0 {
		return false, missing(filepath.Dir(s.path), s.number+1, ErrMissing)
	}
	return false, nil
}

func inUse(s *segment) (bool, error) {
	c, err := newScanner(s)
	if err != nil {
		return false, err
	}
	_, used, err := c.peek(firstFrame)
	return used, err
}

// frame applies one frame.
func (r *recovery) frame(s *segment, off int64, f frame, body []byte) error {
	if r.visit != nil {
		if err := r.visit(s, off, f, body); err != nil {
			return err
		}
	}
	first := r.kind == 0
	if (off == firstFrame) != (f.kind == frameCheckpoint) {
		return s.corrupt(off, fmt.Errorf("%w: %v frame at %d", errRecord, f.kind, off))
	}
	if err := r.applyFrame(s, off, f, body, first); err != nil {
		return s.corrupt(off, err)
	}
	return nil
}

// applyFrame does what the records of a frame at off say.
func (x *index) applyFrame(s *segment, off int64, f frame, body []byte, first bool) error {
	if f.kind == frameCheckpoint {
		return x.checkpoint(body, f.records, first)
	}
	for off += frameHeader; len(body) > 0; {
		rec, rest, err := parseRecord(body)
		if err != nil {
			return err
		}
		if err := x.apply(s, off, &rec); err != nil {
			return err
		}
		off, body = off+int64(rec.place.length), rest
	}
	return nil
}

// stop decides whether the log may end at c.at, where there is no frame because of cause. What the
// bytes there claim to be is f.
func (r *recovery) stop(c *scanner, f frame, cause error, after []*segment) error {
	damaged := func(proof string, args ...any) error {
		return c.s.corrupt(c.at, fmt.Errorf("%w; "+proof, append([]any{cause}, args...)...))
	}
	if c.at == firstFrame && r.kind == 0 && c.s.number != 1 {
		return damaged("nor is there a segment before")
	}
	for i, s := range after {
		used, err := inUse(s)
		if err != nil {
			return err
		}
		if used || i > 0 || c.at == firstFrame {
			return damaged("but %s follows", s.path)
		}
	}
	if f.kind != 0 && r.sequence != 0 && (f.sequence != r.sequence || f.previous != r.chain) {
		return damaged("and what is there was not being written")
	}
	off, found, err := c.later(r.sequence)
	if err != nil {
		return err
	}
	if found {
		return damaged("but there is a later one at %d", off)
	}
	proof, found, err := c.peek(c.s.proofAt())
	if err != nil {
		return err
	}
	if r.kind == frameProof || found && proof.sequence == r.sequence {
		r.proved = r.sequence
	}
	clean, err := c.untouched()
	if err != nil {
		return err
	}
	clean = clean || r.proved > 0
	if c.limit < c.s.size && !clean {
		return damaged("and the file has %d bytes of the %d that it was made with", c.limit, c.s.size)
	}
	if r.at, r.torn = c.at, f.kind != 0; r.torn || !clean {
		r.cause = cause
	}
	return nil
}

// untouched reports whether nothing was ever written at c.at.
func (c *scanner) untouched() (bool, error) {
	if c.at+frameHeader > c.limit {
		return false, nil
	}
	buf, err := c.bytes(c.at, frameHeader)
	return err == nil && [frameHeader]byte(buf) == [frameHeader]byte{}, err
}
