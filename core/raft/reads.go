package raft

import (
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/internal/ring"
	"github.com/tidelock-raft/tidelock/core/quorum"
)

// reads are the reads that wait for a confirmation, on the leader by a round of Appends, elsewhere
// by the leader's answer. One question is out at a time, on behalf of all that waited when it left.
type reads struct {
	waiting ring.Ring[read]
	own     int        // how many of waiting are this replica's own
	asked   int        // how many of waiting, from the front, the question is about
	number  uint64     // of the question: the leader's round, a follower's token
	all     bool       // leader: all voters are asked, for those who are quick may not be enough
	index   core.Index // leader: the commit index when the round began
	age     int        // follower: ticks since the question left
}

type read struct {
	token uint64
	from  core.NodeID // the follower that asks; zero: this replica's own
}

// round returns the round that is out, on a leader; zero if none is.
func (q *reads) round() uint64 {
	if q.asked == 0 {
		return 0
	}
	return q.number
}

// Read asks for an index that reflects everything committed before the call (thesis §6.4). The
// token comes back in Output.Reads, or in Output.LostReads when no answer is to be had. A replica
// that does not lead asks the leader. Errors: *core.NotLeaderError when no leader is known;
// core.ErrBusy when MaxReads wait.
func (r *Raft) Read(token uint64) error {
	switch {
	case r.err != nil:
		return r.err
	case r.leader == 0:
		return &core.NotLeaderError{}
	case r.reads.waiting.Len() >= r.c.MaxReads:
		return core.ErrBusy
	}
	r.reads.waiting.Push(read{token: token})
	r.reads.own++
	return nil
}

// Reading reports whether a Read of this replica waits for its confirmation.
func (r *Raft) Reading() bool { return r.reads.own > 0 }

// pop takes the first read out.
func (q *reads) pop() read {
	w := q.waiting.Pop()
	if w.from == 0 {
		q.own--
	}
	return w
}

// startRound begins a round of confirmation for the reads that wait, once the leader has committed
// an entry of its term: before that it may not know what was committed (thesis §6.4).
func (r *Raft) startRound() {
	q := &r.reads
	if q.asked > 0 || q.waiting.Len() == 0 || r.commit < r.noop {
		return
	}
	r.round++
	q.all = r.voters.Votes(r.isQuick) != quorum.Won
	q.asked, q.number, q.index = q.waiting.Len(), r.round, r.commit
	r.confirmReads()
}

// isQuick tells of a voter whether a round of confirmation asks it first.
func (r *Raft) isQuick(id core.NodeID) (quick, known bool) {
	return id == r.c.ID || r.peer(id).quick, true
}

// asks reports whether the round that is out asks a follower. More than a quorum need not be asked:
// those who made up the last one are, and the other voters if these have not answered by the next
// tick, or when one of them is found to be out of reach.
func (r *Raft) asks(p *peer) bool {
	return p.sentRound < r.reads.round() && (p.quick || r.reads.all && r.voters.Has(p.id))
}

// confirmReads releases the reads of a round that a quorum has answered: this replica was still the
// leader after they were asked (thesis §6.4).
func (r *Raft) confirmReads() {
	if r.reads.asked == 0 || r.confirmed() < r.reads.number {
		return
	}
	for i := range r.peers {
		p := &r.peers[i]
		p.quick = p.round >= r.reads.number && r.voters.Has(p.id)
	}
	r.answerReads(r.reads.index)
}

// Round returns the number of the newest round of this term in which a leader asked to be
// confirmed.
func (r *Raft) Round() uint64 { return r.round }

// Confirmed returns the newest round that a quorum has answered, of a leader that may serve reads
// by itself for a while, as those who answered promised not to vote (thesis §6.4.1); else zero.
// Once somebody was asked to take over, nothing of the kind holds in this term.
func (r *Raft) Confirmed() uint64 {
	if r.role != Leader || r.commit < r.noop || r.transfer.told {
		return 0
	}
	return r.confirmed()
}

func (r *Raft) confirmed() uint64 {
	return quorum.Reached(r.voters, func(id core.NodeID) uint64 {
		if id == r.c.ID {
			return r.round
		}
		return r.peer(id).round
	})
}

// answerReads releases the reads that the question was about.
func (r *Raft) answerReads(i core.Index) {
	q := &r.reads
	for ; q.asked > 0; q.asked-- {
		if w := q.pop(); w.from == 0 {
			r.staged.reads = append(r.staged.reads, ReadState{Token: w.token, Index: i})
		} else {
			r.send(core.Message{
				Kind: core.MsgReadIndexReply, To: w.from, Token: w.token, Commit: i,
			})
		}
	}
}

// abandonReads gives up the reads that the question was about.
func (r *Raft) abandonReads() {
	q := &r.reads
	for ; q.asked > 0; q.asked-- {
		if w := q.pop(); w.from == 0 {
			r.staged.lost = append(r.staged.lost, w.token)
		} else {
			r.send(core.Message{
				Kind: core.MsgReadIndexReply, To: w.from, Token: w.token, Reject: true,
			})
		}
	}
}

// loseReads gives up all reads: the leader that they rely on is no longer it.
func (r *Raft) loseReads() {
	r.reads.asked = r.reads.waiting.Len()
	r.abandonReads()
}

// askLeader asks the leader on behalf of the reads that wait here. The number does not come again
// after a restart, or an old answer could be taken for a new one.
func (r *Raft) askLeader() {
	q := &r.reads
	if r.err != nil || q.asked > 0 || q.waiting.Len() == 0 {
		return
	}
	q.number++
	q.asked, q.age = q.waiting.Len(), 0
	r.send(core.Message{Kind: core.MsgReadIndex, To: r.leader, Token: q.number})
}

// tickReads gives up a question that was not answered within an election timeout.
func (r *Raft) tickReads() {
	if r.reads.asked == 0 {
		return
	}
	if r.reads.age++; r.reads.age >= r.c.ElectionTicks {
		r.abandonReads()
	}
}

// readAnswered takes the leader's answer (thesis §6.4).
func (r *Raft) readAnswered(m core.Message) {
	switch {
	case r.reads.asked == 0 || m.Token != r.reads.number || m.From != r.leader:
	case m.Reject:
		r.abandonReads()
	default:
		r.answerReads(m.Commit)
	}
}

// serveRead puts a follower's question among the leader's own. Who asks is there to answer, and if
// it has just started, being asked is how it comes to know what it missed.
func (r *Raft) serveRead(m core.Message) {
	if r.reads.waiting.Len() >= r.c.MaxReads {
		r.refuseRead(m)
		return
	}
	if p := r.peer(m.From); p != nil {
		p.quick = true
	}
	r.reads.waiting.Push(read{token: m.Token, from: m.From})
}

// refuseRead answers that this replica does not lead, or has no room.
func (r *Raft) refuseRead(m core.Message) {
	r.send(core.Message{
		Kind: core.MsgReadIndexReply, To: m.From, Token: m.Token, Reject: true,
	})
}
