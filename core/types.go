package core

import (
	"fmt"
	"strings"
)

type (
	// GroupID names one replicated log among the many that a node may carry. Zero is no group.
	GroupID uint64

	// NodeID names one replica, for ever: an id is never used again after its node was removed.
	// Zero is no node.
	NodeID uint64

	// ClusterID tells clusters apart, so that a node never listens to a stranger. Zero is no cluster.
	ClusterID uint64

	// Term is Raft's logical clock: it only grows, and has at most one leader (Raft §5.1).
	Term uint64

	// Index is the place of an entry in its log. The first entry has index 1.
	Index uint64

	// Addr is where a transport finds a node, in that transport's own notation. The name of the
	// transport may stand in front, as in grpc://host:9101.
	Addr string

	// Instant is a point on a node's own monotonic line, in nanoseconds. Instants of different
	// nodes, or of one node before and after a restart, cannot be compared.
	Instant int64
)

// DefaultGroup is the group that a node carries when it is asked for no other.
const DefaultGroup GroupID = 1

// Split returns the transport that is named in front of an address, or nothing, and the rest.
func (a Addr) Split() (transport string, place Addr) {
	if name, rest, named := strings.Cut(string(a), "://"); named && name != "" {
		return name, Addr(rest)
	}
	return "", a
}

// Position says which entry stands at an index: two logs that hold the same position are equal up
// to it (Raft §5.3, the log matching property).
type Position struct {
	Term  Term
	Index Index
}

// Before reports whether p is less up to date than q in the sense of Raft §5.4.1: the later term
// wins, and in the same term the longer log.
func (p Position) Before(q Position) bool {
	if p.Term != q.Term {
		return p.Term < q.Term
	}
	return p.Index < q.Index
}

// String prints term and index as t3/i17.
func (p Position) String() string { return fmt.Sprintf("t%d/i%d", p.Term, p.Index) }

// EntryKind says what an entry is for. The numbers are part of the disk and wire formats.
type EntryKind uint8

// The kinds of entry.
const (
	EntryNoop       EntryKind = 1 // a new leader's first entry; it changes nothing
	EntryCommand    EntryKind = 2 // Data goes to the state machine
	EntryMembership EntryKind = 3 // Data is an encoded Membership
	EntrySession    EntryKind = 4 // Data is a command in a client's session: see core/session
)

// String names the kind.
func (k EntryKind) String() string {
	switch k {
	case EntryNoop:
		return "noop"
	case EntryCommand:
		return "command"
	case EntryMembership:
		return "membership"
	case EntrySession:
		return "session"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Valid reports whether k is a kind that this version knows.
func (k EntryKind) Valid() bool { return k >= EntryNoop && k <= EntrySession }

// Entry is one place in a replicated log. Entries are values; Data is read-only once made, because
// slices of it travel uncopied through log, disk and network.
type Entry struct {
	Position
	Kind EntryKind
	Time int64 // leader's wall clock, Unix ns, never less than the entry before; a machine's clock
	Data []byte

	// Client is the session that a command belongs to, for the machine that applies it; zero: none.
	// It is neither stored nor sent: Data says it too.
	Client uint64
}

// EntryOverhead is what an entry is counted to weigh beside its Data, in bytes, wherever sizes of
// entries are bounded.
const EntryOverhead = 64

// Size is what the entry weighs in every bound on entries: bytes of Data and EntryOverhead.
func (e *Entry) Size() int { return len(e.Data) + EntryOverhead }

// HardState is what a replica must never forget (Raft figure 2, persistent state).
type HardState struct {
	Term   Term   // latest term seen
	Vote   NodeID // whom this replica voted for in Term; zero: nobody
	Commit Index  // known to be committed; may lag behind what was known in memory
}
