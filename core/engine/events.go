package engine

import "github.com/tidelock-raft/tidelock/core"

// Events is what has happened since the last Step. Zero fields say that nothing has.
type Events struct {
	Wall        int64          // time of day, Unix ns: the stamp for entries proposed in this step
	Wrote       uint64         // newest Effects.Batch that is durable
	Messages    []core.Message // from peers, in order of arrival
	Requests    []core.Request // from clients
	Applied     []Applied
	Served      []Served
	Noted       []Noted
	Saved       []Saved
	Lost        []Lost
	Unreachable []core.Addr // messages to these were lost
	Short       bool        // the store is going to be full, but for what is compacted
	Sick        bool        // the disk hangs or is full; as long as it does, this node leads no group
}

// Reset empties e and keeps its memory.
func (e *Events) Reset() {
	clear(e.Messages)
	clear(e.Requests)
	clear(e.Served)
	clear(e.Noted)
	*e = Events{
		Messages: e.Messages[:0], Requests: e.Requests[:0], Applied: e.Applied[:0],
		Served: e.Served[:0], Noted: e.Noted[:0], Saved: e.Saved[:0], Lost: e.Lost[:0],
		Unreachable: e.Unreachable[:0],
	}
}

// Applied says that a group's machine now is where Index leaves it.
type Applied struct {
	Group    core.GroupID
	Restores uint64 // how often its state was replaced by Work so far
	Index    core.Index
}

// Served says that queries that were handed to a group's machine are answered, so many as Waited
// counts.
type Served struct {
	Group   core.GroupID
	Queries int
	Room    []core.Request // memory of queries that nobody uses any more, empty; nil: none
}

// Noted says which state a group's machine was in (Work.Note).
type Noted struct {
	Group    core.GroupID
	Restores uint64 // as in Applied
	At       core.Position
	Digest   uint64 // zero: the machine has none
	Parts    []byte // from AppendParts; read-only from here on
}

// Saved says how the taking of a snapshot (Work.Save) ended.
type Saved struct {
	Group core.GroupID
	OK    bool              // false: it could not be taken; Meta is empty
	Meta  core.SnapshotMeta // without Membership, which the engine knows
}

// Lost says that the transfer of a snapshot (Effects.Transfers) to a peer broke off.
type Lost struct {
	Group core.GroupID
	To    core.NodeID
}

// Effects is what the groups want done. Its slices belong to the engine and hold until the next
// Step; what they point to is read-only and stays.
//
// The promises that a node keeps:
//  1. Writes reach the store in order. Step learns through Events.Wrote that a batch is durable,
//     and not before.
//  2. Send may go at once. AfterWrite goes when batch number Batch, and with it every batch before,
//     is durable.
//  3. Work for one group's machine (Work) is done in order. The results of commands and queries go
//     to their callers, and Applied comes back for each.
type Effects struct {
	Batch      uint64        // number of the newest batch handed out, Write included
	Write      []core.Update // empty: nothing to write
	Send       Outbox
	AfterWrite Outbox
	Work       []Work
	Hurry      []core.GroupID // whose snapshot must not take longer than it has to
	Transfers  []core.Message // snapshots to send, and chunks and acks that arrived
	Installed  []Installed
	Answers    []Answer
	Roles      []RoleChange
	Findings   []Finding
}

func (e *Effects) reset(batch uint64) {
	clear(e.Write)
	clear(e.Work)
	clear(e.Answers)
	e.Send.Reset()
	e.AfterWrite.Reset()
	e.Batch = batch
	e.Write, e.Work, e.Transfers = e.Write[:0], e.Work[:0], e.Transfers[:0]
	e.Installed, e.Answers, e.Roles = e.Installed[:0], e.Answers[:0], e.Roles[:0]
	e.Findings, e.Hurry = e.Findings[:0], e.Hurry[:0]
}

// Work is something for a group's machine. At most one of Restore, Entries and Queries is set; Note
// and Save speak of the state afterwards.
type Work struct {
	Group   core.GroupID
	Restore *core.SnapshotMeta // replace the state by that snapshot's, whose body is on this node
	Entries []core.Entry       // apply these, of any kind, in order
	Calls   []Call             // whom to tell the results of Entries, ascending by index
	Queries []core.Request     // answer these from the state as it is then
	Leader  core.NodeID        // as known now, for the replies to Queries
	Note    bool               // tell the digest of the state by Events.Noted
	Save    bool               // take a snapshot; Events.Saved tells how that ended
}

// Join takes next's queries along if both are nothing but queries for one group's machine, and
// reports whether it did.
func (w *Work) Join(next *Work) bool {
	joined := len(w.Queries) > 0 && len(next.Queries) > 0 && w.Group == next.Group &&
		w.Leader == next.Leader && !w.Note && !w.Save
	if joined {
		w.Queries = append(w.Queries, next.Queries...)
		w.Note, w.Save = next.Note, next.Save
	}
	return joined
}

// Call is a command on its way: whom to tell what became of the entry at Position.
type Call struct {
	core.Position
	Token  uint64
	Caller core.Caller // a client of this node; nil: the command came from another node
	From   core.NodeID // the node that forwarded the command, if Caller is nil
	Addr   core.Addr   // where From is
}

// Answer is a request that ends without the machine.
type Answer struct {
	Token  uint64
	Caller core.Caller
	Reply  core.Reply
}

// RoleChange says that a replica's role, term or leader is not what it was.
type RoleChange struct {
	Group  core.GroupID
	Role   string
	Term   core.Term
	Leader core.NodeID // zero: unknown
}

// Finding is what an operator has to know of a group's replicas.
type Finding struct {
	Group       core.GroupID
	Kind        FindingKind
	Node        core.NodeID   // whose state it is
	At          core.Position // of the checkpoint
	Collections []string      // the parts that differ, as far as they are known
}

// FindingKind says what was found.
type FindingKind uint8

// The kinds of finding.
const (
	FoundDiverged  FindingKind = 1 // the leader tells a node that its state is the odd one
	FoundUndecided FindingKind = 2 // states differ, and there is no majority for any
	Quarantined    FindingKind = 3 // this replica is the odd one, and stands back
	Recovered      FindingKind = 4 // its new state is that of the majority: it takes part again
	Removed        FindingKind = 5 // this replica is no member any more, for good
)

// Installed says that a snapshot record is being written by this step's Write; older bodies may go
// once it is durable.
type Installed struct {
	Group core.GroupID
	At    core.Position
}
