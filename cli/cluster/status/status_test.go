package status

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
	"github.com/tidelock-raft/tidelock/core"
)

const second = int64(1e9)

// clusterForTest has three healthy voters and a learner.
func clusterForTest() *remotetest.Cluster {
	members := []core.MemberStatus{{ID: 1, Role: "voter"}, {ID: 2, Role: "voter", Alive: true},
		{ID: 3, Role: "voter", Alive: true}, {ID: 4, Role: "learner", Alive: true}}
	node := func(id core.NodeID, role string, applied core.Index) core.NodeStatus {
		var peers []core.PeerStatus
		for _, m := range members {
			if m.ID != id {
				peers = append(peers, core.PeerStatus{Node: m.ID, HeardMS: 50})
			}
		}
		return core.NodeStatus{Node: id, Cluster: 9, Version: "v", Peers: peers,
			Disk: &core.DiskStatus{State: core.DiskOK, MeanMS: 1},
			Groups: []core.GroupStatus{{Group: 1, Role: role, Term: 3, Leader: 1, CommitIndex: applied,
				AppliedIndex: applied, AppliedTime: int64(applied) * second, LastIndex: applied,
				Members: members}}}
	}
	return &remotetest.Cluster{Nodes: map[string]core.NodeStatus{
		"h:1": node(1, "leader", 20), "h:2": node(2, "follower", 20), "h:3": node(3, "follower", 18),
		"h:4": node(4, "follower", 20),
	}}
}

const endpoints = "1=h:1,2=h:2,3=h:3,4=h:4"

func check(t *testing.T, got remotetest.Outcome, code exit.Code, lines ...string) {
	t.Helper()
	want := remotetest.Outcome{Code: code, Out: strings.Join(lines, "\n") + "\n"}
	if got != want {
		t.Errorf("got code %d, %q\n%s\nwant code %d\n%s", got.Code, got.Err, got.Out, code, want.Out)
	}
}

func TestHealthyClusterIsAHeadlineAndATable(t *testing.T) {
	check(t, clusterForTest().Run(t, New, "", "status", "--endpoints", endpoints), exit.OK,
		"3 voters, tolerates 1 failure; 1 learner",
		"NODE  ROLE                TERM  COMMIT  APPLIED  LAG    CONTACT  PROBLEM",
		"1     leader              3     20      20       0      -        -",
		"2     follower            3     20      20       0      50ms     -",
		"3     follower            3     18      18       2, 2s  50ms     -",
		"4     follower (learner)  3     20      20       0      50ms     -")
}

func TestUnreachableAndQuarantinedNodesAreRows(t *testing.T) {
	cluster := clusterForTest()
	delete(cluster.Nodes, "h:2")
	cluster.Nodes["h:1"].Groups[0].Members[1].Alive = false
	cluster.Nodes["h:3"].Groups[0].Quarantined = &core.Quarantine{Index: 18}
	got := cluster.Run(t, New, "", "status", "--endpoints", endpoints)
	check(t, got, exit.Unhealthy,
		"3 voters, 2 answer, tolerates 0 failures; 1 learner",
		"NODE  ROLE                TERM  COMMIT  APPLIED  LAG    CONTACT  PROBLEM",
		"1     leader              3     20      20       0      -        -",
		"2     unreachable         -     -       -        -      -        down: dial h:2: connection "+
			"refused",
		"3     follower            3     18      18       2, 2s  50ms     quarantined",
		"4     follower (learner)  3     20      20       0      50ms     -",
		"raft-client cluster why says more")
	for line := range strings.Lines(got.Out) {
		if n := len([]rune(line)); n > maxColumns+1 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// TestJointMembershipIsShown has node 4 take the place of node 3.
func TestJointMembershipIsShown(t *testing.T) {
	cluster := clusterForTest()
	members := cluster.Nodes["h:1"].Groups[0].Members
	members[0].Outgoing, members[1].Outgoing, members[2].Outgoing = true, true, true
	members[2].Role, members[3].Role = "outgoing", "voter"
	check(t, cluster.Run(t, New, "", "status", "--endpoints", endpoints), exit.OK,
		"3 voters and 3 outgoing voters, tolerates 1 failure",
		"NODE  ROLE                       TERM  COMMIT  APPLIED  LAG    CONTACT  PROBLEM",
		"1     leader (in both halves)    3     20      20       0      -        -",
		"2     follower (in both halves)  3     20      20       0      50ms     -",
		"3     follower (outgoing)        3     18      18       2, 2s  50ms     change_pending",
		"4     follower                   3     20      20       0      50ms     change_pending",
		"raft-client cluster why says more")
	got := cluster.Run(t, New, "", "status", "--output", "json", "--endpoints", endpoints)
	for _, want := range []string{
		`"voters":3,"majority":2,"spare":1,"outgoing":{"voters":3,"majority":2}`,
		`"member":"outgoing","outgoing":true`, `"member":"voter","term"`,
	} {
		if !strings.Contains(got.Out, want) {
			t.Errorf("got %s\nwant %s in it", got.Out, want)
		}
	}
}

func TestWideRowsAreCut(t *testing.T) {
	cluster := clusterForTest()
	delete(cluster.Nodes, "h:2")
	cluster.Nodes["h:1"].Groups[0].Members[1].Alive = false
	got := cluster.Run(t, New, "", "status", "--endpoints",
		"1=h:1,2="+strings.Repeat("host.", 20)+"org:1,3=h:3,4=h:4")
	longest := 0
	for line := range strings.Lines(got.Out) {
		longest = max(longest, len([]rune(line))-1)
	}
	if longest != maxColumns || !strings.Contains(got.Out, "…\n") {
		t.Errorf("%d columns:\n%s", longest, got.Out)
	}
}

func TestNobodyAnswers(t *testing.T) {
	got := new(remotetest.Cluster).Run(t, New, "", "status", "--endpoints", "h:9")
	check(t, got, exit.Unavailable, "no node answers that knows the members",
		"NODE  ROLE         TERM  COMMIT  APPLIED  LAG  CONTACT  PROBLEM",
		"-     unreachable  -     -       -        -    -        -: dial h:9: connection refused",
		"raft-client cluster why says more")
}

func TestJSONIsWhatIsDocumented(t *testing.T) {
	got := clusterForTest().Run(t, New, "", "status", "--output", "json", "--endpoints", endpoints)
	var s summary
	if err := json.Unmarshal([]byte(got.Out), &s); err != nil || got.Code != exit.OK {
		t.Fatal(err, got)
	}
	first := `{"healthy":true,"headline":"3 voters, tolerates 1 failure; 1 learner","leader":1,` +
		`"voters":3,"majority":2,"spare":1,"commit_index":20,"nodes":[{"node":1,"endpoint":"h:1",` +
		`"role":"leader","member":"voter","term":3,"commit_index":20,"applied_index":20,` +
		`"lag_entries":0,"lag_ms":0,"contact_ms":-1,"problems":[]},`
	if !strings.HasPrefix(got.Out, first) || len(s.Nodes) != 4 || s.Nodes[2].LagMS != 2000 ||
		s.Nodes[2].ContactMS != 50 {
		t.Errorf("got %s\nwant %s", got.Out, first)
	}
}
