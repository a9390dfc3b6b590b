// Package raftscript runs a cluster of core/raft replicas in memory, step by step, and lets text
// say the steps: it is the interpreter for the transcripts in core/raft/testdata, and the ground
// that the randomized tests of core/raft stand on.
//
// It is not a simulator: there is no clock, no engine, no real disk. A Cluster has a Disk for each
// node, on which writes become durable when told so, and a queue of messages for each pair of
// nodes, which are delivered, dropped, doubled or held when told so. After every step it checks
// the promises of Raft: see checker.go.
//
// A transcript is a text of blocks, each of them commands, a line ----, and the output expected, up
// to a blank line; see commands.go for the commands. Lines that begin with # are comments.
package raftscript
