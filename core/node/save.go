package node

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
)

// taken is a frozen state on its way to a file.
type taken struct {
	snapshot core.Snapshot
	meta     core.SnapshotMeta
}

// take freezes the state, on the apply lane; the writing happens elsewhere.
func (m *machine) take() error {
	snapshot, err := m.sm.Snapshot()
	if err != nil {
		return fmt.Errorf("take snapshot at %v: %w", m.at, err)
	}
	meta := core.SnapshotMeta{Position: m.at, Time: m.time}
	m.snapshot = append(m.snapshot, taken{snapshot, meta})
	return nil
}

// save writes a frozen state to its file and reads it back, before any entry that it stands for may
// leave the log. A snapshot that cannot be written costs disk space, not safety: the log just stays
// longer.
func (h *Handler) save(m *machine, t taken) {
	g, since, p := m.group, h.config.Clock.Now(), h.newPace()
	m.pace = p
	h.lanes.Go(Lane{Kind: LaneSave, Group: g}, func() func() {
		meta, err := h.write(g, t, p)
		return func() {
			saved := engine.Saved{Group: g, OK: err == nil, Meta: meta}
			h.back.Saved = append(h.back.Saved, saved)
			switch {
			case errors.Is(err, core.ErrClosed): // it is not worth keeping the end waiting
				return
			case err != nil:
				h.config.Log.Error("snapshot", "group", g, "at", meta.Position, "err", err)
				return
			}
			h.config.Log.Info("snapshot taken", "group", g, "at", meta.Position, "bytes", meta.Size,
				"took", time.Duration(h.config.Clock.Now()-since))
		}
	})
}

func (h *Handler) write(g core.GroupID, t taken, p *pace) (core.SnapshotMeta, error) {
	defer t.snapshot.Release()
	meta := t.meta
	if err := p.begin(); err != nil {
		return meta, err
	}
	w, err := h.config.Snapshots.Create(g, meta.Position)
	if err != nil {
		return meta, fmt.Errorf("create: %w", err)
	}
	if _, err := t.snapshot.WriteTo(paced{w, p}); err != nil {
		w.Abort()
		return meta, fmt.Errorf("write: %w", err)
	}
	if meta.Size, meta.Checksum, err = w.Commit(); err != nil {
		return meta, fmt.Errorf("commit: %w", err)
	}
	r, err := h.openSnapshot(g, &meta)
	if err != nil {
		return meta, fmt.Errorf("verify: %w", err)
	}
	defer r.Close()
	if _, err := io.Copy(paced{io.Discard, p}, body(r)); err != nil {
		return meta, fmt.Errorf("verify: %w", err)
	}
	return meta, nil
}
