package memory_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/memory"
	"github.com/tidelock-raft/tidelock/transport/transporttest"
)

func TestConformance(t *testing.T) {
	network := memory.NewNetwork()
	var named atomic.Int64
	open := func(n transporttest.Node, inbox core.Inbox) (core.Transport, core.Addr, error) {
		if n.Addr == "" {
			n.Addr = core.Addr(fmt.Sprintf("node-%d", named.Add(1)))
		}
		transport, err := network.Join(memory.Config{
			Node: n.ID, Cluster: n.Cluster, Addr: n.Addr,
		}, inbox)
		return transport, n.Addr, err
	}
	transporttest.Suite{Open: open}.Run(t)
}

// counter counts what it is given.
type counter struct{ delivered, unreachable atomic.Int64 }

func (c *counter) Deliver(msgs []core.Message) int {
	c.delivered.Add(int64(len(msgs)))
	return len(msgs)
}

func (c *counter) Unreachable(core.Addr) { c.unreachable.Add(1) }

// pair joins nodes 1 and 2 at addresses a and b.
func pair(t *testing.T, network *memory.Network) (a, b *memory.Transport, inA, inB *counter) {
	t.Helper()
	inA, inB = new(counter), new(counter)
	a, err := network.Join(memory.Config{Node: 1, Cluster: 1, Addr: "a"}, inA)
	if err != nil {
		t.Fatal(err)
	}
	b, err = network.Join(memory.Config{Node: 2, Cluster: 1, Addr: "b"}, inB)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b, inA, inB
}

func TestCutWorksOneWayUntilHealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memory.NewNetwork()
		a, b, inA, inB := pair(t, network)
		exchange := func(step string, wantA, wantB int64) {
			t.Helper()
			a.Send("b", []core.Message{{Kind: core.MsgAppend, From: 1, To: 2}})
			b.Send("a", []core.Message{{Kind: core.MsgAppend, From: 2, To: 1}})
			synctest.Wait()
			gotA, gotB := inA.delivered.Swap(0), inB.delivered.Swap(0)
			if gotA != wantA || gotB != wantB {
				t.Errorf("%s: a got %d and b got %d, want %d and %d", step, gotA, gotB, wantA, wantB)
			}
		}
		exchange("whole", 1, 1)
		network.Cut("a", "b")
		exchange("cut", 1, 0)
		network.Heal()
		exchange("healed", 1, 1)
		network.Isolate("a")
		exchange("isolated", 0, 0)
		network.Heal()
		network.Loss(1, 7)
		exchange("lossy", 0, 0)
		if inA.unreachable.Load()+inB.unreachable.Load() != 0 {
			t.Error("a cut was told as unreachable, want silence")
		}
	})
}

func TestLossFollowsItsProbabilityAndSeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memory.NewNetwork()
		a, _, _, inB := pair(t, network)
		var got [2]int64
		for i := range got {
			network.Loss(0.3, 42)
			for range 1000 {
				a.Send("b", []core.Message{{Kind: core.MsgAppend, From: 1, To: 2}})
			}
			synctest.Wait()
			got[i] = inB.delivered.Swap(0)
		}
		if got[0] != got[1] || got[0] < 650 || got[0] > 750 {
			t.Errorf("delivered %v of 1000, want about 700 and the same twice", got)
		}
	})
}

func TestAddressIsTakenOnce(t *testing.T) {
	network := memory.NewNetwork()
	a, _, _, _ := pair(t, network)
	_, err := network.Join(memory.Config{Node: 3, Cluster: 1, Addr: "a"}, nil)
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("one address for two nodes: got %v, want EADDRINUSE", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := network.Join(memory.Config{Node: 3, Cluster: 1, Addr: "a"}, new(counter))
	if err != nil {
		t.Fatalf("a free address was refused: %v", err)
	}
	_ = again.Close()
}

func TestJoinNeedsNodeClusterAndAddress(t *testing.T) {
	for _, c := range []memory.Config{
		{Cluster: 1, Addr: "a"}, {Node: 1, Addr: "a"}, {Node: 1, Cluster: 1},
	} {
		if _, err := memory.NewNetwork().Join(c, nil); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

func ExampleNetwork() {
	network := memory.NewNetwork()
	heard := make(chan core.Message, 1)
	a, _ := network.Join(memory.Config{Node: 1, Cluster: 7, Addr: "a"}, hear(heard))
	b, _ := network.Join(memory.Config{Node: 2, Cluster: 7, Addr: "b"}, hear(heard))

	a.Send("b", []core.Message{{Kind: core.MsgTimeoutNow, Group: 1, From: 1, To: 2, Term: 3}})
	fmt.Println(<-heard)

	_, _ = a.Close(), b.Close()
	// Output: 1->2 TimeoutNow group=1 term=3
}

// hear is an inbox that passes messages on.
type hear chan core.Message

func (h hear) Deliver(msgs []core.Message) int {
	for i, m := range msgs {
		select {
		case h <- m:
		default:
			return i
		}
	}
	return len(msgs)
}

func (h hear) Unreachable(core.Addr) {}
