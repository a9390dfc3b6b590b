package get

import (
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
)

func TestGet(t *testing.T) {
	for _, c := range []struct {
		name  string
		words []string
		value any
		call  string
		want  remotetest.Outcome
	}{
		{"text", []string{"get", "x"}, "1", `query get ["x"]`, remotetest.Outcome{Out: "1\n"}},
		{"absent", []string{"get", "x"}, nil, `query get ["x"]`, remotetest.Outcome{Out: "(nil)\n"}},
		{"absent as json", []string{"get", "x", "--output=json"}, nil, `query get ["x"]`,
			remotetest.Outcome{Out: "null\n"}},
		{"text as json", []string{"get", "x", "--output=json"}, "a<b", `query get ["x"]`,
			remotetest.Outcome{Out: "\"a<b\"\n"}},
		{"stale", []string{"get", "x", "--read", "stale", "--target", "2"}, "1",
			`stale query get ["x"] local at 127.0.0.1:8102`, remotetest.Outcome{Out: "1\n"}},
		{"applied", []string{"get", "x", "--applied"}, "1", `query get ["x"]`,
			remotetest.Outcome{Out: "1 leader=1 index=1\n"}},
		{"absent, applied", []string{"get", "x", "--applied"}, nil, `query get ["x"]`,
			remotetest.Outcome{Out: "(nil) leader=1 index=1\n"}},
		{"applied as json", []string{"get", "x", "--applied", "--output=json"}, nil,
			`query get ["x"]`,
			remotetest.Outcome{Out: `{"value":null,"leader":"node1","index":1}` + "\n"}},
		{"key help", []string{"get", "help"}, "1", `query get ["help"]`,
			remotetest.Outcome{Out: "1\n"}},
		{"no key", []string{"get"}, nil, "", remotetest.Outcome{Code: exit.Usage,
			Err: "prog: get: 0 arguments given, want KEY\nTry: prog --help\n"}},
		{"level", []string{"get", "x", "--read", "dirty"}, nil, "", remotetest.Outcome{
			Code: exit.Usage,
			Err: "prog: --read is \"dirty\", want linearizable, lease, bounded or " +
				"stale\nTry: prog --help\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster := &remotetest.Cluster{Value: c.value}
			if got := cluster.Run(t, New, "", c.words...); got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
			if c.call != "" && (len(cluster.Calls) != 1 || cluster.Calls[0] != c.call) {
				t.Errorf("got calls %q, want %s", cluster.Calls, c.call)
			}
		})
	}
}
