package engine

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// TestStatusTellsBothHalves has a joint membership: node 1 stays, 2 comes, 3 becomes a learner, and
// 4 goes.
func TestStatusTellsBothHalves(t *testing.T) {
	joint := members(1, 2, 3, 4)
	for i, role := range []core.Role{
		core.Voter | core.Outgoing, core.Voter, core.Learner | core.Outgoing, core.Outgoing,
	} {
		joint.Members[i].Role = role
	}
	p := newPool(t, Config{})
	p.start(Config{}, 1, joint)
	got := p.desk(1).engine.Status()[0].Members
	for i, want := range []core.MemberStatus{
		{Role: "voter", Outgoing: true}, {Role: "voter"}, {Role: "outgoing", Outgoing: true},
		{Role: "outgoing", Outgoing: true},
	} {
		if got[i].Role != want.Role || got[i].Outgoing != want.Outgoing {
			t.Errorf("node %d: got %+v, want %+v", i+1, got[i], want)
		}
	}
	data := string(encoded(t, got))
	if strings.Count(data, `"role":"voter","outgoing":true`) != 1 ||
		strings.Count(data, `"role":"outgoing","outgoing":true`) != 2 {
		t.Errorf("clients are told %s", data)
	}
	var older []struct{ Role string } // what a client reads that does not know of halves
	if err := json.Unmarshal([]byte(data), &older); err != nil || older[3].Role != "outgoing" {
		t.Errorf("got %+v, %v", older, err)
	}
}
