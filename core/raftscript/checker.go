package raftscript

import (
	"fmt"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/quorum"
	"github.com/tidelock-raft/tidelock/core/raft"
)

// checker holds a cluster to the promises of Raft (figure 3), and to what makes them true:
//
//   - election safety: at most one leader in a term;
//   - leader append-only and log matching: by way of the next two, and of raft.Check;
//   - leader completeness: a new leader has all that was committed;
//   - state machine safety: machines that have applied as many entries are equal;
//   - a leader commits only what a quorum of its members has on disk;
//   - no message leaves before what it rests on is on disk;
//   - term and commit index of a running node never fall;
//   - a confirmed read reflects all that was committed when it was asked.
type checker struct {
	leaders   map[core.Term]core.NodeID
	committed []core.Position               // by index-1: the longest prefix known to be committed
	digests   map[core.Index]uint64         // of the machine after that entry
	reads     map[uint64]core.Index         // by token: what was committed when it was asked
	seen      map[core.NodeID]core.Position // term and commit index of the running node
}

func (k *checker) init() {
	*k = checker{
		leaders: map[core.Term]core.NodeID{}, digests: map[core.Index]uint64{},
		reads: map[uint64]core.Index{}, seen: map[core.NodeID]core.Position{},
	}
}

// node checks a node that has settled.
func (k *checker) node(n *Node) error {
	if err := n.Raft.Check(); err != nil {
		return err
	}
	term, commit, before := n.Raft.Term(), n.Raft.Commit(), k.seen[n.ID]
	if term < before.Term || commit < before.Index {
		return fmt.Errorf("node %d went back from term %d, commit %d to %d, %d",
			n.ID, before.Term, before.Index, term, commit)
	}
	if last := n.view.last(); last != (core.Position{}) && last.Index < commit {
		return fmt.Errorf("node %d committed %d, its log ends at %v", n.ID, commit, last)
	}
	k.seen[n.ID] = core.Position{Term: term, Index: commit}
	if err := k.commit(n, before.Index, commit); err != nil {
		return err
	}
	n.counted = n.counted[:0]
	if n.Raft.Role() == raft.Leader {
		return k.leader(n, term)
	}
	return nil
}

// commit checks what n holds for committed, lo+1 … hi.
func (k *checker) commit(n *Node, lo, hi core.Index) error {
	for i := lo + 1; i <= hi; i++ {
		term, err := n.view.Term(i)
		if err != nil {
			continue // in a snapshot; the machine's digest speaks for it
		}
		at := core.Position{Term: term, Index: i}
		if i > core.Index(len(k.committed)) {
			if i != core.Index(len(k.committed))+1 {
				return fmt.Errorf("node %d committed %v, known before are %d entries",
					n.ID, at, len(k.committed))
			}
			if err := k.durable(n, at); err != nil {
				return err
			}
			k.committed = append(k.committed, at)
		}
		if want := k.committed[i-1]; at != want {
			return fmt.Errorf("node %d committed %v, another has committed %v", n.ID, at, want)
		}
	}
	return nil
}

// durable checks that a quorum of the members that n knows has the entry at p on disk. The first to
// know of a commit is the leader.
func (k *checker) durable(n *Node, p core.Position) error {
	at := slices.IndexFunc(n.counted, func(c counted) bool { return c.upTo >= p.Index })
	voters := quorum.FromMembership(n.counted[at].by)
	if voters.Votes(func(id core.NodeID) (bool, bool) {
		other := n.c.Node(id)
		return other != nil && other.disk.holds(p), true
	}) != quorum.Won {
		return fmt.Errorf("node %d committed %v, which is on too few disks", n.ID, p)
	}
	return nil
}

// leader checks a node that leads in term.
func (k *checker) leader(n *Node, term core.Term) error {
	if other, ok := k.leaders[term]; ok {
		if other != n.ID {
			return fmt.Errorf("nodes %d and %d both lead in term %d", other, n.ID, term)
		}
		return nil
	}
	k.leaders[term] = n.ID
	for _, p := range k.committed {
		if p.Term < term && !n.view.holds(p) {
			return fmt.Errorf("node %d leads in term %d without %v, which is committed",
				n.ID, term, p)
		}
	}
	return nil
}

// applied checks a machine that has just applied an entry.
func (k *checker) applied(n *Node) error {
	at, digest := n.machine.applied, n.machine.digest
	if want, ok := k.digests[at]; ok && digest != want {
		return fmt.Errorf("machines differ after entry %d", at)
	}
	k.digests[at] = digest
	if d := n.disk; d.last().Index < at {
		return fmt.Errorf("entry %d is applied, on disk is %v", at, d.last())
	}
	return nil
}

// asked notes what a read has to reflect.
func (k *checker) asked(token uint64) { k.reads[token] = core.Index(len(k.committed)) }

// read checks a confirmed read.
func (k *checker) read(s raft.ReadState) error {
	want, ok := k.reads[s.Token]
	if !ok {
		return fmt.Errorf("read %d was confirmed, but never asked, or twice", s.Token)
	}
	delete(k.reads, s.Token)
	if s.Index < want {
		return fmt.Errorf("read %d was given index %d, committed before were %d",
			s.Token, s.Index, want)
	}
	return nil
}

// restarted forgets what a node was seen at: a commit index may lag after a restart.
func (k *checker) restarted(n *Node) {
	k.seen[n.ID] = core.Position{Term: n.disk.hard.Term}
}

// send checks that what m rests on is on disk: its term, unless nobody is in it yet; a vote; the
// entries that it says are there, unless the node has left the term since.
func (k *checker) send(n *Node, m core.Message) error {
	hard, ok := n.disk.hard, true
	switch {
	case m.Kind == core.MsgPreVote, m.Kind == core.MsgPreVoteReply && !m.Reject:
		return nil
	case m.Term > hard.Term:
		ok = false
	case m.Term < hard.Term:
	case m.Kind == core.MsgVote:
		ok = hard.Vote == n.ID
	case m.Kind == core.MsgVoteReply && !m.Reject:
		ok = hard.Vote == m.To
	case m.Kind == core.MsgAppendReply && !m.Reject:
		ok = n.disk.holds(m.Log)
	}
	if !ok {
		return fmt.Errorf("node %d sends %v, on disk are %+v and log %v to %v",
			n.ID, m, hard, n.disk.start, n.disk.last())
	}
	return nil
}
