// Package transporttest checks what core.Transport promises, against any implementation. A
// transport's own test is one call:
//
//	transporttest.Suite{Open: open}.Run(t)
//
// Each Check carries the sentence of core/transport.go that it enforces, and prints it when it
// fails. The suite sends no more than a network at rest must carry; what a transport does under
// faults of its own kind is for its own tests.
package transporttest

import (
	"cmp"
	"fmt"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// Node says who is to be opened.
type Node struct {
	ID      core.NodeID
	Cluster core.ClusterID
	Addr    core.Addr // empty: any; else where an earlier node was that has been closed since
}

// Open starts a node's transport and returns it with the address at which others find it. Nodes of
// one suite must be able to reach each other.
type Open func(n Node, inbox core.Inbox) (core.Transport, core.Addr, error)

// Suite runs the checks against one kind of transport.
type Suite struct {
	Open     Open
	Patience time.Duration // how long to wait for what must happen; default 20 s
	Quiet    time.Duration // how long to watch for what must not happen; default 150 ms
}

// Check is one promise.
type Check struct {
	Name string
	Rule string // the sentence of core/transport.go
	run  func(w *world) error
}

// Checks returns all checks.
func Checks() []Check {
	return []Check{
		{"Order", "Send hands messages for one node over, in order.", checkOrder},
		{"Faithful", "It never alters or invents one.", checkFaithful},
		{"Duplex", "Transport carries messages between nodes.", checkDuplex},
		{"Concurrent", "Send may be called from several goroutines.", checkConcurrent},
		{"NeverBlocks", "Send never blocks: what does not fit is dropped.", checkNeverBlocks},
		{"Bounded", "The queue for each address is bounded.", checkBounded},
		{"CallersSlice", "The slice is the caller's again when Send returns.", checkCallersSlice},
		{"ReadOnlyForEver", "What the messages point to is read-only for ever.", checkReadOnly},
		{"SlowPeer", "The queue for each address is bounded: a slow node holds up no other.",
			checkSlowPeer},
		{"Big", "It never alters one, however big; what does not fit is dropped.", checkBig},
		{"ManyPeers", "Transport carries messages between nodes, however many they are.",
			checkManyPeers},
		{"FullInbox", "Deliver returns how many of them, counted from the first, found room; " +
			"a transport drops the rest or waits before it reads on.", checkFullInbox},
		{"Unreachable", "Unreachable tells that messages to this address were or will be lost: " +
			"a connection broke or could not be made.", checkUnreachable},
		{"Reconnect", "A Transport may lose messages, but carries those that follow.", checkReconnect},
		{"Reborn", "A Transport carries the messages of a node that was started anew, and no others.",
			checkReborn},
		{"ForeignCluster", "It never accepts one from another cluster.", checkForeignCluster},
		{"WrongNode", "Send hands messages for one node over; no other gets them.", checkWrongNode},
		{"Impostor", "It never invents one: nobody speaks for another node.", checkImpostor},
		{"CloseIsFinal", "After Close has returned, no method of Inbox runs.", checkCloseIsFinal},
		{"CloseTwice", "A second Close returns ErrClosed.", checkCloseTwice},
		{"SendAfterClose", "Send does nothing after Close.", checkSendAfterClose},
	}
}

// Run runs every check as a subtest.
func (s Suite) Run(t *testing.T) {
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) {
			if err := s.Verify(c); err != nil {
				t.Error(err)
			}
		})
	}
}

// Verify runs one check. The error names the broken rule and how it was seen to be broken.
func (s Suite) Verify(c Check) error {
	s.Patience = cmp.Or(s.Patience, 20*time.Second)
	s.Quiet = cmp.Or(s.Quiet, 150*time.Millisecond)
	w := &world{suite: s}
	defer w.close()
	if err := c.run(w); err != nil {
		return fmt.Errorf("broken rule: %s\n%w", c.Rule, err)
	}
	return nil
}
