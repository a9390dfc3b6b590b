package transfer

import (
	"encoding/json"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
	"github.com/tidelock-raft/tidelock/core"
)

func TestTransfer(t *testing.T) {
	done := func(string) (any, error) { return json.RawMessage(`{"to":2}`), nil }
	late := func(string) (any, error) {
		return nil, &core.Failure{Code: "no_takeover", Message: "node 1 leads"}
	}
	for _, c := range []struct {
		words  []string
		answer func(string) (any, error)
		call   string
		want   remotetest.Outcome
	}{
		{[]string{"2"}, done, `transfer {"to":2}`, remotetest.Outcome{Out: "OK leader=2 index=1\n"}},
		{nil, done, `transfer {"to":0}`, remotetest.Outcome{Out: "OK leader=2 index=1\n"}},
		{[]string{"2", "--output", "json"}, done, `transfer {"to":2}`,
			remotetest.Outcome{Out: `{"leader":"node2","index":1}` + "\n"}},
		{[]string{"3"}, late, `transfer {"to":3}`, remotetest.Outcome{
			Code: exit.Failed, Out: `{"error":"no_takeover","message":"node 1 leads"}` + "\n"}},
		{[]string{"x"}, done, "", remotetest.Outcome{Code: exit.Usage,
			Err: "prog: transfer: \"x\" is not the id of a node\nTry: prog --help\n"}},
	} {
		cluster := &remotetest.Cluster{Answer: c.answer}
		got := cluster.Run(t, New, "", append([]string{"transfer"}, c.words...)...)
		if got != c.want {
			t.Errorf("%v: got %+v, want %+v", c.words, got, c.want)
		}
		if c.call != "" && (len(cluster.Calls) != 1 || cluster.Calls[0] != c.call) {
			t.Errorf("%v: got calls %q, want %s", c.words, cluster.Calls, c.call)
		}
	}
}
