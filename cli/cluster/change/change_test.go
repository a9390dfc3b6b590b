package change

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
	"github.com/tidelock-raft/tidelock/core"
)

// commands gathers the commands in one.
func commands(env remote.Env) *cli.Command {
	return &cli.Command{Name: "cluster", Subcommands: New(env)}
}

// named is how the command begins that starts a node of that cluster.
const named = `raft-node --id 4 --cluster 'it'\''s other' --transport grpc `

// clusterForTest answers a change with a report of three nodes.
func clusterForTest(err error) *remotetest.Cluster {
	report := core.ChangeReport{
		Before: core.Strength{Voters: 2, Majority: 2, Answer: 2},
		After:  core.Strength{Voters: 3, Majority: 2, Answer: 3, Spare: 1},
		Joint:  true, Refused: "because",
		Members: []core.MemberStatus{
			{ID: 1, Role: "voter", Addr: "h:9001", Alive: true}, {ID: 4, Role: "joining", Addr: "k:9004"},
		},
	}
	data, _ := json.Marshal(report)
	return &remotetest.Cluster{
		Answer: func(string) (any, error) { return json.RawMessage(data), err },
		Nodes: map[string]core.NodeStatus{"h:1": {
			Node: 1, ClusterName: "it's other", Transport: "grpc",
			Groups: []core.GroupStatus{{Group: 1, Role: "leader"}},
		}},
	}
}

func TestChanges(t *testing.T) {
	table := "3 voters, majority 2, 3 answer: 1 may fail\n" +
		"NODE  ROLE     STATE   MATCH  ANSWERS  ADDRESS\n" +
		"1     voter    leader  -      yes      h:9001\n" +
		"4     joining  -       -      no       k:9004\n"
	for words, want := range map[string]struct {
		call string
		out  string
	}{
		"add 4 k:9004": {`change {"steps":[{"op":"add","node":4,"addr":"k:9004"}]}`,
			"OK leader=1 index=1\n" + table +
				"\nstart it with:\n  " + named + "--bind k --join 1=h:9001\n"},
		"add 4 127.0.0.1:7 --learner --force": {
			`change {"steps":[{"op":"add","node":4,"addr":"127.0.0.1:7","learner":true}],"force":true}`,
			"OK leader=1 index=1\n" + table + "\nstart it with:\n  " + named +
				"--listen 127.0.0.1:7 --join 1=h:9001\n"},
		"promote 4": {`change {"steps":[{"op":"promote","node":4}]}`, "OK leader=1 index=1\n" + table},
		"demote 4":  {`change {"steps":[{"op":"demote","node":4}]}`, "OK leader=1 index=1\n" + table},
		"address 1 h:9001": {`change {"steps":[{"op":"address","node":1,"addr":"h:9001"}]}`,
			"OK leader=1 index=1\n" + table},
		"remove 2 3 --plan": {
			`change {"steps":[{"op":"remove","node":2},{"op":"remove","node":3}],"plan":true}`,
			"nothing is changed; this would be:\nbefore  2 voters, majority 2, 2 answer: 0 may fail\n" +
				"after   " + strings.Replace(table, "fail\n", "fail\nway     joint: meanwhile both "+
				"majorities have to agree\nrefused unless forced: because\n", 1)},
	} {
		cluster := clusterForTest(nil)
		line := append([]string{"cluster"}, strings.Fields(words)...)
		got := cluster.Run(t, commands, "", append(line, "--endpoints", "h:1")...)
		if got.Code != exit.OK || got.Out != want.out {
			t.Errorf("%s: got %d %s%s\nwant %s", words, got.Code, got.Out, got.Err, want.out)
		}
		if len(cluster.Calls) != 1 || cluster.Calls[0] != want.call {
			t.Errorf("%s: got calls %q, want %s", words, cluster.Calls, want.call)
		}
	}
}

