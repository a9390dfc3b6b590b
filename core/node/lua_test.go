package node_test

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
	"github.com/tidelock-raft/tidelock/core/node"
	"github.com/tidelock-raft/tidelock/core/raft"
	"github.com/tidelock-raft/tidelock/persist/memory"
	"github.com/tidelock-raft/tidelock/scripting"
	network "github.com/tidelock-raft/tidelock/transport/memory"
)

// tainted is a Lua machine that can be made to carry out a command that nobody has given.
type tainted struct {
	*scripting.Machine
	taint atomic.Bool
}

func (m *tainted) Apply(dst []core.Result, entries []core.Entry) ([]core.Result, error) {
	dst, err := m.Machine.Apply(dst, entries)
	if err == nil && m.taint.Swap(false) {
		extra := entries[len(entries)-1]
		if extra.Data, err = scripting.EncodeCall("put", "cosmic", "ray"); err == nil {
			_, err = m.Machine.Apply(nil, []core.Entry{extra})
		}
	}
	return dst, err
}

// luaCluster is three nodes with Lua machines in this process.
type luaCluster struct {
	*testing.T
	nodes    []*node.Node
	machines []*tainted
}

func startLua(t *testing.T) *luaCluster {
	t.Helper()
	c, wire := &luaCluster{T: t}, network.NewNetwork()
	var members core.Membership
	for id := range core.NodeID(3) {
		members.Members = append(members.Members, core.Member{
			ID: id + 1, Role: core.Voter, Addr: core.Addr(fmt.Sprint(id + 1)),
		})
	}
	for _, member := range members.Members {
		lua, err := scripting.New(scripting.Default(), scripting.Config{})
		if err != nil {
			t.Fatal(err)
		}
		m := &tainted{Machine: lua}
		n, err := node.New(node.Config{
			Engine: engine.Config{
				Node: member.ID, Tick: 2e6, SnapshotEntries: 300, DigestEvery: 64, DigestTicks: 50,
				Raft: raft.Config{Seed: uint64(member.ID), ElectionTicks: 50, HeartbeatTicks: 5},
			},
			Groups: []node.Group{{ID: core.DefaultGroup, Members: members}}, Store: memory.New(),
			Machine: func(core.GroupID) (core.StateMachine, error) { return m, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		transport, err := wire.Join(network.Config{
			Node: member.ID, Cluster: 1, Addr: member.Addr}, n)
		if err != nil {
			t.Fatal(err)
		}
		n.Start(transport)
		t.Cleanup(func() { _ = n.Close() })
		c.nodes, c.machines = append(c.nodes, n), append(c.machines, m)
	}
	return c
}

type replies chan core.Reply

func (r replies) Replied(_ uint64, reply core.Reply) { r <- reply }

// ask asks node i until it does not refuse for the lack of a leader, or because one hands over.
func (c *luaCluster) ask(i int, q core.Request) core.Reply {
	c.Helper()
	q.Group = core.DefaultGroup
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(time.Millisecond) {
		caller := make(replies, 1)
		q.Caller = caller
		c.nodes[i].Submit([]core.Request{q})
		if r := <-caller; !errors.Is(r.Err, core.ErrNotLeader) && !errors.Is(r.Err, core.ErrBusy) {
			return r
		}
		if time.Now().After(deadline) {
			c.Fatal("no leader")
		}
	}
}

func (c *luaCluster) put(i, n int) {
	c.Helper()
	data, err := scripting.EncodeCall("put", fmt.Sprint("key", n%50), n)
	if err != nil {
		c.Fatal(err)
	}
	r := c.ask(i, core.Request{Kind: core.RequestCommand, Data: data})
	if r.Result.Failure != nil || r.Err != nil && !errors.Is(r.Err, core.ErrUnknownOutcome) {
		c.Fatalf("put %d: got %v, %v", n, r.Result.Failure, r.Err)
	}
}

func (c *luaCluster) status(i int) core.GroupStatus { return c.nodes[i].Status().Groups[0] }

// TestTaintedLuaMachineIsFoundAndResynced lets each of three nodes go astray in its turn, under
// load, whether it leads or not; the others serve on, and it is brought back.
func TestTaintedLuaMachineIsFoundAndResynced(t *testing.T) {
	c := startLua(t)
	n := 0
	for odd := range c.nodes {
		other := (odd + 1) % len(c.nodes)
		for range 100 {
			n++
			c.put(n%len(c.nodes), n)
		}
		c.machines[odd].taint.Store(true)
		at := n
		for c.status(odd).Quarantined == nil {
			if n++; n > at+1000 {
				t.Fatalf("node %d was not found in 1,000 entries", odd+1)
			}
			c.put(other, n)
		}
		if parts := c.status(odd).Quarantined.Collections; !slices.Equal(parts, []string{"kv"}) {
			t.Errorf("node %d: got %v, want kv", odd+1, parts)
		}
		q := core.Request{Kind: core.RequestQuery, Level: core.Stale}
		if r := c.ask(odd, q); !errors.Is(r.Err, core.ErrQuarantined) {
			t.Errorf("node %d: query got %+v", odd+1, r)
		}
		for range 300 {
			n++
			c.put(other, n)
		}
		r := c.ask(odd, core.Request{Kind: core.RequestResync})
		if r.Err != nil || r.Result.Failure != nil || c.status(odd).Quarantined != nil {
			t.Fatalf("node %d: resync got %+v, %+v", odd+1, r, c.status(odd).Quarantined)
		}
	}
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(time.Millisecond) {
		a, b, d := c.status(0), c.status(1), c.status(2)
		if a.AppliedIndex == b.AppliedIndex && b.AppliedIndex == d.AppliedIndex {
			if a.Digest != b.Digest || b.Digest != d.Digest {
				t.Errorf("digests at %d: %x %x %x", a.AppliedIndex, a.Digest, b.Digest, d.Digest)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("applied: %d %d %d", a.AppliedIndex, b.AppliedIndex, d.AppliedIndex)
		}
	}
}
