package resync

import (
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
	"github.com/tidelock-raft/tidelock/core"
)

func TestPlanOfAResyncDoesNothing(t *testing.T) {
	members := []core.MemberStatus{{ID: 1, Role: "voter"}, {ID: 2, Role: "voter"},
		{ID: 3, Role: "voter"}}
	node := func(id core.NodeID, role string, applied core.Index) core.NodeStatus {
		return core.NodeStatus{Node: id, Groups: []core.GroupStatus{{Group: 1, Role: role, Term: 2,
			CommitIndex: 30, AppliedIndex: applied, SnapshotIndex: 20, Members: members}}}
	}
	for id, want := range map[string]string{
		"2": "discard  the state of node 2, of index 9; its log and its vote stay\n" +
			"fetch    a snapshot of node 1, of index 20 or newer\n" +
			"apply    10 entries after it, and what comes until then\n" +
			"serve    1 other nodes answer queries meanwhile\n",
		"1": "refused: node 1 leads",
		"3": "refused: node 3 does not answer",
	} {
		cluster := &remotetest.Cluster{Nodes: map[string]core.NodeStatus{
			"h:1": node(1, "leader", 30), "h:2": node(2, "follower", 9),
		}}
		got := cluster.Run(t, New, "", "resync", id, "--plan", "--endpoints", "1=h:1,2=h:2,3=h:3")
		if got.Code != exit.OK || !strings.Contains(got.Out, want) || len(cluster.Calls) > 0 {
			t.Errorf("%s: got %+v, calls %q, want %s", id, got, cluster.Calls, want)
		}
	}
}
