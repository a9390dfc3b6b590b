package engine

import (
	"math"
	"slices"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// TestTurnsAreApart: replicas that count from the same index have different distances to their
// first snapshot, one of them the whole; who takes over another's state comes behind it.
func TestTurnsAreApart(t *testing.T) {
	m := members(2, 3, 5)
	for _, test := range []struct {
		first core.NodeID
		want  []turn
	}{
		{0, []turn{{1, 3}, {2, 3}, {3, 3}}},
		{2, []turn{{3, 3}, {1, 3}, {2, 3}}},
		{3, []turn{{2, 3}, {3, 3}, {1, 3}}},
		{9, []turn{{1, 3}, {2, 3}, {3, 3}}},
	} {
		var got []turn
		for _, member := range m.Members {
			got = append(got, turnOf(m, member.ID, test.first))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("behind %d: got %v, want %v", test.first, got, test.want)
		}
	}
	if got := turnOf(m, 9, 2); got != (turn{1, 1}) {
		t.Errorf("who is no member: got %v, want the whole", got)
	}
}

// TestShareOfADistance is exact for the largest there are.
func TestShareOfADistance(t *testing.T) {
	for _, test := range []struct {
		turn        turn
		whole, want int64
	}{
		{turn{1, 1}, 5, 5}, {turn{1, 3}, 5, 1}, {turn{2, 3}, 5, 3}, {turn{3, 3}, 5, 5},
		{turn{1, 3}, 2, 1}, {turn{1, 2}, 1, 1},
		{turn{1, 2}, math.MaxInt64, math.MaxInt64 / 2}, {turn{7, 7}, math.MaxInt64, math.MaxInt64},
	} {
		if got := test.turn.share(test.whole); got != test.want {
			t.Errorf("%v of %d: got %d, want %d", test.turn, test.whole, got, test.want)
		}
	}
}

// TestNothingIsNotWorthASnapshot: before an entry was applied none is asked for nor hurried, be the
// distance shorter than there are members.
func TestNothingIsNotWorthASnapshot(t *testing.T) {
	d := newDesk(t, Config{Node: 1, SnapshotEntries: 1, SnapshotBytes: 2}, 1, 2, 3)
	g := d.engine.byID[core.DefaultGroup]
	if d.step(); g.saving.wanted {
		t.Error("a snapshot of nothing is asked for")
	}
	g.saving.wanted, g.saving.at = false, 1
	if d.until("tick", func() bool { return g.audit.quiet > 1 }); len(d.out.Hurry) > 0 {
		t.Error("a snapshot is hurried though nothing was applied since it was taken")
	}
}

// savings has a leader, the so-maniest of three members and the only voter, apply commands; a
// snapshot takes so many of them to be written. It returns where snapshots were taken, and how long
// before they were written there was first haste.
func savings(t *testing.T, rank, writing int) (taken []core.Index, haste []int) {
	m := members(1, 2, 3)
	for i := range m.Members {
		m.Members[i].Role = core.Learner
	}
	m.Members[rank].Role = core.Voter
	d := newDeskOf(t, Config{
		Node: m.Members[rank].ID, SnapshotEntries: 90, SnapshotBytes: math.MaxInt64, DigestEvery: 1,
	}, m)
	d.until("leader", d.leads)
	n, left := notes{}, 0
	for token := uint64(0); token < 400; token++ {
		d.ask(n, command(token+1, 8))
		d.step()
		if len(d.out.Hurry) > 0 && len(haste) < len(taken) {
			haste = append(haste, left)
		}
		if left--; left == 0 {
			meta := core.SnapshotMeta{Position: core.Position{Term: 1, Index: taken[len(taken)-1]}}
			d.in.Saved = append(d.in.Saved, Saved{Group: core.DefaultGroup, OK: true, Meta: meta})
		}
		for _, w := range d.out.Work {
			if len(w.Entries) == 0 {
				continue
			}
			at := w.Entries[len(w.Entries)-1].Position
			d.in.Noted = append(d.in.Noted, Noted{Group: core.DefaultGroup, At: at})
			if w.Save {
				taken, left = append(taken, at.Index), writing
			}
		}
	}
	return taken, haste
}

// TestReplicasTakeSnapshotsInTurn: the first of each after another part of the distance, the others
// a whole distance later.
func TestReplicasTakeSnapshotsInTurn(t *testing.T) {
	for rank := range 3 {
		taken, haste := savings(t, rank, 10)
		if len(taken) < 3 || len(haste) > 0 {
			t.Fatalf("replica %d: snapshots at %v, haste at %v", rank, taken, haste)
		}
		want := core.Index(30 * (rank + 1))
		for i, at := range taken {
			if at < want || at > want+4 { // it is asked for, and then there is another entry
				t.Errorf("replica %d: snapshot %d at %d, want about %d", rank, i, at, want)
			}
			want = at + 90
		}
	}
}

// TestSlowSnapshotIsHurried when half of the distance to the next is covered.
func TestSlowSnapshotIsHurried(t *testing.T) {
	taken, haste := savings(t, 0, 60)
	if len(taken) < 3 || len(haste) < 3 {
		t.Fatalf("snapshots at %v, haste at %v", taken, haste)
	}
	for _, left := range haste {
		if left < 10 || left > 20 {
			t.Errorf("there was haste %d entries before the end, want about 15", left)
		}
	}
}

// saver is a desk with three groups of lone voters that take snapshots after 100 entries.
type saver struct {
	*desk
	entries map[core.GroupID]core.Index
	at      map[core.GroupID]core.Position // of snapshots that are being written
	taken   []core.GroupID
}

func newSaver(t *testing.T) *saver {
	s := &saver{
		newDesk(t, Config{
			Node: 1, SnapshotEntries: 100, SnapshotBytes: math.MaxInt64, DigestEvery: 10, DigestTicks: 20,
		}, 1), map[core.GroupID]core.Index{}, map[core.GroupID]core.Position{}, nil,
	}
	for id := core.GroupID(2); id <= 3; id++ {
		s.open(id, members(1))
	}
	s.until("leaders", func() bool {
		return !slices.ContainsFunc(s.engine.Status(), func(g core.GroupStatus) bool {
			return g.Role != "leader"
		})
	})
	return s
}

// run makes so many steps, with a command for each of the groups.
func (s *saver) run(steps int, groups ...core.GroupID) {
	for range steps {
		for _, id := range groups {
			q := command(1, 8)
			q.Group = id
			s.ask(notes{}, q)
		}
		s.step()
		for _, w := range s.out.Work {
			if n := len(w.Entries); n > 0 {
				s.entries[w.Group] = w.Entries[n-1].Index
			}
			at := core.Position{Term: 1, Index: s.entries[w.Group]}
			if w.Note {
				s.in.Noted = append(s.in.Noted, Noted{Group: w.Group, At: at, Digest: 7})
			}
			if w.Save {
				s.taken, s.at[w.Group] = append(s.taken, w.Group), at
			}
		}
	}
}

func (s *saver) finish(id core.GroupID) {
	meta := core.SnapshotMeta{Position: s.at[id]}
	s.in.Saved = append(s.in.Saved, Saved{Group: id, OK: true, Meta: meta})
	delete(s.at, id)
}

// TestSnapshotsOfANodeTakeTurns: while one is written the others are not even taken, also when
// nothing is written to their groups any more by the time that it is their turn.
func TestSnapshotsOfANodeTakeTurns(t *testing.T) {
	s := newSaver(t)
	s.run(130, 1, 2, 3)
	for n := 1; n <= 3; n++ {
		if s.run(100); len(s.taken) != n || len(s.at) != 1 {
			t.Fatalf("turn %d: taken %v, under way %v", n, s.taken, s.at)
		}
		s.finish(s.taken[n-1])
	}
	if s.run(100); len(s.taken) != 3 || len(s.at) > 0 {
		t.Fatalf("after all turns: taken %v, under way %v", s.taken, s.at)
	}
	for _, g := range s.engine.Status() {
		if g.SnapshotIndex < 100 {
			t.Errorf("group %d: snapshot at %d", g.Group, g.SnapshotIndex)
		}
	}
}

// TestSnapshotOutOfTurnIsHurried: one that has waited for half of a distance, and one that a member
// waits for.
func TestSnapshotOutOfTurnIsHurried(t *testing.T) {
	s := newSaver(t)
	s.run(120, 1)
	s.run(140, 2)
	if !slices.Equal(s.taken, []core.GroupID{1}) {
		t.Fatalf("taken %v", s.taken)
	}
	if s.run(30, 2); !slices.Equal(s.taken, []core.GroupID{1, 2}) {
		t.Fatalf("after half of a distance: taken %v", s.taken)
	}
	g := s.engine.byID[3]
	g.saving.wanted, g.saving.trusted = true, true
	s.run(10, 3)
	if !slices.Equal(s.taken, []core.GroupID{1, 2, 3}) {
		t.Fatalf("after a member has asked: taken %v", s.taken)
	}
	s.run(1)
	if slices.Sort(s.out.Hurry); !slices.Equal(s.out.Hurry, []core.GroupID{2, 3}) {
		t.Errorf("haste for %v", s.out.Hurry)
	}
}

// TestShortRoomHurriesSnapshots: a quarter of the distance is enough for one, those that are being
// written are hurried, and the log is cut without a tail; with room, all is as ever.
func TestShortRoomHurriesSnapshots(t *testing.T) {
	for _, short := range []bool{false, true} {
		s := newSaver(t)
		step := func(steps int) {
			for range steps {
				s.in.Short = short
				s.run(1, 1)
			}
		}
		step(15)
		if len(s.taken) > 0 {
			t.Errorf("short %v: taken at %v", short, s.at)
		}
		if step(30); (len(s.taken) > 0) != short {
			t.Errorf("short %v: taken at %v behind a quarter of the distance", short, s.at)
		}
		if s.run(80, 1); len(s.taken) == 0 {
			t.Fatalf("short %v: none is taken", short)
		}
		at := s.at[1].Index
		s.in.Short = short
		if s.run(1); (len(s.out.Hurry) > 0) != short {
			t.Errorf("short %v: haste for %v", short, s.out.Hurry)
		}
		s.finish(1)
		for range 3 {
			s.in.Short = short
			s.run(1)
		}
		if got := s.engine.Status()[0]; (got.FirstIndex > at) != short || got.SnapshotIndex != at {
			t.Errorf("short %v: snapshot at %d of %d, log from %d", short, got.SnapshotIndex, at,
				got.FirstIndex)
		}
	}
}

// TestSnapshotThatIsWaitedForIsHurried: a member asks for one while another is being written, or
// asked for the very one; or this replica cannot be given another state before it is written, or
// has been given one.
func TestSnapshotThatIsWaitedForIsHurried(t *testing.T) {
	overtake := func(g *group) {
		meta := core.SnapshotMeta{Position: core.Position{Term: 1, Index: 2}, Membership: g.members()}
		if err := g.raft.Snapshotted(meta, 0); err != nil {
			t.Error(err)
		}
	}
	for name, wait := range map[string]func(g *group){
		"overtaken":  overtake,
		"the next":   func(g *group) { g.saving.wanted = true },
		"this one":   func(g *group) { g.saving.trusted = true },
		"resync":     func(g *group) { g.resync.wanted = true },
		"quarantine": func(g *group) { g.quarantine = &core.Quarantine{} },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, Config{Node: 1}, 1)
			d.until("leader", d.leads)
			g := d.engine.byID[core.DefaultGroup]
			g.saving.at = 1
			d.ask(notes{}, command(1, 8))
			for range 3 {
				d.step()
			}
			before := len(d.out.Hurry)
			wait(g)
			d.step()
			if before != 0 || !slices.Equal(d.out.Hurry, []core.GroupID{core.DefaultGroup}) {
				t.Errorf("%d before it was waited for, then %v", before, d.out.Hurry)
			}
		})
	}
}
