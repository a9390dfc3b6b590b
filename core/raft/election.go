package raft

import (
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/quorum"
)

// Campaign starts an election now, beginning with a pre-vote, unless this replica leads or may not.
func (r *Raft) Campaign() {
	if r.err == nil && r.role != Leader && r.electable() {
		r.campaign()
	}
}

// electable reports whether this replica may stand: it is not barred; it was not removed; it is a
// voter in a membership that may still come to count, be it only the last one known to be
// committed, as a change that takes its vote away may be in no log but its own (thesis §4.2.2); and
// its disk keeps up with the terms, as one that hangs would see a new term with every timeout.
func (r *Raft) electable() bool {
	if r.barred || r.removed || r.saved.Term != r.term || r.term >= maxTerm {
		return false
	}
	for n := len(r.eras) - 1; n >= 0; n-- {
		self, _ := r.eras[n].membership.Find(r.c.ID)
		if self.Role&(core.Voter|core.Outgoing) != 0 {
			return true
		}
		if r.eras[n].from <= r.commit {
			break
		}
	}
	return false
}

// timedOut campaigns, for want of a leader. A replica that may not stand at least stops believing
// in the old leader, so that it does not ignore those who do; and one without a vote knocks at the
// voters, who tell it should it have been removed: to be asked for a pre-vote commits nobody.
func (r *Raft) timedOut() {
	if r.electable() {
		r.campaign()
		return
	}
	r.restartTimer()
	r.becomeFollower(r.term, 0)
	if !r.removed && !r.voters.Has(r.c.ID) && r.term < maxTerm {
		r.askVoters(core.Message{Kind: core.MsgPreVote, Term: r.term + 1})
	}
}

// campaign asks whether an election could be won, before anybody's term is raised for it
// (thesis §9.6).
func (r *Raft) campaign() {
	r.restartTimer()
	r.loseReads()
	r.role, r.leader = PreCandidate, 0
	r.clearBallots()
	if self := r.peer(r.c.ID); self != nil {
		self.ballot = granted
	}
	r.askVoters(core.Message{Kind: core.MsgPreVote, Term: r.term + 1})
	r.tally((*Raft).stand)
}

// stand raises the term and stands for election (Raft §5.2).
func (r *Raft) stand() { r.standWith(false) }

// standWith stands for election; force says that the leader itself asked for it. Until the new
// term, and the vote with it, is durable, send holds the request back and the own vote does not
// count.
func (r *Raft) standWith(force bool) {
	r.restartTimer()
	r.loseReads()
	r.role, r.leader = Candidate, 0
	r.term, r.vote, r.echoed, r.blank = r.term+1, r.c.ID, 0, false
	r.staged.hard = true
	r.clearBallots()
	r.askVoters(core.Message{Kind: core.MsgVote, Force: force})
}

func (r *Raft) clearBallots() {
	for i := range r.peers {
		r.peers[i].ballot = silent
	}
}

func (r *Raft) askVoters(m core.Message) {
	for i := range r.peers {
		if p := &r.peers[i]; p.id != r.c.ID && r.voters.Has(p.id) {
			m.To, m.Log = p.id, r.log.last
			r.send(m)
		}
	}
}

// tally goes on to won, or back to being a follower, once the ballots decide.
func (r *Raft) tally(won func(*Raft)) {
	switch r.voters.Votes(func(id core.NodeID) (bool, bool) {
		b := r.peer(id).ballot
		return b == granted, b != silent
	}) {
	case quorum.Won:
		won(r)
	case quorum.Lost:
		r.becomeFollower(r.term, 0)
	}
}

// note records a ballot; the first one from each voter counts.
func (r *Raft) note(m core.Message) {
	p := r.peer(m.From)
	if p == nil || p.ballot != silent {
		return
	}
	p.ballot = granted
	if m.Reject {
		p.ballot = refused
	}
}

// countPreVote counts an answer to a pre-vote (thesis §9.6). A grant speaks of the term asked for,
// a refusal of the voter's own.
func (r *Raft) countPreVote(m core.Message) {
	if !m.Reject && m.Term != r.term+1 {
		return
	}
	r.note(m)
	r.tally((*Raft).stand)
}

