package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
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
	c.Client(t, "put", "x", "1").Want(t, exit.OK, "OK leader=")
	c.Client(t, "get", "x").Want(t, exit.OK, "1\n")

	c.Node(first).Kill(t)
	second := c.Leader(t)
	if second == first {
		t.Fatalf("node %d leads after it was killed", first)
	}
	c.Client(t, "get", "x").Want(t, exit.OK, "1\n")
	c.Client(t, "put", "y", "2").Want(t, exit.OK, "OK leader=")
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

func check(t *testing.T, p *Process, code exit.Code, text string) {
	t.Helper()
	if got := p.Wait(t); got != code || !strings.Contains(p.Output(), text) {
		t.Errorf("got code %d, want %d and %s, in\n%s", got, code, text, p.Output())
	}
}

// TestLeaderIsWhomTheVotersFollow, not whom nodes follow that were removed or have yet to join, and
// however many those are.
func TestLeaderIsWhomTheVotersFollow(t *testing.T) {
	voters := func(ids ...core.NodeID) (list []core.MemberStatus) {
		for _, id := range ids {
			list = append(list, core.MemberStatus{ID: id, Role: "voter"})
		}
		return append(list, core.MemberStatus{ID: 9, Role: "learner"})
	}
	follow := core.GroupStatus{Leader: 5}
	for name, test := range map[string]struct {
		members []core.MemberStatus
		follow  []core.NodeID // besides itself
		want    core.NodeID
	}{
		"all":                  {voters(4, 5, 6), []core.NodeID{4, 6, 9}, 5},
		"a majority":           {voters(4, 5, 6), []core.NodeID{6}, 5},
		"half":                 {voters(4, 5), nil, 0},
		"who was removed":      {voters(4, 5, 6), []core.NodeID{1, 2, 3}, 0},
		"who does not vote":    {voters(4, 5, 6), []core.NodeID{9}, 0},
		"few nodes are voters": {voters(5), nil, 5},
	} {
		found := map[core.NodeID]core.GroupStatus{
			1: {Leader: 1, Role: "removed"}, 2: {}, 3: {}, 4: {}, 6: {},
			5: {Leader: 5, Role: "leader", Members: test.members},
		}
		for _, id := range test.follow {
			found[id] = follow
		}
		if got := leaderOf(found); got != test.want {
			t.Errorf("%s: got %d, want %d", name, got, test.want)
		}
	}
}
