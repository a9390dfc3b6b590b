package node

import (
	"cmp"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
)

// maxContacts bounds the nodes of which it is known when they were heard.
const maxContacts = 2 * core.MaxMembers

// contact says when a node was last heard.
type contact struct {
	node core.NodeID
	at   core.Instant
}

// greet asks the members of each group for a read index, whoever leads, so that a node which has
// started need not wait until one of them tries to reach it again: a transport tries at once when
// its peer connects, and a leader confirms by an append to all. The answers are to no question of
// raft's, which passes over them. A group that never had a leader has nobody to ask.
func (h *Handler) greet() {
	var greetings engine.Outbox
	self := h.config.Engine.Node
	for _, g := range h.engine.Status() {
		for _, m := range g.Members {
			if g.Term > 0 && m.ID != self {
				greetings.Add(m.Addr, core.Message{
					Kind: core.MsgReadIndex, Group: g.Group, From: self, To: m.ID, Term: g.Term,
				})
			}
		}
	}
	h.send(&greetings)
}

// hear notes whom messages came from. One that brings a snapshot is none of a peer's: the body has
// to be here first, and then receiving.deliver says so.
func (h *Handler) hear(messages []core.Message) {
	last := core.NodeID(0)
	for i := range messages {
		if from := messages[i].From; from != last {
			last = from
			h.meet(from)
		}
		if messages[i].Kind == core.MsgSnapshot {
			messages[i] = core.Message{}
		}
	}
}

// meet notes that a node is heard now, instead of the one that was not for longest.
func (h *Handler) meet(from core.NodeID) {
	oldest := 0
	for i := range h.contacts {
		if h.contacts[i].node == from {
			h.contacts[i].at = h.now
			return
		}
		if h.contacts[i].at < h.contacts[oldest].at {
			oldest = i
		}
	}
	if len(h.contacts) < maxContacts {
		h.contacts = append(h.contacts, contact{from, h.now})
	} else {
		h.contacts[oldest] = contact{from, h.now}
	}
}

// peers describes the nodes that are members with this one, and those that were heard.
func (h *Handler) peers(groups []core.GroupStatus, now core.Instant) []core.PeerStatus {
	var peers []core.PeerStatus
	find := func(id core.NodeID) *core.PeerStatus {
		at, found := slices.BinarySearchFunc(peers, id, func(p core.PeerStatus, id core.NodeID) int {
			return cmp.Compare(p.Node, id)
		})
		if !found {
			peers = slices.Insert(peers, at, core.PeerStatus{Node: id, HeardMS: -1})
		}
		return &peers[at]
	}
	for i := range groups {
		for _, m := range groups[i].Members {
			if m.ID != h.config.Engine.Node {
				find(m.ID)
			}
		}
	}
	for _, c := range h.contacts {
		find(c.node).HeardMS = int64(now-c.at) / 1e6
	}
	if d, ok := h.transport.(core.Diagnoser); ok {
		for _, t := range d.Troubles() {
			find(t.Node).Error = t.Error[:min(len(t.Error), core.MaxTroubleBytes)]
		}
	}
	return peers
}

// timing is how long the newest writes took, in nanoseconds.
type timing struct {
	took  [core.DiskWrites]int64
	total int64
	n     int // of all writes so far
}

func (t *timing) add(took int64) {
	t.total += took - t.took[t.n%len(t.took)]
	t.took[t.n%len(t.took)] = took
	t.n++
}

// status describes the disk.
func (d *disk) status(now core.Instant) *core.DiskStatus {
	s := &core.DiskStatus{State: core.DiskOK}
	if n := min(d.timing.n, len(d.timing.took)); n > 0 {
		s.MeanMS = d.timing.total / int64(n) / 1e6
	}
	if d.busy {
		s.PendingMS = int64(now-d.since) / 1e6
	}
	switch {
	case d.busy && d.next > 0:
		s.State = core.DiskFull
	case d.sick:
		s.State = core.DiskHung
	}
	return s
}