// countVote counts an answer to RequestVote (Raft §5.2).
func (r *Raft) countVote(m core.Message) {
	r.note(m)
	r.tally((*Raft).becomeLeader)
}

// countOwnVote counts this candidate's vote for itself, which is durable now.
func (r *Raft) countOwnVote() {
	if r.saved.Term != r.term {
		return
	}
	if p := r.peer(r.c.ID); p != nil {
		p.ballot = granted
	}
	r.tally((*Raft).becomeLeader)
}

// sticky reports whether a live leader is known: this replica leads, or has heard from a leader
// within the shortest election timeout. Elections would then only disturb (thesis §4.2.3), and the
// leader may rely on it (thesis §6.4.1): so it holds, with leases, for one that has just started.
func (r *Raft) sticky() bool {
	return r.c.Leases && r.age < r.c.ElectionTicks ||
		r.leader != 0 && (r.role == Leader || r.elapsed < r.c.ElectionTicks)
}

// upToDate reports whether the candidate's log may lead: it lacks nothing that this one could have
// helped to commit (Raft §5.4.1), or could be found to have helped to, had it not forgotten.
func (r *Raft) upToDate(m core.Message) bool {
	return !m.Log.Before(r.log.last) && (!r.blank || m.Log == (core.Position{}))
}

// mayVote reports whether a vote in m's term is still this replica's to give to m.From. A node that
// does not know itself a voter votes too: the candidate may know better.
func (r *Raft) mayVote(m core.Message) bool {
	return m.Term > r.term || r.vote == m.From || r.vote == 0 && r.leader == 0
}

// answerPreVote says whether this replica would vote, and promises nothing (thesis §9.6): neither
// term, vote nor timer change.
func (r *Raft) answerPreVote(m core.Message) {
	if r.sticky() {
		return
	}
	if r.mayVote(m) && r.upToDate(m) {
		r.send(core.Message{Kind: core.MsgPreVoteReply, To: m.From, Term: m.Term})
		return
	}
	r.send(core.Message{Kind: core.MsgPreVoteReply, To: m.From, Reject: true})
}

// answerVote gives the vote of this term, once, to a candidate whose log may lead (Raft §5.2,
// §5.4.1). The grant leaves when it is durable.
func (r *Raft) answerVote(m core.Message) {
	if !r.mayVote(m) || !r.upToDate(m) {
		r.send(core.Message{Kind: core.MsgVoteReply, To: m.From, Reject: true})
		return
	}
	if r.vote != m.From {
		r.vote, r.blank = m.From, false
		r.staged.hard = true
	}
	r.elapsed, r.heard = 0, true
	r.sendAfterWrite(core.Message{Kind: core.MsgVoteReply, To: m.From})
}

// takeOver stands at once, because the leader asks for it (thesis §3.10).
func (r *Raft) takeOver(m core.Message) {
	if m.From == r.leader && r.electable() {
		r.standWith(true)
	}
}

// becomeLeader begins to lead: nothing is known of the others, and an entry of the own term lets
// the entries before it be committed (Raft §5.4.2, §8).
func (r *Raft) becomeLeader() {
	wall := r.snapshot.Time
	if r.log.last.Index > r.log.start.Index {
		last, err := r.log.entry(r.log.last.Index)
		if err != nil {
			r.fail("read the last entry", err)
			return
		}
		wall = last.Time
	}
	r.role, r.leader, r.wall = Leader, r.c.ID, wall
	r.elapsed, r.beat, r.round = 0, 0, 1
	r.transfer, r.mark, r.counted = transfer{}, r.log.last.Index, false
	r.uncommitted.clear()
	for i := range r.peers {
		p := &r.peers[i]
		*p = peer{id: p.id, member: p.member, next: r.log.last.Index + 1}
		if p.id == r.c.ID {
			p.match = r.log.durable
		}
	}
	r.noop = r.log.last.Index + 1
	r.append([]core.Entry{{Kind: core.EntryNoop}})
}
