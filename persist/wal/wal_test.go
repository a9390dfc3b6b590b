package wal

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

const testDir = "wal"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func open(t testing.TB, fsys vfs.FS, c Config) *Log {
	t.Helper()
	l, err := Open(fsys, testDir, c)
	must(t, err)
	return l
}

func write(t testing.TB, l *Log, batch ...core.Update) {
	t.Helper()
	must(t, l.Write(batch))
}

func meta(term core.Term, i core.Index) *core.SnapshotMeta {
	members := []core.Member{{ID: 3, Role: core.Voter, Addr: "host:9"}}
	return &core.SnapshotMeta{Position: core.Position{Term: term, Index: i}, Time: 5, Size: 6,
		Checksum: 7, Membership: core.Membership{Members: members}}
}

func install(g core.GroupID) core.Update { return core.Update{Group: g, Install: meta(0, 0)} }

// entries are the entries lo … hi-1, each with so many bytes of data that tell it from others.
func entries(term core.Term, lo, hi core.Index, size int) []core.Entry {
	var list []core.Entry
	for i := lo; i < hi; i++ {
		data := bytes.Repeat(fmt.Appendf(nil, "<%d/%d>", term, i), size/5+1)[:size]
		list = append(list, core.Entry{Position: core.Position{Term: term, Index: i},
			Kind: core.EntryCommand, Time: int64(i), Data: data})
	}
	return list
}

// text prints all that a log holds.
func text(t testing.TB, l *Log) string {
	t.Helper()
	var b strings.Builder
	groups, err := l.Groups()
	must(t, err)
	for _, g := range groups {
		st, err := l.State(g)
		must(t, err)
		fmt.Fprintf(&b, "%d %+v %s\n", g, st, describeMeta(st.Snapshot, nil))
		if st.Last.Index > st.Start.Index {
			list, err := l.Entries(nil, g, st.Start.Index+1, st.Last.Index+1, 1<<30)
			must(t, err)
			for _, e := range list {
				fmt.Fprintf(&b, "t%d/i%d %d %d %.9q %08x\n", e.Term, e.Index, e.Kind, e.Time, e.Data,
					crc32.ChecksumIEEE(e.Data))
			}
		}
	}
	return b.String()
}

func files(t testing.TB, fsys vfs.FS) map[string]string {
	t.Helper()
	names, err := fsys.List(testDir)
	must(t, err)
	all := map[string]string{}
	for _, name := range names {
		content, err := vfs.ReadFile(fsys, filepath.Join(testDir, name), 1<<20)
		must(t, err)
		all[name] = string(content)
	}
	return all
}

// disk returns a disk with these files.
func disk(t testing.TB, all map[string]string) *vfs.Memory {
	t.Helper()
	m := vfs.NewMemory(1)
	must(t, m.MkdirAll(testDir))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		must(t, vfs.WriteFile(m, filepath.Join(testDir, name), []byte(all[name])))
	}
	return m
}

// segments are the names of the segments in a directory.
func segments(all map[string]string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if strings.HasSuffix(name, suffix) {
			names = append(names, name)
		}
	}
	return names
}

// history writes the same few batches to a log, and returns what it holds before the first and
// after each.
func history(t testing.TB, l *Log) []string {
	t.Helper()
	states := []string{text(t, l)}
	for _, batch := range [][]core.Update{
		{install(1), install(2)},
		{{Group: 1, Hard: core.HardState{Term: 1, Vote: 3}, Entries: entries(1, 1, 3, 30)}},
		{{Group: 2, Entries: entries(1, 1, 2, 10)}, {Group: 1, Entries: entries(2, 2, 4, 40)}},
		{{Group: 1, Snapshot: meta(2, 2), Compact: 1}},
		{{Group: 1, Hard: core.HardState{Term: 3}, Entries: entries(3, 4, 6, 20)}},
	} {
		write(t, l, batch...)
		states = append(states, text(t, l))
	}
	return states
}

func TestLockKeepsOthersOut(t *testing.T) {
	m := vfs.NewMemory(1)
	l := open(t, m, small())
	_, err := Open(m, testDir, small())
	wantErr(t, "second open", err, vfs.ErrLocked)
	must(t, l.Close())
	must(t, open(t, m, small()).Close())
}

