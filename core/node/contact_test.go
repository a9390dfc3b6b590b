package node

import (
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// peerOf is what a host's status says of another.
func peerOf(t *testing.T, h *host, id core.NodeID) core.PeerStatus {
	t.Helper()
	for _, p := range h.handler.Status().Peers {
		if p.Node == id {
			return p
		}
	}
	t.Fatalf("node %d says nothing of node %d", h.id, id)
	return core.PeerStatus{}
}

func TestStatusTellsWhoWasHeardWhen(t *testing.T) {
	w := newWorld(t, 5, 3)
	leader := w.awaitLeader()
	other := w.hosts[int(leader.id)%3]
	w.sleep(second)
	if p := peerOf(t, leader, other.id); p.HeardMS < 0 || p.HeardMS > 500 {
		t.Errorf("a follower that answers: heard %d ms ago", p.HeardMS)
	}
	w.cut[[2]core.NodeID{other.id, leader.id}] = true // what it says is lost; what it hears is not
	w.sleep(4 * second)
	if p := peerOf(t, leader, other.id); p.HeardMS < 3500 || p.HeardMS > 4500 {
		t.Errorf("a follower that was cut off 4 s ago: heard %d ms ago", p.HeardMS)
	}
	if p := peerOf(t, other, leader.id); p.HeardMS < 0 || p.HeardMS > 500 {
		t.Errorf("a leader that is heard: heard %d ms ago", p.HeardMS)
	}
	if s := leader.handler.Status(); len(s.Peers) != 2 || s.Time == 0 {
		t.Errorf("got %+v", s)
	}
}

func TestStatusTellsHowTheDiskIs(t *testing.T) {
	w := newWorld(t, 6, 3)
	c := newClient(w)
	leader := w.awaitLeader()
	other := w.hosts[int(leader.id)%3]
	state := func() core.DiskStatus { return *other.handler.Status().Disk }
	if s := state(); s.State != core.DiskOK {
		t.Errorf("got %+v", s)
	}
	other.hung = true
	c.put(leader)
	w.run(10*second, "hung disk", func() bool { return state().State == core.DiskHung })
	if s := state(); s.PendingMS < 2000 {
		t.Errorf("got %+v, want a write of more than 2000 ms", s)
	}
	other.hung = false
	w.run(minute, "end of hanging", func() bool { return state().State == core.DiskOK })
	if s := state(); s.MeanMS < 30_000/core.DiskWrites/2 {
		t.Errorf("after a write of half a minute: got %+v", s)
	}
	other.full = true
	c.put(w.awaitLeader())
	w.run(10*second, "full disk", func() bool { return state().State == core.DiskFull })
}

func TestMeanIsThatOfTheNewestWrites(t *testing.T) {
	var got timing
	var all []int64
	for i := range int64(3 * core.DiskWrites) {
		took := (i*i*7919 + 3) % 1000 * 1e6
		got.add(took)
		all = append(all, took)
		var sum int64
		newest := all[max(0, len(all)-core.DiskWrites):]
		for _, v := range newest {
			sum += v
		}
		d := disk{timing: got}
		if mean := d.status(0).MeanMS; mean != sum/int64(len(newest))/1e6 {
			t.Fatalf("after %d writes: got %d ms, want %d", i+1, mean, sum/int64(len(newest))/1e6)
		}
	}
}

// TestProbeCommitsAndChangesNothing sends a probe among commands, by way of a follower and to the
// leader, and without a majority.
func TestProbeCommitsAndChangesNothing(t *testing.T) {
	w := newWorld(t, 5, 3)
	c := newClient(w)
	leader := w.awaitLeader()
	follower := w.hosts[int(leader.id)%3]
	w.run(second, "a follower that knows the leader", func() bool {
		return follower.handler.Status().Groups[0].Leader == leader.id
	})
	var last core.Index
	for _, h := range []*host{leader, follower} {
		before, digest := c.put(leader), leader.handler.Status().Groups[0].Digest
		var got *core.Reply
		c.send(h, core.Request{Kind: core.RequestProbe, Token: c.next})
		h.events.Requests[len(h.events.Requests)-1].Caller = callerFunc(func(r core.Reply) { got = &r })
		after := c.put(leader)
		w.run(second, "answers", func() bool { return got != nil && c.acked[before] && c.acked[after] })
		if got.Err != nil || got.Result.Failure != nil || len(got.Result.Value) > 0 ||
			got.Index <= last || got.Leader != leader.id {
			t.Errorf("node %d: got %+v", h.id, got)
		}
		last = got.Index
		if now := leader.handler.Status().Groups[0]; now.Digest == digest && now.Digest != 0 {
			t.Errorf("the commands did nothing")
		}
	}
	for _, h := range w.hosts {
		if h != leader {
			w.cut[[2]core.NodeID{h.id, leader.id}] = true
		}
	}
	proved := false
	c.send(leader, core.Request{Kind: core.RequestProbe})
	leader.events.Requests[len(leader.events.Requests)-1].Caller = callerFunc(func(r core.Reply) {
		proved = r.Err == nil
	})
	w.sleep(5 * second)
	if proved {
		t.Error("a leader without a majority has proved that it commits")
	}
}
