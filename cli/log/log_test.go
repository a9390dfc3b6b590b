package log

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/cli/internal/server"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/session"
	"github.com/tidelock-raft/tidelock/persist/snapfile"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	"github.com/tidelock-raft/tidelock/persist/wal"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/transport/client"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// commit is what the node knew to be committed: one entry less than there are.
const commit = 7

// entries are a log of its own for each test: the entry at 3 puts x, 5 puts y in a session, 6
// removes x, 7 fails, and 8 puts z.
func entries() []core.Entry {
	call := func(name string, args ...any) []byte { return must(scripting.EncodeCall(name, args...)) }
	inSession := func(h session.Header, command []byte) []byte {
		return append(must(h.AppendBinary(nil)), command...)
	}
	list := []core.Entry{
		{Kind: core.EntryNoop},
		{Kind: core.EntryCommand, Data: must(scripting.EncodeInstall(scripting.Default()))},
		{Kind: core.EntryCommand, Data: call("put", "x", "1")},
		{Kind: core.EntrySession, Data: inSession(session.Header{Op: session.OpOpen}, nil)},
		{Kind: core.EntrySession, Data: inSession(
			session.Header{Op: session.OpCommand, Session: 4, Sequence: 1}, call("put", "y", "2"))},
		{Kind: core.EntryCommand, Data: call("del", "x")},
		{Kind: core.EntryCommand, Data: call("cas", "y", "no", "3")},
		{Kind: core.EntryCommand, Data: call("put", "z", "3")},
	}
	for i := range list {
		list[i].Position = core.Position{Term: 1, Index: core.Index(i + 1)}
		list[i].Time = 1_700_000_000_000_000_000 + int64(i)*1e9
	}
	return list
}

var members = core.Membership{Members: []core.Member{{ID: 1, Role: core.Voter, Addr: "a:1"}}}

// dataDir makes the data directory of a stopped node, with a snapshot at an index and the log cut
// there, unless that is zero.
func dataDir(t *testing.T, snapshot core.Index) string {
	t.Helper()
	dir := t.TempDir()
	identity := `{"format":1,"node":1,"cluster":"c","store":"wal"}`
	if err := os.WriteFile(filepath.Join(dir, "identity.json"), []byte(identity), 0o600); err != nil {
		t.Fatal(err)
	}
	store := must(wal.Open(vfs.OS(), filepath.Join(dir, "wal"), wal.Config{SegmentBytes: 64 << 10}))
	defer store.Close()
	batch := []core.Update{{
		Group: core.DefaultGroup, Install: &core.SnapshotMeta{Membership: members},
		Hard: core.HardState{Term: 1, Vote: 1, Commit: commit}, Entries: entries(),
	}}
	if snapshot > 0 {
		meta := save(t, filepath.Join(dir, "snapshots"), snapshot)
		batch = append(batch, core.Update{
			Group: core.DefaultGroup, Snapshot: &meta, Compact: snapshot,
		})
	}
	if err := store.Write(batch); err != nil {
		t.Fatal(err)
	}
	return dir
}

// save writes the state after an entry as a snapshot.
func save(t *testing.T, dir string, at core.Index) core.SnapshotMeta {
	t.Helper()
	machine := session.Wrap(must(scripting.NewEmpty(scripting.Default(), scripting.Config{})))
	defer machine.Close()
	list := entries()[:at]
	must(machine.Apply(nil, list[1:]))
	last := list[at-1]
	snapshot := must(machine.Snapshot())
	defer snapshot.Release()
	w := must(must(snapfile.Open(vfs.OS(), dir)).Create(core.DefaultGroup, last.Position))
	must(snapshot.WriteTo(w))
	size, checksum, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return core.SnapshotMeta{
		Position: last.Position, Time: last.Time, Membership: members, Size: size, Checksum: checksum,
	}
}

// run runs a command line; DIR stands for the directory. Without it, a node is asked that holds the
// same.
func run(dir string, line string) (exit.Code, string) {
	var out strings.Builder
	s := program.Streams{Out: &out, Err: &out}
	words := strings.Fields("prog " + strings.ReplaceAll(line, "DIR", dir))
	root := &cli.Command{Name: "prog", Subcommands: []*cli.Command{
		New(remote.Env{Streams: s, Connect: func(client.Config) (remote.Client, error) {
			data, err := server.OpenStopped(dir)
			return &nodeClient{data: data}, err
		}}),
	}}
	code := program.Run(context.Background(), s, root, words)
	return code, strings.ReplaceAll(out.String(), dir, "DIR")
}

// nodeClient answers as a node with this data that has very small pages.
type nodeClient struct {
	remote.Client
	data *server.Stopped
}

func (c *nodeClient) Close() error { return c.data.Close() }

