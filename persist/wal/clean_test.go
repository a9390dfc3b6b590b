package wal

import (
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// TestLargeFrameThatMovesInPartsIsReadOnce has a laggard pin one batch of many entries in a log
// that is dead otherwise: each Write takes an entry along, and none reads the batch anew.
func TestLargeFrameThatMovesInPartsIsReadOnce(t *testing.T) {
	var reads, size int64
	l := open(t, counted(&reads, &size), small())
	const pinned, length = 40, 64 << 10
	write(t, l, install(1), install(2))
	write(t, l, core.Update{Group: 1, Entries: entries(1, 1, 1+pinned, length)})
	victim := l.active()
	for i := core.Index(1); l.index.segments[0] == victim || i < 80; i++ {
		if i > 4*pinned {
			t.Fatalf("%d bytes are pinned yet", victim.live)
		}
		write(t, l, core.Update{Group: 2, Entries: entries(1, i, i+1, length), Snapshot: meta(1, i),
			Compact: i})
	}
	if most := int64(2 * pinned * length); size > most {
		t.Errorf("read %d bytes to move %d", size, pinned*length)
	}
	got, err := l.Entries(nil, 1, 1, 1+pinned, 1<<30)
	must(t, err)
	for i, want := range entries(1, 1, 1+pinned, length) {
		if string(got[i].Data) != string(want.Data) {
			t.Fatalf("entry %d is another after its move", i+1)
		}
	}
	must(t, l.Close())
}

// TestEntryOfAnyLengthIsMoved pins one entry of nearly a segment's length: whatever its length is,
// the Write after the one that had no room for it has.
func TestEntryOfAnyLengthIsMoved(t *testing.T) {
	for length := 3000; length < 3000+2*frameAlign; length += 3 {
		c := small()
		c.SegmentBytes = 4096
		l := open(t, vfs.NewMemory(1), c)
		write(t, l, install(1), install(2))
		write(t, l, core.Update{Group: 1, Entries: entries(1, 1, 2, length)})
		pinned := l.index.segments[len(l.index.segments)-1]
		for i := core.Index(1); l.index.segments[0].number <= pinned.number; i++ {
			if i > 200 {
				t.Fatalf("an entry of %d bytes is not moved: %d segments", length, len(l.index.segments))
			}
			write(t, l, core.Update{Group: 2, Entries: entries(1, i, i+1, 100), Snapshot: meta(1, i),
				Compact: i})
		}
		must(t, l.Close())
	}
}
