package transfer

import (
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
	"github.com/tidelock-raft/tidelock/core"
)

func TestPlanOfATransferDoesNothing(t *testing.T) {
	for words, want := range map[string]string{
		"":    "leader  1, then 2\nwait    until node 2 holds 3 more entries;",
		"2":   "leader  1, then 2\n",
		"1":   "refused: node 1 leads already\n",
		"3":   "refused: node 3 does not answer\n",
		"4":   "refused: node 4 is no voter, but learner\n",
		"5":   "refused: node 5 says that it may not lead\n",
		"9":   "refused: node 9 is no member\n",
		"2 j": `{"plan":true,"from":1,"to":2,"missing":3}` + "\n",
	} {
		cluster := &remotetest.Cluster{Nodes: map[string]core.NodeStatus{"h:1": {Node: 1,
			Groups: []core.GroupStatus{{Group: 1, Role: "leader", Term: 1, LastIndex: 20,
				Members: []core.MemberStatus{{ID: 1, Role: "voter"},
					{ID: 2, Role: "voter", Alive: true, Match: 17}, {ID: 3, Role: "voter", Match: 20},
					{ID: 4, Role: "learner", Alive: true, Match: 20},
					{ID: 5, Role: "voter", Alive: true, Match: 20, Barred: true}}}}}}}
		id, json := strings.CutSuffix(words, " j")
		line := append(strings.Fields("transfer "+id), "--plan", "--endpoints", "h:1")
		if json {
			line = append(line, "--output", "json")
		}
		got := cluster.Run(t, New, "", line...)
		if got.Code != exit.OK || !strings.Contains(got.Out, want) || len(cluster.Calls) > 0 {
			t.Errorf("%q: got %+v, calls %q, want %s", words, got, cluster.Calls, want)
		}
	}
}
