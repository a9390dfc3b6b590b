package raft_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raft"
	"github.com/tidelock-raft/tidelock/core/raftscript"
)

// voters returns a membership of these ids.
func voters(ids ...core.NodeID) core.Membership {
	var m core.Membership
	for _, id := range ids {
		m.Members = append(m.Members, core.Member{ID: id, Role: core.Voter})
	}
	return m
}

// alone returns a cluster of one that leads, and its disk.
func alone(t *testing.T, c raft.Config) (*raft.Raft, *raftscript.Disk) {
	t.Helper()
	disk := raftscript.NewDisk(voters(1))
	c.ID, c.Group = 1, 1
	r, err := raft.New(c, disk.State(), disk)
	if err != nil {
		t.Fatal(err)
	}
	r.Campaign()
	var out raft.Output
	settle(t, r, disk, &out)
	if r.Role() != raft.Leader || r.Leader() != 1 || r.Commit() != 1 {
		t.Fatalf("%v of %d, commit %d", r.Role(), r.Leader(), r.Commit())
	}
	return r, disk
}

func command(size int) core.Entry {
	return core.Entry{Kind: core.EntryCommand, Data: make([]byte, size-core.EntryOverhead)}
}

func TestNewRefusesAConfigThatMakesNoSense(t *testing.T) {
	disk := raftscript.NewDisk(voters(1))
	for _, c := range []struct {
		config raft.Config
		want   string
	}{
		{raft.Config{Group: 1}, "ID is zero"},
		{raft.Config{ID: 1}, "Group is zero"},
		{raft.Config{ID: 1, Group: 1, ElectionTicks: 3, HeartbeatTicks: 3}, "must be below"},
		{raft.Config{ID: 1, Group: 1, MaxReads: -1}, "MaxReads is -1"},
	} {
		_, err := raft.New(c.config, disk.State(), disk)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.config, err, c.want)
		}
	}
}

