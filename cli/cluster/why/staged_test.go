package why

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/e2e"
	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/server"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// follower returns a node that does not lead.
func follower(leader core.NodeID) core.NodeID { return leader%3 + 1 }

func TestHealthyClusterHasNoFindings(t *testing.T) {
	s := raise(t, nil)
	s.leader()
	s.write(3)
	e2e.Eventually(t, "health", func() bool {
		r, code := s.why()
		return code == exit.OK && r.Healthy && r.Headline == "3 voters, tolerates 1 failure"
	})
}

func TestNoQuorum(t *testing.T) {
	s := raise(t, nil)
	s.leader()
	s.halt(2)
	s.halt(3)
	s.found("no_quorum", "tidelock recover DIR --survivors 1 --plan", 2, 3)
	s.found("down", "raft-node --id 3", 3)
}

func TestOneWayPartition(t *testing.T) {
	s := raise(t, nil)
	leader := s.leader()
	other := follower(leader)
	s.drop(other, func(m *core.Message) bool { return m.To == leader })
	f := s.found("one_way", "nc -vz 127.0.0.1", min(leader, other), max(leader, other))
	if want := "what node " + string(rune('0'+other)) + " sends"; !strings.HasPrefix(f.Text, want) {
		t.Errorf("got %q, want %q", f.Text, want)
	}
}

func TestPartitionedLeader(t *testing.T) {
	s := raise(t, nil)
	old := s.leader()
	for id := core.NodeID(1); id <= 3; id++ {
		s.drop(id, func(m *core.Message) bool { return m.From == old || m.To == old })
	}
	e2e.Eventually(t, "a partition of the old leader from the new", func() bool {
		r, code := s.why()
		for _, f := range r.Findings {
			if f.Cause == "partition" && code == exit.Unhealthy {
				return f.Nodes[0] == old || f.Nodes[1] == old
			}
		}
		return false
	})
}

func TestFullDisk(t *testing.T) {
	s := raise(t, nil)
	ill := follower(s.leader())
	s.nodes[ill-1].ill.full.Store(true)
	s.write(1)
	s.found("disk_full", "df -h", ill)
	s.nodes[ill-1].ill.full.Store(false)
}

func TestHungDisk(t *testing.T) {
	s := raise(t, nil)
	ill := follower(s.leader())
	s.nodes[ill-1].ill.delay.Store(int64(5 * time.Second))
	s.write(1)
	s.found("disk_hung", "iostat", ill)
}

func TestSlowDisk(t *testing.T) {
	s := raise(t, nil)
	leader := s.leader()
	s.nodes[leader-1].ill.delay.Store(int64(400 * time.Millisecond))
	s.write(16)
	s.found("disk_slow", "raft-client cluster transfer --plan", leader)
}

func TestLaggingFollower(t *testing.T) {
	s := raise(t, nil)
	leader := s.leader()
	behind := follower(leader)
	s.drop(leader, func(m *core.Message) bool { return m.To == behind && len(m.Entries) > 0 })
	s.write(1200)
	s.found("lagging", "raft-client cluster resync", behind)
}

func TestQuarantinedReplica(t *testing.T) {
	s := raise(t, nil)
	wrong := follower(s.leader())
	s.nodes[wrong-1].ill.skew.Store(7)
	s.write(1)
	s.found("quarantined", "raft-client cluster resync", wrong)
}

func TestVersionSkew(t *testing.T) {
	s := raise(t, func(c *server.Config) {
		if c.ID == 2 {
			c.Version = "2"
		}
	})
	s.leader()
	f := s.found("version_skew", "one node at a time", 1, 2, 3)
	if len(f.Evidence) != 2 || f.Evidence[1] != "2: node 2" {
		t.Errorf("got %q", f.Evidence)
	}
}

func TestWrongCluster(t *testing.T) {
	s := raise(t, func(c *server.Config) {
		if c.ID == 3 {
			c.Cluster = "another"
		}
	})
	s.leader()
	s.found("wrong_cluster", "--cluster NAME", 3)
}

