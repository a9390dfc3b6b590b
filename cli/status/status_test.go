package status

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
	"github.com/tidelock-raft/tidelock/cli/internal/survey"
	"github.com/tidelock-raft/tidelock/core"
)

func nodeForTest(id core.NodeID, groups ...core.GroupStatus) core.NodeStatus {
	return core.NodeStatus{Node: id, Groups: groups}
}

func clusterForTest() *remotetest.Cluster {
	return &remotetest.Cluster{Nodes: map[string]core.NodeStatus{
		"127.0.0.1:8101": nodeForTest(1, core.GroupStatus{Group: 1, Role: "leader", Term: 3,
			Leader: 1, CommitIndex: 17, AppliedIndex: 16, LastIndex: 18}),
		"127.0.0.1:8102": nodeForTest(2, core.GroupStatus{Group: 1, Role: "pre-candidate", Term: 2,
			CommitIndex: 9, AppliedIndex: 9, LastIndex: 12}),
	}}
}

func check(t *testing.T, got remotetest.Outcome, code exit.Code, lines ...string) {
	t.Helper()
	want := remotetest.Outcome{Code: code, Out: strings.Join(lines, "\n") + "\n"}
	if got != want {
		t.Errorf("got code %d, %q\n%s\nwant code %d\n%s", got.Code, got.Err, got.Out, code, want.Out)
	}
}

func TestTableShowsEveryNode(t *testing.T) {
	check(t, clusterForTest().Run(t, New, "", "status"), exit.OK,
		"NODE  ROLE           TERM  LEADER  COMMIT  APPLIED  LAG  LAST  ENDPOINT",
		"1     leader         3     1       17      16       1    18    127.0.0.1:8101",
		"2     pre-candidate  2     -       9       9        8    12    127.0.0.1:8102",
		"3     unreachable    -     -       -       -        -    -     127.0.0.1:8103 "+
			"(dial 127.0.0.1:8103: connection refused)")
}

func TestTargetIsAskedAlone(t *testing.T) {
	check(t, clusterForTest().Run(t, New, "", "status", "--target", "2"), exit.OK,
		"NODE  ROLE           TERM  LEADER  COMMIT  APPLIED  LAG  LAST  ENDPOINT",
		"2     pre-candidate  2     -       9       9        0    12    127.0.0.1:8102")
	check(t, clusterForTest().Run(t, New, "", "status", "--target", "4"), exit.Unavailable,
		"NODE  ROLE         TERM  LEADER  COMMIT  APPLIED  LAG  LAST  ENDPOINT",
		"-     unreachable  -     -       -       -        -    -     127.0.0.1:8104 "+
			"(dial 127.0.0.1:8104: connection refused)")
}

func TestGroupsAreShownIfThereAreSeveral(t *testing.T) {
	cluster := &remotetest.Cluster{Nodes: map[string]core.NodeStatus{
		"h:1": nodeForTest(5, core.GroupStatus{Group: 1, Role: "leader", Term: 1, Leader: 5},
			core.GroupStatus{Group: 8, Role: "follower", Term: 2, Leader: 6}),
	}}
	check(t, cluster.Run(t, New, "", "status", "--endpoints", "h:1,7=h:2"), exit.OK,
		"NODE  GROUP  ROLE         TERM  LEADER  COMMIT  APPLIED  LAG  LAST  ENDPOINT",
		"5     1      leader       1     5       0       0        0    0     h:1",
		"5     8      follower     2     6       0       0        0    0     h:1",
		"7     -      unreachable  -     -       -       -        -    -     h:2 "+
			"(dial h:2: connection refused)")
}

func TestQuarantineIsShownIfThereIsOne(t *testing.T) {
	cluster := clusterForTest()
	for id, q := range map[string]core.Quarantine{
		"127.0.0.1:8102": {Index: 9, Collections: []string{"accounts", "@timers"}},
		"127.0.0.1:8103": {Index: 7, Restored: true},
	} {
		node := nodeForTest(3, core.GroupStatus{Group: 1, Role: "follower", Term: 3, Leader: 1})
		if known, ok := cluster.Nodes[id]; ok {
			node = known
		}
		node.Groups[0].Quarantined = &q
		cluster.Nodes[id] = node
	}
	check(t, cluster.Run(t, New, "", "status"), exit.OK,
		"NODE  ROLE           TERM  LEADER  COMMIT  APPLIED  LAG  LAST  QUARANTINED             ENDPOINT",
		"1     leader         3     1       17      16       1    18    -                       "+
			"127.0.0.1:8101",
		"2     pre-candidate  2     -       9       9        8    12    at 9: accounts,@timers  "+
			"127.0.0.1:8102",
		"3     follower       3     1       0       0        17   0     at 7, being proved      "+
			"127.0.0.1:8103")
	delete(cluster.Nodes, "127.0.0.1:8103")
	got := cluster.Run(t, New, "", "status")
	if !strings.Contains(got.Out, "-     -                       127.0.0.1:8103 (dial") {
		t.Errorf("got\n%s", got.Out)
	}
}

func TestQuarantineNamesAFewCollections(t *testing.T) {
	q := core.Quarantine{Index: 1, Collections: []string{"a", "b", "c", "d", "e"}}
	if got, want := quarantine(&q), "at 1: a,b,c and 2 more"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNobodyAnswering(t *testing.T) {
	check(t, new(remotetest.Cluster).Run(t, New, "", "status", "--endpoints", "h:1"),
		exit.Unavailable,
		"NODE  ROLE         TERM  LEADER  COMMIT  APPLIED  LAG  LAST  ENDPOINT",
		"-     unreachable  -     -       -       -        -    -     h:1 (dial h:1: connection refused)")
}

func TestJSONHoldsTheWholeStatus(t *testing.T) {
	got := clusterForTest().Run(t, New, "", "status", "--output", "json")
	var nodes []survey.Node
	if err := json.Unmarshal([]byte(got.Out), &nodes); err != nil || got.Code != exit.OK {
		t.Fatalf("%v: %+v", err, got)
	}
	if len(nodes) != 3 || nodes[0].Status.Groups[0].CommitIndex != 17 || nodes[2].Status != nil ||
		nodes[2].Error != "dial 127.0.0.1:8103: connection refused" ||
		nodes[1].Endpoint != "127.0.0.1:8102" {
		t.Errorf("got %s", got.Out)
	}
}
