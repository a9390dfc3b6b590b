package main

// consensus breaks core/raft and core/quorum: elections, replication, commit.
var consensus = []Mutant{
	{
		Name: "commit counts entries of an earlier term", File: "core/raft/replicate.go",
		Old: "if reached <= r.commit || reached < r.noop {",
		New: "if reached <= r.commit {",
	}, {
		Name: "commit counts the leader's own entries before they are durable",
		File: "core/raft/replicate.go",
		Old:  "\treached := quorum.Reached(r.voters, func(id core.NodeID) core.Index {\n",
		New: "\treached := quorum.Reached(r.voters, func(id core.NodeID) core.Index {\n" +
			"\t\tif id == r.c.ID {\n\t\t\treturn r.log.last.Index\n\t\t}\n",
	}, {
		Name: "entries are acknowledged before they are durable", File: "core/raft/follow.go",
		Old: "\tif late {\n\t\tr.sendAfterWrite(reply)",
		New: "\tif late {\n\t\tr.send(reply)",
	}, {
		Name: "a vote is told before it is durable", File: "core/raft/election.go",
		Old: "r.sendAfterWrite(core.Message{Kind: core.MsgVoteReply, To: m.From})",
		New: "r.send(core.Message{Kind: core.MsgVoteReply, To: m.From})",
	}, {
		Name: "a vote is not written", File: "core/raft/election.go",
		Old: "\t\tr.vote, r.blank = m.From, false\n\t\tr.staged.hard = true\n",
		New: "\t\tr.vote, r.blank = m.From, false\n",
	}, {
		Name: "a vote is forgotten in a restart", File: "core/raft/raft.go",
		Old: "term: st.Hard.Term, vote: st.Hard.Vote, saved",
		New: "term: st.Hard.Term, saved",
	}, {
		Name: "a vote is kept under a new term", File: "core/raft/raft.go",
		Old: "r.term, r.vote, r.echoed = term, 0, 0",
		New: "r.term, r.echoed = term, 0",
	}, {
		Name: "votes do not look at the candidate's log", File: "core/raft/election.go",
		Old: "return !m.Log.Before(r.log.last) && (!r.blank || m.Log == (core.Position{}))",
		New: "return m.Term > 0",
	}, {
		Name: "log matching looks at the index alone", File: "core/raft/follow.go",
		Old: "return term == p.Term",
		New: "return term != 0 || p.Term == 0",
	}, {
		Name: "a matching tail is cut off", File: "core/raft/follow.go",
		Old: "for len(entries) > 0 && r.matches(entries[0].Position) {",
		New: "for len(entries) > 0 && entries[0].Index <= r.commit {",
	}, {
		Name: "commit runs ahead of the log", File: "core/raft/follow.go",
		Old: "r.commit = max(r.commit, min(m.Commit, end))",
		New: "r.commit = max(r.commit, m.Commit)",
	}, {
		Name: "a write under way counts for an entry that was replaced", File: "core/raft/follow.go",
		Old:  "\tr.disclaim(from - 1)\n",
		New:  "",
		Test: "TestTranscripts/PersistAckAba", Package: "core/raft",
	}, {
		Name: "a snapshot leaves a conflicting log", File: "core/raft/snapshot.go",
		Old:  "case s.Index <= r.commit || r.matches(s.Position):",
		New:  "case s.Index <= r.log.last.Index:",
		Test: "TestTranscripts/InstallClearsConflicts", Package: "core/raft",
	}, {
		Name: "entries are applied before they are committed", File: "core/raft/output.go",
		Old: "hi := min(r.commit, r.log.durable)",
		New: "hi := r.log.durable",
	}, {
		Name: "entries are applied before they are durable", File: "core/raft/output.go",
		Old: "hi := min(r.commit, r.log.durable)",
		New: "hi := r.commit",
	}, {
		Name: "reads do not ask whether the leader still leads", File: "core/raft/reads.go",
		Old:  "r.round, r.commit\n\tr.confirmReads()\n",
		New:  "r.round, r.commit\n\tr.answerReads(q.index)\n",
		Test: "TestTranscripts/ReadQuorumExact", Package: "core/raft",
	}, {
		Name: "reads ask those who were quick even if they are no quorum", File: "core/raft/reads.go",
		Old:  "q.all = r.voters.Votes(r.isQuick) != quorum.Won",
		New:  "q.all = false",
		Test: "TestTranscripts/ReadAsksFew", Package: "core/raft",
	}, {
		Name: "reads that are not answered ask nobody else", File: "core/raft/replicate.go",
		Old:  "\tr.reads.all = true\n",
		Test: "TestTranscripts/ReadAsksFew", Package: "core/raft",
	}, {
		Name: "reads that are out do not notice that the voters changed", File: "core/raft/members.go",
		Old:  "\t\t\tr.confirmReads() // those who have answered",
		New:  "\t\t\t_ = 0 // those who have answered",
		Test: "TestTranscripts/ReadAcrossShrinking", Package: "core/raft",
	}, {
		Name: "reads do not wait for the first commit of the term", File: "core/raft/reads.go",
		Old: "if q.asked > 0 || q.waiting.Len() == 0 || r.commit < r.noop {",
		New: "if q.asked > 0 || q.waiting.Len() == 0 {",
	}, {
		Name: "of a joint membership the new majority decides", File: "core/quorum/quorum.go",
		Old:  "return min(reachedBy(j.Incoming, reached), reachedBy(j.Outgoing, reached))",
		New:  "return reachedBy(j.Incoming, reached)",
		Test: "TestTranscripts/ConfigRollsBackWithLog", Package: "core/raft",
	}, {
		Name: "voters change without a joint membership", File: "core/evolve.go",
		Old:  "if slices.Equal(m.With(Voter), Membership{Members: next}.With(Voter)) {",
		New:  "if true {",
		Test: "TestTranscripts/DisjointMajorities", Package: "core/raft",
	}, {
		Name: "learners count", File: "core/quorum/quorum.go",
		Old:  "return Joint{Incoming: m.With(core.Voter), Outgoing",
		New:  "return Joint{Incoming: m.With(core.Voter | core.Learner), Outgoing",
		Test: "TestTranscripts/LearnersDoNotCommit", Package: "core/raft",
	}, {
		Name: "a membership stays in force that was cut off", File: "core/raft/members.go",
		Old:  "for n > 1 && r.eras[n-1].from >= from {",
		New:  "for n > 1 && r.eras[n-1].from >= from && from == 0 {",
		Test: "TestTranscripts/ConfigRollsBackWithLog", Package: "core/raft",
	}, {
		Name: "half of the voters commit", File: "core/quorum/quorum.go",
		Old: "return sorted[(len(m)-1)/2]",
		New: "return sorted[len(m)/2]",
	}, {
		Name: "half of the voters elect", File: "core/quorum/quorum.go",
		Old: "need, yes, open := len(m)/2+1, 0, 0",
		New: "need, yes, open := (len(m)+1)/2, 0, 0",
	},
}
