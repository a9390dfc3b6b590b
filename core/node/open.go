package node

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
)

// open brings every group back to where its store and its newest snapshot left it.
func (h *Handler) open() error {
	groups, err := h.begin()
	if err != nil {
		return err
	}
	for _, g := range groups {
		if err := h.openGroup(g); err != nil {
			return fmt.Errorf("open group %d: %w", g, err)
		}
	}
	return nil
}

// begin creates the groups that the store does not hold yet and returns all ids, ascending.
func (h *Handler) begin() ([]core.GroupID, error) {
	groups, err := h.config.Store.Groups()
	if err != nil {
		return nil, fmt.Errorf("list groups: %w", err)
	}
	var batch []core.Update
	for _, g := range h.config.Groups {
		if slices.Contains(groups, g.ID) {
			continue
		}
		if err := h.fresh(g.ID); err != nil {
			return nil, fmt.Errorf("begin group %d: %w", g.ID, err)
		}
		if err := g.Members.Check(); err != nil {
			return nil, fmt.Errorf("begin group %d: %w", g.ID, err)
		}
		meta := &core.SnapshotMeta{Membership: g.Members}
		batch = append(batch, core.Update{Group: g.ID, Install: meta})
		groups = append(groups, g.ID)
	}
	if len(batch) > 0 {
		if err := h.config.Store.Write(batch); err != nil {
			return nil, fmt.Errorf("begin groups: %w", err)
		}
	}
	slices.Sort(groups)
	return groups, nil
}

// fresh makes sure that a group that the store does not know has never been here: its log, and with
// it its vote, would have been lost while its snapshots were not.
func (h *Handler) fresh(g core.GroupID) error {
	held, err := h.config.Snapshots.List(g)
	if err == nil && len(held) > 0 {
		err = fmt.Errorf("%w: its log is gone, but there is a snapshot of %v", core.ErrCorrupt, held[0])
	}
	return err
}

func (h *Handler) openGroup(g core.GroupID) error {
	state, err := h.config.Store.State(g)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	sm, err := h.config.Machine(g)
	if err != nil {
		return fmt.Errorf("make machine: %w", err)
	}
	m := newMachine(h, g, sm)
	h.machines = append(h.machines, m)
	if state.Snapshot.Size > 0 {
		if err := m.restore(&state.Snapshot); err != nil {
			return err
		}
		m.settle()
	}
	return h.engine.Open(g, state, storeLog{h.config.Store, g})
}

// storeLog is one group's log in a store, as raft reads it.
type storeLog struct {
	store core.Store
	group core.GroupID
}

func (l storeLog) Entries(dst []core.Entry, lo, hi core.Index, maxBytes int) ([]core.Entry, error) {
	return l.store.Entries(dst, l.group, lo, hi, maxBytes)
}

func (l storeLog) Term(i core.Index) (core.Term, error) { return l.store.Term(l.group, i) }

// errSnapshotDiffers says that a body is not the one that the log speaks of.
var errSnapshotDiffers = errors.New("node: snapshot body is not the recorded one")

// openSnapshot opens a body and makes sure that it is the one that meta describes.
func (h *Handler) openSnapshot(
	g core.GroupID, meta *core.SnapshotMeta,
) (core.SnapshotReader, error) {
	r, err := h.config.Snapshots.Open(g, meta.Position)
	if err != nil {
		return nil, fmt.Errorf("open snapshot %v: %w", meta.Position, err)
	}
	if r.Size() != meta.Size || r.Checksum() != meta.Checksum {
		defer r.Close()
		return nil, fmt.Errorf("open snapshot %v: %w: %w: got size %d checksum %x, want %d %x",
			meta.Position, core.ErrCorrupt, errSnapshotDiffers,
			r.Size(), r.Checksum(), meta.Size, meta.Checksum)
	}
	return r, nil
}

// body reads a snapshot from its beginning.
func body(r core.SnapshotReader) io.Reader { return io.NewSectionReader(r, 0, r.Size()) }
