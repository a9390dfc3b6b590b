package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// TestWatchGoesOnThroughFailures watches while every node is killed in turn and comes back: each
// event is printed once and in order.
func TestWatchGoesOnThroughFailures(t *testing.T) {
	script, err := filepath.Abs("testdata/herald.lua")
	if err != nil {
		t.Fatal(err)
	}
	c := programs.Cluster(t, 3, "--script", script, "--heartbeat", "50ms", "--election", "150ms",
		"--snapshot-entries", "100")
	c.Leader(t)
	teller := c.connect(t, client.Config{})
	told := int64(0)
	tell := func(times int) {
		for range times {
			n, err := call(teller, client.Request{}, "tell")
			if err != nil || n != told+1 {
				t.Fatalf("told %d, %v, want %d", n, err, told+1)
			}
			told = n
		}
	}
	tell(5)
	var watchers []*Process
	for _, words := range [][]string{{"told", "--from", "1"}, {"--from", "1"}} {
		watchers = append(watchers, programs.Start(t, c.Dir, "raft-client",
			append([]string{"watch", "--endpoints", c.Endpoints(), "--timeout", "2s"}, words...)...))
	}
	for _, n := range append(c.Nodes(), c.Node(c.Leader(t))) {
		tell(50)
		n.Kill(t)
		tell(50)
		n.Restart(t)
		tell(50)
	}
	last := fmt.Sprintf(`"topic":"told","value":%d}`, told)
	for i, watcher := range watchers {
		watcher.WaitFor(t, last)
		next, index := int64(1), core.Index(0)
		for _, text := range strings.Split(strings.TrimSpace(watcher.Output()), "\n") {
			var line struct {
				Index core.Index
				Topic string
				Value int64
			}
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatalf("watcher %d printed %s: %v", i, text, err)
			}
			if line.Topic == "other" && i == 1 {
				if line.Value != next-1 || line.Index != index {
					t.Fatalf("watcher %d printed %s after %d", i, text, next-1)
				}
				continue
			}
			if line.Topic != "told" || line.Value != next || line.Index <= index {
				t.Fatalf("watcher %d printed %s, want %d", i, text, next)
			}
			next, index = next+1, line.Index
		}
		if next != told+1 {
			t.Errorf("watcher %d printed %d events, want %d", i, next-1, told)
		}
	}
	c.Client(t, "watch", "told", "--from", "1", "--count", "2").Want(t, exit.OK, `"value":2}`)
}
