package raft

import (
	"errors"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/quorum"
)

// ErrProposal is returned by Propose for an entry that no log may hold.
var ErrProposal = errors.New("raft: entry cannot be proposed")

// Propose appends entries to the leader's log, all of them or, with an error, none. It fills in the
// Position of each, and raises its Time to that of the entry before. What becomes of them shows in
// Output.Apply, or in Output.DroppedFrom.
//
// Errors: *core.NotLeaderError; core.ErrBusy while too many bytes are not committed, while
// leadership is being handed over or given up, or while an earlier change of membership, or the
// leader's first entry, is not committed and one of entries would change it; core.ErrTooLarge for
// an entry beyond MaxMessageBytes or entries that together are beyond MaxUncommittedBytes;
// ErrProposal for an unknown kind; core.ErrMembership for a membership that is not valid, that
// brings a removed node back or forgets one, or that must not follow the one in force without a
// joint one between them.
func (r *Raft) Propose(entries []core.Entry) error {
	if r.err != nil {
		return r.err
	}
	if r.role != Leader {
		return &core.NotLeaderError{Leader: r.leader}
	}
	bytes := 0
	for i := range entries {
		e := &entries[i]
		bytes += e.Size()
		switch {
		case e.Size() > r.c.MaxMessageBytes || bytes > r.c.MaxUncommittedBytes:
			return core.ErrTooLarge
		case !e.Kind.Valid():
			return fmt.Errorf("%w: it is of %v", ErrProposal, e.Kind)
		}
	}
	if bytes > r.c.MaxUncommittedBytes-r.uncommitted.bytes || r.transfer.pending() {
		return core.ErrBusy
	}
	if err := r.checkChanges(entries); err != nil {
		return err
	}
	r.append(entries)
	if bytes > 0 {
		r.uncommitted.add(r.log.last.Index, bytes)
	}
	return nil
}

// checkChanges lets one change of membership be under way at a time, none before the leader has
// committed an entry of its own term, and none to voters of whom a quorum need not meet one of
// those in force: two leaders could otherwise decide in ignorance of each other (thesis §4.1).
func (r *Raft) checkChanges(entries []core.Entry) error {
	pending := !r.settled()
	for i := range entries {
		if entries[i].Kind != core.EntryMembership {
			continue
		}
		next, err := membershipOf(&entries[i])
		switch {
		case err != nil:
			return err
		case pending:
			return core.ErrBusy
		case !r.voters.Meets(quorum.FromMembership(next)):
			return fmt.Errorf("%w: a quorum of %v need not meet one of %v",
				core.ErrMembership, r.newest(), next)
		}
		if err := next.Follows(r.newest()); err != nil {
			return err
		}
		pending = true
	}
	return nil
}

// append adds entries of the own term to the leader's log, which only grows (Raft §5.3).
func (r *Raft) append(entries []core.Entry) {
	for i := range entries {
		e := &entries[i]
		e.Position = core.Position{Term: r.term, Index: r.log.last.Index + 1 + core.Index(i)}
		e.Time = max(e.Time, r.wall)
		r.wall = e.Time
		r.grown += uint64(e.Size())
	}
	r.log.append(entries)
	r.adopt(entries)
}

// tickLeader sends heartbeats, and steps down when no quorum answers (thesis §6.2): clients are
// better off looking for a leader that can commit. Heartbeats are due by the ticks since the start
// and not since the election, so that all groups that a node leads send theirs at the same time.
func (r *Raft) tickLeader() {
	r.reads.all = true
	if r.beat++; r.ticks == 0 {
		r.beat = 0
		r.round++
		for i := range r.peers {
			r.peers[i].beat = true
		}
	}
	r.tickTransfer()
	if r.elapsed < r.c.ElectionTicks {
		return
	}
	r.elapsed = 0
	if r.voters.Votes(func(id core.NodeID) (bool, bool) {
		return id == r.c.ID || r.peer(id).active, true
	}) != quorum.Won {
		r.becomeFollower(r.term, 0)
		return
	}
	for i := range r.peers {
		p := &r.peers[i]
		p.current, p.before, p.active = p.active && p.match >= r.mark, p.active, false
		if p.holdAge += r.c.ElectionTicks; p.current {
			p.hold = 0
		}
	}
	r.mark, r.counted = r.commit, true
	r.favour()
}

// lead builds what each follower is to be sent now.
func (r *Raft) lead() {
	r.evolve()
	r.startRound()
	for i := range r.peers {
		if p := &r.peers[i]; p.id != r.c.ID && r.err == nil {
			r.feed(p)
		}
	}
	r.handOver()
	r.retire()
}

// feed sends a follower the entries it can take, or else whatever must not wait for the next ones:
// a heartbeat, a round to confirm, or the commit index. That one waits for the leader's own write
// under way: what is proposed meanwhile takes it along, which spares a busy group half of its
// messages.
func (r *Raft) feed(p *peer) {
	if p.state != Snapshotting && p.next <= r.log.start.Index {
		if p.active {
			r.sendSnapshot(p)
		} else if p.state == Replicating {
			p.probe(p.next) // until it answers: no snapshot for a node that is down
		}
	}
	switch p.state {
	case Probing:
		if !p.waiting {
			p.waiting = true
			r.sendEntries(p, r.c.MaxMessageBytes)
		} else if p.beat {
			r.sendEntries(p, 0)
		}
	case Replicating:
		for p.state == Replicating && p.next <= r.log.last.Index && !p.full(&r.c) && r.err == nil {
			r.sendEntries(p, r.c.MaxMessageBytes)
		}
	}
	asked := p.beat || r.asks(p)
	if asked || !r.Writing() && p.behind(r.commit) {
		r.sendAppend(p, nil, asked)
	}
}

