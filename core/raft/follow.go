package raft

import (
	"math"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/internal/assert"
)

// hear notes a sign of life from the leader of this term, and reports whether it is the leader: in
// one term there is but one, so another's word is not to be trusted.
func (r *Raft) hear(from core.NodeID) bool {
	if r.leader != 0 && r.leader != from {
		return false
	}
	r.becomeFollower(r.term, from)
	r.elapsed, r.heard = 0, true
	return true
}

// followAppend makes the log equal the leader's up to the end of the message (Raft §5.3).
func (r *Raft) followAppend(m core.Message) {
	if !r.hear(m.From) {
		return
	}
	prev, entries := m.Log, m.Entries
	end := prev.Index + core.Index(len(entries))
	if end <= r.commit {
		r.acceptAppend(m, r.commit) // the leader of this term has all that was ever committed
		return
	}
	if skip := int(r.commit) - int(prev.Index); skip > 0 {
		// What is committed matches for certain, and the log may no longer hold it.
		prev, entries = entries[skip-1].Position, entries[skip:]
	}
	if !r.matches(prev) {
		r.rejectAppend(m)
		return
	}
	r.merge(entries)
	r.commit = max(r.commit, min(m.Commit, end))
	r.fill(m)
	r.acceptAppend(m, end)
}

// matches reports whether this log holds the position, which is not below commit.
func (r *Raft) matches(p core.Position) bool {
	if p.Index > r.log.last.Index || r.err != nil {
		return false
	}
	term, err := r.log.term(p.Index)
	if err != nil {
		r.fail("read the term before entries received", err)
	}
	return term == p.Term
}

// merge appends the entries that the log lacks. Only a conflict cuts the log: a message from long
// ago may end before the log does, and what follows may be committed by now.
func (r *Raft) merge(entries []core.Entry) {
	for len(entries) > 0 && r.matches(entries[0].Position) {
		entries = entries[1:]
	}
	if len(entries) == 0 || r.err != nil {
		return
	}
	if first := entries[0].Index; first <= r.log.last.Index {
		r.truncate(first)
	}
	r.log.append(entries)
	r.adopt(entries)
}

// truncate cuts off entries that the leader does not have, from index from on. Writes under way may
// hold such entries: what they claim to make durable is cut too.
func (r *Raft) truncate(from core.Index) {
	assert.That(from > r.commit, "entry %d conflicts, commit is %d", from, r.commit)
	term, err := r.log.term(from - 1)
	if err != nil {
		r.fail("read the term before a conflict", err)
		return
	}
	r.log.truncate(core.Position{Term: term, Index: from - 1})
	r.disclaim(from - 1)
	r.rollback(from)
	r.dropped(from)
}

// disclaim takes back what writes under way claim beyond i.
func (r *Raft) disclaim(i core.Index) {
	for n := range r.writes.Len() {
		w := r.writes.At(n)
		w.claim = min(w.claim, i)
	}
}

// dropped notes that the log changed from index from on.
func (r *Raft) dropped(from core.Index) {
	if r.staged.dropped == 0 || from < r.staged.dropped {
		r.staged.dropped = from
	}
}

// acceptAppend answers that the log matches up to i, once it is durable up to there. A round that
// was not answered yet is echoed at once: that this node follows rests on no disk.
func (r *Raft) acceptAppend(m core.Message, i core.Index) {
	if r.err != nil || m.Kind == core.MsgAppend && m.Round == 0 && len(m.Entries) == 0 {
		return // it only carried a commit index
	}
	reply := core.Message{Kind: core.MsgAppendReply, To: m.From, Round: m.Round,
		Token: r.rank()}
	late := i > r.log.durable
	if late && m.Round > r.echoed {
		r.send(reply)
	}
	r.echoed = max(r.echoed, m.Round)
	term, err := r.log.term(i)
	if err != nil {
		r.fail("read the term at the end of entries received", err)
		return
	}
	reply.Log = core.Position{Term: term, Index: i}
	if late {
		r.sendAfterWrite(reply)
	} else {
		r.send(reply)
	}
}

// rejectAppend answers that the position before the entries is not in the log, and names the last
// one that could match: not after the leader's, and of no later term (Raft §5.3).
func (r *Raft) rejectAppend(m core.Message) {
	if r.err != nil {
		return
	}
	r.echoed = max(r.echoed, m.Round)
	hint, err := r.log.atMost(m.Log.Term, r.commit, min(m.Log.Index-1, r.log.last.Index))
	if err != nil {
		r.fail("look for where logs match", err)
		return
	}
	r.send(core.Message{
		Kind: core.MsgAppendReply, To: m.From, Reject: true,
		Log: m.Log, Hint: hint, Round: m.Round, Token: r.rank(),
	})
}

// never is what a replica answers instead of its priority if it may not lead.
const never = math.MaxUint64

// rank is what this replica says of itself to a leader that would rather hand over.
func (r *Raft) rank() uint64 {
	if r.barred || r.removed {
		return never
	}
	return uint64(r.c.Priority)
}
