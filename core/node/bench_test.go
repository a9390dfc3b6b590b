package node

import (
	"fmt"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// window is a caller with a bounded number of requests under way.
type window chan struct{}

func (w window) Replied(uint64, core.Reply) { w <- struct{}{} }

// BenchmarkCommit measures what a committed command costs in three nodes of one process, disk and
// network aside: handlers, lanes, mailboxes and raft.
func BenchmarkCommit(b *testing.B) {
	for _, inFlight := range []int{1, 64, 1024} {
		b.Run(fmt.Sprint(inFlight), func(b *testing.B) {
			benchmarkRequests(b, inFlight, core.Request{
				Kind: core.RequestCommand, Data: make([]byte, 128),
			})
		})
	}
}

func benchmarkRequests(b *testing.B, inFlight int, q core.Request) {
	t := &testing.T{}
	nodes := startNodes(t, 3, func(c *Config) {
		c.Machine = func(core.GroupID) (core.StateMachine, error) { return nothing{newJournal()}, nil }
		c.Engine.SnapshotEntries, c.Engine.SnapshotBytes = 1<<30, 1<<40
	})
	defer func() {
		for _, n := range nodes {
			_ = n.Close()
		}
	}()
	leader := nodes[insist(t, nodes[0], core.Request{Kind: core.RequestCommand}).Leader-1]
	done := make(window, inFlight)
	for range inFlight {
		done <- struct{}{}
	}
	q.Group, q.Caller = core.DefaultGroup, done
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		<-done
		leader.Submit([]core.Request{q})
	}
	for range inFlight {
		<-done
	}
}

// nothing is a machine that does nothing, at no cost.
type nothing struct{ *journal }

func (nothing) Apply(dst []core.Result, entries []core.Entry) ([]core.Result, error) {
	return append(dst, make([]core.Result, len(entries))...), nil
}
