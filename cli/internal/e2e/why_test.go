package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
)

// tool runs tidelock to its end.
func (c *Cluster) tool(t *testing.T, words ...string) Outcome {
	t.Helper()
	command := patient(
		exec.CommandContext(t.Context(), filepath.Join(c.programs.dir, "tidelock"), words...))
	output, err := command.CombinedOutput()
	if command.ProcessState == nil {
		t.Fatal(err)
	}
	code := exit.Code(command.ProcessState.ExitCode())
	return Outcome{code, string(output), "", strings.Join(words, " ")}
}

// why waits until cluster why says something.
func (c *Cluster) why(t *testing.T, contains string) {
	t.Helper()
	var last Outcome
	defer func() {
		if t.Failed() {
			t.Logf("code %d:\n%s", last.Code, last.Out)
		}
	}()
	Eventually(t, contains, func() bool {
		last = c.Client(t, "cluster", "why", "--timeout", "2s")
		return strings.Contains(last.Out, contains)
	})
}

// TestTwoOfThreeLostForGood loses two disks of three. The survivor is recovered, has every entry
// that it held, says what may be lost, and with two new nodes the cluster bears a failure again.
func TestTwoOfThreeLostForGood(t *testing.T) {
	c := programs.Cluster(t, 3)
	c.Leader(t)
	for i := range 20 {
		c.Client(t, "put", fmt.Sprint("key", i), fmt.Sprint(i)).Want(t, exit.OK, "OK")
	}
	c.Settled(t, 3)
	Eventually(t, "health", func() bool {
		o := c.Client(t, "cluster", "status")
		return o.Code == exit.OK && strings.HasPrefix(o.Out, "3 voters, tolerates 1 failure\n")
	})
	dir := c.Node(1).Dir
	recovering := []string{"recover", dir, "--survivors", "1", "--endpoints", c.Endpoints()}
	c.tool(t, append(recovering, "--plan")...).Want(t, exit.Failed, `{"error":"leader_known"`)

	for _, id := range []int{1, 2} {
		n := c.nodes[id]
		n.Kill(t)
		if err := os.RemoveAll(n.Dir); err != nil {
			t.Fatal(err)
		}
	}
	c.why(t, "error no_quorum: no quorum: 1 of 3 voters")
	Eventually(t, "the survivor to know no leader", func() bool { return c.Status(t)[1].Leader == 0 })
	c.tool(t, append(recovering, "--plan")...).Want(t, exit.Usage, "is in use: stop the node first")
	c.Client(t, "cluster", "health", "--timeout", "3s").Want(t, exit.Unhealthy, `"error":"unhealthy"`)
	c.Node(1).Signal(t, syscall.SIGTERM)
	c.Node(1).Wait(t)

	before := fingerprint(t, dir)
	o := c.tool(t, append(recovering, "--plan", "--output", "json")...)
	o.Want(t, exit.OK, `"after":"voters=1 retired=2,3"`)
	var plan struct{ Confirm, Loss string }
	if err := json.Unmarshal([]byte(o.Out), &plan); err != nil || plan.Confirm == "" {
		t.Fatal(err, o.Out)
	}
	if after := fingerprint(t, dir); after != before {
		t.Errorf("a plan changed the data:\n%s\n%s", before, after)
	}
	c.tool(t, append(recovering, "--confirm", "00000000")...).Want(t, exit.Usage, "not what the plan")
	o = c.tool(t, append(recovering, "--confirm", plan.Confirm)...)
	o.Want(t, exit.OK, "OK recovered")
	o.Want(t, exit.OK, plan.Loss)
	t.Logf("%s", o.Out)
	c.tool(t, append(recovering, "--plan")...).Want(t, exit.Usage, "nothing has to be recovered")

	c.Node(1).Restart(t)
	c.Node(1).WaitFor(t, "this node was recovered after a majority was lost")
	Eventually(t, "the survivor to lead", func() bool { return c.Status(t)[1].Role == "leader" })
	for i := range 20 {
		c.Client(t, "get", fmt.Sprint("key", i)).Want(t, exit.OK, fmt.Sprintln(i))
	}
	c.Client(t, "put", "after", "1").Want(t, exit.OK, "OK leader=1")
	c.Client(t, "cluster", "add", "2", "127.0.0.1:1").Want(t, exit.Failed, "never used again")
	for range 2 {
		c.Await(t, c.Join(t).ID, "voter")
	}
	Eventually(t, "tolerance of a failure", func() bool {
		o := c.Client(t, "cluster", "status")
		return o.Code == exit.OK && strings.HasPrefix(o.Out, "3 voters, tolerates 1 failure\n")
	})
	c.Client(t, "cluster", "health").Want(t, exit.OK, "OK committed ")
	c.Node(1).Kill(t)
	Eventually(t, "a write without the survivor", func() bool {
		return c.Client(t, "put", "after", "2", "--timeout", "2s").Code == exit.OK
	})
	c.why(t, "error down: node 1 is down")
}

// TestThreeOfFiveLostForGood has two survivors, one of which lags: what the other holds goes on.
func TestThreeOfFiveLostForGood(t *testing.T) {
	c := programs.Cluster(t, 5)
	leader := c.Leader(t)
	behind, ahead := leader%5+1, (leader+1)%5+1
	c.Client(t, "put", "x", "1").Want(t, exit.OK, "OK")
	c.Settled(t, 5)
	c.Node(behind).Kill(t)
	c.Client(t, "put", "x", "2").Want(t, exit.OK, "OK")
	c.Settled(t, 4)
	for _, n := range c.Nodes() {
		n.Kill(t)
		if n.ID != behind && n.ID != ahead {
			if err := os.RemoveAll(n.Dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	words := []string{"recover", c.Node(behind).Dir, c.Node(ahead).Dir, "--survivors",
		fmt.Sprintf("%d,%d", behind, ahead), "--endpoints", c.Endpoints()}
	o := c.tool(t, append(words, "--plan", "--output", "json")...)
	o.Want(t, exit.OK, fmt.Sprintf(`"start":%d,`, ahead))
	var plan struct{ Confirm string }
	if err := json.Unmarshal([]byte(o.Out), &plan); err != nil {
		t.Fatal(err, o.Out)
	}
	o = c.tool(t, append(words, "--confirm", plan.Confirm)...)
	o.Want(t, exit.OK, fmt.Sprintf("--join %d=%s", ahead, c.Node(ahead).Addr))
	c.Node(ahead).Restart(t)
	c.Node(behind).Restart(t, "--peers", "", "--peer-apis", "",
		"--join", fmt.Sprintf("%d=%s", ahead, c.Node(ahead).Addr))
	c.Await(t, behind, "voter")
	c.Settled(t, 2)
	c.Client(t, "get", "x").Want(t, exit.OK, "2\n")
	c.Client(t, "put", "x", "3").Want(t, exit.OK, "OK")
	Eventually(t, "a cluster of the survivors", func() bool {
		o := c.Client(t, "cluster", "status", "--timeout", "2s")
		return o.Code == exit.OK && strings.HasPrefix(o.Out, "2 voters, tolerates 0 failures\n")
	})
}