func TestOversizedBatchGetsASegmentOfItsOwn(t *testing.T) {
	m := vfs.NewMemory(1)
	l := open(t, m, small())
	write(t, l, install(1))
	for i := range core.Index(20) {
		size := 100
		if i%3 == 1 {
			size = int(3 * minSegmentBytes)
		}
		write(t, l, core.Update{Group: 1, Entries: entries(1, i+1, i+2, size)})
	}
	want := text(t, l)
	must(t, l.Close())
	l = open(t, m, small())
	if got := text(t, l); got != want {
		t.Errorf("after a restart: got %s, want %s", got, want)
	}
	must(t, l.Close())
}

func TestTooLargeUpdatesAreRefused(t *testing.T) {
	c := small()
	c.MaxRecordBytes = 100
	l := open(t, vfs.NewMemory(1), c)
	write(t, l, install(1))
	err := l.Write([]core.Update{{Group: 1, Entries: entries(1, 1, 2, 101)}})
	wantErr(t, "write", err, core.ErrInvalidUpdate)
	wantErr(t, "write", err, core.ErrTooLarge)
	write(t, l, core.Update{Group: 1, Entries: entries(1, 1, 2, 100)})
	must(t, l.Close())
}

func TestManyGroupsShareASync(t *testing.T) {
	syncs := 0
	l := open(t, vfs.NewFaulty(vfs.NewMemory(1), func(op vfs.Op) error {
		if op.Kind == vfs.OpSync {
			syncs++
		}
		return nil
	}), Config{SegmentBytes: 1 << 20, Inline: true, Salt: 1})
	var batch []core.Update
	for g := range core.GroupID(100) {
		u := install(g + 1)
		u.Entries = entries(1, 1, 3, 50)
		batch = append(batch, u)
	}
	syncs = 0
	write(t, l, batch...)
	if syncs != 1 {
		t.Errorf("a batch of 100 groups took %d syncs", syncs)
	}
	must(t, l.Close())
}

// The rotation of a log with compaction uses the files of old segments again.
func TestRecycledSegmentResurrectsNothing(t *testing.T) {
	m := vfs.NewMemory(1)
	var renames int
	l := open(t, vfs.NewFaulty(m, func(op vfs.Op) error {
		if op.Kind == vfs.OpRename && strings.HasSuffix(op.Path, suffix) {
			renames++
		}
		return nil
	}), small())
	write(t, l, install(1))
	for i := core.Index(1); i <= 400; i++ {
		u := core.Update{Group: 1, Entries: entries(core.Term(i), i, i+1, 200)}
		if i%10 == 0 {
			u.Snapshot, u.Compact = meta(core.Term(i), i), i-1
		}
		write(t, l, u)
		if i%17 > 0 {
			continue
		}
		want := text(t, l)
		m = m.CrashWith(vfs.Cut{})
		l = open(t, vfs.NewFaulty(m, func(op vfs.Op) error {
			if op.Kind == vfs.OpRename && strings.HasSuffix(op.Path, suffix) {
				renames++
			}
			return nil
		}), small())
		if got := text(t, l); got != want {
			t.Fatalf("after entry %d: got %s, want %s", i, got, want)
		}
	}
	if n := len(segments(files(t, m))); n > 5 {
		t.Errorf("the log has %d segments", n)
	}
	if renames < 10 {
		t.Errorf("only %d segments were kept for another life", renames)
	}
}

// A group that stands still must not keep the segments of a busy one.
func TestLaggardPinsLittle(t *testing.T) {
	m := vfs.NewMemory(1)
	l := open(t, m, small())
	write(t, l, install(1), install(2))
	write(t, l, core.Update{Group: 2, Entries: entries(1, 1, 40, 50)})
	write(t, l, core.Update{Group: 2, Entries: entries(1, 40, 41, 6000)})
	for i := core.Index(1); i <= 1000; i++ {
		u := core.Update{Group: 1, Entries: entries(1, i, i+1, 100)}
		if i%10 == 0 {
			u.Snapshot, u.Compact = meta(1, i), i
		}
		if i%50 == 0 {
			write(t, l, core.Update{Group: 2, Entries: entries(1, 40+i/50, 41+i/50, 50)})
		}
		write(t, l, u)
	}
	var size, live int64
	for _, s := range l.index.segments {
		size, live = size+s.size, live+s.live
	}
	if limit := 3*live + (cleanSlack+2)*small().SegmentBytes; size > limit {
		t.Errorf("%d bytes are alive, and the log has %d, limit %d", live, size, limit)
	}
	want := text(t, l)
	m = m.CrashWith(vfs.Cut{})
	if got := text(t, open(t, m, small())); got != want {
		t.Errorf("after a crash: got %s, want %s", got, want)
	}
}
