package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/session"
	"github.com/tidelock-raft/tidelock/persist/backup"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/transport/client"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// sample is a backup of a machine with one key and one session.
func sample(t *testing.T) []byte {
	t.Helper()
	machine := session.Wrap(must(scripting.NewEmpty(scripting.Default(), scripting.Config{})))
	defer machine.Close()
	list := []core.Entry{
		{Kind: core.EntryCommand, Data: must(scripting.EncodeInstall(scripting.Default()))},
		{Kind: core.EntryCommand, Data: must(scripting.EncodeCall("put", "x", "1"))},
		{Kind: core.EntrySession, Data: must(session.Header{Op: session.OpOpen}.AppendBinary(nil))},
	}
	for i := range list {
		list[i].Position = core.Position{Term: 1, Index: core.Index(i + 1)}
	}
	must(machine.Apply(nil, list))
	var file bytes.Buffer
	w := must(backup.NewWriter(&file, backup.Meta{
		Cluster: 99, Node: 3, Group: core.DefaultGroup, Taken: 1e18, Machine: "kv v1", Version: "v9",
		Snapshot: core.SnapshotMeta{
			Position: core.Position{Term: 1, Index: 3}, Time: 1e18,
			Membership: core.Membership{Members: []core.Member{
				{ID: 1, Role: core.Voter, Addr: "a:1"}, {ID: 4, Role: core.Learner, Addr: "d:4"},
			}},
		},
	}))
	snapshot := must(machine.Snapshot())
	defer snapshot.Release()
	must(snapshot.WriteTo(w))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func run(t *testing.T, c *remotetest.Cluster, words ...string) remotetest.Outcome {
	t.Helper()
	return c.Run(t, New, "", append([]string{"snapshot"}, words...)...)
}

func nodes() map[string]core.NodeStatus {
	found := map[string]core.NodeStatus{}
	for i, role := range []string{"follower", "leader", "follower"} {
		id := core.NodeID(i + 1)
		found[fmt.Sprintf("127.0.0.1:810%d", id)] = core.NodeStatus{
			Node: id, Groups: []core.GroupStatus{{Group: core.DefaultGroup, Role: role}},
		}
	}
	return found
}

// TestSaveAsksAndKeepsWhatIsWhole goes through whom it asks, and what becomes of the file.
func TestSaveAsksAndKeepsWhatIsWhole(t *testing.T) {
	file := sample(t)
	gone := remotetest.Backup{Content: file[:9], Err: fmt.Errorf("%w: gone", client.ErrBackup)}
	whole := remotetest.Backup{Content: file}
	leader, third := "backup at 127.0.0.1:8102", "backup at 127.0.0.1:8103"
	for _, c := range []struct {
		what    string
		words   []string
		backups []remotetest.Backup
		code    exit.Code
		out     string
		calls   string
	}{
		{"the leader", nil, []remotetest.Backup{whole}, exit.OK,
			"OK file=FILE node=3 index=3 term=1 bytes=", leader},
		{"a node", []string{"--from", "3", "--output", "json"}, []remotetest.Backup{whole}, exit.OK,
			`{"file":"FILE","node":"node3","index":3,"term":1,"bytes":`, third},
		{"it is begun anew", nil, []remotetest.Backup{gone, gone, whole}, exit.OK, "OK file=FILE",
			leader + "," + leader + "," + leader},
		{"and in the end given up", nil, []remotetest.Backup{gone}, exit.Failed, "gone",
			leader + "," + leader + "," + leader},
		{"damage on the way", nil, []remotetest.Backup{{Content: file[:len(file)-1]}}, exit.Corrupt,
			`"error":"corrupt"`, leader},
		{"nobody answers", []string{"--from", "3"}, []remotetest.Backup{{Err: client.ErrUnavailable}},
			exit.Unavailable, `"error":"unavailable"`, third},
		{"no node", []string{"--from", "x"}, nil, exit.Usage, "", ""},
	} {
		path := filepath.Join(t.TempDir(), "FILE")
		cluster := &remotetest.Cluster{Nodes: nodes(), Backups: c.backups}
		got := run(t, cluster, append([]string{"save", path}, c.words...)...)
		out := strings.ReplaceAll(got.Out, path, "FILE")
		if got.Code != c.code || !strings.Contains(out, c.out) ||
			strings.Join(cluster.Calls, ",") != c.calls {
			t.Errorf("%s: got %+v, calls %q", c.what, got, cluster.Calls)
		}
		left := must(os.ReadDir(filepath.Dir(path)))
		if whole := len(left) == 1 && left[0].Name() == "FILE"; whole != (c.code == exit.OK) ||
			!whole && len(left) > 0 {
			t.Errorf("%s: left %v", c.what, left)
		}
	}
}

func TestSaveReplacesNothingUnlessForced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(path, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	cluster := &remotetest.Cluster{Nodes: nodes(), Backups: []remotetest.Backup{{Content: sample(t)}}}
	if got := run(t, cluster, "save", path); got.Code != exit.Usage || len(cluster.Calls) > 0 {
		t.Errorf("got %+v, %v", got, cluster.Calls)
	}
	cluster.Backups[0].Err = errors.New("broken")
	if got := run(t, cluster, "save", path, "--force"); got.Code != exit.Failed ||
		string(must(os.ReadFile(path))) != "data" {
		t.Errorf("got %+v, and the file is another", got)
	}
	cluster.Backups[0].Err = nil
	if got := run(t, cluster, "save", path, "--force"); got.Code != exit.OK ||
		!bytes.Equal(must(os.ReadFile(path)), cluster.Backups[0].Content) {
		t.Errorf("got %+v", got)
	}
	if got := run(t, &remotetest.Cluster{}, "save", path+"2"); got.Code != exit.Unavailable {
		t.Errorf("nobody there: got %+v", got)
	}
}

func TestInspectTellsAllThatIsInAFile(t *testing.T) {
	file := sample(t)
	path := filepath.Join(t.TempDir(), "file.snap")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	got := run(t, &remotetest.Cluster{}, "inspect", path)
	for _, want := range []string{
		fmt.Sprintf("%d bytes, all checksums fit", len(file)),
		"2001-09-09T01:46:40Z from node3 of cluster 99, group 1, version v9", "3, term 1, of 2001",
		"1=a:1, 4=d:4 (voters=1 learners=4)", "kv version 1, installed at index 1", "kv: 1 items",
	} {
		if got.Code != exit.OK || !strings.Contains(got.Out, want) {
			t.Errorf("got %+v, want %s", got, want)
		}
	}
	got = run(t, &remotetest.Cluster{}, "inspect", path, "--output", "json")
	var c content
	if err := json.Unmarshal([]byte(got.Out), &c); err != nil || c.Index != 3 || c.Sessions != 1 ||
		c.Digest == 0 || c.Script == nil || len(c.Collections) != 1 || len(c.Members) != 2 {
		t.Errorf("got %s, %v", got.Out, err)
	}
	for _, at := range []int{3, 40, len(file) / 2, len(file) - 2} {
		damaged := bytes.Clone(file)
		damaged[at] ^= 4
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		got := run(t, &remotetest.Cluster{}, "inspect", path)
		if got.Code != exit.Corrupt || !strings.Contains(got.Err, "file.snap: offset ") {
			t.Errorf("damage at %d: got %+v", at, got)
		}
	}
	for _, words := range [][]string{{"inspect"}, {"inspect", path, "--output", "xml"}, {"save"}} {
		if got := run(t, &remotetest.Cluster{}, words...); got.Code != exit.Usage {
			t.Errorf("%v: got %+v", words, got)
		}
	}
}
