package survey

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// world is a healthy cluster of three as Ask returns it, led by node 1.
func world() []Node {
	var nodes []Node
	for id := core.NodeID(1); id <= 3; id++ {
		g := core.GroupStatus{Group: 1, Role: "follower", Term: 4, Leader: 1, CommitIndex: 50,
			AppliedIndex: 50, AppliedTime: 1e9, LastIndex: 50, Digest: 77}
		if id == 1 {
			g.Role = "leader"
		}
		status := core.NodeStatus{Node: id, Cluster: 9, Version: "1", Time: 1,
			Disk: &core.DiskStatus{State: core.DiskOK, FreeBytes: 1 << 40, SizeBytes: 1 << 41}}
		for peer := core.NodeID(1); peer <= 3; peer++ {
			g.Members = append(g.Members, core.MemberStatus{
				ID: peer, Role: "voter", Addr: core.Addr(fmt.Sprintf("h:%d", peer)),
				Alive: id == 1 && peer != 1,
			})
			if peer != id {
				status.Peers = append(status.Peers, core.PeerStatus{Node: peer, HeardMS: 10})
			}
		}
		status.Groups = []core.GroupStatus{g}
		nodes = append(nodes, Node{Endpoint: fmt.Sprint("e:", id), ID: id, Status: &status})
	}
	return nodes
}

// silent makes a node one that does not answer anybody.
func silent(nodes []Node, id core.NodeID) {
	nodes[id-1] = Node{Endpoint: fmt.Sprint("e:", id), ID: id, Err: errors.New("gone"), Error: "gone"}
	if id != 1 && nodes[0].Status != nil {
		nodes[0].Status.Groups[0].Members[id-1].Alive = false
	}
}

func TestHealthyWorldHasNoFindings(t *testing.T) {
	p := Draw(world())
	if f := p.Findings(); len(f) > 0 || p.Headline() != "3 voters, tolerates 1 "+
		"failure" || p.Spare() != 1 {
		t.Errorf("got %+v, %s", f, p.Headline())
	}
}

// joint makes a world one in which node 4 replaces node 3, and 1 and 2 stay: {1,2,4} and {1,2,3}.
func joint(w []Node) []Node {
	four := Node{Endpoint: "e:4", ID: 4, Status: &core.NodeStatus{Node: 4, Cluster: 9, Version: "1",
		Time: 1, Groups: []core.GroupStatus{*groupOf(&w[1])}}}
	w = append(w, four)
	for i := range w {
		g := groupOf(&w[i])
		g.Members = slices.Clone(g.Members)
		for j := range g.Members {
			g.Members[j].Outgoing = true
		}
		g.Members[2].Role = "outgoing"
		g.Members = append(g.Members, core.MemberStatus{ID: 4, Role: "voter", Addr: "h:4", Alive: i == 0})
		if i != 3 {
			w[i].Status.Peers = append(w[i].Status.Peers, core.PeerStatus{Node: 4, HeardMS: 10})
		}
	}
	w[3].Status.Peers = []core.PeerStatus{{Node: 1, HeardMS: 10}}
	return w
}

// TestBothHalvesOfAJointMembershipCount takes voters away from one half, and from the other.
func TestBothHalvesOfAJointMembershipCount(t *testing.T) {
	for name, c := range map[string]struct {
		silent   []core.NodeID
		headline string
		spare    int
		first    string // finding
		text     string // in it
	}{
		"nobody": {nil, "3 voters and 3 outgoing voters, tolerates 1 failure", 1, "change_pending",
			"of 3 outgoing voters (node 1, node 2, node 3) a majority of 2 is needed; 3 answer"},
		"one that goes": {[]core.NodeID{3}, "3 voters and 3 outgoing voters, 2 answer, tolerates 0 " +
			"failures", 0, "down", "[3]"},
		"one that comes": {[]core.NodeID{4}, "3 voters, 2 answer and 3 outgoing voters, tolerates 0 " +
			"failures", 0, "down", "[4]"},
		"a majority of those that were": {[]core.NodeID{2, 3}, "3 voters, 2 answer and 3 outgoing " +
			"voters, 1 answer of 2 needed: nothing can be committed", -1, "no_quorum",
			"no quorum: 1 of 3 outgoing voters, a majority of 2 is needed; nothing can be written " +
				"[2 3] --survivors 1,4"},
		"both majorities": {[]core.NodeID{2, 3, 4}, "3 voters, 1 answer of 2 needed and 3 outgoing " +
			"voters, 1 answer of 2 needed: nothing can be committed", -1, "no_quorum",
			"no quorum: 1 of 3 voters, a majority of 2 is needed, and 1 of 3 outgoing voters, a majority " +
				"of 2 is needed; nothing can be written [2 3 4] --survivors 1"},
	} {
		w := joint(world())
		for _, id := range c.silent {
			silent(w, id)
		}
		p := Draw(w)
		if got := p.Headline(); got != c.headline || p.Spare() != c.spare {
			t.Errorf("%s: got %q, %d to spare; want %q, %d", name, got, p.Spare(), c.headline, c.spare)
		}
		findings := p.Findings()
		if len(findings) == 0 || findings[0].Cause != c.first {
			t.Errorf("%s: got %+v, want %s", name, findings, c.first)
			continue
		}
		last := findings[len(findings)-1] // the change, which is pending
		text := fmt.Sprint(findings[0].Text, " ", findings[0].Nodes, findings[0].Evidence,
			findings[0].Next)
		for _, part := range strings.Split(c.text, " --") {
			if !strings.Contains(text, part) {
				t.Errorf("%s: got %s\nwant %s", name, text, part)
			}
		}
		if last.Cause != "change_pending" || fmt.Sprint(last.Nodes) != "[3 4]" {
			t.Errorf("%s: got %+v, want a change of nodes 3 and 4", name, last)
		}
	}
}

