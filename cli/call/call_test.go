package call

import (
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
	"github.com/tidelock-raft/tidelock/core"
)

func TestCall(t *testing.T) {
	conflict := &core.Failure{Code: "conflict", Message: "value has changed"}
	for _, c := range []struct {
		name  string
		words []string
		value any
		err   error
		call  string
		want  remotetest.Outcome
	}{
		{"literals", []string{"call", "cas", "x", "-1", `{"a":[true,null,"1"]}`}, nil, nil,
			`cas ["x",-1,{"a":[true,null,"1"]}]`, remotetest.Outcome{Out: "OK leader=1 index=1\n"}},
		{"table returned", []string{"call", "pop", "--output", "json"}, []any{"a", 2}, nil, `pop []`,
			remotetest.Outcome{Out: `{"value":["a",2],"leader":"node1","index":1}` + "\n"}},
		{"nothing returned as json", []string{"call", "pop", "--output", "json"}, nil, nil, `pop []`,
			remotetest.Outcome{Out: `{"value":null,"leader":"node1","index":1}` + "\n"}},
		{"failure", []string{"call", "cas", "x"}, nil, conflict, `cas ["x"]`, remotetest.Outcome{
			Code: exit.Failed,
			Out:  `{"error":"conflict","message":"value has changed"}` + "\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster := &remotetest.Cluster{
				Answer: func(string) (any, error) { return c.value, c.err },
			}
			if got := cluster.Run(t, New, "", c.words...); got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
			if c.call != "" && (len(cluster.Calls) != 1 || cluster.Calls[0] != c.call) {
				t.Errorf("got calls %q, want %s", cluster.Calls, c.call)
			}
		})
	}
}

func TestArgumentThatCannotBeEncodedIsUsage(t *testing.T) {
	var cluster remotetest.Cluster
	got := cluster.Run(t, New, "", "call", "f", "9007199254740993")
	if got.Code != exit.Usage || !strings.Contains(got.Out, "argument 1 of f") {
		t.Errorf("got %+v", got)
	}
	if len(cluster.Calls) != 0 {
		t.Errorf("got calls %q", cluster.Calls)
	}
}

func TestQuery(t *testing.T) {
	answer := []any{map[string]any{"key": "a", "value": 1}}
	cluster := &remotetest.Cluster{Value: answer}
	got := cluster.Run(t, NewQuery, "", "query", "range", "a", "m", "10", "--read=stale")
	if want := (remotetest.Outcome{Out: `[{"key":"a","value":1}]` + "\n"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if len(cluster.Calls) != 1 || cluster.Calls[0] != `stale query range ["a","m",10]` {
		t.Errorf("got calls %q", cluster.Calls)
	}
}
