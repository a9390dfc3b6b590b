package raft

import (
	"errors"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
)

// The errors of Snapshotted; the log is then as it was.
var (
	// ErrOutdated is returned for a snapshot older than the newest recorded.
	ErrOutdated = errors.New("raft: a newer snapshot is recorded")
	// ErrSnapshot is returned for a snapshot that this replica's machine cannot have taken.
	ErrSnapshot = errors.New("raft: snapshot does not fit the log")
)

// Snapshotted tells that the body of a snapshot that this machine took is durable. It is recorded,
// and the log up to compact is forgotten, compact ≤ meta.Index ≤ applied (Raft §7), or less of it
// while a follower needs the rest: see Config.MaxHoldBytes. meta.Membership is what MembershipAt
// says. With the newest snapshot once more, only the log is cut. Errors: ErrOutdated, ErrSnapshot,
// core.ErrMembership.
func (r *Raft) Snapshotted(meta core.SnapshotMeta, compact core.Index) error {
	switch {
	case r.err != nil:
		return r.err
	case meta.Index < r.snapshot.Index:
		return ErrOutdated
	case meta.Index > r.applied || compact > meta.Index:
		return fmt.Errorf("%w: snapshot at %d, cut at %d, applied %d",
			ErrSnapshot, meta.Index, compact, r.applied)
	}
	if err := meta.Membership.Check(); err != nil {
		return err
	}
	term, err := r.log.term(meta.Index)
	if err != nil {
		r.fail("read the term of a snapshot", err)
		return r.err
	}
	if term != meta.Term {
		return fmt.Errorf("%w: snapshot at %v, the log has term %d", ErrSnapshot, meta.Position, term)
	}
	if meta.Index > r.snapshot.Index {
		r.snapshot, r.staged.recorded = &meta, &meta
		r.forgetEras()
	}
	return r.cut(r.spare(compact))
}

// spare returns up to where the log may be cut for the sake of followers to whom a snapshot was
// sent: what follows it is kept until they have caught up. One whose transfer takes longer than it
// takes to compact would otherwise need the next snapshot as soon as it had this one, for ever. But
// neither may one that never gets there hold the log for ever.
func (r *Raft) spare(i core.Index) core.Index {
	for n := range r.peers {
		p := &r.peers[n]
		if r.role == Leader && p.hold > 0 && p.holdAge < r.c.MaxHoldTicks &&
			r.grown-p.holdFrom < uint64(r.c.MaxHoldBytes) {
			i = min(i, p.hold)
		}
	}
	return i
}

// cut forgets the log up to i.
func (r *Raft) cut(i core.Index) error {
	if i <= r.log.start.Index {
		return nil
	}
	term, err := r.log.term(i)
	if err != nil {
		r.fail("read the term of the last entry to forget", err)
		return r.err
	}
	r.log.compact(core.Position{Term: term, Index: i})
	r.staged.compact = i
	return nil
}

// sendSnapshot sends the newest snapshot instead of entries that the log no longer holds (Raft §7).
// The owner transfers the body and tells SnapshotFailed should that break off.
func (r *Raft) sendSnapshot(p *peer) {
	p.state, p.waiting = Snapshotting, false
	p.inflight.clear()
	p.hold, p.holdFrom, p.holdAge = r.snapshot.Index, r.grown, 0
	r.send(core.Message{Kind: core.MsgSnapshot, To: p.id, Snapshot: r.snapshot})
}

// SnapshotFailed tells that the transfer of a snapshot to a node broke off. The next heartbeat
// tries again.
func (r *Raft) SnapshotFailed(id core.NodeID) {
	if p := r.peer(id); p != nil && r.role == Leader && p.state == Snapshotting {
		p.probe(p.match + 1)
		p.waiting, p.active, p.hold = true, false, 0
	}
}

// followSnapshot takes the leader's snapshot, whose body is on this node (Raft §7). A log that
// already holds its position keeps all it has, and only a machine that is to be rebuilt goes back
// to it; any other log is replaced as a whole.
func (r *Raft) followSnapshot(m core.Message) {
	if !r.hear(m.From) {
		return
	}
	s := *m.Snapshot
	switch {
	case s.Index <= r.commit || r.matches(s.Position):
		r.commit = max(r.commit, s.Index)
		if r.rebuild {
			r.rewind(s)
		}
		r.acceptAppend(m, r.commit)
	case r.err == nil:
		r.install(s)
		r.acceptAppend(m, s.Index)
	}
}

// install makes log and machine begin anew after the snapshot. Nothing of the new log is durable
// yet, and what is still being applied of the old one does not count any more.
func (r *Raft) install(s core.SnapshotMeta) {
	if r.log.last.Index > r.commit {
		r.dropped(r.commit + 1)
	}
	r.log.reset(s.Position)
	r.disclaim(0)
	r.rebuild = false
	r.snapshot = &s
	r.eras = []era{{s.Index, s.Membership}}
	r.arrange()
	r.commit, r.handed, r.restoring = s.Index, s.Index, s.Index
	r.applying.clear()
	r.staged.install, r.staged.restore = r.snapshot, r.snapshot
	r.staged.recorded, r.staged.compact = nil, 0
}
