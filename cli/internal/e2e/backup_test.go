package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
)

// Restored restores a file onto n nodes of a new cluster and starts them.
func (p *Programs) Restored(t *testing.T, n int, file string) *Cluster {
	t.Helper()
	c := &Cluster{Dir: t.TempDir(), programs: p}
	ports := FreePorts(t, 2*n)
	for i := range n {
		c.nodes = append(c.nodes, &Node{
			ID: core.NodeID(i + 1), cluster: c,
			Addr: fmt.Sprintf("127.0.0.1:%d", ports[2*i]),
			API:  fmt.Sprintf("127.0.0.1:%d", ports[2*i+1]),
			Dir:  filepath.Join(c.Dir, fmt.Sprintf("node%d", i+1)),
		})
	}
	inspect := p.Start(t, c.Dir, "raft-client", "cluster", "snapshot", "inspect", file,
		"--output", "json")
	check(t, inspect, exit.OK, `"digest":"`)
	var made struct{ Digest string }
	if err := json.Unmarshal([]byte(inspect.Output()), &made); err != nil {
		t.Fatal(err)
	}
	digests := map[string]bool{made.Digest: true}
	for _, node := range c.nodes {
		node.args = append(node.flags(), "--cluster", "restored")
		restore := p.Start(t, c.Dir, "tidelock",
			append([]string{"restore", file, "--output", "json"}, node.args...)...)
		check(t, restore, exit.OK, `"cluster":"restored"`)
		if err := json.Unmarshal([]byte(restore.Output()), &made); err != nil {
			t.Fatal(err)
		}
		digests[made.Digest] = true
	}
	if len(digests) != 1 || digests[""] {
		t.Fatalf("the file and the nodes restored from it have the digests %v", digests)
	}
	for _, node := range c.nodes {
		node.Restart(t)
	}
	c.Leader(t)
	return c
}

// load writes batches until it is stopped, and returns how many of its writes were acknowledged.
func load(t *testing.T, c *Cluster) (stop func() int) {
	t.Helper()
	var lines strings.Builder
	for i := range 200 {
		fmt.Fprintf(&lines, "put load%d %d\n", i, i)
	}
	enough, written := make(chan struct{}), 0
	var running sync.WaitGroup
	running.Go(func() { // ended by stop
		for {
			select {
			case <-enough:
				return
			default:
				written += strings.Count(c.ClientWithInput(t, lines.String(), "batch", "-").Out, "OK leader=")
			}
		}
	})
	return func() int {
		close(enough)
		running.Wait()
		return written
	}
}

// TestBackupBeginsNewClusters saves a cluster's state from every node while it is written to, and
// restores it onto one, three and five nodes.
func TestBackupBeginsNewClusters(t *testing.T) {
	old := programs.Cluster(t, 3, "--snapshot-entries", "500")
	old.Leader(t)
	var lines strings.Builder
	for i := range 20 {
		fmt.Fprintf(&lines, "put k%d v%d\n", i, i)
	}
	old.ClientWithInput(t, lines.String(), "batch", "-").Want(t, exit.OK, "OK leader=")
	big := strings.Repeat("x", 100_000) // so that a backup has many pieces
	lines.Reset()
	for i := range 8 {
		fmt.Fprintf(&lines, "put big%d %s\n", i, big)
	}
	old.ClientWithInput(t, lines.String(), "batch", "-").Want(t, exit.OK, "OK leader=")
	old.Settled(t, 3)
	stop := load(t, old)
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	for id := 1; id <= 3; id++ {
		name := fmt.Sprintf("node%d.snap", id)
		old.Client(t, "cluster", "snapshot", "save", file(name), "--from", fmt.Sprint(id)).
			Want(t, exit.OK, fmt.Sprintf(" node=%d index=", id))
	}
	old.Client(t, "cluster", "snapshot", "save", file("leader.snap")).Want(t, exit.OK, "OK file=")
	if written := stop(); written == 0 {
		t.Error("nothing was written meanwhile")
	}
	old.Client(t, "cluster", "snapshot", "save", file("leader.snap")).Want(t, exit.Usage, "--force")
	if names, err := filepath.Glob(file("*.tmp")); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v %v", names, err)
	}
	for i, n := range []int{1, 3, 5} {
		c := programs.Restored(t, n, file(fmt.Sprintf("node%d.snap", i+1)))
		c.Client(t, "get", "k7").Want(t, exit.OK, "v7\n")
		c.Client(t, "put", "k7", "new").Want(t, exit.OK, "OK leader=")
		c.Settled(t, n)
		c.Client(t, "get", "k19").Want(t, exit.OK, "v19\n")
		c.Client(t, "get", "big7").Want(t, exit.OK, big)
		for _, node := range c.Nodes() {
			if code := node.Stop(t); code != exit.OK {
				t.Errorf("node %d ended with code %d", node.ID, code)
			}
		}
		old.Client(t, "get", "k7").Want(t, exit.OK, "v7\n") // the old cluster goes on by itself
	}
	inspectAndDamage(t, old, file("leader.snap"))
}

func inspectAndDamage(t *testing.T, c *Cluster, file string) {
	t.Helper()
	inspect := func(path string) *Process {
		return programs.Start(t, c.Dir, "raft-client", "cluster", "snapshot", "inspect", path)
	}
	check(t, inspect(file), exit.OK, "all checksums fit")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	check(t, inspect(file), exit.Corrupt, "leader.snap: offset ")
	check(t, programs.Start(t, c.Dir, "tidelock", "restore", file, "--id", "1", "--cluster", "other"),
		exit.Corrupt, "leader.snap: offset ")
}
