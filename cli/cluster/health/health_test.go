package health

import (
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
	"github.com/tidelock-raft/tidelock/core"
)

func TestHealthIsACommit(t *testing.T) {
	cluster := new(remotetest.Cluster)
	got := cluster.Run(t, New, "", "health")
	if got.Code != exit.OK || !strings.HasPrefix(got.Out, "OK committed leader=1 index=1 in ") {
		t.Errorf("got %+v", got)
	}
	if len(cluster.Calls) != 1 || cluster.Calls[0] != "probe" {
		t.Errorf("got calls %q", cluster.Calls)
	}
	got = cluster.Run(t, New, "", "health", "--output", "json")
	if !strings.HasPrefix(got.Out, `{"leader":"node1","index":2,"took_us":`) {
		t.Errorf("got %+v", got)
	}
}

func TestNoCommitIsUnhealthy(t *testing.T) {
	for _, err := range []error{core.ErrUnknownOutcome, core.ErrBusy, &core.NotLeaderError{}} {
		cluster := &remotetest.Cluster{Answer: func(string) (any, error) { return nil, err }}
		got := cluster.Run(t, New, "", "health")
		if got.Code != exit.Unhealthy || !strings.Contains(got.Out, `{"error":"unhealthy"`) ||
			!strings.Contains(got.Out, "nothing was committed within") {
			t.Errorf("%v: got %+v", err, got)
		}
	}
}
