package raft

import (
	"errors"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
)

// Log is the part of the log that is durable; raft keeps the newest entries in memory itself. Both
// methods may run while a write that raft handed out is under way: raft asks only for entries that
// no outstanding write touches.
type Log interface {
	// Entries appends entries lo … hi-1 to dst as core.Store.Entries does.
	Entries(dst []core.Entry, lo, hi core.Index, maxBytes int) ([]core.Entry, error)
	// Term returns the term of the entry at i as core.Store.Term does.
	Term(i core.Index) (core.Term, error)
}

// MaxPriority is the highest Config.Priority, which leads last.
const MaxPriority = 100

// Config says who a replica is and what its limits are. A zero number means its default.
type Config struct {
	ID    core.NodeID  // this replica; required
	Group core.GroupID // the group that it replicates; required

	// ElectionTicks is the shortest time without a leader before an election, in ticks: each
	// timeout is drawn from [ElectionTicks, 2*ElectionTicks). Default 10.
	ElectionTicks int
	// HeartbeatTicks is the time between a leader's heartbeats, in ticks; less than ElectionTicks.
	// Default 1.
	HeartbeatTicks int
	// Seed spreads elections; ID and Group are mixed in.
	Seed uint64
	// Priority says who had better lead: 0 first. A replica waits for so many election timeouts more
	// before it stands, and as a leader hands over to a voter of a lower number that has caught up.
	Priority int
	// Leases keeps a replica from voting for ElectionTicks after its start, because it may have
	// promised so to a leader before. Required on all replicas where a leader relies on a lease.
	Leases bool
	// Incarnation differs between starts of a replica. It names its questions to the leader, so that
	// an old answer is never taken for a new one.
	Incarnation uint32

	// MaxMessageBytes bounds the entries of one Append, and so each entry, by Entry.Size.
	// Default 1 MiB.
	MaxMessageBytes int
	// MaxInflight is how many Appends with entries may be unanswered per follower. Default 256.
	MaxInflight int
	// MaxInflightBytes is how many bytes of entries may be unanswered per follower: no further
	// Append leaves once it is reached. Default 16 MiB.
	MaxInflightBytes int
	// MaxUncommittedBytes bounds a leader's proposals that are not committed yet. Default 64 MiB.
	MaxUncommittedBytes int
	// MaxApplyBytes bounds the entries handed out by Output.Apply and not yet reported by Applied;
	// one entry is always let through. Default 64 MiB.
	MaxApplyBytes int
	// CacheBytes is how much of the durable and applied log is kept in memory, for followers that
	// lag a little. Of what is durable and has yet to be applied, MaxApplyBytes more are kept.
	// Default 16 MiB.
	CacheBytes int
	// MaxHoldBytes and MaxHoldTicks bound for how long the log is kept from a snapshot on that is
	// sent to a follower, until it has caught up: so many bytes were appended since, or so many ticks
	// have passed. Defaults: 1 GiB and 60,000.
	MaxHoldBytes int
	MaxHoldTicks int
	// MaxReads is how many reads may wait for their confirmation. Default 65536.
	MaxReads int
}

// withDefaults returns c with every zero number replaced, or what is wrong with it.
func (c Config) withDefaults() (Config, error) {
	for _, f := range []struct {
		name     string
		value    *int
		fallback int
	}{
		{"ElectionTicks", &c.ElectionTicks, 10},
		{"HeartbeatTicks", &c.HeartbeatTicks, 1},
		{"MaxMessageBytes", &c.MaxMessageBytes, 1 << 20},
		{"MaxInflight", &c.MaxInflight, 256},
		{"MaxInflightBytes", &c.MaxInflightBytes, 16 << 20},
		{"MaxUncommittedBytes", &c.MaxUncommittedBytes, 64 << 20},
		{"MaxApplyBytes", &c.MaxApplyBytes, 64 << 20},
		{"CacheBytes", &c.CacheBytes, 16 << 20},
		{"MaxHoldBytes", &c.MaxHoldBytes, 1 << 30},
		{"MaxHoldTicks", &c.MaxHoldTicks, 60_000},
		{"MaxReads", &c.MaxReads, 65536},
		{"Priority", &c.Priority, 0},
	} {
		if *f.value < 0 {
			return c, fmt.Errorf("raft: %s is %d, must not be negative", f.name, *f.value)
		}
		if *f.value == 0 {
			*f.value = f.fallback
		}
	}
	switch {
	case c.ID == 0:
		return c, errors.New("raft: ID is zero")
	case c.Group == 0:
		return c, errors.New("raft: Group is zero")
	case c.Priority > MaxPriority:
		return c, fmt.Errorf("raft: Priority is %d, limit %d", c.Priority, MaxPriority)
	case c.HeartbeatTicks >= c.ElectionTicks:
		return c, fmt.Errorf("raft: HeartbeatTicks is %d, must be below ElectionTicks, %d",
			c.HeartbeatTicks, c.ElectionTicks)
	}
	return c, nil
}
