//go:build !race

// The race detector has pools lose what they are given, by chance.

package node

import (
	"runtime"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// TestCommandsAllocateLittle: what a batch costs three nodes, its commands share. Before the window
// is full and after it was, batches are small; the many commands between outweigh that.
func TestCommandsAllocateLittle(t *testing.T) {
	nodes := startNodes(t, 3, func(c *Config) {
		c.Machine = func(core.GroupID) (core.StateMachine, error) { return nothing{newJournal()}, nil }
		c.Engine.SnapshotEntries, c.Engine.SnapshotBytes = 1<<30, 1<<40
	})
	leader := nodes[insist(t, nodes[0], core.Request{Kind: core.RequestCommand}).Leader-1]
	const inFlight, commands = 1024, 50_000
	done := make(window, inFlight)
	requests := []core.Request{{
		Group: core.DefaultGroup, Kind: core.RequestCommand, Data: make([]byte, 128), Caller: done,
	}}
	for range inFlight {
		done <- struct{}{}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range commands {
		<-done
		leader.Submit(requests)
	}
	runtime.ReadMemStats(&after)
	for range inFlight {
		<-done
	}
	per := float64(after.Mallocs-before.Mallocs) / commands
	if t.Logf("%.2f allocations a command", per); per > 0.5 {
		t.Errorf("got %.2f allocations a command on three nodes together, want at most 0.5", per)
	}
}
