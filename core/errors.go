package core

import (
	"errors"
	"fmt"
)

// The errors that cross package borders. Test for them with errors.Is.
var (
	// ErrCompacted is returned by Store.Entries and Term for an index that the log no longer holds.
	ErrCompacted = errors.New("core: entry was compacted away")
	// ErrUnavailable is returned by Store.Entries and Term for an index beyond the log's last.
	ErrUnavailable = errors.New("core: entry is not in the log yet")
	// ErrCorrupt is what every *CorruptError is.
	ErrCorrupt = errors.New("core: data is corrupt")
	// ErrNoGroup is returned for a group that the store or node does not carry.
	ErrNoGroup = errors.New("core: no such group")
	// ErrNoSnapshot is returned by Snapshots.Open for a body that was never committed.
	ErrNoSnapshot = errors.New("core: no such snapshot")
	// ErrInvalidUpdate is returned by Store.Write, which then has written nothing.
	ErrInvalidUpdate = errors.New("core: update does not fit the log")
	// ErrPoisoned is returned by Store.Write after an earlier Write failed.
	ErrPoisoned = errors.New("core: an earlier write failed; the store must be opened anew")
	// ErrFull is returned by Store.Write for want of space, before it has written anything: the batch
	// may be given to it once more.
	ErrFull = errors.New("core: no space left for the log")
	// ErrClosed is returned by everything that was closed.
	ErrClosed = errors.New("core: closed")
	// ErrBusy answers a request for which a bounded queue had no room; it was not carried out.
	ErrBusy = errors.New("core: too busy")
	// ErrTooLarge answers a request that exceeds a limit; it was not carried out.
	ErrTooLarge = errors.New("core: too large")
	// ErrUnknownOutcome answers a command that may or may not have been, or yet be, carried out.
	ErrUnknownOutcome = errors.New("core: outcome unknown")
	// ErrQuarantined answers a query to a replica whose state differs from the majority's.
	ErrQuarantined = errors.New("core: quarantined, the state has diverged")
	// ErrNotLeader is what every *NotLeaderError is.
	ErrNotLeader = errors.New("core: not the leader")
)

// NotLeaderError answers a request that only the leader can carry out; it was not carried out.
type NotLeaderError struct {
	Leader NodeID // whom to ask instead; zero: unknown
}

// Error says who the leader is, if that is known.
func (e *NotLeaderError) Error() string {
	if e.Leader == 0 {
		return "not the leader, and the leader is not known"
	}
	return fmt.Sprintf("not the leader; node %d is", e.Leader)
}

// Is makes every NotLeaderError an ErrNotLeader.
func (e *NotLeaderError) Is(target error) bool { return target == ErrNotLeader }

// CorruptError is damage that was found in a file: data that was once written in full and reads
// differently now. It is never repaired silently.
type CorruptError struct {
	Path   string
	Offset int64 // in bytes from the start of the file; -1: not known
	Err    error // what does not fit
}

// Error names the place and the damage.
func (e *CorruptError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("%s: corrupt: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("%s: offset %d: corrupt: %v", e.Path, e.Offset, e.Err)
}

// Unwrap returns what does not fit.
func (e *CorruptError) Unwrap() error { return e.Err }

// Is makes every CorruptError an ErrCorrupt.
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }
