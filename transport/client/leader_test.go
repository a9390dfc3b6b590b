package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
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
	inBubble(t, 2, func(t *testing.T, nodes cluster, n network) {
		nodes[0].set(func(core.Request) *core.Reply { return &core.Reply{Leader: 2} })
		var detours atomic.Int64
		c := open(t, client.Config{Endpoints: nodes.addrs()[:1],
			Dial: func(ctx context.Context, address string) (net.Conn, error) {
				if address == nodes[1].addr() {
					detours.Add(1)
					return nil, errors.New("no route")
				}
				return n.dial(ctx, address)
			}})
		for range 10 {
			if got, err := c.Do(t.Context(), put("x")); err != nil || got.Node != 1 {
				t.Fatalf("got node %d, %v, want 1", got.Node, err)
			}
		}
		if n := detours.Load(); n != 1 {
			t.Errorf("tried the leader %d times, want once", n)
		}
	})
}

// TestSilentLeaderIsNotPreferred has a leader that this client hears no more from, be its API
// address known or not: the one who forwards is asked, without waiting for the leader each time.
func TestSilentLeaderIsNotPreferred(t *testing.T) {
	for _, known := range []bool{true, false} {
		for _, kind := range []core.RequestKind{core.RequestQuery, core.RequestCommand} {
			t.Run(fmt.Sprint(known, kind), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { askBesideSilent(t, known, kind) })
			})
		}
	}
}

func askBesideSilent(t *testing.T, known bool, kind core.RequestKind) {
	var addrs []string
	var silent atomic.Bool
	memory := network{}
	for id := range core.NodeID(2) {
		n := &node{id: id + 1}
		n.set(func(core.Request) *core.Reply {
			if n.id == 2 && silent.Load() {
				return nil
			}
			return &core.Reply{Leader: 2}
		})
		n.start(t, native.Config{Open: memory.listen, APIAddr: func(id core.NodeID) string {
			if !known || id == 0 || int(id) > len(addrs) {
				return ""
			}
			return addrs[id-1]
		}})
		addrs = append(addrs, n.addr())
	}
	const limit = 300 * time.Millisecond
	c := open(t, client.Config{Endpoints: addrs, Dial: memory.dial,
		AttemptTimeout: limit, Timeout: 2 * limit})
	late, led := 0, false
	for range 50 {
		silent.Store(led)
		began := time.Now()
		got, err := c.Do(t.Context(), client.Request{Kind: kind})
		led = led || err == nil && got.Node == 2
		if time.Since(began) >= limit {
			late++
		}
	}
	if !led || late != 1 {
		t.Errorf("%d requests waited for the leader, want one; it was found: %v", late, led)
	}
}