func (c *nodeClient) Do(_ context.Context, r client.Request) (client.Reply, error) {
	asked := must(core.DecodeLogRequest(r.Data))
	if r.Kind != core.RequestLog || r.Target != "127.0.0.1:8102" {
		return client.Reply{}, fmt.Errorf("asked for %d at %s", r.Kind, r.Target)
	}
	if asked.Snapshot != nil {
		body := must(c.data.Snapshots.Open(core.DefaultGroup, *asked.Snapshot))
		defer body.Close()
		piece := make([]byte, min(7, body.Size()-asked.Offset))
		must(body.ReadAt(piece, asked.Offset))
		return client.Reply{Value: piece}, nil
	}
	page := core.LogPage{State: must(c.data.Store.State(core.DefaultGroup))}
	if asked.From > 0 {
		page.Entries = must(c.data.Store.Entries(nil, core.DefaultGroup, asked.From, asked.To+1, 1))
	}
	return client.Reply{Value: must(json.Marshal(page))}, nil
}

// TestRunningNodeIsReadAsAStoppedOneIs compares the two, with a snapshot and without.
func TestRunningNodeIsReadAsAStoppedOneIs(t *testing.T) {
	for _, dir := range []string{dataDir(t, 0), dataDir(t, 5)} {
		for _, line := range []string{
			"log show", "log show --output json", "log show --last 2", "log show --from 6 --to 7",
			"log show --to 7 --last 1", "log show --last 100", "log show --to 9", "log blame x",
			"log blame y", "log blame y --output json", "log blame z --to 7", "log blame q --to 7",
		} {
			there := strings.NewReplacer("show", "show DIR", "blame", "blame DIR").Replace(line)
			code, want := run(dir, there)
			want = strings.Replace(want, "prog: not_found: ", `{"error":"not_found","message":"`, 1)
			if code == exit.Failed {
				want = strings.TrimSpace(want) + "\"}\n"
			}
			if again, got := run(dir, line+" --target 2"); again != code || got != want {
				t.Errorf("%s: got code %d, %s\nwant code %d, %s", line, again, got, code, want)
			}
		}
	}
}

