package sim

import (
	"slices"

	"github.com/tidelock-raft/tidelock/core"
)

// boundedChecker: a bounded query shows all that had been acknowledged, or no less than the leader
// had committed by what it told this host, at most as long ago, by the host's clock, as the query
// allows. Messages may have been long on their way, or have waited for a host that stood still, and
// come from a leader that is none any more: that is not noticed, and not promised (core.Bounded). A
// host that leads counts from what others answer it.
type boundedChecker struct {
	Bystander
	w        *World
	told     map[core.NodeID][]heard
	fresh    map[core.NodeID]int // how many of told, counted from the last, were not looked at yet
	answered []answered          // as in orderChecker
}

// heard is what a host heard: at which instant of its clock, and what was committed.
type heard struct {
	at    core.Instant
	index core.Index
}

func newBoundedChecker(w *World) Observer {
	return &boundedChecker{w: w, told: map[core.NodeID][]heard{}, fresh: map[core.NodeID]int{}}
}

// Started implements Observer.
func (c *boundedChecker) Started(h *Host) { delete(c.told, h.ID); delete(c.fresh, h.ID) }

// maxTold bounds what is remembered of a host.
const maxTold = 100_000

// Delivered implements Observer.
func (c *boundedChecker) Delivered(h *Host, m *core.Message) {
	if m.Kind != core.MsgAppend && m.Kind != core.MsgAppendReply {
		return
	}
	list := c.told[h.ID]
	c.told[h.ID] = append(list[max(0, len(list)-maxTold):], heard{h.Now(), m.Commit})
	c.fresh[h.ID]++
}

// Stepped implements Observer: what has arrived since the last time is heard now.
func (c *boundedChecker) Stepped(h *Host) {
	list := c.told[h.ID]
	for i := max(0, len(list)-c.fresh[h.ID]); i < len(list); i++ {
		list[i].at = h.Now()
	}
	c.fresh[h.ID] = 0
}

// Ended implements Observer.
func (c *boundedChecker) Ended(op *Operation) {
	if op.Fate != Acked {
		return
	}
	floor, index := floor(c.answered, op.Call), op.Reply.Index
	if !op.Query || op.Level == core.Linearizable {
		c.answered = rise(c.answered, op.Return, index)
	}
	if !op.Query || op.Level != core.Bounded || index >= floor {
		return
	}
	since := op.clock - op.MaxStale
	if !slices.ContainsFunc(c.told[op.Host], func(t heard) bool {
		return t.at >= since && t.index <= index
	}) {
		c.w.Fail("bounded", "%s %v at host %d shows index %d, after %d was acknowledged; of the last "+
			"%.3f s it has heard nothing that would do", op.Name, op.Args, op.Host, index, floor,
			seconds(op.MaxStale))
	}
}
