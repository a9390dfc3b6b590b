package transporttest

import (
	"bytes"

	"github.com/tidelock-raft/tidelock/core"
)

// Samples returns one message of every kind from one node to another. Every field of every message
// is set (but Entry.Client, which is not sent), and no two fields of a message have the same value:
// a codec that loses or mixes up one cannot hide it.
func Samples(from, to core.NodeID) []core.Message {
	var samples []core.Message
	for kind := core.MessageKind(1); kind.Valid(); kind++ {
		samples = append(samples, sample(kind, from, to))
	}
	return samples
}

func sample(kind core.MessageKind, from, to core.NodeID) core.Message {
	base := uint64(kind) << 32 // too wide for 32 bits, and different for each kind
	log := core.Position{Term: core.Term(base + 1), Index: core.Index(base + 2)}
	entry := func(n int, kind core.EntryKind, data string) core.Entry {
		return core.Entry{
			Position: core.Position{Term: log.Term + core.Term(n/2), Index: log.Index + core.Index(n)},
			Kind:     kind, Time: 1_700_000_000_000_000_000 + int64(n)*1000, Data: []byte(data),
		}
	}
	return core.Message{
		Kind: kind, Reject: true, Force: true,
		Group: core.GroupID(base + 3), From: from, To: to, Term: core.Term(base + 4),
		Log: log, Hint: core.Position{Term: core.Term(base + 5), Index: core.Index(base + 6)},
		Commit: core.Index(base + 7), Round: base + 8, Token: base + 9, Offset: int64(base + 10),
		Entries: []core.Entry{
			entry(1, core.EntryNoop, "noop"), entry(2, core.EntryCommand, "command"),
			entry(3, core.EntryMembership, "membership"),
		},
		Data: []byte("data of " + kind.String()),
		Snapshot: &core.SnapshotMeta{
			Position: core.Position{Term: core.Term(base + 11), Index: core.Index(base + 12)},
			Time:     int64(base + 13), Size: int64(base + 14), Checksum: base + 15,
			Membership: core.Membership{
				Members: []core.Member{
					{ID: 1, Role: core.Voter, Addr: "127.0.0.1:9001"},
					{ID: 2, Role: core.Voter | core.Outgoing, Addr: "127.0.0.1:9002"},
					{ID: 3, Role: core.Learner, Addr: "127.0.0.1:9003"},
				},
				Retired: core.Retired{Floor: 7, IDs: []core.NodeID{8, 11}},
			},
		},
	}
}

// Equal reports whether two messages say the same. Empty slices and nil ones do.
func Equal(a, b *core.Message) bool {
	if a.Kind != b.Kind || a.Reject != b.Reject || a.Force != b.Force || a.Group != b.Group ||
		a.From != b.From || a.To != b.To || a.Term != b.Term || a.Log != b.Log || a.Hint != b.Hint ||
		a.Commit != b.Commit || a.Round != b.Round || a.Token != b.Token || a.Offset != b.Offset ||
		len(a.Entries) != len(b.Entries) || !bytes.Equal(a.Data, b.Data) {
		return false
	}
	for i := range a.Entries {
		x, y := &a.Entries[i], &b.Entries[i]
		if x.Position != y.Position || x.Kind != y.Kind || x.Time != y.Time ||
			!bytes.Equal(x.Data, y.Data) {
			return false
		}
	}
	return equalSnapshots(a.Snapshot, b.Snapshot)
}

func equalSnapshots(a, b *core.SnapshotMeta) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}
