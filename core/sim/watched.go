package sim

import (
	"hash/crc32"
	"io"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
)

// watchedStore is a store whose writes the observers see.
type watchedStore struct {
	core.RoomStore
	h *Host
}

// Write implements core.Store.
func (s *watchedStore) Write(batch []core.Update) error {
	w := s.h.w
	w.tell(func(o Observer) { o.Writing(s.h, batch) })
	err := s.RoomStore.Write(batch)
	if err == nil {
		w.record(traceWrite, s.h.ID, uint64(len(batch)))
		w.tell(func(o Observer) { o.Wrote(s.h, batch) })
	}
	return err
}

// watchedMachine is a machine whose work the observers see.
type watchedMachine struct {
	*scripting.Machine
	h *Host
}

// Apply implements core.StateMachine.
func (m *watchedMachine) Apply(
	dst []core.Result, entries []core.Entry,
) ([]core.Result, error) {
	before := len(dst)
	dst, err := m.Machine.Apply(dst, entries)
	if err == nil {
		w, results := m.h.w, dst[before:]
		for i := range results {
			sum := crc32.ChecksumIEEE(results[i].Value)
			w.record(traceApply, m.h.ID, uint64(entries[i].Index)<<32|uint64(sum))
		}
		w.tell(func(o Observer) { o.Applied(m.h, entries, results) })
	}
	return dst, err
}

// Restore implements core.StateMachine.
func (m *watchedMachine) Restore(r io.Reader) error {
	err := m.Machine.Restore(r)
	if err == nil {
		m.h.w.tell(func(o Observer) { o.Restored(m.h) })
	}
	return err
}
