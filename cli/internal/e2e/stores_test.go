package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
)

// storeCluster starts three nodes on a store, under logs so short that snapshots are taken.
func storeCluster(t *testing.T, store string) *Cluster {
	t.Helper()
	c := programs.Cluster(t, 3, "--store", store, "--snapshot-entries", "300")
	c.Leader(t)
	return c
}

// TestEveryStoreSurvivesKills kills the leader, and then all nodes, of clusters on each store.
func TestEveryStoreSurvivesKills(t *testing.T) {
	for _, store := range []string{"bbolt", "pebble"} {
		t.Run(store, func(t *testing.T) {
			c := storeCluster(t, store)
			c.Client(t, "put", "x", "1").Want(t, exit.OK, "OK leader=")
			first := c.Leader(t)
			c.Node(first).Kill(t)
			c.Leader(t)
			c.Client(t, "put", "y", "2").Want(t, exit.OK, "OK leader=")
			c.Client(t, "get", "x").Want(t, exit.OK, "1\n")
			c.Node(first).Restart(t)
			c.Settled(t, 3)
			for _, n := range c.Nodes() {
				n.Kill(t)
			}
			for _, n := range c.Nodes() {
				n.Restart(t)
			}
			c.Leader(t)
			c.ClientWithInput(t, "get x\nget y\n", "batch", "-").Want(t, exit.OK, "1\n2\n")
			for _, n := range c.Nodes() {
				if code := n.Stop(t); code != exit.OK {
					t.Errorf("node %d ended with code %d", n.ID, code)
				}
			}
		})
	}
}

// TestMigrateStoreNodeByNode moves a cluster's nodes from the log to pebble, one after the other
// while the others serve, and one of them on to bbolt in another directory.
func TestMigrateStoreNodeByNode(t *testing.T) {
	c := storeCluster(t, "wal")
	c.Client(t, "put", "x", "1").Want(t, exit.OK, "OK leader=")
	one := c.Node(1)
	wal, pebble := "wal:"+one.Dir, "pebble:"+one.Dir
	tool := func(words ...string) *Process {
		return programs.Start(t, c.Dir, "tidelock", append([]string{"migrate-store"}, words...)...)
	}
	check(t, tool("--from", wal, "--to", pebble), exit.Usage, "stop the node first")
	for _, n := range c.Nodes() {
		n.Stop(t)
		check(t, n.Launch(t, "--store", "pebble"), exit.Usage, "tidelock migrate-store --from wal:"+
			n.Dir+" --to pebble:"+n.Dir)
		move := []string{"--from", "wal:" + n.Dir, "--to", "pebble:" + n.Dir}
		before := contents(t, filepath.Join(n.Dir, "wal"))
		check(t, tool(append(move, "--check")...), exit.OK, "OK groups: 1, ")
		check(t, tool(move...), exit.OK, "moved from wal:")
		check(t, tool(append(move, "--check")...), exit.OK, "OK groups: 1, ")
		if after := contents(t, filepath.Join(n.Dir, "wal")); after != before {
			t.Error("the log that was moved has changed")
		}
		check(t, n.Launch(t), exit.Usage, "the log is kept by store pebble")
		n.Restart(t, "--store", "pebble")
		c.Leader(t)
		c.Client(t, "put", "y", "2").Want(t, exit.OK, "OK leader=")
	}
	c.Settled(t, 3)
	one.Stop(t)
	check(t, tool("--from", pebble, "--to", wal), exit.Usage, "is not empty")
	moved := filepath.Join(c.Dir, "elsewhere")
	check(t, tool("--from", pebble, "--to", "bbolt:"+moved), exit.OK, "never again on "+one.Dir)
	one.Restart(t, "--store", "bbolt", "--data", moved)
	c.Client(t, "put", "z", "3").Want(t, exit.OK, "OK leader=")
	c.Settled(t, 3)
	c.Client(t, "get", "x", "--read", "stale", "--target", "1").Want(t, exit.OK, "1\n")
}

// contents is all that is in the files of a directory.
func contents(t *testing.T, dir string) string {
	t.Helper()
	all := ""
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all += path + string(content)
	}
	return all
}
