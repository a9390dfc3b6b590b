package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/scripting"
)

// writeScript writes a script to a file.
func writeScript(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// tally2 is the next version of testdata/tally.lua: it counts what was added so far and goes on
// counting.
func tally2(t *testing.T, first string) string {
	t.Helper()
	text, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	next := strings.NewReplacer("version = 1", "version = 2",
		"return {", "local total = state.value(\"total\", 0)\nreturn {\n"+
			"migrate = function(from) total:set(tally:len()) end,",
		"queries = {", "queries = { total = function() return {total:get(), tally:len()} end,",
		"return n", "total:set(total:get() + 1) return n").Replace(string(text))
	return next
}

// TestScriptIsUpgradedUnderLoad pushes a new version while clients write, and rolls it back: no
// write fails, and all nodes come to the same state and script.
func TestScriptIsUpgradedUnderLoad(t *testing.T) {
	first := tallyScript(t)
	c := programs.Cluster(t, 3, "--script", first)
	c.Leader(t)
	second := writeScript(t, c.Dir, "tally2.lua", tally2(t, first))
	broken := writeScript(t, c.Dir, "broken.lua", strings.Replace(tally2(t, first),
		"total:set(tally:len())", "total:set(1) error('not today')", 1))
	y := newTally(t, c)
	stop := y.load(t, 4)
	Eventually(t, "some numbers", func() bool { return y.acknowledged() > 200 })

	c.Client(t, "script", "check", second).Want(t, exit.OK, "total")
	c.Client(t, "script", "push", broken).Want(t, exit.Refused, "not today")
	c.Client(t, "script", "show").Want(t, exit.OK, "tally")
	c.Client(t, "script", "push", second).Want(t, exit.OK, "OK version=2 hash=")
	before := y.acknowledged()
	Eventually(t, "more numbers", func() bool { return y.acknowledged() > before+200 })
	o := c.Client(t, "query", "total")
	var counted, kept int
	if _, err := fmt.Sscanf(o.Out, "[%d,%d]", &counted, &kept); err != nil || counted != kept {
		t.Errorf("the new version counted %s, want the same twice (%v)", o.Out, err)
	}
	c.Client(t, "script", "rollback").Want(t, exit.OK, "OK version=1 hash=")
	c.Client(t, "query", "total").Want(t, exit.Failed, "unknown_query")
	c.Client(t, "script", "push", second).Want(t, exit.OK, "OK version=2 hash=")
	stop()
	c.Settled(t, 3)
	want := c.State(t, 1).Machine
	for _, n := range c.Nodes() {
		if got := c.State(t, n.ID).Machine; got != want || !strings.Contains(want, "v2") {
			t.Errorf("node %d runs %s, want %s", n.ID, got, want)
		}
		y.check(t, n)
	}
}

// TestNodeWithAnotherFileRunsWhatTheLogSays restarts a node with a script of its own, and one with
// nothing but its data.
func TestNodeWithAnotherFileRunsWhatTheLogSays(t *testing.T) {
	c := programs.Cluster(t, 3)
	follower := c.Node(c.Leader(t)%3 + 1)
	c.Client(t, "put", "x", "1").Want(t, exit.OK, "OK")
	c.Settled(t, 3)
	follower.Stop(t)
	other := writeScript(t, c.Dir, "other.lua", `return { name = "other", version = 7,
		commands = { put = function() return "wrong" end } }`)
	follower.Restart(t, "--script", other)
	follower.WaitFor(t, "the local script differs from the one in the log")
	c.Client(t, "put", "y", "2", "--timeout", "20s").Want(t, exit.OK, "OK")
	c.Settled(t, 3)
	target := fmt.Sprint(follower.ID)
	c.Client(t, "get", "y", "--read", "stale", "--target", target).Want(t, exit.OK, "2\n")
	c.Client(t, "script", "push", other).Want(t, exit.Refused, "this machine is other")
	o := c.Client(t, "script", "show", "--source", "--read", "stale", "--target", target)
	if o.Out != string(scripting.Default().Text) {
		t.Errorf("the node with another file runs\n%s", o.Out)
	}
}
