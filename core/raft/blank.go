package raft

import "github.com/tidelock-raft/tidelock/core"

// A replica that knows nothing, neither term nor entry, begins, as all do once; or its disk was
// lost, and it has forgotten entries that it acknowledged, and votes. It cannot tell. If it gave
// its vote to any log that is better than none, a candidate could win by it that lacks what it
// helped to commit. So a blank replica votes only among logs as empty as its own, which is how a
// group begins; from then on it only follows, until a leader has given it everything that was ever
// committed.
//
// This saves a group from the loss of disks by a minority, one after the other. It does not hold in
// the moments in which such a replica has been given a part, and restarts; nor for a vote in a term
// above that of the leader who feeds it; nor for one that joined the group later, which begins
// knowing no members: it may be the only other voter; nor while the log of another voter is empty,
// too, because it was cut off from the beginning on, may it have voted or not. Their two disks are
// then as they are in a group that is about to begin without its third voter, and such a group has
// to begin: nothing that the two could ask each other tells the one from the other.

func isBlank(self core.NodeID, st core.State) bool {
	member, begins := st.Snapshot.Membership.Find(self)
	return begins && member.Role&core.Voter != 0 &&
		st.Hard.Vote == 0 && st.Last == (core.Position{})
}

// fill ends the blankness once the log holds all that is committed, which a leader is known to know
// when an entry of its own term is (Raft §8).
func (r *Raft) fill(m core.Message) {
	if !r.blank || m.Commit == 0 || m.Commit > r.log.last.Index || r.err != nil {
		return
	}
	term, err := r.log.term(m.Commit)
	if err != nil {
		r.fail("read the term of the commit index", err)
		return
	}
	r.blank = term < m.Term
}