// TestNewVotersAreAChange joins node 4 to three that all stay: nobody is only outgoing.
func TestNewVotersAreAChange(t *testing.T) {
	w := joint(world())
	for i := range w {
		groupOf(&w[i]).Members[2].Role = "voter"
	}
	p := Draw(w)
	if f := p.Findings(); len(f) != 1 || f[0].Cause != "change_pending" ||
		fmt.Sprint(f[0].Nodes) != "[4]" ||
		p.Headline() != "4 voters and 3 outgoing voters, tolerates 1 failure" {
		t.Errorf("got %+v, %s", f, p.Headline())
	}
}

func groupOf(n *Node) *core.GroupStatus { return &n.Status.Groups[0] }

// wrongs are worlds with one thing wrong, and the first finding that names it.
var wrongs = []struct {
	wrong    func(w []Node)
	cause    string
	nodes    string
	severity string
	next     string
}{
	{func(w []Node) { silent(w, 2) }, "down", "[2]", Error, "cluster why --data DIR"},
	{func(w []Node) { silent(w, 1); silent(w, 2) }, "no_quorum", "[1 2]", Error, "--survivors 3 " +
		"--plan"},
	{func(w []Node) { silent(w, 1); silent(w, 2); silent(w, 3) }, "nobody_answers", "[1 2 " +
		"3]", Error,
		"raft-node --id N"},
	{func(w []Node) {
		for i := range w {
			groupOf(&w[i]).Role, groupOf(&w[i]).Leader = "pre-candidate", 0
		}
	}, "no_leader", "[1 2 3]", Error, "once more"},
	{func(w []Node) { w[1].Status.Peers[0].HeardMS = 9000 }, "one_way", "[1 2]", Error, "nc -vz " +
		"h 1"},
	{func(w []Node) { w[1].Status.Peers[0].HeardMS, w[0].Status.Peers[0].HeardMS = 9000, -1 },
		"partition", "[1 2]", Error, "nc -vz h 2"},
	{func(w []Node) { w[1].Status.Peers = w[1].Status.Peers[1:] }, "one_way", "[1 2]", Error,
		"nc -vz h 1"},
	{func(w []Node) { // nodes 1 and 3 hear nothing of each other for that reason, and no other
		w[0].Status.Transport, w[1].Status.Transport, w[2].Status.Transport = "a,b", "a,b", "a"
		groupOf(&w[0]).Members[1].Addr = "b://h:2"
		w[2].Status.Peers[0].HeardMS, w[0].Status.Peers[1].HeardMS = 9000, 9000
		groupOf(&w[0]).Members[0].Addr = "b://h:1"
	}, "wrong_transport", "[3]", Error, "raft-node --id 3 --transport a,b "},
	{func(w []Node) { // addresses that name none
		w[0].Status.Transport, w[1].Status.Transport, w[2].Status.Transport = "a", "a,b", "b,a"
	}, "wrong_transport", "[1]", Error, "raft-node --id 1 --transport a,b "},
	{func(w []Node) { w[1].Status.Transport, w[2].Status.Transport = "a", "b,a" }, "wrong_transport",
		"[2]", Error, "raft-node --id 2 --transport a,b "},
	{func(w []Node) { w[0].Status.Transport, w[1].Status.Transport = "a,b", "a" }, "", "", "", ""},
	{func(w []Node) { w[2].Status.Cluster = 8 }, "wrong_cluster", "[3]", Error, "--cluster NAME"},
	{func(w []Node) {
		silent(w, 3)
		w[0].Status.Peers[1].Error = "refused: another protocol version: got 2, want 1"
	}, "version_skew", "[3]", Error, "update the program of node 3"},
	{func(w []Node) { w[2].Status.Disk.State = core.DiskFull }, "disk_full", "[3]", Error, "df -h"},
	{func(w []Node) { w[2].Status.Disk.State = core.DiskHung }, "disk_hung", "[3]", Error, "dmesg"},
	{func(w []Node) { w[0].Status.Disk.MeanMS = 300 }, "disk_slow", "[1]", Error, "cluster " +
		"transfer"},
	{func(w []Node) { w[0].Status.Disk.FreeBytes = 1 << 20 }, "disk_low", "[1]", Warning, "df -h"},
	{func(w []Node) { groupOf(&w[1]).Quarantined = &core.Quarantine{Index: 7} }, "quarantined", "[2]",
		Error, "cluster resync 2"},
	{func(w []Node) { groupOf(&w[2]).Digest = 78 }, "diverged", "[2 3]", Error, "cluster resync 3"},
	{func(w []Node) { groupOf(&w[2]).AppliedIndex, groupOf(&w[0]).CommitIndex = 50, 5000 }, "lagging",
		"[1]", Error, "cluster resync 1 --plan"},
	{func(w []Node) {
		groupOf(&w[2]).AppliedIndex, groupOf(&w[0]).AppliedTime = 49, 11e9
	}, "", "", "", ""},
	{func(w []Node) {
		groupOf(&w[2]).AppliedIndex, groupOf(&w[0]).AppliedTime, w[0].Status.Time = 49, 11e9, 20e9
	}, "lagging", "[3]", Error, "cluster status"},
	{func(w []Node) { groupOf(&w[0]).Members[2].Role = "joining" }, "not_promoted", "[3]", Warning,
		"cluster promote 3 --force"},
	{func(w []Node) { groupOf(&w[0]).Members[2].Role = "outgoing" }, "change_pending", "[3]", Warning,
		"cluster members"},
	{func(w []Node) { w[1].Status.Version = "2" }, "version_skew", "[1 2 3]", Warning, "one node " +
		"at a time"},
	{func(w []Node) { w[1].Skew = -time.Hour }, "clock_skew", "[2]", Warning, "timedatectl"},
	{func(w []Node) { w[1].Status.Script = &core.ScriptStatus{Runs: "a", Local: "b"} },
		"script_mismatch", "[2]", Warning, "script push FILE"},
	{func(w []Node) {
		groupOf(&w[0]).Members = groupOf(&w[0]).Members[:2]
		groupOf(&w[2]).Role = "removed"
	}, "removed", "[3]", Warning, "stop it"},
	{func(w []Node) {
		w[1].Status, w[1].Err = nil, errors.New("x")
	}, "api_unreachable", "[2]", Warning, "raft-client status --endpoints 2="},
}