func TestClockJump(t *testing.T) {
	s := raise(t, func(c *server.Config) {
		if c.ID == 2 {
			c.Clock = wrongClock(time.Hour)
		}
	})
	s.leader()
	f := s.found("clock_skew", "timedatectl", 2)
	if !strings.Contains(f.Text, "h0m") && !strings.Contains(f.Text, "59m") {
		t.Errorf("got %q", f.Text)
	}
}

func TestLearnerIsNotPromoted(t *testing.T) {
	s := raise(t, nil)
	s.leader()
	change, err := json.Marshal(core.Change{Steps: []core.ChangeStep{
		{Op: core.ChangeAdd, Node: 4, Addr: "127.0.0.1:1"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	e2e.Eventually(t, "the node to be added", func() bool {
		request := client.Request{Kind: core.RequestChange, Data: change}
		_, err := s.dial().Do(t.Context(), request)
		return err == nil
	})
	e2e.Eventually(t, "why it does not come", func() bool {
		f := s.found("not_promoted", "raft-node --id 4 --join 1=127.0.0.1:", 4)
		return strings.Contains(strings.Join(f.Evidence, "\n"), "refused")
	})
}

func TestScriptMismatch(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"odd", "even"} {
		text := "local n = state.value(\"n\", 0)\nreturn { name = \"" + name + "\", version = 1, " +
			"commands = { add = function() n:set(n:get() + 1) end }, " +
			"queries = { get = function() return n:get() end } }\n"
		if err := os.WriteFile(filepath.Join(dir, name+".lua"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := raise(t, func(c *server.Config) {
		path := filepath.Join(dir, map[bool]string{true: "even", false: "odd"}[c.ID == 3]+".lua")
		c.Machine = server.Choice{Name: "lua", Options: map[string]string{"script": path}}
		c.Priority = map[core.NodeID]int{3: 9}[c.ID] // the odd one does not install its script
	})
	s.found("script_mismatch", "raft-client script push FILE", 3)
}

func TestDamagedNode(t *testing.T) {
	s := raise(t, func(c *server.Config) { c.Store.Name = "wal" })
	s.leader()
	c := s.dial()
	for i := range 100 {
		command := fmt.Appendf(nil, "command number %d", i)
		if _, err := c.Do(t.Context(), client.Request{Data: command}); err != nil {
			t.Fatal(err)
		}
	}
	e2e.Eventually(t, "the writes on node 3", func() bool {
		status, err := s.dial().Status(t.Context(), s.nodes[2].config.APIListen)
		return err == nil && status.Groups[0].AppliedIndex >= 100
	})
	a := s.halt(3)
	segments, err := filepath.Glob(filepath.Join(a.config.Dir, "wal", "*.wal"))
	if err != nil || len(segments) == 0 {
		t.Fatal(segments, err)
	}
	content, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	content[bytes.Index(content, []byte("command number 50"))] ^= 1
	if err := os.WriteFile(segments[0], content, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), e2e.Patience)
	defer cancel()
	if err := server.Run(ctx, a.config); !errors.Is(err, core.ErrCorrupt) {
		t.Fatalf("got %v, want damage", err)
	}
	r, code := s.why("--data", a.config.Dir)
	if code != exit.Unhealthy || len(r.Findings) == 0 || r.Findings[0].Cause != "damaged" ||
		!strings.Contains(r.Findings[0].Evidence[0], filepath.Base(segments[0])) ||
		!strings.Contains(strings.Join(r.Findings[0].Next, "\n"), "raft-client cluster remove 3") {
		t.Errorf("got %d %+v", code, r.Findings)
	}
	if r, _ := s.why("--data", s.nodes[0].config.Dir); len(r.Findings) > 0 &&
		r.Findings[0].Cause == "damaged" {
		t.Errorf("a healthy directory: got %+v", r.Findings[0])
	}
}
