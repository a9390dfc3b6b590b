package core

import "io"

// State is what a Store knows of a group without reading its entries.
//
// The log holds the entries Start.Index+1 … Last.Index. Invariants:
//  1. Start.Index ≤ Snapshot.Index, and Start.Index ≤ Last.Index.
//  2. Snapshot.Index ≤ Last.Index, or the log is empty and Start equals Snapshot's position.
//  3. Snapshot.Membership passes Membership.Check.
type State struct {
	Hard     HardState
	Start    Position     // of the entry just before the first that the log holds
	Last     Position     // of the last entry; equals Start for an empty log
	Snapshot SnapshotMeta // the newest snapshot recorded
}

// Update is what one group wants written. Its parts take effect in the order of the fields; a zero
// field changes nothing. A Store need not check the raft rules behind an Update, but refuses (and
// writes nothing of the batch) with ErrInvalidUpdate what would make its own log unreadable: a gap
// before Entries[0], indexes that are not consecutive, entries at or below Start, an unknown group
// without Install, a Compact beyond the newest snapshot.
type Update struct {
	Group    GroupID
	Remove   bool          // forget the group altogether; no other field is set
	Install  *SnapshotMeta // empty the log: it begins after this position. Also creates the group
	Hard     HardState     // the new hard state; zero Term: unchanged
	Entries  []Entry       // replace everything from Entries[0].Index on; read-only, may be kept
	Snapshot *SnapshotMeta // a snapshot of this machine, its body already durable
	Compact  Index         // forget entries up to and including this one
}

// Store keeps hard state, log and snapshot metadata of many groups.
//
// Write is called by one goroutine at a time; the other methods may run beside it and beside each
// other, and see either all of an Update or nothing of it once Write has returned.
type Store interface {
	// Groups lists the groups in the store, ascending.
	Groups() ([]GroupID, error)

	// State returns what is known of a group. Errors: ErrNoGroup, ErrCorrupt, ErrClosed.
	State(g GroupID) (State, error)

	// Entries appends the entries lo … hi-1 to dst and returns it. It stops early, but never before
	// the first, when the sum of Entry.Size would pass maxBytes. The Data of the entries is
	// read-only and stays valid for ever. Errors: ErrCompacted when lo is not above Start,
	// ErrUnavailable when hi-1 is beyond Last, ErrNoGroup, ErrCorrupt, ErrClosed; with an error,
	// dst comes back as it was.
	Entries(dst []Entry, g GroupID, lo, hi Index, maxBytes int) ([]Entry, error)

	// Term returns the term of the entry at i, where Start.Index ≤ i ≤ Last.Index. Errors as for
	// Entries.
	Term(g GroupID, i Index) (Term, error)

	// Write makes the batch durable: in order, each Update whole or not at all after a crash, and a
	// later one never without those before it. When it returns nil, everything is synced. After any
	// error but ErrInvalidUpdate and ErrFull the store is poisoned: nothing of the batch may be
	// relied upon and every further Write returns ErrPoisoned until the store is opened anew. The
	// batch and what it points to may be reused once Write returns, except Entries' Data, which is
	// read-only for ever.
	Write(batch []Update) error

	// Close releases everything. A second Close returns ErrClosed.
	Close() error
}

// RoomStore is a Store that knows ahead that it will be full.
type RoomStore interface {
	Store
	// Short reports whether the disk had no room for what writes are going to need soon. What they
	// compact may become that room. It may be called beside every other method.
	Short() bool
}

// Snapshots keeps the bodies of snapshots. A body is named by group and position; it exists only
// once its writer was committed, whole and durable.
//
// Methods may be called from several goroutines; for one name, from one at a time.
type Snapshots interface {
	// Create starts a body. What an earlier, uncommitted Create left under this name is discarded.
	Create(g GroupID, at Position) (SnapshotWriter, error)

	// Open returns the body. Errors: ErrNoSnapshot, ErrCorrupt (the checksum does not fit).
	Open(g GroupID, at Position) (SnapshotReader, error)

	// List returns the committed bodies of a group, ascending by position.
	List(g GroupID) ([]Position, error)

	// Retain removes the bodies of the group that are not at one of the positions.
	Retain(g GroupID, keep ...Position) error
}

// SnapshotWriter takes the body of a snapshot. Exactly one of Commit and Abort ends it.
type SnapshotWriter interface {
	io.Writer
	// Commit makes the body durable under its name (content, then name, then directory) and
	// returns its size in bytes and its checksum (CRC-64/ECMA of the body).
	Commit() (size int64, checksum uint64, err error)
	// Abort removes what was written.
	Abort()
}

// SnapshotReader reads a body from any offset; chunks are checked against damage as they are read.
type SnapshotReader interface {
	io.ReaderAt
	io.Closer
	Size() int64
	Checksum() uint64
}

// SnapshotStore is a Store that also keeps snapshot bodies; for any other, files beside it do.
type SnapshotStore interface {
	Store
	Snapshots
}
