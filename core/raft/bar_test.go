package raft_test

import (
	"errors"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raft"
	"github.com/tidelock-raft/tidelock/core/raftscript"
)

// follower is node 1 of three, which hears from node 2, the leader of term 1, by hand.
type follower struct {
	*testing.T
	*raft.Raft
	disk    *raftscript.Disk
	reads   int // of entries, from disk
	sent    []core.Message
	applied []core.Index       // handed out since the last restoring, if there was one
	restore *core.SnapshotMeta // the last one handed out
	done    bool               // what is handed out is reported
}

func newFollower(t *testing.T, c raft.Config) *follower {
	t.Helper()
	c.ID, c.Group = 1, 1
	f := &follower{T: t, disk: raftscript.NewDisk(voters(1, 2, 3)), done: true}
	var err error
	if f.Raft, err = raft.New(c, f.disk.State(), countedDisk{f.disk, &f.reads}); err != nil {
		t.Fatal(err)
	}
	return f
}

// countedDisk counts how often entries are read.
type countedDisk struct {
	*raftscript.Disk
	reads *int
}

func (d countedDisk) Entries(
	dst []core.Entry, lo, hi core.Index, maxBytes int,
) ([]core.Entry, error) {
	*d.reads++
	return d.Disk.Entries(dst, lo, hi, maxBytes)
}

// take carries out what the replica wants.
func (f *follower) take() {
	f.Helper()
	var out raft.Output
	for f.Take(&out) {
		if err := f.Check(); err != nil {
			f.Fatal(err)
		}
		if out.HasWrite {
			if err := f.disk.Write(out.Write); err != nil {
				f.Fatal(err)
			}
			f.Wrote(out.Seq)
		}
		f.sent = append(append(f.sent, out.Send...), out.AfterWrite...)
		if out.Restore != nil {
			f.restore, f.applied = out.Restore, nil
		}
		for i := range out.Apply {
			f.applied = append(f.applied, out.Apply[i].Index)
		}
		if at := max(f.last(), f.restored()); f.done && at > 0 {
			f.Applied(at)
		}
		if err := f.Check(); err != nil {
			f.Fatal(err)
		}
	}
}

func (f *follower) last() core.Index {
	if len(f.applied) == 0 {
		return 0
	}
	return f.applied[len(f.applied)-1]
}

func (f *follower) restored() core.Index {
	if f.restore == nil {
		return 0
	}
	return f.restore.Index
}

// hear gives the replica a message of the leader's.
func (f *follower) hear(m core.Message) {
	f.Helper()
	m.Group, m.From, m.To, m.Term = 1, 2, 1, 1
	f.Step(m)
	f.take()
}

// grow has the log end at hi, all of it committed.
func (f *follower) grow(hi core.Index) {
	f.Helper()
	last := f.disk.State().Last
	m := core.Message{Kind: core.MsgAppend, Log: last, Commit: hi, Round: uint64(hi)}
	for i := last.Index + 1; i <= hi; i++ {
		e := core.Entry{Position: core.Position{Term: 1, Index: i}, Kind: core.EntryCommand}
		m.Entries = append(m.Entries, e)
	}
	f.hear(m)
}

func (f *follower) snapshot(term core.Term, i core.Index) {
	f.Helper()
	f.hear(core.Message{Kind: core.MsgSnapshot, Snapshot: &core.SnapshotMeta{
		Position: core.Position{Term: term, Index: i}, Membership: voters(1, 2, 3),
	}})
}