// collapse makes the columns of a table as wide as they need be.
func collapse(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestCommandsTellWhatTheLogHolds(t *testing.T) {
	whole, cut := dataDir(t, 0), dataDir(t, 5)
	for _, c := range []struct {
		dir, line string
		code      exit.Code
		want      string // part of the output
	}{
		{whole, "log show DIR --from 3 --to 3", exit.OK,
			"3 1 2023-11-14T22:13:22Z command yes - put x 1"},
		{whole, "log show DIR", exit.OK, "4 1 2023-11-14T22:13:23Z session yes - (open a session)"},
		{whole, "log show DIR", exit.OK, "session yes 4 put y 2"},
		{whole, "log show DIR", exit.OK, "8 1 2023-11-14T22:13:27Z command unknown - put z 3"},
		{whole, "log show DIR --from 5 --to 5 --output json", exit.OK, `{"index":5,"term":1,` +
			`"time":"2023-11-14T22:13:24Z","kind":"session","committed":true,"client":"4",` +
			`"sequence":1,"command":"put y 2","bytes":13}`},
		{cut, "log show DIR", exit.OK, "6 1 2023-11-14T22:13:25Z command yes - del x"},
		{cut, "log show DIR --from 5", exit.Usage, "the log holds the entries 6 to 8"},
		{whole, "log show DIR --to 9", exit.Usage, "the log holds the entries 1 to 8"},
		{whole, "log show DIR --from 3 --to 2", exit.Usage, "--from 3 is beyond --to 2"},
		{whole, "log show DIR --last 1", exit.OK, "COMMAND 8 1 2023"},
		{whole, "log show DIR --last 1 --from 2", exit.Usage, "say one"},
		{whole, "log show DIR --target 2", exit.Usage, "DIR is a directory"},
		{whole, "log show DIR x", exit.Usage, "show: 2 arguments given, want [DIR]"},
		{whole, "log show DIR/wal", exit.Usage, "DIR/wal is no data directory of a node"},
		{whole, "log show DIR --output xml", exit.Usage, `--output is "xml"`},

		{whole, "log replay DIR --to 3 --query get x", exit.OK, "1"},
		{whole, "log replay DIR --query get x", exit.OK, "(nil)"},
		{whole, "log replay DIR --query get z", exit.OK, "(nil)"},
		{whole, "log replay DIR --to 8 --query get z", exit.OK, "3"},
		{whole, "log replay DIR --to 8", exit.OK, "index=8 committed=unknown"},
		{whole, "log replay DIR", exit.OK, "kv items=1"},
		{cut, "log replay DIR --query get y --output json", exit.OK, `"2"`},
		{cut, "log replay DIR --to 3", exit.Usage, "the log begins at 6, its snapshot stands at 5"},
		{whole, "log replay DIR --to 9", exit.Usage, "the log ends at 8"},
		{whole, "log replay DIR x", exit.Usage, "there is none"},
		{whole, "log replay DIR --query nothing", exit.Failed, "unknown_query"},
		{whole, "log replay DIR --machine none", exit.Usage, `no machine is named "none"`},

		{whole, "log blame DIR x", exit.OK, "kv x (deleted) 6 1 2023-11-14T22:13:25Z yes - del x"},
		{whole, "log blame DIR x --to 5", exit.OK, "kv x 3 1 2023-11-14T22:13:22Z yes - put x 1"},
		{whole, "log blame DIR y", exit.OK, "kv y 5 1 2023-11-14T22:13:24Z yes 4 put y 2"},
		{whole, "log blame DIR z", exit.OK, "kv z 8 1 2023-11-14T22:13:27Z unknown - put z 3"},
		{cut, "log blame DIR y", exit.OK, "kv y at most 5 - - yes - in the snapshot"},
		{cut, "log blame DIR y --output json", exit.OK, `{"collection":"kv","key":"y","snapshot":5}`},
		{whole, "log blame DIR q", exit.Failed, "no collection has or had the key q from entry 1 to 8"},
		{whole, "log blame DIR x --collection other", exit.Failed, "not_found"},
		{whole, "log blame", exit.Usage, "blame: 0 arguments given, want [DIR] KEY"},
	} {
		code, out := run(c.dir, c.line)
		if code != c.code || !strings.Contains(collapse(out), c.want) {
			t.Errorf("%s: got code %d, %s\nwant code %d, %s", c.line, code, out, c.code, c.want)
		}
	}
}

// TestDirectoryIsReadWhateverTheEnvironmentSaysOfNodes: it is for the commands that ask one.
func TestDirectoryIsReadWhateverTheEnvironmentSaysOfNodes(t *testing.T) {
	dir := dataDir(t, 0)
	t.Setenv("RAFT_TARGET", "2")
	t.Setenv("RAFT_ENDPOINTS", "1=h:1")
	for _, c := range []struct {
		line string
		code exit.Code
		want string
	}{
		{"log show DIR --last 1", exit.OK, "put z 3"},
		{"log replay DIR", exit.OK, "index=7"},
		{"log blame DIR x", exit.OK, "del x"},
		{"log show DIR --target 2", exit.Usage, "DIR is a directory"},
		{"log show -- --target=2", exit.Usage, "is no data directory"},
		{"log show", exit.Usage, "no endpoint of node 2 is known"},
		{"log replay DIR --target 2", exit.Usage, "there is no flag --target of log replay; there " +
			"are: --machine, --output, --query, --to"},
	} {
		code, out := run(dir, c.line)
		if code != c.code || !strings.Contains(collapse(out), c.want) {
			t.Errorf("%s: got code %d, %s\nwant code %d, %s", c.line, code, out, c.code, c.want)
		}
	}
}

// TestReplayIsTheSameFromASnapshot holds for every place where a snapshot may have been taken, and
// for every entry behind it.
func TestReplayIsTheSameFromASnapshot(t *testing.T) {
	whole := dataDir(t, 0)
	replayed := func(dir string, to core.Index) (p played) {
		code, out := run(dir, fmt.Sprintf("log replay DIR --output json --to %d", to))
		if err := json.Unmarshal([]byte(out), &p); err != nil || code != exit.OK || p.Digest == 0 {
			t.Fatalf("got code %d, %s", code, out)
		}
		return p
	}
	for _, at := range []core.Index{2, 5, 6} {
		cut := dataDir(t, at)
		for to := at; to <= 8; to++ {
			got, want := replayed(cut, to), replayed(whole, to)
			if got.Digest != want.Digest || got.Sessions != want.Sessions || got.Index != to {
				t.Errorf("snapshot at %d, up to %d: got %+v, want %+v", at, to, got, want)
			}
		}
	}
}

// TestLookingChangesNothing compares all files, and looks at what a running node holds.
func TestLookingChangesNothing(t *testing.T) {
	dir := dataDir(t, 5)
	left := filepath.Join(dir, "snapshots", "snapshot-"+strings.Repeat("0000000000000001-", 2)+
		"0000000000000007.snap.tmp") // by a crash
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	for _, line := range []string{"log show DIR", "log replay DIR", "log blame DIR y"} {
		run(dir, line)
	}
	if after := tree(t, dir); after != before {
		t.Errorf("got %s\nwant %s", after, before)
	}
	lock := must(server.LockStopped(dir))
	defer lock.Close()
	if code, out := run(dir, "log show DIR"); code != exit.Usage || !strings.Contains(out, "in use") {
		t.Errorf("got code %d, %s", code, out)
	}
}

// tree is every file but the lock, with what is in it.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "lock" {
			return err
		}
		content, err := os.ReadFile(path)
		fmt.Fprintf(&all, "%s %x\n", path, content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestDamageIsFound(t *testing.T) {
	dir := dataDir(t, 0)
	path := must(filepath.Glob(filepath.Join(dir, "wal", "*.wal")))[0]
	content := must(os.ReadFile(path))
	at := bytes.Index(content, []byte("put"))
	if at < 0 {
		t.Fatal("there is no command in the log")
	}
	content[at] ^= 1
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := run(dir, "log show DIR"); code != exit.Corrupt {
		t.Errorf("got code %d, %s", code, out)
	}
}