// TestFindings makes one thing wrong at a time.
func TestFindings(t *testing.T) {
	for _, c := range wrongs {
		w := world()
		c.wrong(w)
		findings := Draw(w).Findings()
		if c.cause == "" && len(findings) == 0 {
			continue
		}
		if len(findings) == 0 {
			t.Errorf("%s: nothing was found", c.cause)
			continue
		}
		f := findings[0]
		if f.Cause != c.cause || fmt.Sprint(f.Nodes) != c.nodes || f.Severity != c.severity ||
			!strings.Contains(strings.Join(f.Next, "\n"), c.next) || len(f.Evidence) == 0 {
			t.Errorf("%s: got %+v", c.cause, findings)
		}
		if Healthy(findings) != (c.severity == Warning) {
			t.Errorf("%s: healthy is %v", c.cause, Healthy(findings))
		}
	}
}

func TestHeadlines(t *testing.T) {
	for want, change := range map[string]func(w []Node){
		"3 voters, 2 answer, tolerates 0 failures": func(w []Node) { silent(w, 3) },
		"3 voters, 1 answer, no leader: nothing can be " +
			"committed": func(w []Node) { silent(w, 1); silent(w, 2) },
		"3 voters, 1 answer of 2 needed: nothing can be committed": func(w []Node) {
			silent(w, 2)
			silent(w, 3)
		},
		"no node answers that knows the " +
			"members": func(w []Node) { silent(w, 1); silent(w, 2); silent(w, 3) },
	} {
		w := world()
		change(w)
		if got := Draw(w).Headline(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
