package wal

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	"github.com/tidelock-raft/tidelock/persist/wal"
)

// open makes the log of a node with two entries; it is to be closed.
func open(t *testing.T) (dir string, log *wal.Log) {
	t.Helper()
	dir = t.TempDir()
	config := wal.Config{SegmentBytes: 64 << 10, Inline: true} // no proof before it is closed
	log, err := wal.Open(vfs.OS(), filepath.Join(dir, "wal"), config)
	if err != nil {
		t.Fatal(err)
	}
	meta := core.SnapshotMeta{Membership: core.Membership{
		Members: []core.Member{{ID: 1, Role: core.Voter, Addr: "a:1"}},
	}}
	at := func(i core.Index) core.Entry {
		return core.Entry{
			Position: core.Position{Term: 2, Index: i}, Kind: core.EntryCommand, Time: 7, Data: []byte("do"),
		}
	}
	for _, u := range []core.Update{
		{Group: 1, Install: &meta},
		{Group: 1, Hard: core.HardState{Term: 2, Vote: 1, Commit: 1},
			Entries: []core.Entry{at(1), at(2)}},
	} {
		if err := log.Write([]core.Update{u}); err != nil {
			t.Fatal(err)
		}
	}
	return dir, log
}

func run(words ...string) (exit.Code, string) {
	var out strings.Builder
	s := program.Streams{Out: &out, Err: &out}
	root := &cli.Command{Name: "prog", Subcommands: []*cli.Command{New(s)}}
	code := program.Run(context.Background(), s, root, append([]string{"prog", "wal"}, words...))
	return code, out.String()
}

func want(t *testing.T, code exit.Code, contains string, words ...string) {
	t.Helper()
	if got, out := run(words...); got != code || !strings.Contains(out, contains) {
		t.Errorf("wal %v: got code %d, %s\nwant code %d, %s", words, got, out, code, contains)
	}
}

func TestDumpAndVerifyAStoppedNodesLog(t *testing.T) {
	dir, log := open(t)
	want(t, exit.Usage, "is in use: stop the node first", "verify", dir)
	want(t, exit.Usage, "is in use: stop the node first", "dump", filepath.Join(dir, "wal"))
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{dir, filepath.Join(dir, "wal")} {
		want(t, exit.OK, "OK segments=1 batches=3 records=4 bytes=", "verify", where)
		want(t, exit.OK, "groups=[1] closed=true", "verify", where)
		want(t, exit.OK, `entry group=1 t2/i2 command time=7 data="do"`, "dump", where)
	}
	want(t, exit.OK, `"groups":[1],"closed":true}`, "verify", dir, "--output", "json")
	want(t, exit.OK, `"entry":{"index":2,"term":2,"kind":"command","time":7,"data":"ZG8="}}`,
		"dump", dir, "--output", "json")
	want(t, exit.OK, `"record":"hard","group":1,"hard":{"term":2,"vote":1,"commit":1}}`,
		"dump", dir, "--output", "json")
	want(t, exit.OK, `"snapshot":{"index":0,"term":0,"time":0,"bytes":0,`+
		`"checksum":"0000000000000000","members":"voters=1"}}`, "dump", dir, "--output", "json")
	want(t, exit.Usage, "there is no write-ahead log in it", "verify", t.TempDir())
	want(t, exit.Usage, "0 arguments given, want DIR", "dump")
	want(t, exit.Usage, `--output is "xml"`, "dump", dir, "--output", "xml")
}

// TestUnfinishedBatchIsToldApart looks at a copy of a running node's log, with a broken last batch.
func TestUnfinishedBatchIsToldApart(t *testing.T) {
	dir, log := open(t)
	defer log.Close()
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(filepath.Join(dir, "wal"))); err != nil {
		t.Fatal(err)
	}
	_, lines := run("dump", copied, "--output", "json")
	list := strings.Split(strings.TrimSpace(lines), "\n")
	var r line
	if err := json.Unmarshal([]byte(list[len(list)-1]), &r); err != nil || r.Record != "entry" {
		t.Fatalf("got %s, %v", lines, err)
	}
	path := filepath.Join(copied, r.Segment)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[r.Offset+20] ^= 1
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, exit.OK, "the last batch was not finished", "verify", copied)
	want(t, exit.OK, `"unfinished":"`, "verify", copied, "--output", "json")
	want(t, exit.OK, `{"unfinished":"`, "dump", copied, "--output", "json")
	want(t, exit.OK, "end: ", "dump", copied)
}

// TestDamageHasAPlace breaks the first record of the second batch, whose place the dump says.
func TestDamageHasAPlace(t *testing.T) {
	dir, log := open(t)
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	_, lines := run("dump", dir, "--output", "json")
	first, _, _ := strings.Cut(lines, "\n")
	var r line
	if err := json.Unmarshal([]byte(first), &r); err != nil || r.Record != "install" {
		t.Fatalf("got %s, %v", first, err)
	}
	path := filepath.Join(dir, "wal", r.Segment)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[r.Offset+20] ^= 1
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, words := range [][]string{
		{"verify", dir}, {"dump", dir}, {"dump", dir, "--output", "json"},
	} {
		want(t, exit.Corrupt, path+": offset ", words...)
	}
	if _, err := wal.Verify(vfs.OS(), filepath.Dir(path)); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}
