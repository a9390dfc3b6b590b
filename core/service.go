package core

// RequestKind says what a client asks for.
type RequestKind uint8

// The kinds of request.
const (
	RequestCommand RequestKind = 1 // change the state, through the log
	RequestQuery   RequestKind = 2 // read the state
	// RequestResync has the replica that is asked replace its state by a snapshot of the leader's. It
	// is answered when the new state has been compared with the others'; asking again does no harm.
	RequestResync RequestKind = 3
	// RequestChange changes the membership; Data is a Change in JSON, the reply a ChangeReport. It is
	// answered when the change is committed, and left if it was joint; a node that is to vote once it
	// has caught up may not do so yet.
	RequestChange RequestKind = 4
	// RequestTransfer hands leadership over; Data is a Transfer in JSON. It is answered when the node
	// leads, by a Transfer that names it, or by a Failure when it does not within an election.
	RequestTransfer RequestKind = 5
	// RequestSession opens or closes a session, or changes the state by a command that is carried
	// out once however often it is asked for: Data begins with a session.Header (core/session).
	RequestSession RequestKind = 6
	// RequestBackup asks the node itself for a piece of a copy of its state; Data is a BackupRequest
	// in JSON, the reply at most MaxBackupPiece bytes, and none behind the last piece. A failure is
	// its end.
	RequestBackup RequestKind = 7
	// RequestProbe has the leader commit an entry that changes nothing. An empty reply proves that a
	// majority stores entries and that the leader applies them; Reply.Index is where.
	RequestProbe RequestKind = 8
	// RequestLog asks the node itself for a page of its log; Data is a LogRequest in JSON, the reply a
	// LogPage or a piece of a snapshot.
	RequestLog RequestKind = 9
)

// ReadLevel says how fresh the answer to a query must be.
type ReadLevel uint8

// The read levels.
const (
	Linearizable ReadLevel = 1 // reflects every command acknowledged before the query began
	Stale        ReadLevel = 2 // whatever this replica holds
	// Lease is Linearizable without asking the other nodes, by a leader that they have promised not to
	// replace for a while. It holds as long as clocks keep to the bound that the nodes are given;
	// without one, it is Linearizable by the ordinary way.
	Lease ReadLevel = 3
	// Bounded reflects all that the leader knew to be committed when this replica last heard from it,
	// at most Request.MaxStale ago by this replica's clock; else it is Linearizable.
	Bounded ReadLevel = 4
)

// Valid reports whether l is a level that this version knows.
func (l ReadLevel) Valid() bool { return l >= Linearizable && l <= Bounded }

// Request is what a client asks of a node.
type Request struct {
	Group GroupID
	Kind  RequestKind
	Level ReadLevel // for queries
	// AtLeast has a query wait until this replica has applied the entry there, such as the newest
	// that the client has had a reply for.
	AtLeast  Index
	MaxStale int64  // of Bounded, in nanoseconds
	Local    bool   // answer here or refuse with *NotLeaderError; do not pass on to the leader
	Data     []byte // in the machine's encoding, or as Kind says; read-only from here on
	Token    uint64 // given back to Caller
	Caller   Caller // told the outcome, exactly once
}

// Reply is the outcome of a Request. Err is nil when the machine answered, be it with a Failure.
//
// Err is otherwise one of: *NotLeaderError, ErrBusy, ErrTooLarge, ErrNoGroup, ErrQuarantined,
// ErrClosed (the request certainly was not and will not be carried out), and ErrUnknownOutcome (a
// command that may or may not have been or yet be carried out; nothing else may be said of it).
type Reply struct {
	Result Result
	Index  Index  // of the command's entry; that the query saw; at which a resync was proved
	Leader NodeID // as known to the node that answers; zero: unknown
	Err    error
}

// Caller is whom a node tells what became of requests. Replied does not block, and may be called
// from several goroutines.
type Caller interface {
	Replied(token uint64, r Reply)
}

// Service is a node as its clients see it. Its methods may be called from several goroutines.
type Service interface {
	// Submit hands requests over and does not block: each is answered through its Caller, exactly
	// once, possibly before Submit returns. When the node has no room they are answered ErrBusy.
	// The slice is the caller's again afterwards.
	Submit(requests []Request)

	// Status describes the node and its groups.
	Status() NodeStatus
}

// NodeStatus describes a node for people and for tools; its JSON form is stable.
type NodeStatus struct {
	Node    NodeID        `json:"node"`
	Cluster ClusterID     `json:"cluster,string"`
	Version string        `json:"version"`
	Groups  []GroupStatus `json:"groups"`
	Time    int64         `json:"time_ns,omitempty"` // its wall clock as it answered, Unix ns
	Disk    *DiskStatus   `json:"disk,omitempty"`
	Work    *WorkStatus   `json:"work,omitempty"`
	Peers   []PeerStatus  `json:"peers,omitempty"`  // the other nodes, ascending
	Script  *ScriptStatus `json:"script,omitempty"` // only if another runs than its user named

	ClusterName string `json:"cluster_name,omitempty"` // of which Cluster is made
	Transport   string `json:"transport,omitempty"`    // the plugin's name; of several, a list
}

// GroupStatus describes one replica of a group.
type GroupStatus struct {
	Group         GroupID        `json:"group"`
	Role          string         `json:"role"` // follower, pre-candidate, candidate, leader, removed
	Term          Term           `json:"term"`
	Leader        NodeID         `json:"leader"` // zero: unknown
	CommitIndex   Index          `json:"commit_index"`
	AppliedIndex  Index          `json:"applied_index"`
	AppliedTime   int64          `json:"applied_time_ns,omitempty"` // Entry.Time there; 0: unknown
	FirstIndex    Index          `json:"first_index"`               // the first that the log holds
	LastIndex     Index          `json:"last_index"`
	SnapshotIndex Index          `json:"snapshot_index"`
	Digest        uint64         `json:"digest,string"` // of the machine at AppliedIndex; 0: none
	Machine       string         `json:"machine"`
	Quarantined   *Quarantine    `json:"quarantined,omitempty"`
	Members       []MemberStatus `json:"members"`
}

// Quarantine says why a replica answers no query and does not lead.
type Quarantine struct {
	Index       Index    `json:"index"`       // at which its state differed from the majority's
	Collections []string `json:"collections"` // the parts that differ, as far as they are known
	Restored    bool     `json:"restored"`    // it applies again, and has yet to be proved right
}

// MemberStatus describes a member of a group as one replica sees it. What is known to the leader
// only: State, Alive, Barred, Match and Next.
type MemberStatus struct {
	ID   NodeID `json:"id"`
	Addr Addr   `json:"addr"`
	Role string `json:"role"` // voter, learner, joining (a learner that will vote), outgoing
	// Outgoing says that it counts in the half of a joint membership that is being left, whatever it
	// is in the other: a voter of both halves is a voter that is Outgoing.
	Outgoing bool   `json:"outgoing,omitempty"`
	State    string `json:"state,omitempty"`
	Alive    bool   `json:"alive,omitempty"`  // it answered lately
	Barred   bool   `json:"barred,omitempty"` // it says that it may not lead
	Match    Index  `json:"match,omitempty"`
	Next     Index  `json:"next,omitempty"`
}