func TestHaltedReplicaStoresAndVotesAndAppliesNothing(t *testing.T) {
	f := newFollower(t, raft.Config{CacheBytes: 1, MaxApplyBytes: 10_000})
	f.grow(10)
	f.Bar(true, true)
	for hi := core.Index(100); hi <= 2000; hi += 100 {
		f.grow(hi)
	}
	if s := f.Status(); f.last() != 10 || s.Applied != 10 || s.Commit != 2000 || s.Durable != 2000 {
		t.Errorf("applied %d, %+v, want 10 of 2000", f.last(), s)
	}
	if m := f.sent[len(f.sent)-1]; m.Kind != core.MsgAppendReply || m.Log.Index != 2000 {
		t.Errorf("got %v, want an acknowledgement of 2000", m)
	}
	for range 100 {
		f.Tick()
		f.take()
	}
	f.Step(core.Message{Kind: core.MsgTimeoutNow, Group: 1, From: 2, To: 1, Term: 1})
	f.Campaign()
	f.take()
	if f.Role() != raft.Follower || f.Term() != 1 {
		t.Fatalf("it is %v in term %d", f.Role(), f.Term())
	}
	f.Step(core.Message{
		Kind: core.MsgVote, Group: 1, From: 3, To: 1, Term: 2, Log: core.Position{Term: 1, Index: 2000},
	})
	f.take()
	if m := f.sent[len(f.sent)-1]; m.Kind != core.MsgVoteReply || m.Reject {
		t.Errorf("got %v, want a vote", m)
	}
	f.Bar(false, false)
	f.reads = 0
	f.take()
	if f.reads == 0 {
		t.Error("while it was halted, all entries were kept in memory")
	}
	if f.last() != 2000 || len(f.applied) != 2000 {
		t.Errorf("afterwards %d entries up to %d are applied, want 2000", len(f.applied), f.last())
	}
	for range 100 {
		f.Tick()
	}
	if f.Role() == raft.Follower {
		t.Error("it does not stand, though it may again")
	}
}

// TestSlowMachineIsNotWaitedForInMemory: what a machine has yet to apply is on disk, and is read
// from there when the machine has room for it, and not before.
func TestSlowMachineIsNotWaitedForInMemory(t *testing.T) {
	f := newFollower(t, raft.Config{CacheBytes: 1, MaxApplyBytes: 10_000, MaxMessageBytes: 1000})
	f.done = false
	for hi := core.Index(100); hi <= 5000; hi += 100 {
		f.grow(hi)
	}
	if f.reads > 0 || f.last() > 10_000/core.EntryOverhead {
		t.Errorf("%d entries are handed out at once, with %d reads", f.last(), f.reads)
	}
	f.done = true
	f.Applied(f.last())
	if f.take(); f.last() != 5000 || len(f.applied) != 5000 {
		t.Fatalf("%d entries up to %d were applied, want 5000", len(f.applied), f.last())
	}
	if want := 5000 / 156 / 2; f.reads < want {
		t.Errorf("%d reads, want at least %d: the entries were kept in memory", f.reads, want)
	}
}

func TestBarredLeaderStepsDown(t *testing.T) {
	r, disk := alone(t, raft.Config{})
	r.Bar(true, false)
	for range 50 {
		r.Tick()
	}
	var out raft.Output
	if r.Take(&out); r.Role() != raft.Follower || !out.RoleChanged || out.Leader != 0 {
		t.Errorf("got %v, %+v, want a follower of nobody", r.Role(), out)
	}
	r.Bar(false, false)
	r.Campaign()
	settle(t, r, disk, &out)
	if r.Role() != raft.Leader {
		t.Errorf("got %v, want the leader", r.Role())
	}
}

// TestRebuildGoesBackInTheLog has a machine begin anew at a position that the log holds; nothing of
// the log goes, and every entry after the snapshot is handed out once more.
func TestRebuildGoesBackInTheLog(t *testing.T) {
	f := newFollower(t, raft.Config{CacheBytes: 1, MaxApplyBytes: 1})
	f.grow(100)
	f.snapshot(1, 60)
	if f.restore != nil {
		t.Fatalf("a snapshot that is not needed was restored: %v", f.restore.Position)
	}
	f.done = false // an Applied of what was handed out before must not come any more
	f.grow(102)
	f.Bar(true, true)
	f.Rebuild(true)
	f.snapshot(2, 60) // no credible position
	f.snapshot(1, 60)
	if f.restored() != 60 || len(f.applied) != 0 {
		t.Fatalf("restored %d, applied %v, want 60 and nothing", f.restored(), f.applied)
	}
	before := f.disk.State()
	if before.Start.Index != 0 || before.Last.Index != 102 || before.Snapshot.Index != 60 {
		t.Errorf("got %+v, want the whole log and the snapshot at 60", before)
	}
	f.Bar(true, false)
	f.done = true
	f.Applied(60)
	f.take()
	if len(f.applied) != 42 || f.applied[0] != 61 || f.last() != 102 || f.Status().Applied != 102 {
		t.Errorf("got %v, want 61 to 102", f.applied)
	}
	f.restore = nil
	f.snapshot(1, 80) // it is asked for once
	f.Rebuild(true)
	f.snapshot(1, 60) // not newer
	if f.restore != nil {
		t.Errorf("restored %v unasked", f.restore.Position)
	}
	f.snapshot(1, 102)
	if f.restored() != 102 || f.Status().Applied != 102 || f.Status().Snapshot != 102 {
		t.Errorf("got %+v, want all from a snapshot at 102", f.Status())
	}
	f.grow(110)
	if f.last() != 110 {
		t.Errorf("applied %d, want 110", f.last())
	}
	f.restore = nil
	f.Rebuild(true)
	f.Step(core.Message{
		Kind: core.MsgSnapshot, Group: 1, From: 3, To: 1, Term: 3, Snapshot: &core.SnapshotMeta{
			Position: core.Position{Term: 2, Index: 105}, Membership: voters(1, 2, 3),
		},
	})
	if f.take(); f.restore != nil {
		t.Errorf("restored %v, the log has term 1 there", f.restore.Position)
	}
}

