package survey

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// answered are the replicas that say how they are.
func (p *Picture) answered() (list []*Replica) {
	for _, r := range p.Replicas {
		if r.Group != nil {
			list = append(list, r)
		}
	}
	return list
}

func sickDisks(p *Picture) (list []Finding) {
	for _, r := range p.answered() {
		d := r.Node.Status.Disk
		if d == nil {
			continue
		}
		var f Finding
		switch {
		case d.State == core.DiskFull:
			f = finding(Error, "disk_full", []*Replica{r}, "the disk of node %d is full: it cannot "+
				"store "+
				"entries and does not lead", r.ID)
			f.next("on its machine: df -h, and make room; the node goes on by itself")
		case d.State == core.DiskHung:
			f = finding(Error, "disk_hung", []*Replica{r}, "the disk of node %d hangs: a write does "+
				"not come "+
				"back, and it does not lead", r.ID)
			f.next("on its machine: dmesg | tail; iostat -x 1")
		case d.MeanMS >= slowWrite:
			f = finding(Error, "disk_slow", []*Replica{r}, "the disk of node %d is slow", r.ID)
			if r == p.Leader {
				f.next("raft-client cluster transfer --plan")
			}
			f.next("on its machine: iostat -x 1")
		default:
			continue
		}
		f.saw("newest writes take %d ms each; one is under way for %d ms", d.MeanMS, d.PendingMS)
		if d.SizeBytes > 0 {
			f.saw("%d MiB of %d MiB are free", d.FreeBytes>>20, d.SizeBytes>>20)
		}
		list = append(list, f)
	}
	return list
}

func littleRoom(p *Picture) (list []Finding) {
	for _, r := range p.answered() {
		if d := r.Node.Status.Disk; d != nil && d.SizeBytes > 0 && d.FreeBytes < littleSpace &&
			d.State != core.DiskFull {
			f := finding(Warning, "disk_low", []*Replica{r}, "the disk of node %d is about to be "+
				"full", r.ID)
			f.saw("%d MiB of %d MiB are free", d.FreeBytes>>20, d.SizeBytes>>20)
			f.next("on its machine: df -h, and make room")
			list = append(list, f)
		}
	}
	return list
}

func quarantined(p *Picture) (list []Finding) {
	for _, r := range p.answered() {
		q := r.Group.Quarantined
		if q == nil {
			continue
		}
		f := finding(Error, "quarantined", []*Replica{r}, "the state of node %d has diverged: it is "+
			"in "+
			"quarantine, votes and stores, and answers no query", r.ID)
		f.saw("it differed at index %d; collections: %s", q.Index,
			cmp.Or(strings.Join(q.Collections, ", "), "not known"))
		f.next("raft-client cluster resync %d", r.ID)
		f.next("if it happens again, test the memory of its machine")
		list = append(list, f)
	}
	return list
}

// diverged finds states that differ at the same index, and nobody in quarantine for it.
func diverged(p *Picture) []Finding {
	at := map[core.Index]*Replica{}
	for _, r := range p.answered() {
		g := r.Group
		if g.Quarantined != nil || g.Digest == 0 || g.AppliedIndex == 0 {
			continue
		}
		other := at[g.AppliedIndex]
		at[g.AppliedIndex] = r
		if other == nil || other.Group.Digest == g.Digest {
			continue
		}
		f := finding(Error, "diverged", []*Replica{other, r}, "the states of nodes %d and %d differ",
			other.ID, r.ID)
		f.saw("at index %d the digests are %d and %d", g.AppliedIndex, other.Group.Digest, g.Digest)
		f.next("raft-client cluster resync %d, once it is clear from the other nodes or from a backup "+
			"which is right", r.ID)
		return []Finding{f}
	}
	return nil
}

// settled is how long ago the newest entry was made. Behind a pause even one entry makes a state
// look old, so the entry itself has to be.
func (p *Picture) settled() time.Duration {
	return time.Duration(p.newest.Node.Status.Time - p.newest.Group.AppliedTime)
}

func lagging(p *Picture) (list []Finding) {
	for _, r := range p.answered() {
		entries, age, known := p.Lag(r)
		behind := entries >= manyEntries || known && age >= oldState &&
			(entries >= someEntries || p.settled() >= oldState)
		if r.Member == nil || r.Group.Quarantined != nil || !behind {
			continue
		}
		f := finding(Error, "lagging", []*Replica{r}, "node %d lags: %d committed entries are not "+
			"applied "+
			"there", r.ID, entries)
		if known {
			f.saw("its state is %v older than the newest", age.Round(time.Millisecond))
		}
		f.saw("it has stored up to %d, knows %d to be committed, has applied %d; %d are committed",
			r.Group.LastIndex, r.Group.CommitIndex, r.Group.AppliedIndex, p.Commit)
		if r.Member.State != "" {
			f.saw("the leader is %s; it holds entries up to %d for "+
				"certain", r.Member.State, r.Member.Match)
		}
		if d := r.Node.Status.Disk; d != nil {
			f.saw("its newest writes take %d ms each", d.MeanMS)
		}
		f.next("raft-client cluster status, again in a while: the lag has to shrink")
		f.next("raft-client cluster resync %d --plan, if it does not", r.ID)
		list = append(list, f)
	}
	return list
}

