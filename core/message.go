package core

import (
	"fmt"
	"strings"
)

// MessageKind says what a message means. The numbers are part of the wire format.
type MessageKind uint8

// The kinds of message. The comment names the fields that each uses beside Group, From, To, Term.
const (
	// MsgPreVote asks whether an election could be won (thesis §9.6): Log (last position of the
	// candidate); Term is the term that the candidate would campaign in, not its own. Data is where
	// the candidate can be reached, should the receiver no longer know.
	MsgPreVote MessageKind = 1
	// MsgPreVoteReply answers: Reject; Term is the asked one when granted, else the voter's own.
	MsgPreVoteReply MessageKind = 2
	// MsgVote is RequestVote (Raft §5.2): Log (last position), Force.
	MsgVote MessageKind = 3
	// MsgVoteReply answers: Reject.
	MsgVoteReply MessageKind = 4
	// MsgAppend is AppendEntries, and with no entries a heartbeat (Raft §5.3): Log (the position
	// before the first entry), Entries, Commit, Round.
	MsgAppend MessageKind = 5
	// MsgAppendReply answers: Round as asked, Token (the priority of the follower, the highest number
	// if it may not lead). Accepted: Log.Index up to where the logs are known to match. Reject: Log as
	// asked, and Hint, a position in the follower's log where the leader should look next (Raft §5.3,
	// the fast back-up).
	MsgAppendReply MessageKind = 6
	// MsgSnapshot is InstallSnapshot (Raft §7): Snapshot. Raft speaks of the whole; on the way it
	// is cut into MsgSnapshotChunk. It is answered with MsgAppendReply.
	MsgSnapshot MessageKind = 7
	// MsgSnapshotChunk is a piece of a snapshot's body: Snapshot, Offset, Data.
	MsgSnapshotChunk MessageKind = 8
	// MsgSnapshotAck answers a chunk: Log (the snapshot's position), Offset (bytes held: the next
	// chunk wanted), Reject (start over or give up).
	MsgSnapshotAck MessageKind = 9
	// MsgReadIndex asks the leader for a read index (thesis §6.4): Token.
	MsgReadIndex MessageKind = 10
	// MsgReadIndexReply answers: Token, Commit (the read index), Reject (not the leader).
	MsgReadIndexReply MessageKind = 11
	// MsgTimeoutNow tells the receiver to campaign at once (thesis §3.10).
	MsgTimeoutNow MessageKind = 12
	// MsgForward passes a client's request on to the leader: Token, Data, Round (its RequestKind,
	// zero for a command).
	MsgForward MessageKind = 13
	// MsgForwardReply answers: Token, Data; Reject: it was certainly not carried out.
	MsgForwardReply MessageKind = 14
	// MsgDigest reports to the leader what state a machine is in: Log (the checkpoint, an index at
	// which all replicas look), Token (the digest), Round (names the life of the machine: it counts
	// starts and restorings; echoed), Data (the digests of the state's parts).
	MsgDigest MessageKind = 15
	// MsgVerdict answers: Log, Token and Round as reported, Data (what the members say of it, and
	// the parts that differ). A replica in the minority is quarantined.
	MsgVerdict MessageKind = 16
	// MsgResync asks the leader for a snapshot: Log.Index (it has to be newer than that).
	MsgResync MessageKind = 17
	// MsgRemoved tells a node that it is no member any more, and never will be again: Commit (by an
	// entry that is committed at or before that index).
	MsgRemoved MessageKind = 18

	maxMessageKind = MsgRemoved
)

var messageKinds = [...]string{
	MsgPreVote: "PreVote", MsgPreVoteReply: "PreVoteReply",
	MsgVote: "RequestVote", MsgVoteReply: "RequestVoteReply",
	MsgAppend: "AppendEntries", MsgAppendReply: "AppendEntriesReply",
	MsgSnapshot: "InstallSnapshot", MsgSnapshotChunk: "SnapshotChunk", MsgSnapshotAck: "SnapshotAck",
	MsgReadIndex: "ReadIndex", MsgReadIndexReply: "ReadIndexReply", MsgTimeoutNow: "TimeoutNow",
	MsgForward: "Forward", MsgForwardReply: "ForwardReply",
	MsgDigest: "Digest", MsgVerdict: "Verdict", MsgResync: "Resync", MsgRemoved: "Removed",
}

// Valid reports whether k is a kind that this version knows.
func (k MessageKind) Valid() bool { return k >= MsgPreVote && k <= maxMessageKind }

// String names the kind in the words of the paper.
func (k MessageKind) String() string {
	if k.Valid() {
		return messageKinds[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Message is what one node says to another about one group. Messages are values; what they point to
// is read-only once sent.
type Message struct {
	Kind     MessageKind
	Reject   bool
	Force    bool // MsgVote: the leader itself asked for this election; ignore stickiness
	Group    GroupID
	From, To NodeID
	Term     Term
	Log      Position
	Hint     Position
	Commit   Index
	Round    uint64 // leader's number for a confirmation of its leadership; echoed
	Token    uint64 // names a request; echoed
	Offset   int64  // bytes into a snapshot's body
	Entries  []Entry
	Data     []byte
	Snapshot *SnapshotMeta
}

// MessageOverhead is what a message is counted to weigh beside what it points to, in bytes.
const MessageOverhead = 192

// Size is what the message weighs in every bound on messages that wait.
func (m *Message) Size() int {
	n := MessageOverhead + len(m.Data)
	for i := range m.Entries {
		n += m.Entries[i].Size()
	}
	if m.Snapshot != nil {
		n += MessageOverhead * (1 + len(m.Snapshot.Membership.Members))
	}
	return n
}

// String prints the message for people: who to whom, what, and the fields that are set.
func (m Message) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d->%d %s group=%d term=%d", m.From, m.To, m.Kind, m.Group, m.Term)
	if m.Reject {
		b.WriteString(" reject")
	}
	if m.Force {
		b.WriteString(" force")
	}
	if m.Log != (Position{}) {
		fmt.Fprintf(&b, " log=%v", m.Log)
	}
	if m.Hint != (Position{}) {
		fmt.Fprintf(&b, " hint=%v", m.Hint)
	}
	for _, f := range []struct {
		name  string
		value uint64
	}{
		{"commit", uint64(m.Commit)}, {"round", m.Round},
		{"token", m.Token}, {"offset", uint64(m.Offset)},
	} {
		if f.value != 0 {
			fmt.Fprintf(&b, " %s=%d", f.name, f.value)
		}
	}
	if n := len(m.Entries); n > 0 {
		fmt.Fprintf(&b, " entries=%d [%v..%v]", n, m.Entries[0].Position, m.Entries[n-1].Position)
	}
	if len(m.Data) > 0 {
		fmt.Fprintf(&b, " data=%dB", len(m.Data))
	}
	if m.Snapshot != nil {
		fmt.Fprintf(&b, " snapshot=%v size=%d", m.Snapshot.Position, m.Snapshot.Size)
	}
	return b.String()
}
