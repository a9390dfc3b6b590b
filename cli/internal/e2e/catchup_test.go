package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// TestLateNodeCatchesUpBySnapshot writes 200,000 entries while a node is down, so that the log no
// longer reaches back to where it stands.
func TestLateNodeCatchesUpBySnapshot(t *testing.T) {
	const entries = 200_000
	c := programs.Cluster(t, 3, "--script", tallyScript(t), "--snapshot-entries", "20000",
		"--store.wal.segment", "4MiB")
	leader := c.Node(c.Leader(t))
	late := c.Node(leader.ID%3 + 1)
	y := newTally(t, c)
	y.add(t.Context(), t)
	c.Settled(t, 3)
	last := c.State(t, late.ID).LastIndex
	late.Kill(t)

	flood(t, y, entries)
	y.outgrow(t, last)
	late.Restart(t)
	stop := y.load(t, 4) // the tail comes while the snapshot is on its way
	Eventually(t, "the late node to have the snapshot", func() bool {
		return c.Status(t)[late.ID].SnapshotIndex > last
	})
	stop()
	c.Settled(t, 3)
	late.WaitFor(t, "receiving snapshot")
	y.check(t, late)
	if applied := c.State(t, late.ID).AppliedIndex; applied < entries {
		t.Errorf("the late node has applied %d entries, want at least %d", applied, entries)
	}
}

// flood adds numbers as fast as the cluster takes them.
func flood(t *testing.T, y *tally, numbers int) {
	t.Helper()
	const workers, window = 4, 256
	patient := y.cluster.connect(t, client.Config{})
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			room := make(chan struct{}, window)
			for range numbers / workers {
				n := y.next.Add(1)
				data, err := scripting.EncodeCall("add", n)
				if err != nil {
					t.Error(err)
					return
				}
				room <- struct{}{}
				patient.Go(context.Background(), client.Request{Data: data},
					func(_ client.Reply, err error) {
						y.mu.Lock()
						defer y.mu.Unlock()
						if y.acked[n] = err == nil; err != nil && !t.Failed() { // one is enough to read
							t.Errorf("add %d: %v", n, err)
						}
						<-room
					})
			}
			for range window {
				room <- struct{}{}
			}
		})
	}
	group.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// outgrow writes on until no log of the other nodes reaches back to where one that is down stands:
// when a snapshot is written, and agreed on, is up to the disk and to the others.
func (y *tally) outgrow(t *testing.T, last core.Index) {
	t.Helper()
	stop := y.load(t, 16)
	defer stop()
	Eventually(t, fmt.Sprintf("the logs to begin behind %d", last), func() bool {
		found := y.cluster.Status(t)
		for _, g := range found {
			if g.FirstIndex <= last+1 || g.SnapshotIndex == 0 {
				return false
			}
		}
		return len(found) == len(y.cluster.nodes)-1
	})
}
