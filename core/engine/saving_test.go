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
