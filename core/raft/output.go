package raft

import (
	"math"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/internal/assert"
)

// Output is what a Take asks the owner to carry out. The slices belong to the Output and are filled
// anew by the next Take; the entries in Write, Apply and in messages are never overwritten, and may
// be kept.
type Output struct {
	Seq      uint64      // number of the newest write handed out, this one included
	HasWrite bool        // Write is to be made durable, then reported by Wrote(Seq)
	Write    core.Update // its parts take effect as core.Update says

	Send       []core.Message // to be sent at once, beside the write
	AfterWrite []core.Message // to be sent once write Seq is durable

	// Restore asks to replace the machine's state by this snapshot, whose body is on this node,
	// before Apply; to be reported by Applied(Restore.Index).
	Restore *core.SnapshotMeta
	// Apply holds entries of all kinds that are committed, and durable here, in order; to be
	// reported by Applied.
	Apply []core.Entry

	Reads     []ReadState // confirmed reads
	LostReads []uint64    // tokens of reads that will not be confirmed: leadership lost or unknown

	RoleChanged bool // role, term or leader changed since the last Take
	Role        Role
	Term        core.Term
	Leader      core.NodeID // zero: unknown

	// DroppedFrom is not zero when entries of this replica's log from there on were replaced or
	// cut off: what was proposed at those places has an unknown outcome.
	DroppedFrom core.Index
}

// ReadState is a read that may be answered as soon as the entry at Index is applied.
type ReadState struct {
	Token uint64
	Index core.Index
}

// standing is what RoleChanged speaks of.
type standing struct {
	role   Role
	term   core.Term
	leader core.NodeID
}

// staged is what has been decided since the last Take.
type staged struct {
	send, after []core.Message
	install     *core.SnapshotMeta // the log is to begin anew after it
	recorded    *core.SnapshotMeta // a local snapshot to record
	compact     core.Index
	hard        bool // term or vote changed
	restore     *core.SnapshotMeta
	reads       []ReadState
	lost        []uint64
	dropped     core.Index
	told        standing
}

// write is a write handed out and not yet durable.
type write struct {
	seq   uint64
	claim core.Index // the log up to here is durable with it, unless truncated since
	hard  core.HardState
}

// Take hands out what is to be done, and reports whether there is anything. It builds the Appends
// only now, so that all that was proposed since the last Take goes out in one per follower.
func (r *Raft) Take(out *Output) bool {
	out.reset()
	r.heard = false
	if r.role == Leader {
		r.lead()
	} else {
		r.askLeader()
	}
	r.takeApply(out)
	r.takeWrite(out)
	if r.err != nil {
		out.reset()
		return false
	}
	r.takeMessages(out)
	out.Reads, r.staged.reads = r.staged.reads, out.Reads
	out.LostReads, r.staged.lost = r.staged.lost, out.LostReads
	out.DroppedFrom, r.staged.dropped = r.staged.dropped, 0
	now := standing{r.role, r.term, r.leader}
	out.RoleChanged, r.staged.told = now != r.staged.told, now
	out.Role, out.Term, out.Leader = r.role, r.term, r.leader
	return out.HasWrite || out.RoleChanged || out.DroppedFrom != 0 || out.Restore != nil ||
		len(out.Send)+len(out.AfterWrite)+len(out.Apply)+len(out.Reads)+len(out.LostReads) > 0
}

// reset empties out but keeps its slices; old messages are cleared, lest they hold on to entries.
func (o *Output) reset() {
	clear(o.Send)
	clear(o.AfterWrite)
	*o = Output{
		Send:       o.Send[:0],
		AfterWrite: o.AfterWrite[:0],
		Reads:      o.Reads[:0],
		LostReads:  o.LostReads[:0],
	}
}

// takeApply hands out committed entries that are durable here (Raft §5.3), as the limit allows. It
// does not read what may be too much: that could come from the disk.
func (r *Raft) takeApply(out *Output) {
	out.Restore, r.staged.restore = r.staged.restore, nil
	hi := min(r.commit, r.log.durable)
	budget := r.c.MaxApplyBytes - r.applying.bytes
	if r.err != nil || r.halted || r.handed >= hi ||
		budget < r.c.MaxMessageBytes && r.applying.len() > 0 {
		return
	}
	entries, bytes, err := r.log.slice(r.handed+1, hi+1, budget)
	if err != nil {
		r.fail("read entries to apply", err)
		return
	}
	out.Apply = entries
	r.handed = entries[len(entries)-1].Index
	r.applying.add(r.handed, bytes)
}

