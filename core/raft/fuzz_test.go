package raft_test

import (
	"encoding/binary"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raft"
	"github.com/tidelock-raft/tidelock/core/raftscript"
)

// stream turns bytes into numbers; at the end it gives zeros.
type stream []byte

func (s *stream) next() uint64 {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	switch {
	case b < 250:
		return uint64(b)
	case b < 253 || len(*s) < 8:
		return 1<<62 + uint64(b) - 252 // about the bounds
	}
	wide := binary.LittleEndian.Uint64(*s)
	*s = (*s)[8:]
	return wide
}

func (s *stream) below(n uint64) uint64 { return s.next() % n }

func (s *stream) position() core.Position {
	return core.Position{Term: core.Term(s.next()), Index: core.Index(s.next())}
}

func (s *stream) membership() core.Membership {
	var m core.Membership
	for range s.below(5) {
		m.Members = append(m.Members, core.Member{
			ID: core.NodeID(s.below(6)), Role: core.Role(s.below(17)),
		})
	}
	if s.below(4) == 1 {
		m.Retired = core.Retired{Floor: core.NodeID(s.below(3)), IDs: []core.NodeID{
			core.NodeID(s.next()),
		}}
	}
	return m
}

// message makes any message at all: mostly a plausible one, with entries that mostly follow.
func (s *stream) message() core.Message {
	m := core.Message{
		Kind: core.MessageKind(s.below(19)), Reject: s.below(2) == 1, Force: s.below(2) == 1,
		Group: core.GroupID(1 + s.below(20)/19), From: core.NodeID(s.below(5)),
		To: core.NodeID(1 + s.below(20)/19), Term: core.Term(s.next()),
		Log: s.position(), Hint: s.position(), Commit: core.Index(s.next()),
		Round: s.next(), Token: s.next(),
	}
	at := m.Log
	for range s.below(5) {
		at.Index++
		e := core.Entry{Position: at, Kind: core.EntryKind(1 + s.below(4))}
		switch s.below(8) {
		case 0:
			e.Position = s.position()
		case 1:
			e.Term += core.Term(s.below(3))
		}
		if e.Kind == core.EntryMembership {
			e.Data, _ = s.membership().AppendBinary(nil)
		}
		m.Entries, at = append(m.Entries, e), e.Position
	}
	if s.below(3) == 1 {
		m.Snapshot = &core.SnapshotMeta{
			Position: s.position(), Membership: s.membership(), Size: int64(s.next()),
		}
	}
	return m
}

// FuzzStep feeds a replica messages that no correct node sends, among its other work. It must
// neither panic, nor break its own invariants, nor ask its store for the impossible.
func FuzzStep(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{200, 200, 5, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 3, 1, 1, 2, 0, 0, 0, 0})
	f.Fuzz(fuzzOne)
}

func fuzzOne(t *testing.T, data []byte) {
	s := stream(data)
	three := core.Membership{Members: []core.Member{
		{ID: 1, Role: core.Voter}, {ID: 2, Role: core.Voter}, {ID: 3, Role: core.Learner},
	}}
	if s.below(2) == 1 {
		three.Members[1].Role = core.Learner // node 1 can elect itself
	}
	disk := raftscript.NewDisk(three)
	r, err := raft.New(raft.Config{ID: 1, Group: 1, MaxReads: 2}, disk.State(), disk)
	if err != nil {
		t.Fatal(err)
	}
	var out raft.Output
	for len(s) > 0 {
		switch s.below(18) {
		case 16:
			_ = r.Transfer(core.NodeID(s.below(4)))
		case 17:
			data, _ := s.membership().AppendBinary(nil)
			_ = r.Propose([]core.Entry{{Kind: core.EntryMembership, Data: data}})
		case 0:
			r.Campaign()
		case 1:
			r.Tick()
		case 2:
			_ = r.Propose([]core.Entry{{Kind: core.EntryCommand}})
		case 3:
			_ = r.Read(s.next())
		case 4:
			r.SnapshotFailed(core.NodeID(s.below(4)))
		default:
			r.Step(s.message())
		}
		settle(t, r, disk, &out)
	}
}

// settle carries out what r asks for.
func settle(t *testing.T, r *raft.Raft, disk *raftscript.Disk, out *raft.Output) {
	for range 100 {
		if err := r.Check(); err != nil {
			t.Fatal(err)
		}
		if !r.Take(out) {
			if err := r.Err(); err != nil {
				t.Fatal(err)
			}
			return
		}
		if out.HasWrite {
			if err := disk.Write(out.Write); err != nil {
				t.Fatal(err)
			}
			r.Wrote(out.Seq)
		}
		if out.Restore != nil {
			r.Applied(out.Restore.Index)
		}
		if n := len(out.Apply); n > 0 {
			r.Applied(out.Apply[n-1].Index)
		}
	}
	t.Fatal("still something to do after 100 takes")
}
