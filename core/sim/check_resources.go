package sim

import "github.com/tidelock-raft/tidelock/core"

// Bounds on what a world may hold.
const (
	maxFuture = 200_000 // events that are to happen
	maxInbox  = 20_000  // messages and requests that a host has not looked at
	maxSpare  = 40      // files of a log beyond those that its entries fill
)

// resourcesChecker: queues are bounded whatever happens, and once a world is healed its logs are as
// short as their configuration says: a log is cut, and its files are given back.
type resourcesChecker struct {
	Bystander
	s *shadow
}

func newResourcesChecker(s *shadow) Observer { return &resourcesChecker{s: s} }

// Delivered implements Observer.
func (c *resourcesChecker) Delivered(h *Host, _ *core.Message) {
	w := c.s.w
	if n := len(w.queue.events); n > maxFuture {
		w.Fail("resources", "%d events are to happen, limit %d", n, maxFuture)
	}
	if n := len(h.events.Messages) + len(h.events.Requests); n > maxInbox {
		w.Fail("resources", "host %d has not looked at %d events, limit %d", h.ID, n, maxInbox)
	}
}

// Checkpoint implements Observer.
func (c *resourcesChecker) Checkpoint() {
	w := c.s.w
	for _, h := range w.Hosts {
		if !h.Up() {
			continue
		}
		d := c.s.disk(h.ID)
		kept, bytes := d.last().Index-d.snapshot.Index, int64(0)
		for i := range d.entries {
			bytes += int64(d.entries[i].Size())
		}
		// A snapshot is taken after so many entries, but never before as much was applied as the last
		// one is long; and it waits for a checkpoint and for a verdict.
		most := 4*w.Options.Engine.SnapshotEntries + 4*int(d.snapshot.Size)/core.EntryOverhead + 2000
		if int(kept) > most {
			w.Fail("resources", "host %d has %d entries after its snapshot, limit %d", h.ID, kept, most)
		}
		files, err := h.Disk.List("wal")
		if limit := maxSpare + int(4*bytes/w.Options.SegmentBytes); err != nil || len(files) > limit {
			w.Fail("resources", "the log of host %d has %d files, limit %d: %v",
				h.ID, len(files), limit, err)
		}
	}
}
