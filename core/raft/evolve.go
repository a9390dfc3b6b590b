package raft

import (
	"slices"

	"github.com/tidelock-raft/tidelock/core"
)

// settled reports whether the next change of membership may begin: the one in force is committed,
// and so is the leader's first entry (thesis §4.1, with the correction of 2015).
func (r *Raft) settled() bool {
	return r.commit >= r.noop && r.eras[len(r.eras)-1].from <= r.commit
}

// Settled reports whether this replica leads and no change of membership is under way.
func (r *Raft) Settled() bool { return r.role == Leader && r.commit >= r.noop && r.Concluded() }

// Concluded reports whether the newest membership is committed, and not joint.
func (r *Raft) Concluded() bool {
	return r.eras[len(r.eras)-1].from <= r.commit && !r.newest().Joint()
}

// Removed reports whether this replica knows that it is no member any more.
func (r *Raft) Removed() bool { return r.removed }

// Addr returns where a node is to be found, or was to be found when it was a member last, as far as
// the log still tells.
func (r *Raft) Addr(id core.NodeID) (core.Addr, bool) {
	for n := len(r.eras) - 1; n >= 0; n-- {
		if member, ok := r.eras[n].membership.Find(id); ok {
			return member.Addr, true
		}
	}
	return "", false
}

// evolve carries changes of membership on, as the leader's own doing: a joint one is left once it
// is committed, also one that an earlier leader began (Raft §6), and learners that are joining
// become voters when they have caught up (thesis §4.2.1).
func (r *Raft) evolve() {
	if r.transfer.pending() || !r.settled() {
		return
	}
	before := r.newest()
	var next core.Membership
	if before.Joint() {
		next = before.Leave()
	} else if members := r.promoted(before); members != nil {
		next = before.Enter(members)
	} else {
		return
	}
	data, err := next.AppendBinary(nil)
	if err != nil {
		r.fail("encode a membership", err)
		return
	}
	r.append([]core.Entry{{Kind: core.EntryMembership, Data: data}})
}

// promoted returns the members with those joining learners made voters that have caught up, which
// came to hold within one election timeout all that was committed before it; nil if none has.
func (r *Raft) promoted(m core.Membership) []core.Member {
	var next []core.Member
	for i, member := range m.Members {
		if member.Role&core.Joining == 0 || !r.peers[i].current {
			continue
		}
		if next == nil {
			next = slices.Clone(m.Members)
		}
		next[i].Role = core.Voter
	}
	return next
}

// retire steps down once the membership without this replica is committed (Raft §6), and with it
// all that was proposed: whoever is asked to take over then lacks nothing, so it is elected at
// once, and nobody's command is in doubt. Until then nothing more can be proposed. Where no quorum
// answers, the check of the quorum ends it.
func (r *Raft) retire() {
	if r.voters.Has(r.c.ID) || r.eras[len(r.eras)-1].from > r.commit {
		return
	}
	r.transfer.last = true
	if r.commit < r.log.last.Index {
		return
	}
	r.yield()
	r.removed = r.newest().Gone(r.c.ID)
}

// sayFarewell tells the nodes that they are out, once the membership that leaves them out, after
// index since, is committed. If that is lost, they ask: see dismiss.
func (r *Raft) sayFarewell(since core.Index) {
	for i := 1; i < len(r.eras); i++ {
		if at := r.eras[i].from; at <= since || at > r.commit {
			continue
		}
		for _, member := range r.eras[i-1].membership.Members {
			if member.ID != r.c.ID && r.eras[i].membership.Gone(member.ID) {
				r.bid(member.ID)
			}
		}
	}
}

func (r *Raft) bid(to core.NodeID) {
	r.send(core.Message{Kind: core.MsgRemoved, To: to, Commit: r.commit})
}

// gone reports whether a node was removed, as far as is committed here. A leader that removes
// itself is listened to until its term ends.
func (r *Raft) gone(id core.NodeID) bool {
	return r.peer(id) == nil && id != r.leader && r.MembershipAt(r.commit).Gone(id)
}

// dismiss answers a node that was removed and does not know: it must neither be elected nor have
// elections held (thesis §4.2.3). Whatever else it says does not count.
func (r *Raft) dismiss(m core.Message) {
	switch m.Kind {
	case core.MsgPreVote, core.MsgVote, core.MsgReadIndex:
		r.bid(m.From)
	}
}

// expelled hears that this replica was removed: it never stands again.
func (r *Raft) expelled() {
	if r.role == Leader || r.removed {
		return // a leader steps down by its own log
	}
	r.removed = true
	r.becomeFollower(r.term, 0)
}
