package node

import (
	"github.com/tidelock-raft/tidelock/core"
)

// sending is a snapshot on its way to a peer.
//
// Invariant: acked ≤ next ≤ meta.Size; bytes up to acked are with the receiver, bytes up to next
// have been sent since the transfer last went back.
type sending struct {
	handler *Handler
	group   core.GroupID
	to      core.NodeID
	term    core.Term
	meta    *core.SnapshotMeta
	reader  core.SnapshotReader // nil until opened
	busy    bool                // the lane reads
	over    bool                // to be forgotten
	acked   int64
	heard   int64 // what the newest ack said; less than acked if the receiver started over
	next    int64
	window  int64
	since   core.Instant // of the newest progress
	resent  core.Instant // of the newest going back
}

// beginSending starts a transfer, unless the same one is under way.
func (h *Handler) beginSending(m *core.Message) {
	for _, s := range h.sending {
		if s.group != m.Group || s.to != m.To {
			continue
		}
		if s.meta.Position == m.Snapshot.Position && !s.over {
			s.term = m.Term
			return
		}
		s.end()
	}
	s := &sending{
		handler: h, group: m.Group, to: m.To, term: m.Term, meta: m.Snapshot,
		window: int64(h.config.ChunkBytes), since: h.now, resent: h.now,
	}
	h.sending = append(h.sending, s)
	s.busy = true
	h.lanes.Go(s.lane(), func() func() {
		r, err := h.openSnapshot(s.group, s.meta)
		return func() { s.opened(r, err) }
	})
	h.config.Log.Info("sending snapshot", "group", s.group, "to", s.to,
		"at", s.meta.Position, "bytes", s.meta.Size)
}

func (s *sending) lane() Lane {
	return Lane{Kind: LaneSend, Group: s.group, Number: uint64(s.to)}
}

func (s *sending) opened(r core.SnapshotReader, err error) {
	s.busy, s.reader = false, r
	switch {
	case err != nil:
		s.handler.config.Log.Error("sending snapshot", "group", s.group, "to", s.to, "err", err)
		s.handler.lost(s.group, s.to)
		s.end()
	case s.over:
		s.close()
	}
}

// ack notes what the receiver holds.
func (s *sending) ack(m *core.Message) {
	if m.Log != s.meta.Position || m.Offset < 0 || m.Offset > s.meta.Size || s.over {
		return
	}
	if m.Reject {
		s.handler.config.Log.Warn("snapshot refused", "group", s.group, "to", s.to)
		s.handler.lost(s.group, s.to)
		s.end()
		return
	}
	s.heard = m.Offset
	if m.Offset <= s.acked {
		return
	}
	s.acked, s.next = m.Offset, max(s.next, m.Offset)
	s.window = s.handler.window()
	s.since, s.resent = s.handler.now, s.handler.now
}

// pump sends what the window has room for. A transfer that the receiver holds whole stays for a
// while, because the receiver still has to install it; if raft then has not moved on, it asks anew.
func (s *sending) pump() {
	h := s.handler
	if s.over || s.busy {
		return
	}
	idle := h.now - s.since
	if s.acked == s.meta.Size {
		if idle > settledAfter {
			h.lost(s.group, s.to)
			s.end()
		}
		return
	}
	if idle > giveUpAfter {
		h.config.Log.Warn("snapshot transfer given up", "group", s.group, "to", s.to,
			"sent", s.acked, "of", s.meta.Size)
		h.lost(s.group, s.to)
		s.end()
		return
	}
	if h.now-s.resent > resendAfter {
		s.acked, s.next, s.resent = s.heard, s.heard, h.now
		s.window = int64(h.config.ChunkBytes)
	}
	if hi := min(s.acked+s.window, s.meta.Size); s.next < hi {
		s.read(s.next, hi)
	}
}

// read has the lane read a stretch of the body, which then goes out in chunks.
func (s *sending) read(lo, hi int64) {
	s.busy = true
	s.handler.lanes.Go(s.lane(), func() func() {
		data := make([]byte, hi-lo)
		_, err := s.reader.ReadAt(data, lo)
		return func() { s.send(lo, data, err) }
	})
}

func (s *sending) send(offset int64, data []byte, err error) {
	s.busy = false
	switch {
	case s.over:
		s.close()
		return
	case err != nil:
		s.handler.config.Log.Error("sending snapshot", "group", s.group, "to", s.to, "err", err)
		s.handler.lost(s.group, s.to)
		s.end()
		return
	}
	for len(data) > 0 {
		n := min(len(data), s.handler.config.ChunkBytes)
		s.handler.tell(core.Message{
			Kind: core.MsgSnapshotChunk, Group: s.group, From: s.handler.config.Engine.Node,
			To: s.to, Term: s.term, Snapshot: s.meta, Offset: offset, Data: data[:n:n],
		})
		offset, data = offset+int64(n), data[n:]
	}
	s.next = max(s.next, offset)
	s.pump()
}

// end has the transfer forgotten.
func (s *sending) end() {
	s.over = true
	if !s.busy {
		s.close()
	}
}

func (s *sending) close() {
	if s.reader != nil {
		s.reader.Close()
		s.reader = nil
	}
}
