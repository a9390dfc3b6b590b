package core_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

func membership(members ...core.Member) core.Membership {
	return core.Membership{Members: members}
}

func TestMembershipNamesItsBrokenInvariant(t *testing.T) {
	long := core.Addr(strings.Repeat("a", core.MaxAddrBytes+1))
	many := membership()
	for id := range core.NodeID(core.MaxMembers + 1) {
		many.Members = append(many.Members, core.Member{ID: id + 1, Role: core.Voter})
	}
	for _, c := range []struct {
		name string
		m    core.Membership
		want string // "" for a valid one
	}{
		{"one voter", membership(core.Member{ID: 1, Role: core.Voter}), ""},
		{"joint", membership(core.Member{ID: 1, Role: core.Voter | core.Outgoing},
			core.Member{ID: 2, Role: core.Outgoing}, core.Member{ID: 3, Role: core.Learner}), ""},
		{"empty", membership(), "no voter"},
		{"only learners", membership(core.Member{ID: 1, Role: core.Learner}), "no voter"},
		{"zero id", membership(core.Member{Role: core.Voter}), "id 0 after 0"},
		{"twice", membership(core.Member{ID: 2, Role: core.Voter},
			core.Member{ID: 2, Role: core.Voter}), "id 2 after 2"},
		{"no role", membership(core.Member{ID: 1}), "node 1 has role 0"},
		{"two minds", membership(core.Member{ID: 1, Role: core.Voter | core.Learner}),
			"learner and voter"},
		{"address", membership(core.Member{ID: 1, Role: core.Voter, Addr: long}), "513 bytes"},
		{"many", many, "65 members"},
	} {
		err := c.m.Check()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && !errors.Is(err, core.ErrMembership):
			t.Errorf("%s: got %v, want ErrMembership", c.name, err)
		case c.want != "" && !strings.Contains(err.Error(), c.want):
			t.Errorf("%s: got %q, want it to say %q", c.name, err, c.want)
		}
	}
}

func sampleMeta() core.SnapshotMeta {
	meta := core.SnapshotMeta{
		Position: core.Position{Term: 3, Index: 400}, Time: -5, Size: 600, Checksum: 1 << 63,
		Membership: membership(core.Member{ID: 1, Role: core.Voter, Addr: "127.0.0.1:9001"},
			core.Member{ID: 300, Role: core.Learner | core.Joining}),
	}
	meta.Membership.Retired = core.Retired{Floor: 2, IDs: []core.NodeID{7, 600}}
	return meta
}

func TestSnapshotMetaSurvivesEncoding(t *testing.T) {
	want := sampleMeta()
	data, _ := want.AppendBinary([]byte("head"))
	got, rest, err := core.DecodeSnapshotMeta(append(data[4:], "rest"...))
	if err != nil || string(rest) != "rest" {
		t.Fatalf("got rest %q, error %v", rest, err)
	}
	if !got.Equal(want) {
		t.Errorf("got %+v, %v, want %+v, %v", got, got.Membership, want, want.Membership)
	}
	for cut := range len(data) - 4 {
		if _, _, err := core.DecodeSnapshotMeta(data[4 : 4+cut]); err == nil {
			t.Errorf("cut at byte %d: no error", cut)
		}
	}
}

func TestSnapshotMetaHasABound(t *testing.T) {
	meta := core.SnapshotMeta{}
	for n := range core.NodeID(core.MaxMembers) {
		meta.Membership.Members = append(meta.Membership.Members, core.Member{Role: core.Voter,
			ID: math.MaxUint64 - core.MaxMembers + n, Addr: core.Addr(make([]byte, core.MaxAddrBytes))})
	}
	for n := range core.MaxRetired {
		meta.Membership.Retired.IDs = append(meta.Membership.Retired.IDs, core.NodeID(n+1)*(1<<56-1))
	}
	if err := meta.Membership.Check(); err != nil {
		t.Fatal(err)
	}
	data, _ := meta.AppendBinary(nil)
	most := core.MaxSnapshotMetaBytes
	if got := len(data); got > most || got < most-3*core.MaxRetired {
		t.Errorf("got %d bytes, bound %d", got, most)
	}
	if got, _, err := core.DecodeSnapshotMeta(data); err != nil || !got.Equal(meta) {
		t.Errorf("got another one back, %v", err)
	}
}

func FuzzSnapshotMeta(f *testing.F) {
	seed, _ := sampleMeta().AppendBinary(nil)
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		meta, rest, err := core.DecodeSnapshotMeta(data)
		if err != nil {
			return
		}
		again, _ := meta.AppendBinary(nil)
		if !bytes.Equal(again, data[:len(data)-len(rest)]) {
			t.Fatalf("not canonical: got %x, want %x", again, data[:len(data)-len(rest)])
		}
	})
}

func TestMessageStringTellsWhatIsSet(t *testing.T) {
	m := core.Message{
		Kind: core.MsgAppend, Group: 1, From: 2, To: 3, Term: 4, Commit: 6, Round: 7,
		Log:     core.Position{Term: 3, Index: 5},
		Entries: []core.Entry{{Position: core.Position{Term: 4, Index: 6}}},
	}
	want := "2->3 AppendEntries group=1 term=4 log=t3/i5 commit=6 round=7 entries=1 [t4/i6..t4/i6]"
	if got := m.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestPositionBefore(t *testing.T) {
	at := func(t core.Term, i core.Index) core.Position { return core.Position{Term: t, Index: i} }
	for _, c := range []struct {
		p, q core.Position
		want bool
	}{
		{at(1, 9), at(2, 1), true}, {at(2, 1), at(1, 9), false},
		{at(2, 1), at(2, 2), true}, {at(2, 2), at(2, 2), false},
	} {
		if got := c.p.Before(c.q); got != c.want {
			t.Errorf("%v before %v: got %v", c.p, c.q, got)
		}
	}
}
