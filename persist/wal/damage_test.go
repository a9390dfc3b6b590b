package wal

import (
	"errors"
	"maps"
	"strings"
	"syscall"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// frames returns where the frames of a segment begin, and where they end.
func frames(t testing.TB, content string) []int64 {
	t.Helper()
	h, sum, err := decodeHeader([]byte(content))
	must(t, err)
	s := &segment{header: h, sum: sum}
	var list []int64
	off := int64(firstFrame)
	for {
		list = append(list, off)
		if off+frameHeader > int64(len(content)) {
			return list
		}
		f, ok := s.frameAt([]byte(content[off:]), off)
		if !ok {
			return list
		}
		off += frameRoom(int64(f.length))
	}
}

// oneSegment returns the files of a log of one segment with the batches of history, and their
// states. It ends in a crash.
func oneSegment(t testing.TB) (all map[string]string, name string, states []string) {
	t.Helper()
	m := vfs.NewMemory(1)
	states = history(t, open(t, m, small()))
	all = files(t, m.CrashWith(vfs.Cut{}))
	if names := segments(all); len(names) != 1 {
		t.Fatalf("got segments %v, want one", names)
	}
	return all, segments(all)[0], states
}

// opened opens a log that consists of these files, and returns what it holds, or the error. With an
// error, no file may have changed.
func opened(t testing.TB, all map[string]string) (*Log, *vfs.Memory, string, error) {
	t.Helper()
	m := disk(t, all)
	l, err := Open(m, testDir, small())
	if err == nil {
		return l, m, text(t, l), nil
	}
	got := files(t, m)
	delete(got, lockName)
	want := maps.Clone(all)
	delete(want, lockName)
	if !maps.Equal(got, want) {
		t.Errorf("files have changed though Open fails with %v", err)
	}
	return nil, m, "", err
}

// reopened is opened for a log that must then go on like any other.
func reopened(t testing.TB, all map[string]string) (string, error) {
	t.Helper()
	l, m, got, err := opened(t, all)
	if err != nil {
		return "", err
	}
	write(t, l, core.Update{Group: 9, Install: meta(1, 1), Entries: entries(1, 2, 4, 30)})
	want := text(t, l)
	must(t, l.Close())
	l = open(t, m, small())
	if again := text(t, l); again != want {
		t.Errorf("after recovery, a write and a restart: got %s, want %s", again, want)
	}
	must(t, l.Close())
	return got, nil
}

// TestTornTailEveryByte cuts the last batch at every byte: what was not written yet is zeros, or
// whatever was there before. Everything but the last batch stays.
func TestTornTailEveryByte(t *testing.T) {
	all, name, states := oneSegment(t)
	content := all[name]
	offsets := frames(t, content)
	last, end := offsets[len(offsets)-2], offsets[len(offsets)-1]
	for cut := last; cut < end; cut++ {
		for what, rest := range map[string]string{"zeros": "\x00", "noise": "\xa7"} {
			torn := maps.Clone(all)
			torn[name] = content[:cut] + strings.Repeat(rest, len(content)-int(cut))
			got, err := reopened(t, torn)
			want := states[len(states)-2]
			if torn[name][:end] == content[:end] {
				want = states[len(states)-1]
			}
			if padding := strings.Trim(content[cut:end], "\x00") == ""; err != nil ||
				got != want && !(padding && got == states[len(states)-1]) {
				t.Fatalf("cut at %d of %d … %d, then %s: got %s, %v, want %s",
					cut, last, end, what, got, err, want)
			}
		}
	}
}

// TestShorterFileIsDamage cuts the log at every byte of a batch that a later one follows: no
// crash does that, for a file never gets shorter.
func TestShorterFileIsDamage(t *testing.T) {
	all, name, states := oneSegment(t)
	offsets := frames(t, all[name])
	end := offsets[len(offsets)-1]
	for size := range int64(len(all[name])) {
		cut := maps.Clone(all)
		cut[name] = all[name][:size]
		got, err := reopened(t, cut)
		if size >= end+frameHeader {
			if err != nil || got != states[len(states)-1] {
				t.Fatalf("cut to %d, of which %d are used: got %s, %v", size, end, got, err)
			}
		} else if !errors.Is(err, core.ErrCorrupt) {
			t.Fatalf("cut to %d, of which %d are used: got %v, want corrupt", size, end, err)
		}
	}
}

// TestEveryFlippedBit flips each bit of a log that was not closed, and of one that was, its proof
// included. Either Open reports the damage, or the log holds what it held. Only where the very last
// batch of a log that was not closed is hit, it may be missing.
func TestEveryFlippedBit(t *testing.T) {
	for _, closed := range []bool{false, true} {
		all, name, states := oneSegment(t)
		if closed {
			m := disk(t, all)
			must(t, open(t, m, small()).Close())
			all = files(t, m)
		}
		offsets := frames(t, all[name])
		last, end := offsets[len(offsets)-2], offsets[len(offsets)-1]
		missing := 0
		for off := range int64(len(all[name])) {
			if off >= end+64 && off < int64(len(all[name]))-2*frameHeader {
				continue // nothing but zeros
			}
			for bit := range 8 {
				rotten := maps.Clone(all)
				content := []byte(all[name])
				content[off] ^= 1 << bit
				rotten[name] = string(content)
				_, _, got, err := opened(t, rotten)
				switch {
				case errors.Is(err, core.ErrCorrupt):
				case err == nil && got == states[len(states)-1]:
				case err == nil && !closed && off >= last && got == states[len(states)-2]:
					missing++
				default:
					t.Fatalf("closed %v, bit %d at %d flipped: got %s, %v", closed, bit, off, got, err)
				}
			}
		}
		if (missing == 0) != closed {
			t.Errorf("closed %v: %d flips lose the last batch", closed, missing)
		}
	}
}

// rotated returns the files of a log of several segments, and what it holds.
func rotated(t testing.TB, closed bool) (map[string]string, string) {
	t.Helper()
	m := vfs.NewMemory(1)
	l := open(t, m, small())
	history(t, l)
	for i := core.Index(6); i < 60; i++ {
		write(t, l, core.Update{Group: 1, Entries: entries(3, i, i+1, 200)})
	}
	want := text(t, l)
	if closed {
		must(t, l.Close())
	}
	all := files(t, m.CrashWith(vfs.Cut{}))
	if n := len(segments(all)); n < 4 {
		t.Fatalf("got %d segments, want at least 4", n)
	}
	return all, want
}

func TestForeignFilesAreRefused(t *testing.T) {
	all, _ := rotated(t, false)
	names := segments(all)
	other := small()
	other.Salt = 2
	m := vfs.NewMemory(1)
	l := open(t, m, other)
	write(t, l, install(1), core.Update{Group: 1, Entries: entries(1, 1, 30, 300)})
	stranger := files(t, m)[names[1]]
	newer := []byte(all[names[1]])
	newer[8]++
	little.PutUint32(newer[12:], headerSum(newer))
	for what, c := range map[string]struct {
		name, content string
		want          error
	}{
		"a segment of another log":   {names[1], stranger, ErrForeign},
		"another segment's content":  {names[1], all[names[2]], ErrForeign},
		"an older one at the end":    {segmentName(uint64(len(names)) + 1), all[names[0]], ErrForeign},
		"another spelling":           {names[1][1:], all[names[1]], ErrForeign},
		"another name":               {"x.wal", all[names[1]], ErrForeign},
		"number zero":                {segmentName(0), all[names[1]], ErrForeign},
		"text":                       {names[1], strings.Repeat("hello ", 1000), ErrForeign},
		"an empty file":              {names[1], "", core.ErrCorrupt},
		"a newer version":            {names[1], string(newer), ErrVersion},
		"a newer version in the end": {names[len(names)-1], string(newer), ErrVersion},
	} {
		with := maps.Clone(all)
		with[c.name] = c.content
		_, err := reopened(t, with)
		wantErr(t, what, err, c.want)
		if errors.Is(err, ErrVersion) == errors.Is(err, core.ErrCorrupt) {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

func TestReadsReportDamage(t *testing.T) {
	m := vfs.NewMemory(1)
	l := open(t, m, small())
	write(t, l, install(1), core.Update{Group: 1, Entries: entries(1, 1, 10, 100)})
	at := l.index.groups[1].table.at(5)
	path := l.active().path
	must(t, m.Flip(path, int64(at.offset)+entryFixed, 1))
	got, err := l.Entries(nil, 1, 1, 10, 1<<20)
	corrupt, ok := errors.AsType[*core.CorruptError](err)
	if !ok || corrupt.Path != path || corrupt.Offset != int64(at.offset) || len(got) > 0 {
		t.Errorf("got %v, %v, want damage at %d of %s", got, err, at.offset, path)
	}
	got, err = l.Entries(nil, 1, 6, 10, 1<<20)
	if err != nil || len(got) != 4 {
		t.Errorf("entries behind the damage: got %v, %v", got, err)
	}
	must(t, m.Flip(path, int64(at.offset)+entryFixed, 1))
	if _, err := l.Entries(nil, 1, 1, 10, 1<<20); err != nil {
		t.Errorf("with the bit as it was: %v", err)
	}
}

// A read of a whole record that is not the one that belongs there is damage, too.
func TestReadsReportMisdirection(t *testing.T) {
	var elsewhere int64
	l := open(t, vfs.NewFaulty(vfs.NewMemory(1), func(op vfs.Op) error {
		if op.Kind == vfs.OpRead && elsewhere > 0 {
			return &vfs.Misdirected{Offset: elsewhere}
		}
		return nil
	}), small())
	write(t, l, install(1), core.Update{Group: 1, Entries: entries(1, 1, 10, 100)})
	elsewhere = int64(l.index.groups[1].table.at(6).offset) - sumBytes
	_, err := l.Entries(nil, 1, 5, 6, 1<<20)
	wantErr(t, "misdirected read", err, core.ErrCorrupt)
}

// fullDisk fails what needs room while full is set.
func fullDisk(m *vfs.Memory, full *bool) vfs.FS {
	return vfs.NewFaulty(m, func(op vfs.Op) error {
		if *full && (op.Kind == vfs.OpCreate || op.Kind == vfs.OpPreallocate) {
			return syscall.ENOSPC
		}
		return nil
	})
}

func TestDiskFullFailsBeforeAnythingIsAcknowledged(t *testing.T) {
	m, full := vfs.NewMemory(1), true
	_, err := Open(fullDisk(m, &full), testDir, small())
	wantErr(t, "open of a new log on a full disk", err, syscall.ENOSPC)
	full = false
	l := open(t, fullDisk(m, &full), small())
	write(t, l, install(1))
	full = true
	var i core.Index
	warned := 0
	for err = nil; err == nil; {
		want := text(t, l)
		if i++; l.Short() {
			warned++
		}
		if err = l.Write([]core.Update{{Group: 1, Entries: entries(1, i, i+1, 300)}}); err != nil {
			wantErr(t, "write to a full disk", err, syscall.ENOSPC)
			wantErr(t, "write to a full disk", err, core.ErrFull)
			if got := text(t, l); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	}
	if warned < 3 || warned >= int(i) {
		t.Errorf("the log was short of room before %d of %d writes, want some, the last ones", warned, i)
	}
	last := core.Update{Group: 1, Entries: entries(1, i, i+1, 300)}
	wantErr(t, "the same once more", l.Write([]core.Update{last}), core.ErrFull)
	full = false
	if write(t, l, last); l.Short() { // there is room, and nothing was lost
		t.Error("the log is short of room although there is some")
	}
	full, i = true, i+1
	want := text(t, l)
	must(t, l.Close())

	l = open(t, fullDisk(m, &full), small()) // opens on a full disk
	if got := text(t, l); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	must(t, l.Close())
	full = false
	l = open(t, fullDisk(m, &full), small())
	write(t, l, core.Update{Group: 1, Entries: entries(1, i, i+20, 300)})
	must(t, l.Close())
}

// Compaction gives room even when the disk is full: old segments become new ones.
func TestCompactionFreesAFullDisk(t *testing.T) {
	m, full := vfs.NewMemory(1), false
	l := open(t, fullDisk(m, &full), small())
	write(t, l, install(1))
	for i := core.Index(1); i < 500; i++ {
		u := core.Update{Group: 1, Entries: entries(1, i, i+1, 300)}
		if i%20 == 0 {
			u.Snapshot, u.Compact = meta(1, i), i
		}
		full = i > 100
		write(t, l, u)
	}
}

func FuzzOpen(f *testing.F) {
	all, name, _ := oneSegment(f)
	f.Add([]byte(all[name]))
	f.Add([]byte(all[name][:700]))
	several, _ := rotated(f, true)
	f.Add([]byte(several[segments(several)[0]]))
	f.Fuzz(func(t *testing.T, content []byte) {
		m := disk(t, map[string]string{segmentName(1): string(content)})
		l, err := Open(m, testDir, small())
		if err != nil {
			if !errors.Is(err, core.ErrCorrupt) && !errors.Is(err, ErrVersion) {
				t.Errorf("got %v", err)
			}
			return
		}
		text(t, l)
		must(t, l.Close())
	})
}

// forged is a segment with frames of any content, all of whose sums fit.
type forged struct {
	s        *segment
	sequence uint64
	chain    uint32
	content  []byte
}

func forge() *forged {
	h := header{log: 1, salt: 2, number: 1, size: 1 << 16}
	sector, sum := h.encode()
	return &forged{s: &segment{header: h, sum: sum}, sequence: 1, content: sector}
}

// put adds a frame with these records, whose lengths and sums are made to fit.
func (g *forged) put(kind frameKind, records []byte) {
	b := &builder{}
	b.reset(g.chain)
	for len(records) > recordFixed {
		length := min(max(int(little.Uint32(records)), recordFixed), len(records))
		start := len(b.buf)
		b.buf = append(b.buf, records[:length-sumBytes]...)
		b.close(start)
		records = records[length:]
	}
	f := b.frame(kind, g.sequence, g.s, int64(len(g.content)))
	g.content = append(g.content, b.buf...)
	g.sequence, g.chain = g.sequence+1, f.head
}

// open opens a log that consists of the segment.
func (g *forged) open(t testing.TB) (*Log, error) {
	t.Helper()
	rest := max(0, int(g.s.size)-len(g.content))
	content := string(g.content) + strings.Repeat("\x00", rest)
	return Open(disk(t, map[string]string{segmentName(1): content}), testDir, small())
}

// records are the records of an update.
func records(u core.Update) []byte {
	b := &builder{}
	b.reset(0)
	b.update(&u, core.Position{})
	return b.buf[frameHeader:]
}

func checkpoint(g core.GroupID, st core.State) []byte {
	b := &builder{}
	b.reset(0)
	b.group(g, &st)
	return b.buf[frameHeader:]
}

// Frames and records may be whole and yet not be what comes next.
func TestWholeFramesMustFit(t *testing.T) {
	add := records(core.Update{Group: 1, Entries: entries(1, 1, 3, 10)})
	state := checkpoint(1, core.State{Snapshot: *meta(0, 0)})
	for what, c := range map[string]struct {
		forge func(g *forged)
		sound bool
	}{
		"a log": {func(g *forged) { g.put(frameBatch, add) }, true},
		"a skipped sequence": {func(g *forged) {
			g.sequence++
			g.put(frameBatch, add)
		}, false},
		"a repeated sequence": {func(g *forged) {
			g.sequence--
			g.put(frameBatch, add)
		}, false},
		"another chain": {func(g *forged) {
			g.chain++
			g.put(frameBatch, add)
		}, false},
		"a second checkpoint": {func(g *forged) { g.put(frameCheckpoint, state) }, false},
		"an unknown group": {func(g *forged) {
			g.put(frameBatch, records(core.Update{Group: 2, Compact: 0, Entries: entries(1, 1, 2, 1)}))
		}, false},
		"a gap": {func(g *forged) {
			g.put(frameBatch, records(core.Update{Group: 1, Entries: entries(1, 3, 4, 1)}))
		}, false},
		"a group record in a batch": {func(g *forged) { g.put(frameBatch, state) }, false},
	} {
		g := forge()
		g.put(frameCheckpoint, state)
		c.forge(g)
		l, err := g.open(t)
		if err == nil {
			must(t, l.Close())
		}
		if c.sound != (err == nil) || err != nil && !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	g := forge()
	g.put(frameBatch, records(core.Update{Group: 1, Install: meta(0, 0)}))
	if _, err := g.open(t); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("a log that does not begin with a checkpoint: got %v", err)
	}
}

// A checkpoint in a later segment says again what the log has come to.
func TestCheckpointsMustAgree(t *testing.T) {
	for what, change := range map[string]func(*core.State){
		"":         func(*core.State) {},
		"hard":     func(st *core.State) { st.Hard.Vote = 9 },
		"start":    func(st *core.State) { st.Start.Term = 9 },
		"last":     func(st *core.State) { st.Last.Index = 9 },
		"snapshot": func(st *core.State) { st.Snapshot.Membership = core.Membership{} },
	} {
		state := core.State{Snapshot: *meta(0, 0)}
		x := index{groups: map[core.GroupID]*group{1: {State: state}}}
		change(&state)
		if err := x.checkpoint(checkpoint(1, state), 1, false); (err == nil) != (what == "") {
			t.Errorf("another %q: got %v", what, err)
		}
	}
	x := index{groups: map[core.GroupID]*group{}}
	wantErr(t, "too many groups", x.checkpoint(checkpoint(1, core.State{}), 1, false), errRecord)
	x.groups[1] = &group{}
	wantErr(t, "too few groups", x.checkpoint(nil, 0, false), errRecord)
}

// A frame whose header is new and whose records are older ones of the same length is not whole.
func TestFrameNeedsItsOwnRecords(t *testing.T) {
	g := forge()
	first, second := &builder{}, &builder{}
	for i, b := range []*builder{first, second} {
		b.reset(7)
		b.update(&core.Update{Group: 1, Entries: entries(core.Term(i+1), 1, 3, 50)}, core.Position{})
	}
	f := first.frame(frameBatch, 3, g.s, firstFrame)
	if err := f.verify(first.buf[frameHeader:][:f.length]); err != nil {
		t.Errorf("its own records: %v", err)
	}
	wantErr(t, "older records", f.verify(second.buf[frameHeader:][:f.length]), errSum)
	if _, ok := g.s.frameAt(first.buf, firstFrame); !ok {
		t.Error("the frame is not found where it was written")
	}
	if _, ok := g.s.frameAt(first.buf, firstFrame+frameAlign); ok {
		t.Error("the frame is found where it was not written")
	}
	if _, ok := (&segment{sum: g.s.sum + 1}).frameAt(first.buf, firstFrame); ok {
		t.Error("the frame is found in another segment")
	}
}

// FuzzRecords applies records that were never written, with sums that fit.
func FuzzRecords(f *testing.F) {
	all, name, _ := oneSegment(f)
	offsets := frames(f, all[name])
	for i, off := range offsets[:len(offsets)-1] {
		f.Add([]byte(all[name][off+frameHeader:offsets[i+1]]), i > 0)
	}
	f.Fuzz(func(t *testing.T, body []byte, batch bool) {
		g := forge()
		if batch {
			g.put(frameCheckpoint, checkpoint(1, core.State{Snapshot: *meta(0, 0)}))
			g.put(frameBatch, body)
		} else {
			g.put(frameCheckpoint, body)
		}
		g.put(frameProof, nil)
		l, err := g.open(t)
		if err == nil {
			must(t, l.Close())
		} else if !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("got %v", err)
		}
	})
}

// TestLittleRoomIsLeftToOthers: while there is none for the next segment, not every write tries to
// take it; when something is given up, it is tried again.
func TestLittleRoomIsLeftToOthers(t *testing.T) {
	full, tries := false, 0
	l := open(t, vfs.NewFaulty(vfs.NewMemory(1), func(op vfs.Op) error {
		if full && op.Kind == vfs.OpCreate {
			tries++
			return syscall.ENOSPC
		}
		return nil
	}), small())
	write(t, l, install(1))
	var i core.Index
	put := func() {
		i++
		write(t, l, core.Update{Group: 1, Entries: entries(1, i, i+1, 100)})
	}
	for len(l.index.segments) < 3 || l.next != nil {
		put()
	}
	for full = true; !l.Short(); {
		put()
	}
	for range 5 {
		put()
	}
	if tries != 1 {
		t.Errorf("room was looked for %d times, want once", tries)
	}
	full = false
	write(t, l, core.Update{Group: 1, Snapshot: &core.SnapshotMeta{
		Position: core.Position{Term: 1, Index: i}, Membership: install(1).Install.Membership,
	}, Compact: i})
	if l.Short() || l.next == nil {
		t.Error("nothing was made of the room that there is again")
	}
}
