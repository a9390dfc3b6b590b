package wal

import (
	"math/rand/v2"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// retired is metadata with so many retired ids, as wide apart as they can be, and some members.
func retired(random *rand.Rand, i core.Index, ids int) *core.SnapshotMeta {
	m := meta(1, i)
	for n := range random.IntN(5) {
		m.Membership.Members = append(m.Membership.Members, core.Member{
			ID: core.NodeID(4 + n), Role: core.Learner, Addr: core.Addr(make([]byte, random.IntN(40)))})
	}
	m.Membership.Retired.Floor = core.NodeID(random.IntN(2))
	for n := range ids {
		m.Membership.Retired.IDs = append(m.Membership.Retired.IDs,
			core.NodeID(n+1)<<55+core.NodeID(random.IntN(1<<20)))
	}
	return m
}

func TestRecordsAreNoLongerThanReckoned(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		st := core.State{Snapshot: *retired(random, 1, random.IntN(core.MaxRetired+1))}
		u := core.Update{Group: 1, Install: &st.Snapshot, Hard: core.HardState{Term: 1},
			Entries:  entries(1, 2, 2+core.Index(random.IntN(3)), random.IntN(50)),
			Snapshot: retired(random, 2, random.IntN(core.MaxRetired+1)), Compact: 1}
		if got, most := int64(len(records(u))), updateBytes(&u); got > most {
			t.Fatalf("update: got %d bytes, reckoned with %d", got, most)
		}
		if got, most := int64(len(checkpoint(1, st))), groupBytes(&st); got > most {
			t.Fatalf("checkpoint: got %d bytes, reckoned with %d", got, most)
		}
	}
}

// TestEveryFillLevelTakesASnapshot records snapshots of every size where a segment is filled to
// every degree: none may run into the room for the seal and the proof.
func TestEveryFillLevelTakesASnapshot(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for fill := 0; fill < minSegmentBytes; fill += frameAlign {
		m := vfs.NewMemory(1)
		l := open(t, m, small())
		write(t, l, install(1), core.Update{Group: 1, Entries: entries(1, 1, 2, fill)})
		for _, ids := range []int{core.MaxRetired, random.IntN(core.MaxRetired), 0} {
			write(t, l, core.Update{Group: 1, Snapshot: retired(random, 1, ids)})
			if l.end.at > l.active().size-reserved {
				t.Fatalf("filled with %d, %d retired: the end is at %d of %d", fill, ids, l.end.at,
					l.active().size)
			}
		}
		want := text(t, l)
		must(t, l.Close())
		l = open(t, m, small())
		if got := text(t, l); got != want {
			t.Fatalf("filled with %d: got %s, want %s", fill, got, want)
		}
		must(t, l.Close())
	}
}

func TestBufferOfALargeBatchIsNotKept(t *testing.T) {
	l := open(t, vfs.NewMemory(1), small())
	write(t, l, install(1), core.Update{Group: 1, Entries: entries(1, 1, 2, keptBytes+1)})
	write(t, l, core.Update{Group: 1, Entries: entries(1, 2, 3, 10)})
	if n := cap(l.builder.buf); n > keptBytes {
		t.Errorf("%d bytes are kept", n)
	}
}

func TestNothingIsWrittenWhereTheSealBelongs(t *testing.T) {
	m := vfs.NewMemory(1)
	l := open(t, m, small())
	write(t, l, install(1))
	l.builder.reset(l.end.chain)
	big := entries(1, 1, 2, int(l.room()))[0]
	l.builder.entry(recordEntry, 1, &big)
	before := files(t, m)[segmentName(1)]
	wantErr(t, "a frame beyond its room", l.append(frameBatch), errRoom)
	if after := files(t, m)[segmentName(1)]; after != before {
		t.Error("it was written all the same")
	}
	must(t, l.Close())
}
