package raftscript

import (
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raft"
)

// Node is one replica with its disk and its machine.
type Node struct {
	ID   core.NodeID
	Raft *raft.Raft // nil while it is down

	c       *Cluster
	config  raft.Config
	disk    *Disk // what a crash leaves
	view    *Disk // disk as it will be once all writes are done: the log as the replica sees it
	writes  []pendingWrite
	work    []pendingApply
	machine machine
	out     raft.Output
	told    core.Index // the commit index last reported
	counted []counted  // the commits since the last check

	auto struct{ write, apply bool } // carried out at once, not when told
}

// counted is the membership by which a node counted when it committed the log up to an index. What
// it appends because of that may hold another one.
type counted struct {
	upTo core.Index
	by   core.Membership
}

type pendingWrite struct {
	seq    uint64
	update core.Update
	print  uint64 // of the entries, to see that they are not overwritten
	after  []core.Message
}

type pendingApply struct {
	restore *core.SnapshotMeta
	entries []core.Entry
	print   uint64
}

// machine is a state that depends on every entry and their order, and on nothing else.
type machine struct {
	applied core.Index
	digest  uint64
}

func (m *machine) apply(e core.Entry) {
	m.applied = e.Index
	m.digest = m.digest*31 + fingerprint([]core.Entry{e})
}

// fingerprint tells entries apart.
func fingerprint(entries []core.Entry) uint64 {
	h := fnv.New64a()
	for _, e := range entries {
		fmt.Fprintf(h, "%d %d %d %d %q\n", e.Term, e.Index, e.Kind, e.Time, e.Data)
	}
	return h.Sum64()
}

// start brings the node up from its disk.
func (n *Node) start() error {
	n.view = n.disk.Clone()
	n.config.Incarnation++
	r, err := raft.New(n.config, n.disk.State(), n.disk)
	if err != nil {
		return err
	}
	n.Raft, n.told = r, r.Commit()
	n.machine = n.c.bodies[n.disk.snapshot.Position]
	return n.settle()
}

// crash takes the node down. Of the writes under way the first lucky ones still reach the disk.
func (n *Node) crash(lucky int) error {
	for _, w := range n.writes[:lucky] {
		if err := n.disk.Write(w.update); err != nil {
			return err
		}
	}
	n.Raft, n.writes, n.work = nil, nil, nil
	return nil
}

// maxTakes bounds how often a node may find something to do without anything having happened.
const maxTakes = 1000

// settle carries out what the replica asks for until it asks for nothing more.
func (n *Node) settle() error {
	for range maxTakes {
		n.counted = append(n.counted, counted{n.Raft.Commit(), n.Raft.Status().Membership})
		if !n.Raft.Take(&n.out) {
			if err := n.Raft.Err(); err != nil {
				return err
			}
			return n.c.checker.node(n)
		}
		if err := n.carryOut(); err != nil {
			return fmt.Errorf("node %d: %w", n.ID, err)
		}
	}
	return fmt.Errorf("node %d still finds something to do after %d takes", n.ID, maxTakes)
}

func (n *Node) carryOut() error {
	out := &n.out
	n.report()
	if out.HasWrite {
		if err := n.view.Write(out.Write); err != nil {
			return err
		}
		n.writes = append(n.writes, pendingWrite{
			seq: out.Seq, update: out.Write, print: fingerprint(out.Write.Entries),
		})
	}
	if k := len(n.writes); len(out.AfterWrite) > 0 {
		if k == 0 || n.writes[k-1].seq != out.Seq {
			return fmt.Errorf("messages wait for write %d, which is not under way", out.Seq)
		}
		w := &n.writes[k-1]
		w.after = append(w.after, slices.Clone(out.AfterWrite)...)
	}
	for _, m := range out.Send {
		if err := n.c.send(n, m); err != nil {
			return err
		}
	}
	if out.Restore != nil {
		n.work = append(n.work, pendingApply{restore: out.Restore})
	}
	if len(out.Apply) > 0 {
		n.work = append(n.work, pendingApply{entries: out.Apply, print: fingerprint(out.Apply)})
	}
	for _, read := range out.Reads {
		if err := n.c.checker.read(read); err != nil {
			return err
		}
	}
	return n.carryOutAuto()
}

func (n *Node) carryOutAuto() error {
	for n.auto.write && len(n.writes) > 0 {
		if err := n.wrote(); err != nil {
			return err
		}
	}
	for n.auto.apply && len(n.work) > 0 {
		if err := n.apply(); err != nil {
			return err
		}
	}
	return nil
}

// wrote makes the oldest write under way durable.
func (n *Node) wrote() error {
	w := n.writes[0]
	n.writes = n.writes[1:]
	if fingerprint(w.update.Entries) != w.print {
		return fmt.Errorf("entries of write %d were overwritten", w.seq)
	}
	if err := n.disk.Write(w.update); err != nil {
		return err
	}
	for _, m := range w.after {
		if err := n.c.send(n, m); err != nil {
			return err
		}
	}
	n.Raft.Wrote(w.seq)
	return nil
}

// apply carries out the oldest work for the machine.
func (n *Node) apply() error {
	w := n.work[0]
	n.work = n.work[1:]
	if w.restore != nil {
		n.machine = n.c.bodies[w.restore.Position]
	}
	if fingerprint(w.entries) != w.print && w.restore == nil {
		return fmt.Errorf("entries to apply were overwritten")
	}
	for _, e := range w.entries {
		if e.Index != n.machine.applied+1 {
			return fmt.Errorf("entry %d to apply, applied are %d", e.Index, n.machine.applied)
		}
		n.machine.apply(e)
		if err := n.c.checker.applied(n); err != nil {
			return err
		}
	}
	replaced := func(w pendingApply) bool { return w.restore != nil }
	if !slices.ContainsFunc(n.work, replaced) { // else it speaks of a state that is about to go
		n.Raft.Applied(n.machine.applied)
	}
	return nil
}

// snapshot takes a snapshot of the machine and cuts the log.
func (n *Node) snapshot(compact core.Index) error {
	at := n.machine.applied
	term, err := n.view.Term(at)
	if err != nil {
		return err
	}
	var wall int64
	if entries, err := n.view.Entries(nil, at, at+1, 0); err == nil {
		wall = entries[0].Time
	}
	meta := core.SnapshotMeta{
		Position: core.Position{Term: term, Index: at}, Time: wall,
		Membership: n.Raft.MembershipAt(at), Size: 8,
	}
	if err := n.Raft.Snapshotted(meta, compact); err != nil {
		return err
	}
	n.c.bodies[meta.Position] = n.machine
	return nil
}
