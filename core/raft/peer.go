package raft

import "github.com/tidelock-raft/tidelock/core"

// ballot is what a voter said in the current election.
type ballot uint8

const (
	silent ballot = iota
	granted
	refused
)

// peer is what is known of a member. All but the ballot is the leader's knowledge, begun anew with
// each leadership (Raft figure 2, nextIndex and matchIndex; thesis §10.2.1 for the pipeline).
type peer struct {
	id     core.NodeID
	member core.Member
	ballot ballot

	state    PeerState
	match    core.Index // its log equals ours up to here, durably
	next     core.Index // the next entry to send
	inflight ledger     // Appends with entries that are not answered; empty unless replicating
	waiting  bool       // probing: a probe is out; the next heartbeat repeats it
	active   bool       // it answered since the last check of the quorum
	before   bool       // it had, at that check
	current  bool       // at the last check, it held all that was committed at the one before

	hold     core.Index // what follows is kept in the log for it: see spare; zero: nothing is
	holdFrom uint64     // what Raft.grown was when that began
	holdAge  int        // ticks since then, as of the last check of the quorum

	beat       bool       // a heartbeat is due
	sentCommit core.Index // the newest commit index that it was told
	sentRound  uint64     // the newest round that it was asked to confirm
	round      uint64     // the newest round that it confirmed
	quick      bool       // rounds of reads ask it first: see Raft.asks
	priority   uint64     // what it says: see Config.Priority; never: it may not lead
	declined   bool       // it was asked to take over, and did not in time
	matched    uint64     // the newest round begun when match last rose
}

// probe makes the leader look for where the logs match, from next-1 down (Raft §5.3).
func (p *peer) probe(next core.Index) {
	p.state, p.next, p.waiting = Probing, max(next, p.match+1), false
	p.inflight.clear()
}

// replicate makes the leader stream entries: the logs match up to match.
func (p *peer) replicate() {
	p.state, p.next, p.waiting = Replicating, p.match+1, false
	p.inflight.clear()
}

// alive reports whether it answered lately.
func (p *peer) alive() bool { return p.active || p.before }

// barred reports whether the peer has said that it may not lead.
func (p *peer) barred() bool { return p.priority == never }

// behind reports whether it was not told of a commit index that its log has come up to.
func (p *peer) behind(commit core.Index) bool {
	return p.state == Replicating && p.sentCommit < min(commit, p.next-1)
}

// full reports whether no further entries may be in flight.
func (p *peer) full(c *Config) bool {
	return p.inflight.len() >= c.MaxInflight || p.inflight.bytes >= c.MaxInflightBytes
}
