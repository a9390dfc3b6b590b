package restore

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/session"
	"github.com/tidelock-raft/tidelock/persist/backup"
	_ "github.com/tidelock-raft/tidelock/plugins/standard"
	"github.com/tidelock-raft/tidelock/scripting"
)

func runLine(words ...string) (exit.Code, string) {
	var out strings.Builder
	s := program.Streams{Out: &out, Err: &out}
	root := &cli.Command{Name: "prog", Subcommands: []*cli.Command{New(s)}}
	code := program.Run(context.Background(), s, root, append([]string{"prog", "restore"}, words...))
	return code, out.String()
}

// file writes a backup of a machine without a script yet.
func file(t *testing.T) string {
	t.Helper()
	inner, err := scripting.NewEmpty(scripting.Default(), scripting.Config{})
	if err != nil {
		t.Fatal(err)
	}
	machine := session.Wrap(inner)
	defer machine.Close()
	var content bytes.Buffer
	w, err := backup.NewWriter(&content, backup.Meta{
		Cluster: 99, Node: 3, Group: core.DefaultGroup,
		Snapshot: core.SnapshotMeta{
			Position:   core.Position{Term: 4, Index: 30},
			Membership: core.Membership{Members: []core.Member{{ID: 9, Role: core.Voter}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := machine.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Release()
	if _, err := snapshot.WriteTo(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "file.snap")
	if err := os.WriteFile(path, content.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRestoreTakesTheFlagsOfANode restores onto each store, for both forms of output.
func TestRestoreTakesTheFlagsOfANode(t *testing.T) {
	path := file(t)
	var digests []string
	for _, store := range []string{"wal", "bbolt", "pebble"} {
		dir := filepath.Join(t.TempDir(), "data")
		code, out := runLine(path, "--id", "1", "--peers", "2,3=h:9", "--cluster", "new",
			"--store", store, "--data", dir, "--output", "json")
		var o outcome
		if err := json.Unmarshal([]byte(out), &o); err != nil || code != exit.OK || o.Index != 30 ||
			o.Term != 4 || strings.Join(o.Members, ",") != "node1,node2,node3" || o.Data != dir {
			t.Errorf("%s: got code %d, %s", store, code, out)
		}
		digests = append(digests, o.Digest)
		code, out = runLine(path, "--id", "1", "--cluster", "new", "--data", dir)
		if code != exit.Usage || !strings.Contains(out, "is not empty") {
			t.Errorf("%s, once more: got code %d, %s", store, code, out)
		}
	}
	if digests[0] == "" || digests[0] != digests[1] || digests[0] != digests[2] {
		t.Errorf("got digests %v", digests)
	}
	code, out := runLine(path, "--id", "5", "--cluster", "new", "--data", t.TempDir())
	if code != exit.OK || !strings.Contains(out, "index=30 term=4 voters=5 digest="+digests[0]) {
		t.Errorf("got code %d, %s", code, out)
	}
}

func TestRestoreSaysWhatIsWrong(t *testing.T) {
	path := file(t)
	for _, c := range []struct {
		words []string
		code  exit.Code
		says  string
	}{
		{nil, exit.Usage, "restore: 0 arguments given, want FILE"},
		{[]string{path, path}, exit.Usage, "restore: 2 arguments given"},
		{[]string{path, "--output", "xml"}, exit.Usage, `--output is "xml"`},
		{[]string{path}, exit.Usage, "--id is missing"},
		{[]string{path, "--id", "1", "--peers", "x"}, exit.Usage, `"x" is not the id of a node`},
		{[]string{path + "x", "--id", "1"}, exit.Failed, "no such file"},
		{[]string{path, "--id", "1", "--store", "none"}, exit.Usage, "no store is named"},
	} {
		code, out := runLine(append(c.words, "--data", t.TempDir())...)
		if code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%v: got code %d, %s\nwant code %d, %s", c.words, code, out, c.code, c.says)
		}
	}
}
