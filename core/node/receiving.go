package node

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
)

// receiving is a snapshot on its way from a peer. It stays when it is complete, to answer a sender
// that did not hear so; the next one takes its place.
//
// Invariants:
//  1. have bytes are written; waiting holds the bytes from have on that the lane gets next.
//  2. early holds chunks from beyond expect, ascending by offset, within the window and at most
//     maxEarly: they came before one that was sent earlier.
type receiving struct {
	handler  *Handler
	group    core.GroupID
	from     core.NodeID
	term     core.Term
	meta     *core.SnapshotMeta
	writer   core.SnapshotWriter // nil before the first chunk and after the last
	have     int64
	waiting  [][]byte
	early    []piece
	expect   int64 // have and everything in waiting or with the lane
	busy     bool
	complete bool
	over     bool // replaced by another transfer
}

// maxEarly bounds the chunks that are kept because they came too early, of whatever size.
const maxEarly = 4 * transferWindow

// piece is a chunk that came too early.
type piece struct {
	offset int64
	data   []byte
}

// receive takes a chunk.
func (h *Handler) receive(m *core.Message) {
	if m.Snapshot == nil || m.Snapshot.Size <= 0 || m.Offset < 0 {
		return
	}
	r := h.receiver(m)
	if r == nil {
		return
	}
	r.from, r.term = m.From, m.Term
	switch {
	case r.complete:
		r.deliver()
	case m.Offset >= r.expect && len(m.Data) > 0 && m.Offset-r.have < h.window() &&
		int64(len(m.Data)) <= r.meta.Size-m.Offset:
		r.take(piece{m.Offset, m.Data})
		return
	}
	r.ack(false)
}

// take puts a piece where it belongs, and what can be written then in line.
func (r *receiving) take(p piece) {
	i, found := slices.BinarySearchFunc(r.early, p.offset, func(e piece, offset int64) int {
		return cmp.Compare(e.offset, offset)
	})
	if !found && (len(r.early) < maxEarly || p.offset == r.expect) {
		r.early = slices.Insert(r.early, i, p)
	}
	n := 0
	for n < len(r.early) && r.early[n].offset <= r.expect {
		if e := r.early[n]; e.offset == r.expect {
			r.waiting = append(r.waiting, e.data)
			r.expect += int64(len(e.data))
		}
		n++
	}
	r.early = slices.Delete(r.early, 0, n)
}

// receiver returns the transfer that a chunk belongs to, a new one if need be; nil for a chunk that
// came late, of one that the same leader has given up for a newer.
func (h *Handler) receiver(m *core.Message) *receiving {
	fresh := &receiving{handler: h, group: m.Group, meta: m.Snapshot}
	for i, r := range h.receiving {
		if r.group != m.Group {
			continue
		}
		if r.meta.Position == m.Snapshot.Position && r.meta.Checksum == m.Snapshot.Checksum {
			return r
		}
		if m.Term < r.term || m.Term == r.term && m.Snapshot.Index < r.meta.Index {
			return nil
		}
		r.over = true
		if !r.busy {
			r.discard()
		}
		h.receiving[i] = fresh
		h.logReceiving(fresh, m.From)
		return fresh
	}
	h.receiving = append(h.receiving, fresh)
	h.logReceiving(fresh, m.From)
	return fresh
}

func (h *Handler) logReceiving(r *receiving, from core.NodeID) {
	h.config.Log.Info("receiving snapshot", "group", r.group, "from", from,
		"at", r.meta.Position, "bytes", r.meta.Size)
}

func (r *receiving) ack(reject bool) {
	r.handler.tell(core.Message{
		Kind: core.MsgSnapshotAck, Group: r.group, From: r.handler.config.Engine.Node,
		To: r.from, Term: r.term, Log: r.meta.Position, Offset: r.have, Reject: reject,
	})
}

// deliver tells raft that the snapshot has arrived.
func (r *receiving) deliver() {
	r.handler.back.Messages = append(r.handler.back.Messages, core.Message{
		Kind: core.MsgSnapshot, Group: r.group, From: r.from, To: r.handler.config.Engine.Node,
		Term: r.term, Snapshot: r.meta,
	})
}

// pump gives the lane what waits to be written.
func (r *receiving) pump() {
	if r.busy || r.complete || r.over || len(r.waiting) == 0 {
		return
	}
	r.busy = true
	chunks := r.waiting
	r.waiting = nil
	last := r.expect == r.meta.Size
	r.handler.lanes.Go(Lane{Kind: LaneReceive, Group: r.group}, func() func() {
		written, err := r.write(chunks, last)
		return func() { r.wrote(written, last, err) }
	})
}

// write appends chunks to the body, on the lane; with the last one the body is made durable.
func (r *receiving) write(chunks [][]byte, last bool) (int64, error) {
	if r.writer == nil {
		w, err := r.handler.config.Snapshots.Create(r.group, r.meta.Position)
		if err != nil {
			return 0, fmt.Errorf("create: %w", err)
		}
		r.writer = w
	}
	var written int64
	for _, chunk := range chunks {
		n, err := r.writer.Write(chunk)
		written += int64(n)
		if err != nil {
			return written, fmt.Errorf("write: %w", err)
		}
	}
	if !last {
		return written, nil
	}
	w := r.writer
	r.writer = nil
	size, checksum, err := w.Commit()
	if err != nil {
		return written, fmt.Errorf("commit: %w", err)
	}
	if size != r.meta.Size || checksum != r.meta.Checksum {
		return written, fmt.Errorf("%w: got size %d checksum %x, want %d %x",
			errSnapshotDiffers, size, checksum, r.meta.Size, r.meta.Checksum)
	}
	return written, nil
}

// wrote ends a write: the sender hears how far the body is, raft when it is whole.
func (r *receiving) wrote(written int64, last bool, err error) {
	r.busy = false
	h := r.handler
	if r.over {
		r.discard()
		return
	}
	if err != nil {
		h.config.Log.Error("receiving snapshot", "group", r.group, "from", r.from, "err", err)
		r.discard()
		r.have, r.expect, r.waiting, r.early = 0, 0, nil, nil
		r.ack(true)
		return
	}
	r.have += written
	r.ack(false)
	if last {
		r.complete = true
		r.deliver()
	}
}

func (r *receiving) discard() {
	if r.writer != nil {
		r.writer.Abort()
		r.writer = nil
	}
}
