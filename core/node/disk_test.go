package node

import (
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// limited is a store whose disk may be full.
type limited struct {
	core.Store
	host *host
}

func (l limited) Write(batch []core.Update) error {
	if l.host.full {
		return core.ErrFull
	}
	return l.Store.Write(batch)
}

// sicken spoils the disk of the leader, offers it a command, and wants another node to lead and to
// take commands in good time.
func sicken(t *testing.T, seed int64, spoil func(*host)) (*world, *client, *host) {
	t.Helper()
	w := newWorld(t, seed, 3)
	c := newClient(w)
	old := w.awaitLeader()
	first := c.put(old)
	w.run(minute, "a command", func() bool { return c.acked[first] })
	spoil(old)
	c.put(old)
	w.run(5*second, "another leader", func() bool {
		leader := w.leader()
		return leader != nil && leader != old
	})
	next := c.put(w.leader())
	w.run(2*second, "a command under another leader", func() bool { return c.acked[next] })
	if role := old.handler.Status().Groups[0].Role; role == "leader" {
		t.Errorf("the node whose disk is spoilt is %s", role)
	}
	return w, c, old
}

// TestHungDiskLeaderYields has a write of the leader hang while all else goes on.
func TestHungDiskLeaderYields(t *testing.T) {
	w, c, old := sicken(t, 1, func(h *host) { h.hung = true })
	w.sleep(10 * second)
	if w.leader() == old {
		t.Error("a node leads whose disk hangs")
	}
	old.hung = false
	w.converge(c)
}

// TestDiskFullStepsDown fills the disk of the leader. The node goes on, and stands for nothing.
func TestDiskFullStepsDown(t *testing.T) {
	w, _, old := sicken(t, 2, func(h *host) { h.full = true })
	w.sleep(20 * second)
	if err := old.handler.Err(); err != nil {
		t.Errorf("a full disk stopped the node: %v", err)
	}
	if w.leader() == old {
		t.Error("a node leads whose disk is full")
	}
}

// TestDiskFreedRecovers makes space again: what was refused is written, and nothing is lost.
func TestDiskFreedRecovers(t *testing.T) {
	w, c, old := sicken(t, 3, func(h *host) { h.full = true })
	w.sleep(5 * second)
	old.full = false
	w.converge(c)
	if old.handler.disk.sick {
		t.Error("the disk counts as sick although it is not full any more")
	}
}