func TestChangeForPrograms(t *testing.T) {
	got := clusterForTest(nil).Run(t, commands, "", "cluster", "add", "4", "k:9004", "--output",
		"json", "--endpoints", "h:1")
	want := `{"leader":"node1","index":1,"before":{"voters":2,"majority":2,"answer":2,"spare":0},` +
		`"after":{"voters":3,"majority":2,"answer":3,"spare":1},"joint":true,"refused":"because",` +
		`"members":[{"id":1,"addr":"h:9001","role":"voter","alive":true},` +
		`{"id":4,"addr":"k:9004","role":"joining"}],` +
		`"start":"` + strings.ReplaceAll(named, `\`, `\\`) + `--bind k --join 1=h:9001"}` + "\n"
	if got.Code != exit.OK || got.Out != want {
		t.Errorf("got %+v\nwant %s", got, want)
	}
}

func TestChangesThatAreRefused(t *testing.T) {
	unsafe := &core.Failure{Code: "unsafe", Message: "it is"}
	for words, want := range map[string]struct {
		code exit.Code
		text string
	}{
		"remove 3":        {exit.Failed, `{"error":"unsafe","message":"it is"}`},
		"remove":          {exit.Usage, "want NODE…"},
		"remove x":        {exit.Usage, `remove: "x" is not the id of a node`},
		"add 4":           {exit.Usage, "want NODE ADDRESS"},
		"add 0 h:1":       {exit.Usage, `add: "0" is not the id of a node`},
		"add 4 h":         {exit.Usage, `add: "h" is not host:port`},
		"add 4 grpc://h":  {exit.Usage, `add: "grpc://h" is not host:port`},
		"address 4 h:1:2": {exit.Usage, `address: "h:1:2" is not host:port`},
	} {
		line := append([]string{"cluster"}, strings.Fields(words)...)
		got := clusterForTest(unsafe).Run(t, commands, "", line...)
		if got.Code != want.code || !strings.Contains(got.Out+got.Err, want.text) {
			t.Errorf("%s: got %+v, want %d %s", words, got, want.code, want.text)
		}
	}
}

// TestAddressThatSomebodyCouldNotSendTo is refused, unless it is forced.
func TestAddressThatSomebodyCouldNotSendTo(t *testing.T) {
	const told = `{"error":"unsafe","message":"node 2 runs transport tcp, and not grpc, ` +
		`which the address asks for; start it with --transport tcp,grpc first"}`
	for words, want := range map[string]string{
		"address 1 grpc://h:9101": told, "add 1 grpc://h:9101 --plan": told,
		"address 1 grpc://h:9101 --force": "", "address 1 tcp://h:9001": "", "address 1 h:9001": "",
	} {
		cluster := clusterForTest(nil)
		cluster.Nodes["h:1"] = core.NodeStatus{Node: 1, Transport: "tcp,grpc"}
		cluster.Nodes["h:2"] = core.NodeStatus{Node: 2, Transport: "tcp"}
		line := append([]string{"cluster"}, strings.Fields(words)...)
		got := cluster.Run(t, commands, "", append(line, "--endpoints", "h:1,h:2,h:3")...)
		refused := got.Code == exit.Failed && strings.Contains(got.Out+got.Err, told)
		if refused != (want != "") || refused != (len(cluster.Calls) == 0) {
			t.Errorf("%s: got %+v, calls %q", words, got, cluster.Calls)
		}
	}
}

func TestStartNamesEveryTransport(t *testing.T) {
	for _, c := range []struct{ addr, runs, want string }{
		{"grpc://k:9104", "grpc", "--transport grpc --bind k --listen grpc://k:9104"},
		{"k:9004", "tcp,grpc", "--transport tcp,grpc --bind k --listen k:9004,grpc://HOST:PORT"},
		{"grpc://k:9104", "tcp,grpc",
			"--transport tcp,grpc --bind k --listen grpc://k:9104,tcp://HOST:PORT"},
	} {
		step := core.ChangeStep{Node: 4, Addr: core.Addr(c.addr)}
		got := start(step, nil, &core.NodeStatus{Transport: c.runs})
		if want := "raft-node --id 4 " + c.want + " --join "; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