func notPromoted(p *Picture) (list []Finding) {
	for _, r := range p.Replicas {
		if p.Leader == nil || r.Member == nil || r.Member.Role != "joining" {
			continue
		}
		f := finding(Warning, "not_promoted", []*Replica{r}, "node %d is to vote and does not yet: "+
			"it has "+
			"to catch up first", r.ID)
		f.saw("it holds entries up to %d of %d for certain", r.Member.Match, p.Commit)
		if r.Member.Alive {
			f.next("wait, or without waiting: raft-client cluster promote %d --force", r.ID)
		} else {
			f.saw("%s", p.absence(r))
			f.next("start it: raft-node --id %d --join %s", r.ID, p.join(r))
			f.next("or give it up: raft-client cluster remove %d", r.ID)
		}
		list = append(list, f)
	}
	return list
}

// join is what a node that is to join is told of the others.
func (p *Picture) join(joins *Replica) string {
	var others []string
	for _, r := range p.Voters {
		if r != joins {
			others = append(others, fmt.Sprintf("%d=%s", r.ID, r.Member.Addr))
		}
	}
	return strings.Join(others, ",")
}

// changing finds a joint membership. It is about those who are in one half of it only.
func changing(p *Picture) []Finding {
	var moving []*Replica
	for _, r := range p.Replicas {
		if m := r.Member; m != nil && (m.Role == "outgoing" ||
			len(p.Outgoing) > 0 && m.Role == "voter" && !m.Outgoing) {
			moving = append(moving, r)
		}
	}
	if moving == nil {
		return nil
	}
	f := finding(Warning, "change_pending", moving, "a change of membership is under way: both "+
		"majorities have to agree until it is over")
	for what, h := range p.halves() {
		there, _ := p.split(h)
		f.saw("of %s (%s) a majority of %d is needed; %d answer", count(len(h), what), names(h),
			h.Majority(), len(there))
	}
	f.next("raft-client cluster members")
	return []Finding{f}
}

func versions(p *Picture) []Finding {
	seen := map[string][]*Replica{}
	for _, r := range p.answered() {
		seen[r.Node.Status.Version] = append(seen[r.Node.Status.Version], r)
	}
	if len(seen) < 2 {
		return nil
	}
	f := finding(Warning, "version_skew", p.answered(), "nodes run %d versions of the "+
		"program", len(seen))
	for _, version := range slices.Sorted(maps.Keys(seen)) {
		f.saw("%s: %s", version, names(seen[version]))
	}
	f.next("finish the upgrade, one node at a time: raft-client cluster transfer, stop, replace, " +
		"start")
	return []Finding{f}
}

func clocks(p *Picture) (list []Finding) {
	var timed []*Replica
	for _, r := range p.answered() {
		if r.Node.Status.Time != 0 {
			timed = append(timed, r)
		}
	}
	slices.SortStableFunc(timed, func(a, b *Replica) int {
		return cmp.Compare(a.Node.Skew, b.Node.Skew)
	})
	if len(timed) < 2 {
		return nil
	}
	middle := timed[(len(timed)-1)/2].Node
	for _, r := range timed {
		n := r.Node
		if (n.Skew - middle.Skew).Abs() <= clockDiffer+n.Doubt+middle.Doubt {
			continue
		}
		f := finding(Warning, "clock_skew", []*Replica{r}, "the clock of node %d differs from the "+
			"others "+
			"by %v; where it leads, entries have its "+
			"time", r.ID, (n.Skew - middle.Skew).Round(time.Second))
		f.saw("it says %s", time.Unix(0, n.Status.Time).UTC().Format(time.RFC3339))
		if ahead := time.Duration(r.Group.AppliedTime - n.Status.Time); ahead > clockDiffer {
			f.saw("its newest entry is stamped %v later", ahead.Round(time.Second))
		}
		f.next("on its machine: timedatectl; chronyc tracking")
		list = append(list, f)
	}
	return list
}

func scripts(p *Picture) (list []Finding) {
	for _, r := range p.answered() {
		if s := r.Node.Status.Script; s != nil {
			f := finding(Warning, "script_mismatch", []*Replica{r}, "node %d was started with a script "+
				"that "+
				"is not the one in the log", r.ID)
			f.saw("runs %s, the file is %s", s.Runs, s.Local)
			f.next("raft-client script check FILE, then raft-client script push FILE, if the file is " +
				"the " +
				"newer one")
			list = append(list, f)
		}
	}
	return list
}

func removed(p *Picture) (list []Finding) {
	for _, r := range p.answered() {
		if r.Group.Role == "removed" {
			f := finding(Warning, "removed", []*Replica{r}, "node %d was removed, and still runs", r.ID)
			f.saw("its status says so; nothing that it says counts")
			f.next("stop it, and keep or delete its data directory")
			list = append(list, f)
		}
	}
	return list
}

// Directory is the finding about a data directory that a node cannot be started on.
func Directory(id core.NodeID, dir string, err error) Finding {
	about := []*Replica{{ID: id}}
	f := finding(Error, "unreadable", about, "the data directory %s of node %d cannot be "+
		"read", dir, id)
	f.next("check its path and its owner; nothing was changed")
	if errors.Is(err, core.ErrCorrupt) {
		f = finding(Error, "damaged", about, "the data of node %d are damaged: it refuses to start", id)
		f.next("keep the directory: mv %s %s.damaged", dir, dir)
		f.next("have a new node take its place, with a new id: raft-client cluster add ID HOST:PORT, "+
			"start "+
			"it, and then raft-client cluster remove %d", id)
	}
	f.saw("%v", err)
	return f
}
