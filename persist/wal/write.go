package wal

import (
	"errors"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/internal/change"
)

// Write implements core.Store: one frame, one write, one sync.
func (l *Log) Write(batch []core.Update) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	switch {
	case l.closed:
		return core.ErrClosed
	case l.failed != nil:
		return fmt.Errorf("%w: %w", core.ErrPoisoned, l.failed)
	case len(batch) == 0:
		return nil
	}
	length, err := l.check(batch)
	if err != nil {
		return err
	}
	wakes := l.proved == l.end.sequence
	if err := l.write(batch, length); errors.Is(err, core.ErrFull) {
		return err // there is no segment for it, and so nothing of it was written
	} else if err != nil {
		l.failed = err
		return err
	}
	l.kickMaintenance(wakes)
	return nil
}

// check plans the batch, and returns a bound on the length of its records.
func (l *Log) check(batch []core.Update) (length int64, err error) {
	if err := l.plan.Make(&l.index, batch); err != nil {
		return 0, err
	}
	for i := range batch {
		entries := batch[i].Entries
		for j := range entries {
			if len(entries[j].Data) > l.config.MaxRecordBytes {
				return 0, change.TooLarge("entry %d has %d bytes, limit %d",
					entries[j].Index, len(entries[j].Data), l.config.MaxRecordBytes)
			}
		}
		if n := len(entries); n > 0 && entries[n-1].Index-l.plan.Start(i).Index > maxGroupEntries &&
			entries[n-1].Index > l.plan.Start(i).Index {
			return 0, change.TooLarge("group %d holds more than %d entries", batch[i].Group, maxGroupEntries)
		}
		if length += updateBytes(&batch[i]); length > maxFrameBytes {
			return 0, change.TooLarge("the batch has more than %d bytes", maxFrameBytes)
		}
	}
	return length, nil
}

// reserved is what a batch leaves free in its segment: room for the seal, and the last sector, with
// the proof in it.
const reserved = frameHeader + firstFrame

// room is what a batch may take up in the segment in use.
func (l *Log) room() int64 { return l.active().size - l.end.at - reserved }

func (l *Log) write(batch []core.Update, length int64) error {
	need := frameRoom(length) + alignUp(l.cleaner.need) // so that what is left is enough for that
	if l.room() < need {
		if err := l.rotate(need); err != nil {
			return err
		}
	}
	b := &l.builder
	b.reset(l.end.chain)
	l.clean(l.room()-frameRoom(length), length)
	for i := range batch {
		b.update(&batch[i], l.plan.Start(i))
	}
	if err := l.append(frameBatch); err != nil {
		return err
	}
	l.retire()
	return nil
}

var errRoom = errors.New("frame goes beyond its room")

// append writes the frame in the builder, makes it durable and applies it. A frame that goes beyond
// its room was reckoned wrong, and is not written.
func (l *Log) append(kind frameKind) error {
	s, off := l.active(), l.end.at
	f := l.builder.frame(kind, l.end.sequence, s, off)
	room := l.room()
	if kind == frameSeal {
		room += frameHeader
	}
	if n := int64(len(l.builder.buf)); n > room {
		return fmt.Errorf("%w: %v of %d bytes at %d of %s, room for %d",
			errRoom, kind, n, off, s.path, room)
	}
	if _, err := s.file.WriteAt(l.builder.buf, off); err != nil {
		s.revoke(off)
		return fmt.Errorf("write to the log: %w", err)
	}
	if err := s.file.Sync(); err != nil {
		s.revoke(off)
		return fmt.Errorf("sync the log: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	body := l.builder.buf[frameHeader:][:f.length]
	if err := l.index.applyFrame(s, off, f, body, false); err != nil {
		return fmt.Errorf("apply what was written: %w", err)
	}
	l.end = end{sequence: f.sequence + 1, chain: f.head, kind: kind,
		at: off + frameRoom(int64(f.length))}
	// An attempt takes what room there is for a moment, which a snapshot may be in need of: after one
	// that has failed, the next is made when something was given up, or by the Write that needs it.
	l.wanted = l.wanted || l.next == nil && l.end.at > s.size/2 && !l.short.Load()
	l.mean += (int64(len(l.builder.buf)) - l.mean) / recently
	return nil
}

// revoke wipes a frame that may not be durable, as far as the system still obeys: see recover.go.
func (s *segment) revoke(off int64) {
	s.file.WriteAt(make([]byte, frameHeader), off) // the log is poisoned already: no more to be done
}

// prove writes the proof of the last frame unless it is there, or that frame is one of its own.
func (l *Log) prove() error {
	s, sequence := l.active(), l.end.sequence
	if l.proved == sequence {
		return nil
	}
	l.builder.reset(l.end.chain)
	l.builder.frame(frameProof, sequence, s, s.proofAt())
	if _, err := s.file.WriteAt(l.builder.buf, s.proofAt()); err != nil {
		return fmt.Errorf("write the proof of the last batch: %w", err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("sync the proof of the last batch: %w", err)
	}
	l.proved = sequence
	return nil
}

// rotate seals the segment in use and goes on in the next one, which has room for a frame of so
// many bytes.
func (l *Log) rotate(frame int64) error {
	size := firstFrame + frameRoom(l.checkpointBytes()) + frame + reserved
	if err := l.ensureNext(size); err != nil {
		return err
	}
	l.builder.reset(l.end.chain)
	if err := l.append(frameSeal); err != nil {
		return err
	}
	l.mu.Lock()
	s := l.next
	l.next, l.wanted = nil, false
	l.mu.Unlock()
	return l.activate(s)
}

func (l *Log) checkpointBytes() (length int64) {
	for _, g := range l.index.groups {
		length += groupBytes(&g.State)
	}
	return length
}

// activate puts an empty segment into use: it begins with a checkpoint.
func (l *Log) activate(s *segment) error {
	l.mu.Lock()
	l.index.segments = append(l.index.segments, s)
	l.mu.Unlock()
	l.end.at = firstFrame
	l.builder.reset(l.end.chain)
	for _, id := range l.index.ids() {
		l.builder.group(id, &l.index.groups[id].State)
	}
	return l.append(frameCheckpoint)
}