// takeWrite hands out what is to be made durable, as one write.
func (r *Raft) takeWrite(out *Output) {
	out.Seq = r.seq
	s := &r.staged
	dirty := s.hard || s.install != nil || r.log.unwritten <= r.log.last.Index
	if r.err != nil || !dirty && s.recorded == nil && s.compact == 0 {
		return
	}
	r.seq++
	out.Seq, out.HasWrite = r.seq, true
	out.Write = core.Update{
		Group: r.c.Group, Install: s.install, Snapshot: s.recorded, Compact: s.compact,
	}
	if dirty {
		out.Write.Hard = r.hardState()
	}
	if r.log.unwritten <= r.log.last.Index {
		// The entries are in memory, so no error can come.
		out.Write.Entries, _, r.err = r.log.slice(
			r.log.unwritten, r.log.last.Index+1, math.MaxInt)
		r.log.unwritten = r.log.last.Index + 1
	}
	s.install, s.recorded, s.compact, s.hard = nil, nil, 0, false
	r.writes.Push(write{seq: r.seq, claim: r.log.last.Index, hard: r.hardState()})
}

// takeMessages hands out the messages; what rests on a write goes at once if none is under way.
func (r *Raft) takeMessages(out *Output) {
	s := &r.staged
	out.Send, s.send = s.send, out.Send
	if r.Writing() {
		out.AfterWrite, s.after = s.after, out.AfterWrite
		return
	}
	out.Send = append(out.Send, s.after...)
	clear(s.after)
	s.after = s.after[:0]
}

// Writing reports whether a write that was handed out is not durable yet.
func (r *Raft) Writing() bool { return r.writes.Len() > 0 }

// Replicating reports whether a voter that answers has yet to acknowledge entries.
func (r *Raft) Replicating() bool {
	for i := range r.peers {
		p := &r.peers[i]
		if p.inflight.len() > 0 && p.alive() && r.voters.Has(p.id) {
			return true
		}
	}
	return false
}

// Wrote tells that write seq, and all before it, is durable.
func (r *Raft) Wrote(seq uint64) {
	if r.err != nil {
		return
	}
	if seq > r.seq {
		assert.That(false, "write %d reported durable, newest is %d", seq, r.seq)
	}
	for r.writes.Len() > 0 && r.writes.At(0).seq <= seq {
		w := r.writes.Pop()
		r.log.durable = max(r.log.durable, w.claim)
		r.saved = w.hard
	}
	switch r.role {
	case Leader:
		if self := r.peer(r.c.ID); self != nil && self.match < r.log.durable {
			self.match = r.log.durable
			r.advanceCommit()
		}
	case Candidate:
		r.countOwnVote()
	}
	r.trim()
}

// Applied tells that the machine holds the state after the entry at i. What it says of a state
// before the one of an installed snapshot is ignored; after a rewinding it must not be told at all.
func (r *Raft) Applied(i core.Index) {
	if r.err != nil || i < r.restoring || i <= r.applied {
		return
	}
	if i > r.handed {
		assert.That(false, "entry %d reported applied, handed out are %d", i, r.handed)
	}
	r.restoring = 0
	r.applied = i
	r.applying.release(i)
	r.trim()
}

// trim lets go of entries in memory that nobody is likely to ask for. What a machine that is halted
// or slower than the log has yet to apply could be anything, and is on disk.
func (r *Raft) trim() {
	r.log.trim(r.c.CacheBytes, min(r.log.durable, r.applied))
	r.log.trim(r.c.CacheBytes+r.c.MaxApplyBytes, r.log.durable)
}

// send stages a message that rests on no write but the one that makes the current term durable: it
// stays behind until that is done.
func (r *Raft) send(m core.Message) {
	r.address(&m)
	if r.saved.Term != r.term {
		r.staged.after = append(r.staged.after, m)
		return
	}
	r.staged.send = append(r.staged.send, m)
}

// sendAfterWrite stages a message that must not leave before everything decided so far is durable.
func (r *Raft) sendAfterWrite(m core.Message) {
	r.address(&m)
	r.staged.after = append(r.staged.after, m)
}

// address fills in the sender and, unless the message speaks of another, the term.
func (r *Raft) address(m *core.Message) {
	m.Group, m.From = r.c.Group, r.c.ID
	if m.Term == 0 {
		m.Term = r.term
	}
}
