package put

import (
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

func TestPut(t *testing.T) {
	for _, c := range []struct {
		name  string
		words []string
		err   error // of the cluster
		call  string
		want  remotetest.Outcome
	}{
		{"plain", []string{"put", "x", "1"}, nil, `put ["x","1"]`,
			remotetest.Outcome{Out: "OK leader=1 index=1\n"}},
		{"json", []string{"put", "x", "1", "--output", "json"}, nil, `put ["x","1"]`,
			remotetest.Outcome{Out: `{"value":"OK","leader":"node1","index":1}` + "\n"}},
		{"target behind", []string{"put", "x", "2", "--target", "3"}, nil,
			`put ["x","2"] local at 127.0.0.1:8103`,
			remotetest.Outcome{Out: "OK leader=1 index=1\n"}},
		{"not leader", []string{"put", "x", "2", "--target", "3"}, &client.NotLeader{Leader: 2},
			`put ["x","2"] local at 127.0.0.1:8103`,
			remotetest.Outcome{Code: exit.NotLeader, Out: `{"error":"not_leader","leader":"node2"}` + "\n"}},
		{"timeout", []string{"put", "x", "2"},
			&client.UnknownOutcome{Endpoint: "h:1", Err: core.ErrClosed}, `put ["x","2"]`,
			remotetest.Outcome{Code: exit.Unavailable, Out: `{"error":"timeout","outcome":"unknown",` +
				`"message":"h:1: outcome unknown: core: closed"}` + "\n"}},
		{"unavailable", []string{"put", "x", "2"}, client.ErrUnavailable, `put ["x","2"]`,
			remotetest.Outcome{Code: exit.Unavailable, Out: `{"error":"unavailable",` +
				`"message":"client: no endpoint could answer in time"}` + "\n"}},
		{"too few", []string{"put", "x"}, nil, "", remotetest.Outcome{Code: exit.Usage,
			Err: "prog: put: 1 arguments given, want KEY VALUE\nTry: prog --help\n"}},
		{"too many", []string{"put", "x", "y", "z"}, nil, "", remotetest.Outcome{Code: exit.Usage,
			Err: "prog: put: 3 arguments given, want KEY VALUE\nTry: prog --help\n"}},
		{"output", []string{"put", "x", "y", "--output", "xml"}, nil, "", remotetest.Outcome{
			Code: exit.Usage,
			Err:  "prog: --output is \"xml\", want table or json\nTry: prog --help\n"}},
		{"timeout of nothing", []string{"put", "x", "y", "--timeout", "0s"}, nil, "",
			remotetest.Outcome{Code: exit.Usage,
				Err: "prog: --timeout is 0s, want more than nothing\nTry: prog --help\n"}},
		{"target unknown", []string{"put", "x", "y", "--target", "4", "--endpoints", "h:1"}, nil, "",
			remotetest.Outcome{Code: exit.Usage, Err: "prog: no endpoint of node 4 is " +
				"known; say 4=host:port in --endpoints\nTry: prog --help\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster := &remotetest.Cluster{Answer: func(string) (any, error) { return "OK", c.err }}
			if got := cluster.Run(t, New, "", c.words...); got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
			if c.call == "" && len(cluster.Calls) == 0 {
				return
			}
			if len(cluster.Calls) != 1 || cluster.Calls[0] != c.call || cluster.Closed != 1 {
				t.Errorf("got calls %q, %d closed; want %s", cluster.Calls, cluster.Closed, c.call)
			}
		})
	}
}

func TestEnvironmentSuppliesFlags(t *testing.T) {
	t.Setenv("RAFT_ENDPOINTS", "9=h:1,h:2")
	t.Setenv("RAFT_TARGET", "9")
	t.Setenv("RAFT_TIMEOUT", "7s")
	t.Setenv("RAFT_NO_SESSION", "true")
	var cluster remotetest.Cluster
	cluster.Run(t, New, "", "put", "x", "1")
	if c := cluster.Config; len(c.Endpoints) != 2 || c.Endpoints[0] != "h:1" ||
		c.Timeout != 7*time.Second || !c.NoSession {
		t.Errorf("got config %+v", c)
	}
	if len(cluster.Calls) != 1 || cluster.Calls[0] != `put ["x","1"] local at h:1` {
		t.Errorf("got calls %q", cluster.Calls)
	}
}
