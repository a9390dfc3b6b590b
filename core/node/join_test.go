package node

import (
	"encoding/json"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// administer sends a request of this kind until it is carried out.
func (w *world) administer(kind core.RequestKind, value any) {
	w.t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		w.t.Fatal(err)
	}
	r := &result{}
	w.run(minute, "an answer to "+string(data), func() bool {
		if leader := w.leader(); !r.asked && leader != nil {
			*r = result{asked: true}
			leader.events.Requests = append(leader.events.Requests, core.Request{
				Group: core.DefaultGroup, Kind: kind, Data: data, Caller: r,
			})
			leader.wake()
		}
		if r.told && (r.Err != nil || r.Result.Failure != nil) {
			r.told, r.asked = false, false
		}
		return r.told
	})
}

// result is a caller that remembers the one reply.
type result struct {
	core.Reply
	asked, told bool
}

func (r *result) Replied(_ uint64, reply core.Reply) { r.Reply, r.told = reply, true }

// role is what the leader knows a member as.
func (w *world) role(id core.NodeID) string {
	if leader := w.leader(); leader != nil {
		for _, m := range leader.handler.Status().Groups[0].Members {
			if m.ID == id {
				return m.Role
			}
		}
	}
	return ""
}

// TestNodesJoinBySnapshotAndLeave has two nodes join a group whose log has been cut, so that each
// needs a snapshot, under load and with lost messages and power; then two of the first ones go.
// What was acknowledged is on those that remain.
func TestNodesJoinBySnapshotAndLeave(t *testing.T) {
	for seed := range int64(6) {
		w := newWorld(t, seed, 3)
		c := newClient(w)
		w.awaitLeader()
		w.loss = 0.02
		stop, pause := false, int64(10e6)
		var load func()
		load = func() {
			if leader := w.leader(); leader != nil && c.pending < 20 {
				c.put(leader)
			}
			if !stop {
				w.at(core.Instant(1+w.rng.Int63n(pause)), load)
			}
		}
		load()
		w.run(5*minute, "commands", func() bool { return len(c.acked) > 150 })
		pause = 150e6 // a log of five entries is to be cut no faster than a snapshot travels
		for id := core.NodeID(4); id <= 5; id++ {
			w.administer(core.RequestChange, core.Change{Steps: []core.ChangeStep{
				{Op: core.ChangeAdd, Node: id, Addr: core.Addr(string(rune('0' + id)))},
			}})
			h := &host{w: w, id: id, disk: vfs.NewMemory(uint64(seed)*8 + uint64(id)), joins: true}
			w.hosts = append(w.hosts, h)
			h.start()
			if seed%2 == 0 {
				w.sleep(core.Instant(w.rng.Int63n(1e9)))
				h.power()
				h.start()
			}
			w.run(5*minute, "promotion", func() bool { return w.role(id) == "voter" })
			if h.handler.Status().Groups[0].SnapshotIndex == 0 {
				t.Errorf("seed %d: node %d has needed no snapshot", seed, id)
			}
		}
		w.administer(core.RequestTransfer, core.Transfer{To: core.NodeID(1 + seed%5)})
		w.administer(core.RequestChange, core.Change{Force: true, Steps: []core.ChangeStep{
			{Op: core.ChangeRemove, Node: 1}, {Op: core.ChangeRemove, Node: 3},
		}})
		before := len(c.acked)
		w.run(minute, "commands afterwards", func() bool { return len(c.acked) > before+50 })
		for _, id := range []core.NodeID{1, 3} {
			h := w.hosts[id-1]
			w.run(minute, "farewell", func() bool {
				return h.handler.Status().Groups[0].Role == "removed"
			})
		}
		stop = true
		w.sleep(second)
		for _, id := range []core.NodeID{1, 3} {
			w.hosts[id-1].power()
		}
		w.hosts = []*host{w.hosts[1], w.hosts[3], w.hosts[4]}
		w.converge(c)
	}
}
