package tcp_test

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/tcp"
)

// printer is an inbox that passes on what it hears.
type printer chan string

func (p printer) Deliver(msgs []core.Message) int {
	for _, m := range msgs {
		p <- m.String()
	}
	return len(msgs)
}

func (p printer) Unreachable(to core.Addr) {}

func ExampleOpen() {
	heard := make(printer, 1)
	b, err := tcp.Open(tcp.Config{Node: 2, Cluster: 7, Listen: "127.0.0.1:0"}, heard)
	if err != nil {
		panic(err)
	}
	a, err := tcp.Open(tcp.Config{Node: 1, Cluster: 7, Listen: "127.0.0.1:0"}, heard)
	if err != nil {
		panic(err)
	}
	a.Send(b.Addr(), []core.Message{{Kind: core.MsgTimeoutNow, Group: 1, From: 1, To: 2, Term: 3}})
	fmt.Println(<-heard)
	_, _ = a.Close(), b.Close()
	// Output: 1->2 TimeoutNow group=1 term=3
}
