package query

import (
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
)

func TestQuery(t *testing.T) {
	answer := []any{map[string]any{"key": "a", "value": 1}}
	cluster := &remotetest.Cluster{Value: answer}
	got := cluster.Run(t, New, "", "query", "range", "a", "m", "10", "--read=stale")
	if want := (remotetest.Outcome{Out: `[{"key":"a","value":1}]` + "\n"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if len(cluster.Calls) != 1 || cluster.Calls[0] != `stale query range ["a","m",10]` {
		t.Errorf("got calls %q", cluster.Calls)
	}
}
