package main

// scenarios breaks what scenarios are staged for: each must fail its own.
var scenarios = []Mutant{
	{
		Name: "a call whose entry is gone from the log is called refused",
		File: "core/engine/group.go",
		Old:  "g.giveUp(g.calls.Last(), out)",
		New:  "g.refuse(g.calls.Last(), core.ErrBusy, out)",
		Test: "TestAmbiguousUnderSnapshot",
	}, {
		Name: "the log does not tell, and nobody does, where a leader is found",
		File: "core/engine/group.go",
		Old:  "case m.Kind == core.MsgPreVote, m.Kind == core.MsgAppend:",
		New:  "case m.Kind == core.MsgPreVote:",
		Test: "TestLaggardMeetsStranger",
	}, {
		Name: "a voter that lost its disk votes at once", File: "core/raft/blank.go",
		Old:  "return begins && member",
		New:  "return !begins && member",
		Test: "TestWipedPeerGetsSnapshot",
	}, {
		Name: "an election begins without a pre-vote", File: "core/raft/election.go",
		Old:  "\tif r.electable() {\n\t\tr.campaign()\n",
		New:  "\tif r.electable() {\n\t\tr.stand()\n",
		Test: "TestIsolatedNodeReturns",
	}, {
		Name: "a burst that is too much together is refused whole", File: "core/engine/group.go",
		Old:  "case hi-lo > 1 && (",
		New:  "case hi-lo > 1<<30 && (",
		Test: "TestNoQuorumBoundedMemory",
	}, {
		Name: "commands of any size are passed on", File: "core/engine/requests.go",
		Old:  "case len(q.Data) > e.config.MaxCommandBytes:",
		New:  "case len(q.Data) > 1<<30:",
		Test: "TestBigEntriesBounded",
	}, {
		Name: "entries to apply are handed out without a bound", File: "core/raft/output.go",
		Old:  "budget := r.c.MaxApplyBytes - r.applying.bytes",
		New:  "budget := 1 << 30",
		Test: "TestSlowApplyBoundedMemory",
	}, {
		Name: "chunks of a snapshot that overtake others are dropped", File: "core/node/receiving.go",
		Old:  "case m.Offset >= r.expect && len",
		New:  "case m.Offset == r.expect && len",
		Test: "TestLateNodeCatchesUpBySnapshot", Package: "core/node",
	},
}
