package del

import (
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
)

func TestDel(t *testing.T) {
	cluster := &remotetest.Cluster{Value: true}
	got := cluster.Run(t, New, "", "del", "x")
	if want := (remotetest.Outcome{Out: "true leader=1 index=1\n"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if len(cluster.Calls) != 1 || cluster.Calls[0] != `del ["x"]` {
		t.Errorf("got calls %q", cluster.Calls)
	}
}
