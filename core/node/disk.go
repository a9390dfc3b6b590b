package node

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
)

// disk brings batches to the store, one write at a time. What arrives during a write is gathered
// and goes with the next: that is group commit.
type disk struct {
	handler   *Handler
	room      core.RoomStore // the store; nil: it does not know ahead that it will be full
	busy      bool
	since     core.Instant // when the write under way began
	full      bool         // it is refused for want of space, and tried again at next
	next      core.Instant
	sick      bool // as the engine was told
	timing    timing
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
	d.busy, d.since = true, d.handler.now
	d.gathering, d.writing = d.writing, d.gathering
	d.write()
}

// write gives the batch to the store, on a lane of its own.
func (d *disk) write() {
	d.handler.lanes.Go(Lane{Kind: LaneDisk}, func() func() {
		err := d.handler.config.Store.Write(d.writing.updates)
		return func() { d.wrote(err) }
	})
}

// fullRetry is the time between attempts to write to a disk that is full, in nanoseconds.
const fullRetry core.Instant = 100e6

// check looks how the write under way fares, and reports whether the disk is fit for leading. One
// that was refused for want of space is tried again: nothing of it was written.
func (d *disk) check() bool {
	h := d.handler
	if d.full && h.now >= d.next {
		d.full = false
		d.next = h.now + fullRetry
		d.write()
	}
	sick := d.busy && (d.next > 0 || h.now-d.since >= core.Instant(h.config.HungDisk))
	if sick != d.sick {
		d.sick = sick
		if sick {
			h.config.Log.Error("the disk hangs or is full: this node does not lead", "full", d.next > 0)
		} else {
			h.config.Log.Info("the disk is back: this node may lead")
		}
	}
	return !sick
}

// short reports whether the store is going to be full.
func (d *disk) short() bool { return d.room != nil && d.room.Short() }

// wrote ends a write. A write that failed is never tried again: what it left on the disk is
// anybody's guess, so the node stops, and what was to follow never happens. Only one that the store
// refused for want of space, untouched, waits for some. The next write starts in add, so that it
// takes along what this wake-up brings.
func (d *disk) wrote(err error) {
	h := d.handler
	if errors.Is(err, core.ErrFull) && h.err == nil {
		d.full, d.next = true, h.config.Clock.Now()+fullRetry
		return
	}
	d.busy, d.next = false, 0
	took := int64(h.config.Clock.Now() - d.since)
	d.timing.add(took)
	h.work.Writes, h.work.WriteNS = h.work.Writes+1, h.work.WriteNS+took
	for i := range d.writing.updates {
		h.work.WrittenEntries += uint64(len(d.writing.updates[i].Entries))
	}
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
// the ones that are on their way to a peer or into the machine. Newer ones are about to be recorded
// themselves.
func (h *Handler) retain(i engine.Installed) {
	used := h.machine(i.Group).restoring()
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
