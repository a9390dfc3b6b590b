package engine

import (
	"cmp"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raft"
)

// Defaults of a Config.
const (
	MaxMessageBytes = 2 << 20                 // Raft.MaxMessageBytes
	MaxCommandBytes = MaxMessageBytes - 1<<10 // the largest that fits a message
)

// Config says how an engine behaves. The zero value of a field means its default.
type Config struct {
	// Node is this node's id. Required.
	Node core.NodeID

	// Incarnation rises between runs of the same node, so that an answer meant for an earlier run is
	// not taken for this one's, nor what this one passes on for a repetition of what an earlier one
	// did. Default 1.
	Incarnation uint32

	// Tick is the length of a raft tick in nanoseconds. Default 10 ms.
	Tick int64

	// Raft is the template for every group; ID, Group and Incarnation are filled in. Its defaults
	// here are 50 ticks (0.5 to 1 s) for elections, 10 (0.1 s) for heartbeats, and messages of 2 MiB.
	Raft raft.Config

	// SnapshotEntries and SnapshotBytes say after how many applied entries, or bytes of them, a
	// group takes a snapshot, whichever comes first. A snapshot is never taken before as many bytes
	// were applied as the last one has, so that writing snapshots at most doubles what is written.
	// Defaults: 1,000,000 and 64 MiB.
	SnapshotEntries int
	SnapshotBytes   int64

	// TailEntries and TailBytes say how much before a snapshot stays in the log for followers that lag
	// a little: so many entries, or bytes of them if that is less, up to a checkpoint more. Defaults:
	// 10,000, negative: none; and 64 MiB.
	TailEntries int
	TailBytes   int64

	// DigestEvery is the distance of checkpoints, in entries: at each index that it divides all
	// replicas note the digest of their state, to be compared. The same on every node. Default 256.
	DigestEvery int

	// DigestTicks is how many ticks the leader waits for reports before it judges by those it has,
	// after how many a report or a request without an answer is repeated, and after how many without
	// new entries the newest becomes a checkpoint. Default 100.
	DigestTicks int

	// ClockDriftPPM promises that the monotonic clocks of all nodes, none zero, run faster or slower
	// than true time by at most so many parts in a million; all nodes then have the same Tick and
	// Raft.ElectionTicks. A leader answers Lease queries by itself in reliance on it. Default 0: no
	// promise, and so no leases.
	ClockDriftPPM int

	// MaxCommandBytes bounds the data of one command. Default 2 MiB minus 1 KiB, or what fits a
	// message of Raft.MaxMessageBytes.
	MaxCommandBytes int

	// Admit says why a leader must keep a request out of the log: that is the answer. Nil: it may
	// get in. It depends on nothing but its arguments. Default: every request is admitted.
	Admit func(kind core.RequestKind, data []byte) *core.Failure

	// MaxForwards bounds the commands passed on to the leader and not yet answered. Default 16,384.
	MaxForwards int

	// ForwardTicks is after how many ticks a forwarded command is given up as of unknown outcome.
	// Default 1,000.
	ForwardTicks int
}

func (c Config) withDefaults() Config {
	c.Incarnation = cmp.Or(c.Incarnation, 1)
	c.Tick = cmp.Or(c.Tick, 10_000_000)
	c.Raft.ElectionTicks = cmp.Or(c.Raft.ElectionTicks, 50)
	c.Raft.HeartbeatTicks = cmp.Or(c.Raft.HeartbeatTicks, 10)
	c.SnapshotEntries = cmp.Or(c.SnapshotEntries, 1_000_000)
	c.SnapshotBytes = cmp.Or(c.SnapshotBytes, 64<<20)
	c.TailEntries = cmp.Or(c.TailEntries, 10_000)
	c.TailBytes = cmp.Or(c.TailBytes, 64<<20)
	c.DigestEvery = cmp.Or(c.DigestEvery, 256)
	c.DigestTicks = cmp.Or(c.DigestTicks, 100)
	c.Raft.MaxMessageBytes = cmp.Or(c.Raft.MaxMessageBytes, MaxMessageBytes)
	c.MaxCommandBytes = cmp.Or(c.MaxCommandBytes, c.Raft.MaxMessageBytes-1<<10)
	c.MaxForwards = cmp.Or(c.MaxForwards, 16_384)
	c.ForwardTicks = cmp.Or(c.ForwardTicks, 1_000)
	c.Raft.Leases = c.Raft.Leases || c.ClockDriftPPM > 0
	c.TailEntries = max(c.TailEntries, 0)
	return c
}