// TestRebuildByASnapshotBeyondTheLog is an install like any other, and fulfils the wish.
func TestRebuildByASnapshotBeyondTheLog(t *testing.T) {
	f := newFollower(t, raft.Config{})
	f.grow(10)
	f.Rebuild(true)
	f.snapshot(1, 50)
	if s := f.Status(); f.restored() != 50 || s.First != 51 || s.Commit != 50 {
		t.Errorf("restored %d, %+v, want a log from 51", f.restored(), s)
	}
	f.grow(60)
	f.restore = nil
	f.snapshot(1, 55)
	if f.restore != nil || f.last() != 60 {
		t.Errorf("restored %v unasked, applied %d", f.restore, f.last())
	}
}

// TestTransferToABarredNodeIsRefusedAtOnce: nobody is turned away for it, and once the node may
// lead again, it is asked.
func TestTransferToABarredNodeIsRefusedAtOnce(t *testing.T) {
	w := newTrio(t, 0, 0, 0)
	leader := w.nodes[0]
	w.nodes[1].Bar(true, false)
	spread := func() {
		for range 20 {
			leader.Tick()
			w.run()
		}
	}
	spread()
	if err := leader.Transfer(2); !errors.Is(err, raft.ErrBarred) ||
		!errors.Is(err, raft.ErrTransfer) {
		t.Errorf("got %v, want ErrBarred", err)
	}
	if s := leader.Status(); s.Transfer != 0 || !s.Peers[1].Barred || s.Peers[2].Barred {
		t.Errorf("got %+v", s)
	}
	if err := leader.Propose(commands(1)); err != nil {
		t.Errorf("propose: %v", err)
	}
	w.nodes[1].Bar(false, false)
	spread()
	if err := leader.Transfer(2); err != nil || leader.Status().Transfer != 2 {
		t.Errorf("got %v, %+v", err, leader.Status())
	}
}

// TestNodeThatMayNotLeadIsNotAsked has a leader prefer a node that is barred, or that does not take
// over: clients are not turned away for it.
func TestNodeThatMayNotLeadIsNotAsked(t *testing.T) {
	for _, c := range []struct {
		name   string
		prefer func(w *trio)
		busy   int // of 1000 proposals, one for each tick
	}{
		{"barred", func(w *trio) { w.nodes[1].Bar(true, false) }, 0},
		{"deaf", func(w *trio) { w.deaf = 2 }, 10}, // the length of one attempt
	} {
		w := newTrio(t, 1, 0, 2)
		c.prefer(w)
		busy := 0
		for range 1000 {
			for _, r := range w.nodes {
				r.Tick()
			}
			if err := w.nodes[0].Propose(commands(1)); errors.Is(err, core.ErrBusy) {
				busy++
			} else if err != nil {
				t.Fatal(err)
			}
			w.run()
		}
		if busy > c.busy {
			t.Errorf("%s: %d of 1000 proposals were refused, want at most %d", c.name, busy, c.busy)
		}
		if err := w.nodes[0].Transfer(0); err != nil {
			t.Fatal(err)
		}
		if to := w.nodes[0].Status().Transfer; c.name == "barred" && to != 3 {
			t.Errorf("%s: leadership is handed over to node %d, want 3", c.name, to)
		}
	}
}