// sendEntries sends entries from p.next on: at least one, if there is any, and up to maxBytes.
func (r *Raft) sendEntries(p *peer, maxBytes int) {
	if p.next <= r.log.start.Index || p.next > r.log.last.Index {
		r.sendAppend(p, nil, true)
		return
	}
	entries, bytes, err := r.log.slice(p.next, r.log.last.Index+1, maxBytes)
	switch {
	case errors.Is(err, core.ErrCompacted):
		r.sendSnapshot(p)
		return
	case err != nil:
		r.fail("read entries to send", err)
		return
	}
	r.sendAppend(p, entries, true)
	if p.state == Replicating {
		p.next += core.Index(len(entries))
		p.inflight.add(p.next-1, bytes)
	}
}

// sendAppend sends AppendEntries (Raft §5.3). While the log is of no use to the follower, because
// it begins too late or a snapshot is on its way, the message matches every log and commits
// nothing.
func (r *Raft) sendAppend(p *peer, entries []core.Entry, asked bool) {
	m := core.Message{Kind: core.MsgAppend, To: p.id, Entries: entries}
	if p.state != Snapshotting && p.next > r.log.start.Index {
		term, err := r.log.term(p.next - 1)
		if err != nil {
			r.fail("read the term before entries to send", err)
			return
		}
		m.Log = core.Position{Term: term, Index: p.next - 1}
		m.Commit = r.commit
		p.sentCommit = min(r.commit, m.Log.Index+core.Index(len(entries)))
	}
	if asked {
		m.Round = r.round
		p.sentRound, p.beat = r.round, false
	}
	r.send(m)
}

// appendAnswered learns from an answer to AppendEntries or InstallSnapshot (Raft §5.3).
func (r *Raft) appendAnswered(m core.Message) {
	p := r.peer(m.From)
	if p == nil || m.Round > r.round || !m.Reject && m.Log.Index > r.log.last.Index {
		return
	}
	p.active, p.priority = true, m.Token
	if m.Round > p.round {
		p.round = m.Round
		r.confirmReads()
	}
	switch {
	case m.Reject:
		r.appendRejected(p, m)
	case m.Log.Index > 0:
		r.appendAccepted(p, m.Log.Index)
	}
}

// appendAccepted moves a follower on: its log matches up to i.
func (r *Raft) appendAccepted(p *peer, i core.Index) {
	news := i > p.match
	if news {
		p.match, p.matched = i, r.round
		if p.hold > 0 {
			p.hold = max(p.hold, i)
		}
	}
	p.next = max(p.next, i+1)
	p.inflight.release(i)
	switch p.state {
	case Probing:
		if news || i == p.next-1 {
			p.waiting = false
			if p.match >= r.log.start.Index {
				p.replicate()
			} else {
				p.next = p.match + 1
			}
		}
	case Snapshotting:
		if p.match >= r.log.start.Index {
			p.replicate()
		}
	}
	if news {
		r.advanceCommit()
	}
}

// appendRejected looks further down in the log (Raft §5.3). The follower names the last position of
// its log that could match; from there the leader skips the terms that the follower cannot have, so
// each exchange settles at least a whole term.
func (r *Raft) appendRejected(p *peer, m core.Message) {
	switch {
	case m.Log.Index == 0 || p.state == Snapshotting:
		return
	case m.Log.Index <= p.match:
		// Mostly an answer from long ago. But if the question was asked after the follower had
		// matched, the follower has lost its log since.
		if m.Round <= p.matched {
			return
		}
		p.match = 0
	case p.state == Probing && m.Log.Index != p.next-1:
		return
	}
	hint := min(m.Hint.Index, m.Log.Index-1, r.log.last.Index)
	if hint < r.log.start.Index {
		p.probe(hint + 1)
		return
	}
	at, err := r.log.atMost(m.Hint.Term, r.log.start.Index, hint)
	if err != nil {
		r.fail("look for where logs match", err)
		return
	}
	next := at.Index + 1
	if at.Term > m.Hint.Term {
		next = at.Index // not even the oldest position can match
	}
	p.probe(next)
}

// advanceCommit commits what a quorum holds durably, but by counting only entries of the own term:
// an earlier one could still be replaced (Raft §5.4.2).
func (r *Raft) advanceCommit() {
	reached := quorum.Reached(r.voters, func(id core.NodeID) core.Index {
		return r.peer(id).match
	})
	if reached <= r.commit || reached < r.noop {
		return
	}
	before := r.commit
	r.commit = reached
	r.uncommitted.release(reached)
	r.sayFarewell(before)
}

// Unreachable tells that messages to a node were lost: what is in flight is not counted upon.
func (r *Raft) Unreachable(id core.NodeID) {
	p := r.peer(id)
	if p == nil || r.role != Leader {
		return
	}
	r.reads.all = r.reads.all || p.quick
	if p.quick = false; p.state == Replicating {
		p.probe(p.match + 1)
		p.waiting = true
	}
}
