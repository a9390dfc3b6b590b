package recover

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
	"github.com/tidelock-raft/tidelock/cli/internal/server"
	"github.com/tidelock-raft/tidelock/core"
)

func TestWhatRecoverAsksFor(t *testing.T) {
	t.Setenv("RAFT_TARGET", "1") // which is not about this command
	dir := t.TempDir()
	identity := `{"format":1,"node":1,"cluster":"c","store":"wal"}`
	if err := os.WriteFile(filepath.Join(dir, "identity.json"), []byte(identity), 0o600); err != nil {
		t.Fatal(err)
	}
	node := func(id, leader core.NodeID, cluster string) map[string]core.NodeStatus {
		return map[string]core.NodeStatus{"127.0.0.1:8102": {Node: id,
			Cluster: server.ClusterID(cluster), Groups: []core.GroupStatus{{Group: 1, Leader: leader}}}}
	}
	for _, c := range []struct {
		words string
		nodes map[string]core.NodeStatus
		code  exit.Code
		text  string
	}{
		{"--survivors 1 --plan", nil, exit.Usage, "want DIR…"},
		{dir + " --plan", nil, exit.Usage, "--survivors is missing"},
		{dir + " --survivors 1", nil, exit.Usage, "want --plan first"},
		{dir + " --survivors 1 --plan --confirm x", nil, exit.Usage, "want --plan first"},
		{dir + " --survivors 1,x --plan", nil, exit.Usage, `"x" is not the id of a node`},
		{dir + " --survivors 1,1 --plan", nil, exit.Usage, "node 1 is there twice"},
		{dir + " --survivors 1,3 --held 3=7 --plan", nil, exit.Usage, `"3=7" is not id=term.index`},
		{dir + " --survivors 1,3 --held 0=7.1 --plan", nil, exit.Usage, `"0" is not the id of a node`},
		{dir + " --survivors 1 --plan --target 1", nil, exit.Usage, "--target would leave out nodes"},
		{"nowhere --survivors 1 --plan", nil, exit.Usage, `{"error":"usage"`},
		{dir + " --survivors 1 --plan", node(2, 2, "c"), exit.Failed,
			`{"error":"leader_known","message":"127.0.0.1:8102: node 2 knows a leader, node 2`},
		{dir + " --survivors 1 --plan", node(2, 0, "c"), exit.Failed,
			`{"error":"not_lost","message":"127.0.0.1:8102: node 2 answers`},
		{dir + " --survivors 1 --plan", node(2, 2, "d"), exit.Failed, dir + "/wal: stat"},
	} {
		cluster := &remotetest.Cluster{Nodes: c.nodes}
		got := cluster.Run(t, New, "", append([]string{"recover"}, strings.Fields(c.words)...)...)
		if got.Code != c.code || !strings.Contains(got.Out+got.Err, c.text) {
			t.Errorf("%s: got %+v, want %d %s", c.words, got, c.code, c.text)
		}
	}
}
