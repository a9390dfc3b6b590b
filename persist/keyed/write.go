package keyed

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/internal/change"
)

// Write implements core.Store: one Commit, whatever the number of groups and entries.
func (s *Store) Write(batch []core.Update) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	switch {
	case s.closed: // which Close sets under writing, too
		return core.ErrClosed
	case s.failed != nil:
		return fmt.Errorf("%w: %w", core.ErrPoisoned, s.failed)
	case len(batch) == 0:
		return nil
	}
	h := &holder{s: s}
	if err := s.plan.Make(h, batch); h.failed != nil {
		s.failed = h.failed
		return h.failed
	} else if err != nil {
		return err
	}
	if err := s.checkLengths(batch); err != nil {
		return err
	}
	s.arena.reset()
	err := s.tree.Commit(func(b Batch) error { return s.put(b, batch) })
	if err != nil {
		s.failed = fmt.Errorf("write to %s: %w", s.path, err)
	}
	return s.failed
}

// holder tells the plan what there is. A group that cannot be read is not one that is not there.
type holder struct {
	s      *Store
	failed error
}

func (h *holder) State(g core.GroupID) (core.State, error) {
	st, err := h.s.State(g)
	return st, h.note(err)
}

func (h *holder) Term(g core.GroupID, i core.Index) (core.Term, error) {
	t, err := h.s.Term(g, i)
	return t, h.note(err)
}

func (h *holder) note(err error) error {
	if err != nil && !isAnswer(err) {
		h.failed = err
	}
	return err
}

func (s *Store) checkLengths(batch []core.Update) error {
	total := 0
	for i := range batch {
		for j := range batch[i].Entries {
			n := len(batch[i].Entries[j].Data)
			if n > s.maxRecordBytes {
				return change.TooLarge("entry %d has %d bytes, limit %d", batch[i].Entries[j].Index, n,
					s.maxRecordBytes)
			}
			if total += n + entryKey + entryFixed + sumBytes; total > maxBatchBytes {
				return change.TooLarge("the batch has more than %d bytes", maxBatchBytes)
			}
		}
	}
	return nil
}

// put makes the changes of a batch that was planned: the entries update by update, then the states
// that they lead to.
func (s *Store) put(b Batch, batch []core.Update) error {
	for i := range batch {
		if err := s.putLog(b, &batch[i], i); err != nil {
			return err
		}
	}
	for i := range batch {
		if err := s.putState(b, batch[i].Group); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) putLog(b Batch, u *core.Update, i int) error {
	if u.Remove || u.Install != nil {
		if err := b.DeleteRange(s.entryKey(u.Group, 0), behindGroup(u.Group)); err != nil {
			return err
		}
	}
	for j := range u.Entries {
		e := &u.Entries[j]
		key := s.entryKey(u.Group, e.Index)
		value := s.arena.add(func(dst []byte) []byte { return appendEntry(dst, key, e) })
		if err := b.Put(key, value); err != nil {
			return err
		}
	}
	if n := len(u.Entries); n > 0 && u.Entries[n-1].Index < s.plan.Last(i) {
		lo, hi := u.Entries[n-1].Index+1, s.plan.Last(i)+1
		if err := b.DeleteRange(s.entryKey(u.Group, lo), s.entryKey(u.Group, hi)); err != nil {
			return err
		}
	}
	if start := s.plan.Start(i).Index; u.Compact != 0 && u.Compact == start {
		return b.DeleteRange(s.entryKey(u.Group, 0), s.entryKey(u.Group, start+1))
	}
	return nil
}

func (s *Store) putState(b Batch, g core.GroupID) error {
	key := s.arena.add(func(dst []byte) []byte { return appendStateKey(dst, g) })
	st, exists := s.plan.State(g)
	if !exists {
		return b.DeleteRange(key, append(key, 0))
	}
	return b.Put(key, s.arena.add(func(dst []byte) []byte { return appendState(dst, key, &st) }))
}

func (s *Store) entryKey(g core.GroupID, i core.Index) []byte {
	return s.arena.add(func(dst []byte) []byte { return appendEntryKey(dst, g, i) })
}

// arena is memory for the keys and values of one Write. What it has given out stays as it is until
// reset, also when it grows.
type arena struct{ buf []byte }

// maxKept bounds what is kept for the next Write, in bytes.
const maxKept = 4 << 20

func (a *arena) reset() {
	if cap(a.buf) > maxKept {
		a.buf = nil
	}
	a.buf = a.buf[:0]
}

func (a *arena) add(appendTo func([]byte) []byte) []byte {
	start := len(a.buf)
	a.buf = appendTo(a.buf)
	return a.buf[start:len(a.buf):len(a.buf)]
}
