package resync

import (
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
	"github.com/tidelock-raft/tidelock/core"
)

func TestResyncAsksThatNode(t *testing.T) {
	for _, c := range []struct {
		words []string
		want  remotetest.Outcome
	}{
		{[]string{"3"}, remotetest.Outcome{Out: "OK node=3 index=1\n"}},
		{[]string{"3", "--output", "json"},
			remotetest.Outcome{Out: `{"node":"node3","index":1}` + "\n"}},
		{[]string{"3", "--endpoints", "7=h:1"}, remotetest.Outcome{Code: exit.Usage,
			Err: "prog: no endpoint of node 3 is known; say 3=host:port in --endpoints\n" +
				"Try: prog --help\n"}},
		{[]string{"x"}, remotetest.Outcome{Code: exit.Usage,
			Err: "prog: resync: \"x\" is not the id of a node\nTry: prog --help\n"}},
		{nil, remotetest.Outcome{Code: exit.Usage,
			Err: "prog: resync: 0 arguments given, want NODE\nTry: prog --help\n"}},
	} {
		cluster := &remotetest.Cluster{Node: 3}
		got := cluster.Run(t, New, "", append([]string{"resync"}, c.words...)...)
		if got != c.want {
			t.Errorf("%v: got %+v, want %+v", c.words, got, c.want)
		}
		asked := len(cluster.Calls) == 1 && cluster.Calls[0] == "resync at 127.0.0.1:8103"
		if asked != (c.want.Code == exit.OK) {
			t.Errorf("%v: got calls %q", c.words, cluster.Calls)
		}
	}
}

func TestErrorsAreBodies(t *testing.T) {
	for _, c := range []struct {
		err  error
		want remotetest.Outcome
	}{
		{&core.Failure{Code: "leader", Message: "it leads"}, remotetest.Outcome{Code: exit.Failed,
			Out: `{"error":"leader","message":"it leads"}` + "\n"}},
		{nil, remotetest.Outcome{Code: exit.Failed, Out: `{"error":"error","message":` +
			`"127.0.0.1:8103 is node 4, and not 3; it was resynced"}` + "\n"}},
	} {
		cluster := &remotetest.Cluster{Node: 4, Answer: func(string) (any, error) { return nil, c.err }}
		if got := cluster.Run(t, New, "", "resync", "3"); got != c.want {
			t.Errorf("%v: got %+v, want %+v", c.err, got, c.want)
		}
	}
}
