package link_test

import (
	"fmt"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/link"
	"github.com/tidelock-raft/tidelock/transport/link/linktest"
)

// Everything holds for a transport that somebody else has written, too.
func TestConformance(t *testing.T) { linktest.Run(t, openLines) }

// printer is an inbox that passes on what it hears.
type printer chan string

func (p printer) Deliver(msgs []core.Message) int {
	for _, m := range msgs {
		p <- m.String()
	}
	return len(msgs)
}

func (p printer) Unreachable(core.Addr) {}

// Example opens a transport that was made of a Protocol; lines_test.go has it.
func Example() {
	heard := make(printer, 1)
	b, err := openLines(link.Config{Node: 2, Cluster: 7, Listen: "127.0.0.1:0"}, heard)
	if err != nil {
		panic(err)
	}
	a, err := openLines(link.Config{Node: 1, Cluster: 7, Listen: "127.0.0.1:0"}, heard)
	if err != nil {
		panic(err)
	}
	a.Send(b.Addr(), []core.Message{{Kind: core.MsgTimeoutNow, Group: 1, From: 1, To: 2, Term: 3}})
	fmt.Println(<-heard)
	_, _ = a.Close(), b.Close()
	// Output: 1->2 TimeoutNow group=1 term=3
}
