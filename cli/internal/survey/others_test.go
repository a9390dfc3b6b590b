package survey

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// answered is a node on a host of its own name's, with its API that far from its peer port.
func answered(id core.NodeID, distance int, all ...core.NodeID) Node {
	status := core.NodeStatus{Node: id, Groups: []core.GroupStatus{
		{Members: []core.MemberStatus{{ID: 99}}}, {Group: core.DefaultGroup},
	}}
	for _, m := range all {
		status.Groups[1].Members = append(status.Groups[1].Members, core.MemberStatus{
			ID: m, Addr: core.Addr(fmt.Sprintf("host%d:%d", m, 9000+m)),
		})
	}
	endpoint := fmt.Sprintf("host%d:%d", id, 9000+int(id)+distance)
	return Node{Endpoint: endpoint, ID: id, Status: &status}
}

func TestDistanceIsThatOfAllOrNone(t *testing.T) {
	for name, test := range map[string]struct {
		nodes    []Node
		distance int
		ok       bool
	}{
		"nobody":      {nil, 0, false},
		"nobody up":   {[]Node{{Endpoint: "host1:8101", ID: 1}}, 0, false},
		"alike":       {[]Node{answered(1, -900, 1, 2), answered(2, -900, 1, 2)}, -900, true},
		"one is down": {[]Node{answered(1, -900, 1, 2), {Endpoint: "host2:1", ID: 2}}, -900, true},
		"unlike":      {[]Node{answered(1, -900, 1, 2), answered(2, 7, 1, 2)}, 0, false},
		"elsewhere": {[]Node{func() Node {
			n := answered(1, -900, 1)
			n.Endpoint = "127.0.0.1:8101"
			return n
		}()}, 0, false},
	} {
		if distance, ok := distanceOf(test.nodes); distance != test.distance || ok != test.ok {
			t.Errorf("%s: got %d %v, want %d %v", name, distance, ok, test.distance, test.ok)
		}
	}
}

func TestStrangersAreNamedOnce(t *testing.T) {
	var got []core.NodeID
	for id := range strangers([]Node{answered(1, 0, 1, 2, 3, 4), answered(2, 0, 1, 2, 3, 4, 5)}) {
		got = append(got, id)
	}
	if want := []core.NodeID{3, 4, 5}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