func TestNewRefusesAStateThatContradictsItself(t *testing.T) {
	entry := func(term core.Term, i core.Index) core.Entry {
		return core.Entry{Position: core.Position{Term: term, Index: i}, Kind: core.EntryNoop}
	}
	nobody := func(s *core.State) { s.Snapshot.Membership.Members = nil }
	for name, c := range map[string]struct {
		change func(*core.State)
		log    []core.Entry
		want   error
	}{
		"no members":      {nobody, nil, core.ErrMembership},
		"term behind log": {func(s *core.State) { s.Hard.Term = 1 }, nil, core.ErrCorrupt},
		"gap after snapshot": {func(s *core.State) {
			s.Start, s.Last = core.Position{Term: 1, Index: 9}, core.Position{Term: 2, Index: 10}
		}, nil, core.ErrCorrupt},
		"gap in the log":  {nil, []core.Entry{entry(1, 1), entry(2, 3)}, core.ErrCorrupt},
		"term falls":      {nil, []core.Entry{entry(2, 1), entry(1, 2)}, core.ErrCorrupt},
		"other last term": {nil, []core.Entry{entry(1, 1), entry(1, 2)}, core.ErrCorrupt},
		"cannot be read":  {nil, nil, errDisk},
	} {
		st := core.State{
			Hard:     core.HardState{Term: 2},
			Last:     core.Position{Term: 2, Index: 2},
			Snapshot: core.SnapshotMeta{Membership: voters(1)},
		}
		if c.change != nil {
			c.change(&st)
		}
		if _, err := raft.New(raft.Config{ID: 1, Group: 1}, st, badDisk(c.log)); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

var errDisk = errors.New("disk on fire")

// badDisk gives its entries whatever it is asked for, and an error when it has none.
type badDisk []core.Entry

func (d badDisk) Entries(dst []core.Entry, _, _ core.Index, _ int) ([]core.Entry, error) {
	if len(d) == 0 {
		return dst, errDisk
	}
	return append(dst, d...), nil
}

func (badDisk) Term(core.Index) (core.Term, error) { return 0, errDisk }

// flakyDisk fails once it is told to.
type flakyDisk struct {
	*raftscript.Disk
	broken bool
}

func (d *flakyDisk) Entries(
	dst []core.Entry, lo, hi core.Index, maxBytes int,
) ([]core.Entry, error) {
	if d.broken {
		return dst, errDisk
	}
	return d.Disk.Entries(dst, lo, hi, maxBytes)
}

func TestReplicaStopsWhenItsLogCannotBeRead(t *testing.T) {
	_, disk := alone(t, raft.Config{})
	entries := make([]core.Entry, 100)
	for i := range entries {
		entries[i] = core.Entry{
			Position: core.Position{Term: 1, Index: core.Index(i + 2)}, Kind: core.EntryCommand,
		}
	}
	hard := core.HardState{Term: 1, Commit: 101}
	if err := disk.Write(core.Update{Group: 1, Hard: hard, Entries: entries}); err == nil {
		t.Fatal("the vote of term 1 was taken back")
	}
	hard.Vote = 1
	if err := disk.Write(core.Update{Group: 1, Hard: hard, Entries: entries}); err != nil {
		t.Fatal(err)
	}
	flaky := &flakyDisk{Disk: disk}
	r, err := raft.New(raft.Config{ID: 1, Group: 1, CacheBytes: 1}, disk.State(), flaky)
	if err != nil {
		t.Fatal(err)
	}
	flaky.broken = true
	var out raft.Output
	if r.Take(&out) || !errors.Is(r.Err(), errDisk) {
		t.Fatalf("got %+v, %v, want nothing and the disk's error", out, r.Err())
	}
	r.Tick()
	r.Campaign()
	r.Wrote(99)
	r.Applied(99)
	r.Step(core.Message{Kind: core.MsgVote, Group: 1, From: 2, To: 1, Term: 9})
	if err := r.Propose(nil); !errors.Is(err, errDisk) {
		t.Errorf("Propose: got %v", err)
	}
	if err := r.Read(1); !errors.Is(err, errDisk) {
		t.Errorf("Read: got %v", err)
	}
	if err := r.Snapshotted(core.SnapshotMeta{}, 0); !errors.Is(err, errDisk) {
		t.Errorf("Snapshotted: got %v", err)
	}
	if r.Take(&out) || r.Term() != 1 {
		t.Errorf("a replica that has stopped goes on: %+v", out)
	}
}

func TestProposeTakesAllOrNothing(t *testing.T) {
	r, _ := alone(t, raft.Config{MaxMessageBytes: 500, MaxUncommittedBytes: 1000})
	membership := func(m core.Membership) core.Entry {
		data, _ := m.AppendBinary(nil)
		return core.Entry{Kind: core.EntryMembership, Data: data}
	}
	two := membership(voters(1, 2))
	longer := core.Entry{Kind: core.EntryMembership, Data: append([]byte(nil), two.Data...)}
	longer.Data = append(longer.Data, 0)
	empty := core.Entry{Kind: core.EntryMembership}
	large := command(400)
	for name, c := range map[string]struct {
		entries []core.Entry
		want    error
	}{
		"large":            {[]core.Entry{command(100), command(501)}, core.ErrTooLarge},
		"large together":   {[]core.Entry{large, large, large}, core.ErrTooLarge},
		"kind":             {[]core.Entry{command(100), {Kind: 77}}, raft.ErrProposal},
		"no membership":    {[]core.Entry{command(100), empty}, core.ErrMembership},
		"disjoint":         {[]core.Entry{membership(voters(2))}, core.ErrMembership},
		"two memberships":  {[]core.Entry{two, two}, core.ErrBusy},
		"bytes behind one": {[]core.Entry{longer}, core.ErrMembership},
	} {
		if err := r.Propose(c.entries); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if s := r.Status(); s.Last != 1 || s.Uncommitted != 0 {
		t.Errorf("refused proposals left the log at %d, %d bytes uncommitted", s.Last, s.Uncommitted)
	}
}

func TestProposeGivesPositionAndTime(t *testing.T) {
	r, disk := alone(t, raft.Config{})
	var out raft.Output
	entries := []core.Entry{command(100), command(100), command(100)}
	entries[0].Time, entries[1].Time, entries[2].Time = 50, 40, 60
	if err := r.Propose(entries); err != nil {
		t.Fatal(err)
	}
	settle(t, r, disk, &out)
	for i, want := range []int64{50, 50, 60} {
		position := core.Position{Term: 1, Index: core.Index(i + 2)}
		if e := entries[i]; e.Position != position || e.Time != want {
			t.Errorf("entry %d: got %v at %d, want %v at %d", i, e.Position, e.Time, position, want)
		}
	}
	// A later leader's clock does not fall behind either, not even after a restart.
	again, err := raft.New(raft.Config{ID: 1, Group: 1}, disk.State(), disk)
	if err != nil {
		t.Fatal(err)
	}
	again.Campaign()
	settle(t, again, disk, &out)
	late := []core.Entry{command(100)}
	if err := again.Propose(late); err != nil || late[0].Time != 60 {
		t.Errorf("got time %d, %v, want 60", late[0].Time, err)
	}
}

func TestSnapshottedRefusesWhatTheMachineCannotHaveTaken(t *testing.T) {
	r, disk := alone(t, raft.Config{})
	var out raft.Output
	for range 3 {
		if err := r.Propose([]core.Entry{command(100)}); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, r, disk, &out)
	meta := func(term core.Term, i core.Index) core.SnapshotMeta {
		return core.SnapshotMeta{
			Position: core.Position{Term: term, Index: i}, Membership: r.MembershipAt(i),
		}
	}
	unknown := core.SnapshotMeta{Position: core.Position{Term: 1, Index: 4}}
	if err := r.Snapshotted(meta(1, 3), 2); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		meta    core.SnapshotMeta
		compact core.Index
		want    error
	}{
		"older":      {meta(1, 2), 0, raft.ErrOutdated},
		"beyond":     {meta(1, 5), 0, raft.ErrSnapshot},
		"cut beyond": {meta(1, 4), 5, raft.ErrSnapshot},
		"other term": {meta(2, 4), 0, raft.ErrSnapshot},
		"no members": {unknown, 0, core.ErrMembership},
	} {
		if err := r.Snapshotted(c.meta, c.compact); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if err := r.Snapshotted(meta(1, 3), 3); err != nil {
		t.Errorf("cut further with the same snapshot: %v", err)
	}
	settle(t, r, disk, &out)
	if s := r.Status(); s.First != 4 || s.Snapshot != 3 || disk.State().Start.Index != 3 {
		t.Errorf("got %+v on %+v, want a log from 4", s, disk.State())
	}
}

func TestReadsAreBounded(t *testing.T) {
	r, disk := alone(t, raft.Config{MaxReads: 2})
	for token := range uint64(2) {
		if err := r.Read(token); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Read(3); !errors.Is(err, core.ErrBusy) {
		t.Errorf("got %v, want busy", err)
	}
	var out raft.Output
	settle(t, r, disk, &out)
	if err := r.Read(4); err != nil {
		t.Errorf("after the others were confirmed: %v", err)
	}
}

// TestNoQuorumBoundedMemory: a leader without followers takes proposals up to its limit, and no
// more.
func TestNoQuorumBoundedMemory(t *testing.T) {
	w := newTrio(t)
	var out raft.Output
	leader, taken := w.nodes[0], 0
	for ; ; taken++ {
		err := leader.Propose([]core.Entry{command(1 << 20)})
		if errors.Is(err, core.ErrBusy) {
			break
		}
		if err != nil || taken > 100 {
			t.Fatalf("%d MiB taken, then %v", taken, err)
		}
		for leader.Take(&out) {
			leader.Wrote(out.Seq)
		}
	}
	if s := leader.Status(); taken != 64 || s.Uncommitted != 64<<20 || s.Peers[1].Inflight != 16 {
		t.Errorf("%d MiB taken, %d bytes uncommitted, %d in flight, want 64 MiB and 16",
			taken, s.Uncommitted, s.Peers[1].Inflight)
	}
}

func TestRestartFindsTheMembershipInTheLog(t *testing.T) {
	r, disk := alone(t, raft.Config{})
	var out raft.Output
	data, err := voters(1, 2).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Propose([]core.Entry{{Kind: core.EntryMembership, Data: data}}); err != nil {
		t.Fatal(err)
	}
	settle(t, r, disk, &out)
	again, err := raft.New(raft.Config{ID: 1, Group: 1}, disk.State(), disk)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []core.Membership{voters(1), voters(1), voters(1, 2)} {
		if got := again.MembershipAt(core.Index(i)); !got.Equal(want) {
			t.Errorf("membership at %d: got %v, want %v", i, got, want)
		}
	}
	if s := again.Status(); !s.Membership.Equal(voters(1, 2)) || len(s.Peers) != 2 {
		t.Errorf("in force: %v, %d peers", s.Membership, len(s.Peers))
	}
}

func TestNamesOfRolesAndStates(t *testing.T) {
	for got, want := range map[string]string{
		raft.Follower.String(): "follower", raft.PreCandidate.String(): "pre-candidate",
		raft.Candidate.String(): "candidate", raft.Leader.String(): "leader",
		raft.Role(9).String(): "role(9)", raft.Probing.String(): "probing",
		raft.Snapshotting.String(): "snapshotting", raft.PeerState(9).String(): "state(9)",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
