// Package raft is the Raft algorithm for one group: a pure automaton without clock, disk, network
// or goroutine. Its owner feeds it (Tick, Step, Propose, Read, Wrote, Applied, …) and carries out
// what Take hands back: messages to send, a write to make durable, entries to apply. One goroutine
// at a time uses a Raft; equal inputs give equal outputs.
//
// # Pipeline
//
// Nothing waits for the disk inside. Each Take may hand out a write with a number; the owner
// reports the number when the write is durable. Until then messages that rest on it stay behind
// (Output.AfterWrite), this replica's own vote and match do not count, and none of its entries are
// handed out to be applied. A leader's Appends do not wait: they leave beside its own write.
//
// # Messages
//
// An Append without entries is the heartbeat and goes through the same log matching as any other.
// Every Append with a round asks for an answer that echoes it; one of round zero only carries a
// commit index, and is answered when it does not fit. An accepted AppendReply without Log is an
// echo of the round alone: it confirms a leader at once, while the answer proper waits for a disk.
// In an Append the position zero stands before every log, and so matches every log.
//
// # Invariants
//
// Check verifies them; the transcripts and the randomized tests call it after every step.
//
//  1. start ≤ snapshot ≤ commit ≤ last, and start ≤ applied ≤ handed ≤ commit, in indexes.
//  2. durable ≤ last, and what was handed out to be applied is durable or stems from a snapshot
//     that is being installed.
//  3. The entries in memory follow each other without a gap, end at last, and their terms never
//     fall; those that are not handed out to be written are among them.
//  4. No entry has a term beyond the current one. A vote, once cast, stands until the term ends.
//  5. A leader's log holds the first entry of its term, and it is its own leader.
//  6. Peers are the members in force, ascending; match < next ≤ last+1 while one leads, and a
//     follower that is not replicating has nothing in flight.
//  7. Memberships ascend by index; the first is the one in force at the snapshot.
//  8. Bytes in flight, uncommitted and being applied are zero when nothing is.
//
// Comments cite the Raft paper (Ongaro and Ousterhout, 2014) as "Raft §5.2" and Ongaro's thesis as
// "thesis §9.6". Read next: raft.go for the entrances, election.go, replicate.go and follow.go for
// the protocol, journal.go for the log in memory; testdata for conversations to read.
package raft
