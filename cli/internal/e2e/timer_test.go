package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
)

// TestTimersFireWhicheverNodeLeads sets timers, kills the leader, and then all nodes: each timer
// fires once, not before its time, on a leader that did not set it.
func TestTimersFireWhicheverNodeLeads(t *testing.T) {
	script, err := filepath.Abs("../../../examples/reminder/reminder.lua")
	if err != nil {
		t.Fatal(err)
	}
	c := programs.Cluster(t, 3, "--script", script, "--heartbeat", "50ms", "--election", "150ms")
	first := c.Leader(t)
	remind := func(name string, after time.Duration) time.Time {
		due := time.Now().Add(after)
		c.Client(t, "call", "remind", name, fmt.Sprint(due.UnixMilli()), "text").
			Want(t, exit.OK, "")
		return due
	}
	soon := remind("soon", 200*time.Millisecond)
	c.rung(t, 1)
	if late := time.Since(soon); late < 0 || late > Patience/2 {
		t.Errorf("the first timer is %v late", late)
	}
	due := remind("failover", time.Second)
	c.Node(first).Kill(t)
	t.Logf("killed the leader %v before the second timer was due", time.Until(due))
	c.rung(t, 2)
	c.Node(first).Restart(t)
	remind("restart", time.Second)
	for _, n := range c.Nodes() {
		n.Kill(t)
	}
	for _, n := range c.Nodes() {
		n.Restart(t)
	}
	events := c.rung(t, 3)
	for i, name := range []string{"soon", "failover", "restart"} {
		if e := events[i]; e.Value.Name != name || e.Value.Late < 0 {
			t.Errorf("event %d is of %q, %d ms late, want %q", i, e.Value.Name, e.Value.Late, name)
		}
		t.Logf("%s fired %d ms late", name, events[i].Value.Late)
	}
	c.Settled(t, 3)
}

// rung is an event of the machine reminder.
type rung struct {
	Value struct {
		Name string
		Late int64
	}
}

// rung waits until n reminders were due, and returns their events.
func (c *Cluster) rung(t *testing.T, n int) []rung {
	t.Helper()
	var answer struct{ Events []rung }
	Eventually(t, fmt.Sprintf("%d timers to fire", n), func() bool {
		o := c.Client(t, "query", "@events", "due", "--output", "json", "--timeout", "5s")
		if o.Code == exit.OK {
			if err := json.Unmarshal([]byte(o.Out), &answer); err != nil {
				t.Fatalf("%v: %s", err, o.Out)
			}
		}
		return len(answer.Events) >= n
	})
	if got := answer.Events; len(got) != n {
		t.Fatalf("%d timers fired, want %d", len(got), n)
	}
	return answer.Events
}
