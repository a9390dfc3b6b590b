package members

import (
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
	"github.com/tidelock-raft/tidelock/core"
)

func node(id, leader core.NodeID, role string, members ...core.MemberStatus) core.NodeStatus {
	return core.NodeStatus{Node: id, Groups: []core.GroupStatus{
		{Group: core.DefaultGroup, Role: role, Term: 7, Leader: leader, Members: members},
	}}
}

func TestMembersAreTheLeaders(t *testing.T) {
	one, two := core.MemberStatus{ID: 1, Role: "voter", Addr: "h:9001"},
		core.MemberStatus{ID: 2, Role: "joining", Addr: "h:9002"}
	known := two
	known.State, known.Match, known.Alive = "replicating", 41, true
	cluster := &remotetest.Cluster{Nodes: map[string]core.NodeStatus{
		"h:2": node(2, 1, "follower", one, two), "h:1": node(1, 1, "leader", one, known),
		"h:4": node(4, 4, "leader",
			core.MemberStatus{ID: 4, Role: "voter", Outgoing: true, Addr: "h:9004"},
			core.MemberStatus{ID: 5, Role: "outgoing", Outgoing: true, Addr: "h:9005",
				State: "replicating", Match: 41, Alive: true}),
	}}
	for _, c := range []struct {
		words []string
		want  remotetest.Outcome
	}{
		{[]string{"--endpoints", "h:2,h:3,h:1"}, remotetest.Outcome{Out: "node 1 leads in term 7\n" +
			"NODE  ROLE     STATE        MATCH  ANSWERS  ADDRESS\n" +
			"1     voter    leader       -      yes      h:9001\n" +
			"2     joining  replicating  41     yes      h:9002\n"}},
		{[]string{"--endpoints", "h:2"}, remotetest.Outcome{
			Out: "as node 2 knows, which does not lead\n" +
				"NODE  ROLE     STATE  MATCH  ANSWERS  ADDRESS\n" +
				"1     voter    -      -      -        h:9001\n" +
				"2     joining  -      -      -        h:9002\n"}},
		{[]string{"--endpoints", "h:2", "--output", "json"}, remotetest.Outcome{
			Out: `{"node":2,"leader":1,"term":7,"members":[{"id":1,"addr":"h:9001","role":"voter"},` +
				`{"id":2,"addr":"h:9002","role":"joining"}]}` + "\n"}},
		{[]string{"--endpoints", "h:4"}, remotetest.Outcome{Out: "node 4 leads in term 7\n" +
			"NODE  ROLE                  STATE        MATCH  ANSWERS  ADDRESS\n" +
			"4     voter in both halves  leader       -      yes      h:9004\n" +
			"5     outgoing              replicating  41     yes      h:9005\n"}},
		{[]string{"--endpoints", "h:3"}, remotetest.Outcome{Code: exit.Unavailable,
			Out: `{"error":"unavailable","message":"client: no endpoint could answer in time: ` +
				`dial h:3: connection refused"}` + "\n"}},
	} {
		if got := cluster.Run(t, New, "", append([]string{"members"}, c.words...)...); got != c.want {
			t.Errorf("%v: got %+v, want %+v", c.words, got, c.want)
		}
	}
}
