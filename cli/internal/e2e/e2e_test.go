package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
)

// programs are built by TestMain.
var programs *Programs

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if programs, err = Build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func TestAcknowledgedWritesSurviveKilledNodes(t *testing.T) {
	c := programs.Cluster(t, 3)
	first := c.Leader(t)
	c.Client(t, "put", "x", "1").Want(t, exit.OK, fmt.Sprintf("OK leader=%d index=", first))
	c.Client(t, "get", "x").Want(t, exit.OK, "1\n")

	c.Node(first).Kill(t)
	second := c.Leader(t)
	if second == first {
		t.Fatalf("node %d leads after it was killed", first)
	}
	c.Client(t, "get", "x").Want(t, exit.OK, "1\n")
	c.Client(t, "put", "y", "2").Want(t, exit.OK, fmt.Sprintf("OK leader=%d index=", second))
	c.Node(first).Restart(t)
	c.Settled(t, 3)
	c.Client(t, "get", "y", "--read", "stale", "--target", fmt.Sprint(first)).Want(t, exit.OK, "2\n")

	for _, n := range c.Nodes() { // the power goes for all at once
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
}

func TestExitCodesOfAClient(t *testing.T) {
	c := programs.Cluster(t, 3)
	leader := c.Leader(t)
	a, b := c.Node(leader%3+1), c.Node((leader+1)%3+1)
	c.Client(t, "put", "x", "1", "--target", fmt.Sprint(a.ID)).Want(t, exit.NotLeader,
		fmt.Sprintf(`{"error":"not_leader","leader":"node%d"}`, leader))
	c.Client(t, "call", "cas", "x", "old", "new").Want(t, exit.Failed, `{"error":"conflict",`)
	c.Client(t, "put", "x").Want(t, exit.Usage, "want KEY VALUE")

	a.Kill(t)
	b.Signal(t, syscall.SIGSTOP)
	c.Client(t, "put", "x", "1", "--timeout", "1s").Want(t, exit.Unavailable, `{"error":"`)
	c.Client(t, "status", "--timeout", "1s").Want(t, exit.OK, "unreachable")
	b.Signal(t, syscall.SIGCONT)
	c.Leader(t)
	c.Client(t, "put", "x", "2").Want(t, exit.OK, "OK leader=")
}

func TestExitCodesOfANode(t *testing.T) {
	c := programs.Cluster(t, 1)
	c.Leader(t)
	for i := range 20 {
		c.Client(t, "put", "needle", fmt.Sprint(i)).Want(t, exit.OK, "OK")
	}
	n := c.Node(1)
	if code := n.Stop(t); code != exit.OK {
		t.Errorf("stopped: got code %d", code)
	}
	script := filepath.Join(c.Dir, "bad.lua")
	if err := os.WriteFile(script, []byte("return {"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, run := range []struct {
		flags []string
		code  exit.Code
		text  string
	}{
		{[]string{"--id", "2"}, exit.Usage, "the directory belongs to node 1, this is node 2"},
		{[]string{"--cluster", "other"}, exit.Usage, "belongs to cluster \"tidelock\""},
		{[]string{"--peers", "1"}, exit.Usage, "list only the others"},
		{[]string{"--script", script}, exit.Refused, "bad.lua"},
	} {
		check(t, n.Launch(t, run.flags...), run.code, run.text)
	}
	damage(t, filepath.Join(n.Dir, "wal"), "needle")
	check(t, n.Launch(t), exit.Corrupt, "corrupt")
}

func check(t *testing.T, p *Process, code exit.Code, text string) {
	t.Helper()
	if got := p.Wait(t); got != code || !strings.Contains(p.Output(), text) {
		t.Errorf("got code %d, want %d and %s, in\n%s", got, code, text, p.Output())
	}
}

// damage flips a bit of the first place where a text is found, in each file of a directory.
func damage(t *testing.T, dir, text string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if i := bytes.Index(content, []byte(text)); i >= 0 {
			content[i] ^= 1
			found = true
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !found {
		t.Fatalf("no %s in %q", text, files)
	}
}
