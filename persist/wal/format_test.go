package wal

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// TestGoldenBytes compares a log in which no field is zero that may be anything else with the one
// that the first version of the format wrote: a log that lies on somebody's disk.
func TestGoldenBytes(t *testing.T) {
	m := vfs.NewMemory(1)
	l := open(t, m, small())
	write(t, l, install(0x0101), install(2))
	e := core.Entry{Position: core.Position{Term: 0x1112, Index: 1}, Kind: core.EntryMembership,
		Time: 0x2122232425262728, Data: []byte("the data of the entry")}
	hard := core.HardState{Term: 0x3132, Vote: 0x4142, Commit: 0x5152}
	write(t, l, core.Update{Group: 0x0101, Hard: hard, Entries: []core.Entry{e},
		Snapshot: meta(0x1112, 1), Compact: 1}, core.Update{Group: 2, Remove: true})
	l.builder.reset(l.end.chain)
	e.Index = 2
	l.builder.entry(recordEntry, 0x0101, &e)
	l.builder.entry(recordMoved, 0x0101, &e)
	must(t, l.append(frameBatch))
	must(t, l.rotate(1))
	l.builder.reset(l.end.chain)
	must(t, l.append(frameProof)) // as early logs have them
	must(t, l.Close())

	var dump bytes.Buffer
	must(t, Dump(&dump, m, testDir))
	all := files(t, m)
	for _, name := range segments(all) {
		offsets := frames(t, all[name])
		dump.WriteString("\n" + name + "\n" +
			hex.Dump([]byte(all[name])[:offsets[len(offsets)-1]]) + "…\n" +
			hex.Dump([]byte(all[name])[len(all[name])-frameHeader:]))
	}
	want, err := os.ReadFile(filepath.Join("testdata", "golden.txt"))
	must(t, err)
	if dump.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", dump.String(), want)
	}
}

func TestSegmentNames(t *testing.T) {
	for _, number := range []uint64{1, 0xabc, 1<<32 - 1, 1<<64 - 1} {
		if got, ok := segmentNumber(segmentName(number)); !ok || got != number {
			t.Errorf("%s: got %d, %v, want %d", segmentName(number), got, ok, number)
		}
	}
	for _, name := range []string{"", ".wal", "1.wal", "0000000000000ABC.wal",
		"00000000000000001.wal", "0000000000000001.wal.tmp", "000000000000000g.wal"} {
		if number, ok := segmentNumber(name); ok {
			t.Errorf("%q: got %d, want none", name, number)
		}
	}
}

func TestVerify(t *testing.T) {
	m := vfs.NewMemory(1)
	l := open(t, m, small())
	history(t, l)
	m = m.CrashWith(vfs.Cut{})
	r, err := Verify(m, testDir)
	if err != nil || r.Closed || r.Segments != 1 || r.Frames != 6 || len(r.Groups) != 2 ||
		r.Records != 13 || r.Unfinished != nil {
		t.Errorf("a log that was not closed: got %+v, %v", r, err)
	}
	before := files(t, m)
	content := before[segmentName(1)]
	offsets := frames(t, content)
	torn := offsets[len(offsets)-2] + frameHeader + 40
	must(t, m.Flip(filepath.Join(testDir, segmentName(1)), torn, 1))
	if r, err = Verify(m, testDir); err != nil || r.Unfinished == nil || r.Frames != 5 {
		t.Errorf("an unfinished batch: got %+v, %v", r, err)
	}
	var dump strings.Builder
	must(t, Dump(&dump, m, testDir))
	if !strings.Contains(dump.String(), "end: "+r.Unfinished.Error()) {
		t.Errorf("got %s, want the end in it", dump.String())
	}
	must(t, m.Flip(filepath.Join(testDir, segmentName(1)), torn, 1))
	must(t, open(t, m, small()).Close())
	if r, err = Verify(m, testDir); err != nil || !r.Closed {
		t.Errorf("a log that was closed: got %+v, %v", r, err)
	}
	must(t, m.Flip(filepath.Join(testDir, segmentName(1)), torn, 1))
	_, err = Verify(m, testDir)
	wantErr(t, "verify of a damaged log", err, core.ErrCorrupt)
	wantErr(t, "dump of a damaged log", Dump(&dump, m, testDir), core.ErrCorrupt)
}
