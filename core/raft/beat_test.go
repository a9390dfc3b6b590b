package raft_test

import (
	"slices"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raft"
)

// TestGroupsOfANodeSendHeartbeatsTogether has a node lead groups that elect it at different times.
func TestGroupsOfANodeSendHeartbeatsTogether(t *testing.T) {
	const every, ticks = 5, 200
	elected := map[int]bool{}
	for seed := range uint64(8) {
		f := newFollower(t, raft.Config{Seed: seed, ElectionTicks: 40, HeartbeatTicks: every})
		var beats []int
		for tick := 1; tick <= ticks; tick++ {
			f.Tick()
			f.take()
			leads := f.Role() == raft.Leader
			for _, m := range f.sent {
				if leads && m.Kind == core.MsgAppend && m.To == 2 {
					beats = append(beats, tick)
				}
			}
			f.elect()
			if !leads && f.Role() == raft.Leader {
				elected[tick%every] = true
				f.take()
			}
			f.sent = nil
		}
		late := func(tick int) bool { return tick%every != 0 }
		if len(beats) < ticks/every/2 || slices.ContainsFunc(beats, late) {
			t.Errorf("seed %d: heartbeats at %v, want one at each multiple of %d", seed, beats, every)
		}
	}
	if len(elected) < 2 {
		t.Errorf("all elections are at %v modulo %d", elected, every)
	}
}

// elect answers what was sent as the other nodes would.
func (f *follower) elect() {
	for {
		sent := f.sent
		f.sent = nil
		for _, m := range sent {
			reply := core.Message{
				Kind: m.Kind + 1, Group: 1, From: m.To, To: 1, Term: m.Term, Round: m.Round,
			}
			switch m.Kind {
			case core.MsgPreVote, core.MsgVote:
			case core.MsgAppend:
				reply.Log = m.Log
				if n := len(m.Entries); n > 0 {
					reply.Log = m.Entries[n-1].Position
				}
			default:
				continue
			}
			f.Step(reply)
		}
		if len(sent) == 0 {
			return
		}
		f.take()
	}
}
