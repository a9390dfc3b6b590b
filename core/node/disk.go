package node

import (
	"fmt"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
)

// disk brings batches to the store, one write at a time. What arrives during a write is gathered
// and goes with the next: that is group commit.
type disk struct {
	handler   *Handler
	busy      bool
	gathering diskBatch
	writing   diskBatch
}

// diskBatch is what one Store.Write makes durable, and what may only happen afterwards.
type diskBatch struct {
	number    uint64 // the newest Effects.Batch in it
	updates   []core.Update
	after     engine.Outbox
	installed []engine.Installed
}

// add takes over the writes of a Step, and the messages that rest on them or on earlier writes.
func (d *disk) add(out *engine.Effects) {
	d.gathering.number = out.Batch
	d.gathering.updates = append(d.gathering.updates, out.Write...)
	out.AfterWrite.Move(&d.gathering.after)
	d.gathering.installed = append(d.gathering.installed, out.Installed...)
	if !d.busy {
		d.flush()
	}
}

// flush starts the next write. With nothing to write, everything written before is durable, and
// the messages can go.
func (d *disk) flush() {
	if len(d.gathering.updates) == 0 {
		d.handler.send(&d.gathering.after)
		d.gathering.after.Reset()
		return
	}
	d.busy = true
	d.gathering, d.writing = d.writing, d.gathering
	d.handler.lanes.Go(Lane{Kind: LaneDisk}, func() func() {
		err := d.handler.config.Store.Write(d.writing.updates)
		return func() { d.wrote(err) }
	})
}

// wrote ends a write. A write that failed is never tried again: what it left on the disk is
// anybody's guess, so the node stops, and what was to follow never happens. The next write starts
// in add, so that it takes along what this wake-up brings.
func (d *disk) wrote(err error) {
	h := d.handler
	d.busy = false
	if err != nil {
		h.fail(fmt.Errorf("write to store: %w", err))
	}
	if h.err != nil {
		return
	}
	h.back.Wrote = d.writing.number
	h.send(&d.writing.after)
	for _, i := range d.writing.installed {
		h.retain(i)
	}
	d.writing.reset()
}

func (b *diskBatch) reset() {
	clear(b.updates)
	b.updates = b.updates[:0]
	b.after.Reset()
	b.installed = b.installed[:0]
}

// retain removes the bodies that a recorded snapshot makes superfluous: those before it, but for
// the ones that are on their way to a peer. Newer ones are about to be recorded themselves.
func (h *Handler) retain(i engine.Installed) {
	var used []core.Position
	for _, s := range h.sending {
		if s.group == i.Group {
			used = append(used, s.meta.Position)
		}
	}
	h.lanes.Go(Lane{Kind: LaneSave, Group: i.Group}, func() func() {
		keep := used
		held, err := h.config.Snapshots.List(i.Group)
		for _, at := range held {
			if at.Index >= i.At.Index && !slices.Contains(keep, at) {
				keep = append(keep, at)
			}
		}
		if err == nil {
			err = h.config.Snapshots.Retain(i.Group, keep...)
		}
		if err != nil {
			h.config.Log.Warn("removing old snapshots", "group", i.Group, "err", err)
		}
		return nil
	})
}
