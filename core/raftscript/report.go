package raftscript

import (
	"fmt"
	"strings"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raft"
)

// report prints what a replica asks for.
func (n *Node) report() {
	out := &n.out
	say := func(format string, args ...any) {
		n.c.print("%d: "+format, append([]any{n.ID}, args...)...)
	}
	if out.RoleChanged {
		say("%v term=%d leader=%d", out.Role, out.Term, out.Leader)
	}
	if out.DroppedFrom != 0 {
		say("dropped from %d", out.DroppedFrom)
	}
	if commit := n.Raft.Commit(); commit != n.told {
		n.told = commit
		say("commit %d", commit)
	}
	if out.HasWrite {
		say("write %d%s", out.Seq, describeUpdate(out.Write))
	}
	for _, m := range out.AfterWrite {
		if n.auto.write {
			break // they are about to be sent
		}
		say("after write %d: %s", out.Seq, describe(m))
	}
	if out.Restore != nil {
		say("restore %v", out.Restore.Position)
	}
	if len(out.Apply) > 0 {
		say("apply%s", describeEntries(out.Apply))
	}
	for _, s := range out.Reads {
		say("read %d at %d", s.Token, s.Index)
	}
	for _, token := range out.LostReads {
		say("lost read %d", token)
	}
}

// describe is Message.String without the group, which is always the same.
func describe(m core.Message) string {
	return strings.Replace(m.String(), fmt.Sprintf(" group=%d", Group), "", 1)
}

func describeUpdate(u core.Update) string {
	var b strings.Builder
	if u.Install != nil {
		fmt.Fprintf(&b, " install=%v", u.Install.Position)
	}
	if u.Hard != (core.HardState{}) {
		fmt.Fprintf(&b, " term=%d vote=%d commit=%d", u.Hard.Term, u.Hard.Vote, u.Hard.Commit)
	}
	b.WriteString(describeEntries(u.Entries))
	if u.Snapshot != nil {
		fmt.Fprintf(&b, " snapshot=%v", u.Snapshot.Position)
	}
	if u.Compact != 0 {
		fmt.Fprintf(&b, " compact=%d", u.Compact)
	}
	return b.String()
}

// maxListed is how many entries are listed in full.
const maxListed = 6

func describeEntries(entries []core.Entry) string {
	var b strings.Builder
	for i, e := range entries {
		if i == maxListed {
			fmt.Fprintf(&b, " … %v", entries[len(entries)-1].Position)
			break
		}
		fmt.Fprintf(&b, " %v=%s", e.Position, describeData(e))
	}
	return b.String()
}

func describeData(e core.Entry) string {
	if e.Kind == core.EntryMembership {
		if m, _, err := core.DecodeMembership(e.Data); err == nil {
			return "{" + m.String() + "}"
		}
	}
	switch {
	case e.Kind != core.EntryCommand:
		return e.Kind.String()
	case len(e.Data) > 16:
		return fmt.Sprintf("%dB", len(e.Data))
	}
	return string(e.Data)
}

// status prints a node in one line, and a leader's peers in one line each.
func (n *Node) status() {
	if n.Raft == nil {
		n.c.print("%d: down; on disk %s", n.ID, describeHard(n.disk))
		return
	}
	s := n.Raft.Status()
	n.c.print("%d: %v term=%d vote=%d leader=%d commit=%d applied=%d log=%d..%d durable=%d %v",
		n.ID, s.Role, s.Term, s.Vote, s.Leader, s.Commit, s.Applied, s.First, s.Last, s.Durable,
		s.Membership)
	if s.Removed {
		n.c.print("   removed")
	}
	if s.Transfer != 0 {
		n.c.print("   handing over to %d", s.Transfer)
	}
	if s.Role != raft.Leader {
		return
	}
	for _, p := range s.Peers {
		if p.ID != n.ID {
			n.c.print("   %d %v match=%d next=%d inflight=%d",
				p.ID, p.State, p.Match, p.Next, p.Inflight)
		}
	}
}

func describeHard(d *Disk) string {
	return fmt.Sprintf("term=%d vote=%d commit=%d log=%v..%v snapshot=%v",
		d.hard.Term, d.hard.Vote, d.hard.Commit, d.start, d.last(), d.snapshot.Position)
}

// log prints the log as the replica sees it, and where the durable one differs.
func (n *Node) log() {
	n.c.print("%d: after %v%s", n.ID, n.view.start, describeEntries(n.view.entries))
	if fingerprint(n.disk.entries) != fingerprint(n.view.entries) || n.disk.start != n.view.start {
		n.c.print("   on disk after %v%s", n.disk.start, describeEntries(n.disk.entries))
	}
}
