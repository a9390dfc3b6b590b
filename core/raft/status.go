package raft

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
)

// Role is the part that a replica plays (Raft §5.1).
type Role uint8

// The roles.
const (
	Follower     Role = iota // answers, and waits for a leader
	PreCandidate             // asks whether an election could be won (thesis §9.6)
	Candidate                // stands for election
	Leader                   // the one that proposes

	roleCount
)

var roleNames = [roleCount]string{"follower", "pre-candidate", "candidate", "leader"}

// String names the role.
func (r Role) String() string {
	if r < roleCount {
		return roleNames[r]
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// PeerState is how a leader feeds a follower.
type PeerState uint8

// The peer states.
const (
	Probing      PeerState = iota // one message at a time, looking for where the logs match
	Replicating                   // a stream of messages, sent without waiting for answers
	Snapshotting                  // a snapshot is on its way; the log waits for it
)

var peerStates = [...]string{"probing", "replicating", "snapshotting"}

// String names the state.
func (s PeerState) String() string {
	if int(s) < len(peerStates) {
		return peerStates[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// Peer is what a leader knows of a member; on other replicas only ID and Member mean anything.
type Peer struct {
	ID       core.NodeID
	Member   core.Member
	State    PeerState
	Match    core.Index // its log is known to equal the leader's up to here, durably
	Next     core.Index // the next entry to send
	Inflight int        // Appends with entries that it has not answered
	Active   bool       // it answered since the check of the quorum before the last
	Barred   bool       // it has said that it may not lead
}

// Status describes a replica.
type Status struct {
	ID          core.NodeID
	Group       core.GroupID
	Role        Role
	Term        core.Term
	Vote        core.NodeID
	Leader      core.NodeID // zero: unknown
	Commit      core.Index
	Applied     core.Index
	First       core.Index // the first entry that the log holds, or would hold
	Last        core.Index
	Durable     core.Index  // the last entry known to be on disk
	Snapshot    core.Index  // of the newest snapshot recorded
	ReadyToRead bool        // leader that has committed an entry of its own term
	Removed     bool        // it is no member any more, for good
	Transfer    core.NodeID // to whom leadership is being handed over; zero: to nobody
	Counted     bool        // leader that has checked its quorum: Peer.Active says something
	Uncommitted int         // bytes of proposals not yet committed
	Membership  core.Membership
	Peers       []Peer // all members, this replica included, ascending by ID
}

// Status describes this replica as it is now.
func (r *Raft) Status() Status {
	s := Status{
		ID: r.c.ID, Group: r.c.Group,
		Role: r.role, Term: r.term, Vote: r.vote, Leader: r.leader,
		Commit: r.commit, Applied: r.applied,
		First: r.log.start.Index + 1, Last: r.log.last.Index, Durable: r.log.durable,
		Snapshot: r.snapshot.Index,
		Removed:  r.removed, Transfer: r.transfer.to, Counted: r.counted && r.role == Leader,
		ReadyToRead: r.role == Leader && r.commit >= r.noop,
		Uncommitted: r.uncommitted.bytes,
		Membership:  r.newest(),
	}
	for i := range r.peers {
		p := &r.peers[i]
		s.Peers = append(s.Peers, Peer{
			ID: p.id, Member: p.member, State: p.state, Match: p.match, Next: p.next,
			Inflight: p.inflight.len(), Active: p.alive(), Barred: p.barred(),
		})
	}
	return s
}
