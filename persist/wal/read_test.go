package wal

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// counted returns a file system that counts reads and their bytes.
func counted(reads, size *int64) vfs.FS {
	return vfs.NewFaulty(vfs.NewMemory(1), func(op vfs.Op) error {
		if op.Kind == vfs.OpRead {
			*reads, *size = *reads+1, *size+op.Length
		}
		return nil
	})
}

func TestEntriesThatLieTogetherTakeOneRead(t *testing.T) {
	var reads, size int64
	l := open(t, counted(&reads, &size), Config{SegmentBytes: 1 << 24, Inline: true, Salt: 1})
	write(t, l, install(1), install(2))
	for i := core.Index(1); i <= 100; i++ {
		write(t, l, core.Update{Group: 1, Hard: core.HardState{Term: 1, Commit: i},
			Entries: entries(1, i, i+1, 128)})
		if i > 50 {
			write(t, l, core.Update{Group: 2, Entries: entries(1, i-50, i-49, 5000)})
		}
	}
	read := func(lo, hi core.Index, wantReads, maxSize int64) {
		t.Helper()
		reads, size = 0, 0
		list, err := l.Entries(nil, 1, lo, hi, 1<<20)
		if err != nil || len(list) != int(hi-lo) {
			t.Fatalf("got %d entries, %v", len(list), err)
		}
		if reads != wantReads || size > maxSize {
			t.Errorf("entries %d … %d-1 took %d reads of %d bytes, want %d of at most %d",
				lo, hi, reads, size, wantReads, maxSize)
		}
	}
	read(1, 51, 1, 50*300)
	read(51, 101, 50, 50*200) // what lies between is not worth reading
}

// Readers go on while segments are rewritten, cleaned, recycled and removed beneath them.
func TestReadersBesideUpkeep(t *testing.T) {
	c := small()
	c.Inline = false
	l := open(t, vfs.NewMemory(1), c)
	write(t, l, install(1), install(2))
	write(t, l, core.Update{Group: 2, Entries: entries(1, 1, 60, 60)})
	var stop atomic.Bool
	var group sync.WaitGroup
	for g := range core.GroupID(3) {
		group.Go(func() {
			for !stop.Load() {
				if err := readSome(l, g%2+1); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := core.Index(1); i <= 3000; i++ {
		u := core.Update{Group: 1, Entries: entries(1, i, i+1, 60)}
		if i%20 == 0 {
			u.Snapshot, u.Compact = meta(1, i), i-10
		}
		write(t, l, u)
	}
	stop.Store(true)
	group.Wait()
	must(t, l.Close())
}

// readSome reads what a group holds; some of it may be compacted meanwhile.
func readSome(l *Log, g core.GroupID) error {
	st, err := l.State(g)
	if err != nil || st.Last.Index == st.Start.Index {
		return err
	}
	list, err := l.Entries(nil, g, st.Last.Index, st.Last.Index+1, 1<<20)
	if err != nil {
		if now, _ := l.State(g); now.Start.Index >= st.Last.Index {
			return nil
		}
		return err
	}
	want := entries(1, st.Last.Index, st.Last.Index+1, 60)[0]
	if string(list[0].Data) != string(want.Data) {
		return &core.CorruptError{Err: errRecord}
	}
	_, err = l.Entries(nil, g, st.Start.Index+1, st.Last.Index+1, 1<<20)
	if now, _ := l.State(g); now.Start.Index > st.Start.Index {
		return nil
	}
	return err
}

func TestOpenRemovesWhatACrashLeft(t *testing.T) {
	all, want := rotated(t, false)
	with := maps.Clone(all)
	with[segmentName(99)+temporary] = "half a segment"
	with["notes.txt"] = "somebody's"
	m := disk(t, with)
	l := open(t, m, small())
	if got := text(t, l); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for name := range files(t, m) {
		if strings.HasSuffix(name, temporary) {
			t.Errorf("%s is still there", name)
		}
	}
	if files(t, m)["notes.txt"] == "" {
		t.Error("a file that is none of ours was removed")
	}
	must(t, l.Close())
}
