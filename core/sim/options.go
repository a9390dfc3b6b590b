package sim

import (
	"cmp"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
	"github.com/tidelock-raft/tidelock/core/raft"
	"github.com/tidelock-raft/tidelock/scripting"
)

// Options say what a world is like. Zero values mean the defaults.
type Options struct {
	// Seed starts all chance.
	Seed uint64
	// Nodes is how many hosts there are. Default 3.
	Nodes int
	// Clients is how many clients ask at once. Default 4.
	Clients int
	// Engine configures every node. Default: elections after 0.2 to 0.4 s, heartbeats of 40 ms, and
	// snapshots, tails and checkpoints that are small enough to matter.
	Engine engine.Config
	// SegmentBytes is the length of a segment of the log. Default 16 KiB.
	SegmentBytes int64
	// Wait is how long a client rests between operations at most. Default 20 ms.
	Wait core.Instant
	// ChunkBytes is the largest piece of a snapshot in one message. Default 1 KiB.
	ChunkBytes int
	// Span is for how long faults happen. Default 20 s.
	Span core.Instant
	// Schedule is the faults of the run. Default: none in New; drawn from the seed in Run.
	Schedule Schedule
	// Workload makes what draws the clients' operations. Default: DefaultWorkload.
	Workload func(w *World) func(c *Client) *Operation
	// Script is the machine. Default: the key-value machine.
	Script *scripting.Source
}

func (o Options) withDefaults() Options {
	o.Nodes = cmp.Or(o.Nodes, 3)
	o.Clients = cmp.Or(o.Clients, 4)
	o.SegmentBytes = cmp.Or(o.SegmentBytes, 16<<10)
	o.Wait = cmp.Or(o.Wait, 20*Millisecond)
	o.ChunkBytes = cmp.Or(o.ChunkBytes, 1<<10)
	o.Span = cmp.Or(o.Span, 20*Second)
	e := &o.Engine
	e.TailEntries = cmp.Or(e.TailEntries, 5)
	e.SnapshotEntries = cmp.Or(e.SnapshotEntries, 100)
	e.SnapshotBytes = cmp.Or(e.SnapshotBytes, 1<<30)
	e.ForwardTicks = cmp.Or(e.ForwardTicks, 200)
	e.DigestEvery = cmp.Or(e.DigestEvery, 16)
	e.DigestTicks = cmp.Or(e.DigestTicks, 20)
	if e.Raft == (raft.Config{}) {
		e.Raft = raft.Config{ElectionTicks: 20, HeartbeatTicks: 4, MaxApplyBytes: 2000}
	}
	return o
}

func (o Options) source() scripting.Source {
	if o.Script != nil {
		return *o.Script
	}
	return scripting.Default()
}

// members are the hosts that a world begins with, all voters.
func (o Options) members() core.Membership {
	var m core.Membership
	for id := range core.NodeID(o.Nodes) {
		m.Members = append(m.Members, core.Member{
			ID: id + 1, Role: core.Voter, Addr: core.Addr(fmt.Sprint(id + 1)),
		})
	}
	return m
}
