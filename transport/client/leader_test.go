package client_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/api/native"
	"github.com/tidelock-raft/tidelock/transport/client"
)

func TestLeaderIsFoundAndRemembered(t *testing.T) {
	nodes := newCluster(t, 3)
	nodes.follow(3)
	for seed := range uint64(6) {
		c := open(t, client.Config{Endpoints: nodes.addrs()[:2], Seed: seed + 1})
		for range 3 {
			if got, err := c.Do(t.Context(), put("x")); err != nil || got.Node != 3 {
				t.Fatalf("got node %d, %v, want 3", got.Node, err)
			}
		}
		if got := c.Endpoints(); !slices.Contains(got, nodes[2].addr()) {
			t.Errorf("endpoints %v do not have the leader's", got)
		}
	}
	if n := nodes[0].asked.Load() + nodes[1].asked.Load(); n != 6 {
		t.Errorf("6 clients asked followers %d times, want once each", n)
	}
}

// TestForwardedReplyLeadsToTheLeader has a follower answer for the leader, and say who it is.
func TestForwardedReplyLeadsToTheLeader(t *testing.T) {
	nodes := newCluster(t, 2)
	nodes[0].set(func(core.Request) *core.Reply { return &core.Reply{Leader: 2} })
	c := open(t, client.Config{Endpoints: nodes.addrs()[:1]})
	for _, want := range []core.NodeID{1, 2, 2} {
		if got, err := c.Do(t.Context(), put("x")); err != nil || got.Node != want {
			t.Fatalf("got node %d, %v, want %d", got.Node, err, want)
		}
	}
}

// TestLeaderIsFoundByItsNumber has followers answer for a leader whose API address they do not
// know, or one that the client cannot reach.
func TestLeaderIsFoundByItsNumber(t *testing.T) {
	for _, address := range []string{"", "elsewhere"} {
		t.Run(address, func(t *testing.T) { findByNumber(t, address) })
	}
}

func findByNumber(t *testing.T, address string) {
	const leader = 3
	var addrs []string
	for id := range core.NodeID(4) {
		n := &node{id: id + 1}
		n.set(func(r core.Request) *core.Reply { return &core.Reply{Leader: leader} })
		n.start(t, native.Config{APIAddr: func(core.NodeID) string { return address }})
		addrs = append(addrs, n.addr())
	}
	for seed := range uint64(4) {
		c := open(t, client.Config{Endpoints: addrs, Seed: seed + 1,
			Dial: func(ctx context.Context, to string) (net.Conn, error) {
				if to == "elsewhere" {
					return nil, errors.New("no route")
				}
				return new(net.Dialer).DialContext(ctx, "tcp", to)
			}})
		for deadline := time.Now().Add(20 * time.Second); ; {
			got, err := c.Do(t.Context(), put("x"))
			if err != nil {
				t.Fatal(err)
			}
			if got.Node == leader {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("seed %d: node %d is still asked, want the leader, %d", seed+1, got.Node, leader)
			}
		}
	}
}

// TestLeaderOutOfReachIsNotPreferred names a leader that this client cannot connect to: the one who
// forwards is asked, and without a detour each time.
func TestLeaderOutOfReachIsNotPreferred(t *testing.T) {
	nodes := newCluster(t, 2)
	nodes[0].set(func(core.Request) *core.Reply { return &core.Reply{Leader: 2} })
	var detours atomic.Int64
	c := open(t, client.Config{Endpoints: nodes.addrs()[:1],
		Dial: func(ctx context.Context, address string) (net.Conn, error) {
			if address == nodes[1].addr() {
				detours.Add(1)
				return nil, errors.New("no route")
			}
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}})
	for range 10 {
		if got, err := c.Do(t.Context(), put("x")); err != nil || got.Node != 1 {
			t.Fatalf("got node %d, %v, want 1", got.Node, err)
		}
	}
	if n := detours.Load(); n != 1 {
		t.Errorf("tried the leader %d times, want once", n)
	}
}
