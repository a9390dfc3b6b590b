package node

import (
	"slices"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
)

// A snapshot's body travels as ordinary messages, so every transport can carry it, and the
// simulator's faults reach it as they reach everything else. The receiver's acks say how many bytes
// it holds; the sender keeps a window of chunks beyond that on the way, and goes back to the newest
// ack when there has been no progress for a while. A transfer that broke off resumes where the
// receiver stands. While it runs, heartbeats keep the follower following.
const (
	// ChunkBytes is the default of Config.ChunkBytes.
	ChunkBytes = 256 << 10

	transferWindow = 16 // chunks on the way beyond the newest ack

	resendAfter  core.Instant = 500e6 // ns without progress before going back to the newest ack
	giveUpAfter  core.Instant = 10e9  // ns without progress before the transfer is given up
	settledAfter core.Instant = 2e9   // ns for the receiver to install what it has received
)

// window is how many bytes may be on the way.
func (h *Handler) window() int64 { return transferWindow * int64(h.config.ChunkBytes) }

// transfer sorts what the engine hands over: a snapshot to send, a chunk or an ack that arrived.
func (h *Handler) transfer(m *core.Message) {
	switch m.Kind {
	case core.MsgSnapshot:
		h.beginSending(m)
	case core.MsgSnapshotAck:
		for _, s := range h.sending {
			if s.group == m.Group && s.to == m.From {
				s.ack(m)
			}
		}
	case core.MsgSnapshotChunk:
		h.receive(m)
	}
}

// pumpTransfers lets every transfer go on as far as it can, and removes those that have ended.
func (h *Handler) pumpTransfers() {
	for _, s := range h.sending {
		s.pump()
	}
	h.sending = slices.DeleteFunc(h.sending, func(s *sending) bool { return s.over })
	for _, r := range h.receiving {
		r.pump()
	}
}

// closeTransfers lets go of files. The lanes are idle.
func (h *Handler) closeTransfers() {
	for _, s := range h.sending {
		s.close()
	}
	for _, r := range h.receiving {
		r.discard()
	}
	h.sending, h.receiving = nil, nil
}

// tell sends one message about a snapshot to a member.
func (h *Handler) tell(m core.Message) {
	addr, ok := h.engine.Addr(m.Group, m.To)
	if ok && h.transport != nil {
		h.transport.Send(addr, []core.Message{m})
	}
}

// lost tells the engine that a transfer broke off.
func (h *Handler) lost(g core.GroupID, to core.NodeID) {
	h.back.Lost = append(h.back.Lost, engine.Lost{Group: g, To: to})
}
