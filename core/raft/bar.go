package raft

import "github.com/tidelock-raft/tidelock/core"

// Bar keeps this replica from leading, and with apply also from handing out entries to be applied,
// or lets it again. Its log is as good as any: it goes on to vote, to follow and to acknowledge, so
// that what counts on its disk still counts. A leader asks another to take over, and steps down.
func (r *Raft) Bar(lead, apply bool) {
	if r.err != nil {
		return
	}
	r.barred, r.halted = lead, apply
	if lead && r.role != Follower {
		r.yield()
	}
}

// yield steps down. A leader first asks whoever knows most to take over.
func (r *Raft) yield() {
	if r.role == Leader {
		if p := r.successor(); p != nil {
			r.send(core.Message{Kind: core.MsgTimeoutNow, To: p.id})
		}
	}
	r.becomeFollower(r.term, 0)
}

// Rebuild says whether the next snapshot that the leader sends is to replace the machine's state
// even if the log holds its position. It has to be newer than the newest recorded.
func (r *Raft) Rebuild(on bool) { r.rebuild = on }

// Snapshot returns the newest snapshot recorded, which is read-only.
func (r *Raft) Snapshot() *core.SnapshotMeta { return r.snapshot }

// rewind makes the machine begin anew at a snapshot that the log holds, and go through the entries
// after it once more. Log and hard state stay as they are. The snapshot is recorded, so that a
// restart begins there too.
func (r *Raft) rewind(s core.SnapshotMeta) {
	if s.Index <= r.snapshot.Index {
		return // the log may begin after it
	}
	term, err := r.log.term(s.Index)
	if err != nil {
		r.fail("read the term of a snapshot received", err)
		return
	}
	if term != s.Term {
		return // not a snapshot of what was committed here
	}
	r.rebuild = false
	r.snapshot = &s
	r.forgetEras()
	r.applying.clear()
	r.applied = min(r.applied, s.Index-1)
	r.handed, r.restoring = s.Index, s.Index
	r.staged.recorded, r.staged.restore = r.snapshot, r.snapshot
}
